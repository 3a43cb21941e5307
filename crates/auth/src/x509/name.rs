//! Which texts are names: those that Java's `new X500Principal(text)` accepts.
//!
//! It takes RFC 2253 and the older RFC 1779 and is lenient in odd places, which are followed here, but for values in
//! hex that are BER of indefinite length.

use super::attribute;

/// May stand after a backslash.
const ESCAPABLE: &[u8] = b",=\n+<>#;\\\" ";
/// The same inside quotes.
const ESCAPABLE_IN_QUOTES: &[u8] = b",=\n+<>#;\\\"";
/// Must not stand without a backslash.
const ESCAPED: &[u8] = b",+<>;\"";

/// True for the name of somebody or something. The empty name is one.
pub(crate) fn is_name(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let bytes = text.as_bytes();
    let (mut part, mut search, mut quotes) = (0, 0, 0);
    for at in positions(bytes, |byte| matches!(byte, b',' | b';')) {
        quotes += count_quotes(bytes, search, at);
        if quotes != 1 && !is_escaped(bytes, search, at) {
            if !is_relative_name(&text[part..at]) {
                return false;
            }
            part = at + 1;
            quotes = 0;
        }
        search = at + 1;
    }
    is_relative_name(&text[part..])
}

/// One or more assertions with `+` between.
fn is_relative_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut part, mut search, mut quotes) = (0, 0, 0);
    for at in positions(bytes, |byte| byte == b'+') {
        quotes += count_quotes(bytes, search, at);
        if at > 0 && bytes[at - 1] != b'\\' && quotes != 1 {
            if !is_assertion(&text[part..at]) {
                return false;
            }
            part = at + 1;
            quotes = 0;
        }
        search = at + 1;
    }
    is_assertion(&text[part..])
}

fn positions(bytes: &[u8], what: impl Fn(u8) -> bool) -> impl Iterator<Item = usize> {
    bytes.iter().enumerate().filter(move |(_, byte)| what(**byte)).map(|(at, _)| at)
}

/// The quotes from `from` to `to`, without those that have a backslash before them.
fn count_quotes(bytes: &[u8], from: usize, to: usize) -> usize {
    (from..to).filter(|at| bytes[*at] == b'"' && (*at == from || bytes[at - 1] != b'\\')).count()
}

/// Is the separator at `at` part of a value? Of two backslashes before it, all since `search` are counted.
fn is_escaped(bytes: &[u8], search: usize, at: usize) -> bool {
    if at == 0 || bytes[at - 1] != b'\\' {
        return false;
    }
    if at == 1 || bytes[at - 2] != b'\\' {
        return true;
    }
    bytes[search..at].iter().filter(|byte| **byte == b'\\').count() % 2 == 1
}

/// `type=value`.
fn is_assertion(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else { return false };
    if !attribute::is_type(name) {
        return false;
    }
    let value = value.trim_start_matches([' ', '\n']).as_bytes();
    match value.split_first() {
        None => true,
        Some((b'#', hex)) => is_hex_value(hex),
        Some((b'"', quoted)) => is_quoted_value(quoted),
        Some(_) => is_plain_value(value),
    }
}

fn ends_value(byte: u8) -> bool {
    matches!(byte, b'+' | b',' | b';')
}

/// What follows the end of a value is not looked at.
fn is_plain_value(value: &[u8]) -> bool {
    let mut rest = value;
    loop {
        match rest.split_first() {
            None => return false,
            Some((b'\\', escape)) => match after_escape(escape, ESCAPABLE) {
                None => return false,
                Some(after) => rest = after,
            },
            Some((byte, _)) if ESCAPED.contains(byte) => return false,
            Some((_, after)) => rest = after,
        }
        if rest.first().is_none_or(|byte| ends_value(*byte)) {
            return true;
        }
    }
}

fn is_quoted_value(quoted: &[u8]) -> bool {
    let mut rest = quoted;
    loop {
        match rest.split_first() {
            None => return false,
            Some((b'"', after)) => return after.iter().all(|byte| matches!(byte, b' ' | b'\n')),
            Some((b'\\', escape)) => match after_escape(escape, ESCAPABLE_IN_QUOTES) {
                None => return false,
                Some(after) => rest = after,
            },
            Some((_, after)) => rest = after,
        }
    }
}

/// What comes after that which follows a backslash: two hex digits, or one of `escapable`.
fn after_escape<'a>(escape: &'a [u8], escapable: &[u8]) -> Option<&'a [u8]> {
    match escape {
        [first, second, after @ ..] if first.is_ascii_hexdigit() => {
            second.is_ascii_hexdigit().then_some(after)
        }
        [first, after @ ..] if escapable.contains(first) => Some(after),
        _ => None,
    }
}

/// Hex digits of exactly one BER value.
fn is_hex_value(hex: &[u8]) -> bool {
    let end = hex.iter().position(|byte| ends_value(*byte)).unwrap_or(hex.len());
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let Some(digits) = hex[..end].iter().map(digit).collect::<Option<Vec<_>>>() else { return false };
    if digits.len() % 2 == 1 {
        return false;
    }
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let [tag, len, rest @ ..] = &bytes[..] else { return false };
    tag & 0x1f != 0x1f && content_len(*len, rest).is_some_and(|(len, content)| content.len() == len)
}

/// The length that a BER header gives, and what follows the header. Length bytes need not be the fewest.
fn content_len(first: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    match first {
        ..=0x7f => Some((first.into(), rest)),
        0x81..=0x84 => {
            let (len, content) = rest.split_at_checked(usize::from(first & 0x7f))?;
            Some((len.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), content))
        }
        _ => None,
    }
}
