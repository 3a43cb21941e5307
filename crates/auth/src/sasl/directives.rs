//! The `name=value` lists of which DIGEST-MD5 messages consist (RFC 2831 section 7.1), read as Java reads them.

use crate::text;

/// What a client's response may hold, at most once each. Other names are skipped.
const NAMES: [&str; 12] = [
    "username",
    "realm",
    "nonce",
    "cnonce",
    "nonce-count",
    "qop",
    "digest-uri",
    "response",
    "maxbuf",
    "charset",
    "cipher",
    "authzid",
];

/// The directives of a response.
#[derive(Debug, Default)]
pub(super) struct Directives {
    values: [Option<Vec<u8>>; NAMES.len()],
}

impl Directives {
    /// The value as it stands on the wire, without quotes and escapes.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        let at = NAMES.iter().position(|known| *known == name)?;
        self.values[at].as_deref()
    }

    /// The value as text. What is not UTF-8 becomes U+FFFD.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(text::decode)
    }

    pub(super) fn parse(message: &[u8]) -> Result<Self, &'static str> {
        let mut directives = Self::default();
        let mut rest = message;
        loop {
            rest = skip(rest, |byte| is_space(byte) || byte == b',');
            if rest.is_empty() {
                return Ok(directives);
            }
            let key = take_key(&mut rest)?;
            let value = take_value(&mut rest)?;
            directives.put(key, value)?;
        }
    }

    fn put(&mut self, key: &[u8], value: Vec<u8>) -> Result<(), &'static str> {
        let Some(at) = NAMES.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(key)) else {
            return Ok(());
        };
        if self.values[at].replace(value).is_some() {
            return Err("a directive is there twice");
        }
        Ok(())
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn skip(bytes: &[u8], what: impl Fn(u8) -> bool) -> &[u8] {
    let end = bytes.iter().position(|byte| !what(*byte)).unwrap_or(bytes.len());
    &bytes[end..]
}

/// Up to and with the `=`. A name at the very end needs none.
fn take_key<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let bytes = *rest;
    let end = bytes.iter().position(|b| is_space(*b) || matches!(b, b',' | b'=')).unwrap_or(bytes.len());
    let (key, tail) = bytes.split_at(end);
    if tail.is_empty() {
        *rest = tail;
        return Ok(key);
    }
    match skip(tail, is_space).split_first() {
        Some((b'=', _)) if key.is_empty() => Err("a directive without a name"),
        Some((b'=', value)) => {
            *rest = skip(value, is_space);
            if rest.is_empty() { Err("a directive without a value") } else { Ok(key) }
        }
        _ => Err("no `=` after the name of a directive"),
    }
}

/// Up to the separator.
fn take_value(rest: &mut &[u8]) -> Result<Vec<u8>, &'static str> {
    let bytes = *rest;
    if let Some((b'"', quoted)) = bytes.split_first() {
        return take_quoted(quoted, rest);
    }
    let end = bytes.iter().position(|byte| is_space(*byte) || *byte == b',').unwrap_or(bytes.len());
    *rest = &bytes[end..];
    Ok(bytes[..end].to_vec())
}

fn take_quoted<'a>(quoted: &'a [u8], rest: &mut &'a [u8]) -> Result<Vec<u8>, &'static str> {
    let mut value = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => value.push(*bytes.next().ok_or("a quoted value does not end")?.1),
            b'"' => {
                *rest = &quoted[at + 1..];
                let ends = rest.first().is_none_or(|next| is_space(*next) || *next == b',');
                return if ends { Ok(value) } else { Err("no separator after a quoted value") };
            }
            byte => value.push(*byte),
        }
    }
    Err("a quoted value does not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_with_quotes_escapes_and_loose_separators() {
        let message = b" ,username=\"a \\\"b\\\\\" ,, REALM = x\tunknown=\"1\",unknown=2,nonce=,qop";
        let directives = Directives::parse(message).expect("well formed");
        assert_eq!(directives.get("username"), Some(&b"a \"b\\"[..]));
        assert_eq!(directives.get("realm"), Some(&b"x"[..]));
        assert_eq!(directives.get("nonce"), Some(&b""[..]));
        assert_eq!(directives.get("qop"), Some(&b""[..]));
        assert_eq!(directives.get("cnonce"), None);
    }

    #[test]
    fn malformed_lists_are_refused() {
        for bad in [
            &b"=x"[..],
            b"a,b=c",
            b"a b=c",
            b"a ",
            b"a=",
            b"a=\"b",
            b"a=\"b\\",
            b"a=\"b\"c",
            b"realm=1,realm=2",
        ] {
            assert!(Directives::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
