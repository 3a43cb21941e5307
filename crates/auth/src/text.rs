//! Bytes of clients as text.

/// The text that Java reads from these bytes by UTF-8: what is malformed becomes U+FFFD, as in
/// [`String::from_utf8_lossy`], but for the encoding of a surrogate, even cut short: one replaces all of it.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let error = match std::str::from_utf8(rest) {
            Ok(text) => {
                out.push_str(text);
                break;
            }
            Err(error) => error,
        };
        let (valid, malformed) = rest.split_at(error.valid_up_to());
        out.push_str(std::str::from_utf8(valid).unwrap_or_default());
        out.push(char::REPLACEMENT_CHARACTER);
        let len = match malformed {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..] => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => error.error_len().unwrap_or(malformed.len()),
        };
        rest = &malformed[len..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_bytes_are_replaced() {
        for (bytes, text) in [
            (&b"a\xc3\xa9"[..], "aé"),
            (b"\xff\xfea", "\u{fffd}\u{fffd}a"),
            (b"\xed\xb2\xbc.", "\u{fffd}."),
            (b"\xed\xb2", "\u{fffd}"),
            (b"\xed\xb2a", "\u{fffd}a"),
            (b"\xe4\xb8", "\u{fffd}"),
            (b"\xe4\xb8a", "\u{fffd}a"),
        ] {
            assert_eq!(decode(bytes), text, "{bytes:x?}");
        }
    }
}
