//! The words and signs of a JAAS file.

use super::JaasError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, or a string without its quotes.
    Word(String),
    Symbol(char),
    End,
}

/// Reads tokens one ahead.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
    line: usize,
    next: Token,
    /// Where `next` is.
    next_line: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, JaasError> {
        let mut tokens = Self { rest: text, line: 1, next: Token::End, next_line: 1 };
        tokens.advance()?;
        Ok(tokens)
    }

    pub(super) fn peek(&self) -> &Token {
        &self.next
    }

    /// An error at the next token.
    pub(super) fn error(&self, reason: String) -> JaasError {
        JaasError { line: self.next_line, reason }
    }

    /// Takes a word.
    pub(super) fn word(&mut self, what: &str) -> Result<String, JaasError> {
        if !matches!(self.next, Token::Word(_)) {
            return Err(self.expected(what));
        }
        match self.advance()? {
            Token::Word(word) => Ok(word),
            Token::Symbol(_) | Token::End => Ok(String::new()),
        }
    }

    /// Takes a sign.
    pub(super) fn symbol(&mut self, sign: char) -> Result<(), JaasError> {
        if self.next != Token::Symbol(sign) {
            return Err(self.expected(&format!("`{sign}`")));
        }
        self.advance()?;
        Ok(())
    }

    fn expected(&self, what: &str) -> JaasError {
        let found = match &self.next {
            Token::Word(word) => format!("`{word}`"),
            Token::Symbol(sign) => format!("`{sign}`"),
            Token::End => "the end of the file".to_owned(),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    /// Gives the next token, and reads the one after it.
    fn advance(&mut self) -> Result<Token, JaasError> {
        self.skip_blanks();
        self.next_line = self.line;
        let mut chars = self.rest.chars();
        let next = match chars.next() {
            None => Token::End,
            Some('"') => {
                self.rest = chars.as_str();
                Token::Word(self.quoted()?)
            }
            Some(c) if begins_word(c) => {
                let end = self.rest.find(|c| !continues_word(c)).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                Token::Word(word.to_owned())
            }
            Some(c) if continues_word(c) => {
                return Err(self.error("what begins with a digit, `.` or `-` must be in quotes".to_owned()));
            }
            Some(c) => {
                self.rest = chars.as_str();
                Token::Symbol(c)
            }
        };
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// White space and comments. A single slash begins one too.
    fn skip_blanks(&mut self) {
        loop {
            let len = match self.rest.chars().next() {
                Some(c) if c <= ' ' => 1,
                Some('/') if self.rest.starts_with("/*") => {
                    self.rest[2..].find("*/").map_or(self.rest.len(), |end| end + 4)
                }
                Some('/') => self.rest.find(['\n', '\r']).unwrap_or(self.rest.len()),
                _ => return,
            };
            let (blank, rest) = self.rest.split_at(len);
            self.line += blank.bytes().filter(|byte| *byte == b'\n').count();
            self.rest = rest;
        }
    }

    /// Up to the closing quote, on the same line.
    fn quoted(&mut self) -> Result<String, JaasError> {
        let mut word = String::new();
        let mut chars = self.rest.chars();
        loop {
            match chars.next() {
                None | Some('\n' | '\r') => {
                    self.next_line = self.line;
                    return Err(self.error("a quote is not closed on its line".to_owned()));
                }
                Some('"') => break,
                Some('\\') => word.extend(escaped(&mut chars)),
                Some(c) => word.push(c),
            }
        }
        self.rest = chars.as_str();
        Ok(word)
    }
}

/// What stands after a backslash: a letter for a control character, up to three octal digits, or just itself.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<char> {
    let digit = |chars: &std::str::Chars<'_>| chars.clone().next().and_then(|c| c.to_digit(8));
    if let Some(first) = digit(chars) {
        chars.next();
        let mut code = first;
        let more = if first <= 3 { 2 } else { 1 };
        for _ in 0..more {
            let Some(next) = digit(chars) else { break };
            chars.next();
            code = code * 8 + next;
        }
        return char::from_u32(code);
    }
    // The line's end is not to be swallowed.
    if chars.as_str().starts_with(['\n', '\r']) {
        return None;
    }
    Some(match chars.next()? {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        c => c,
    })
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '$' | '*') || c >= '\u{a0}'
}

fn continues_word(c: char) -> bool {
    begins_word(c) || c.is_ascii_digit() || matches!(c, '.' | '-')
}
