//! Attribute values as RFC 2253 prints them.

use std::fmt::Write;

use der::{AnyRef, Decode, Tag, Tagged};

/// What must not stand in a value without a backslash.
const SPECIAL: &str = ",=+<>#;\"\\";

/// Appends an encoded value: its text with escapes or, if there is none or nobody would know the type, its bytes in hex.
pub(super) fn put(out: &mut String, value: &[u8], has_keyword: bool) {
    match text(value).filter(|_| has_keyword) {
        Some(text) => put_text(out, &text),
        None => {
            out.push('#');
            for byte in value {
                // Writing to a string does not fail.
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
}

/// The text of a string type, by the character set that Java takes for it.
fn text(value: &[u8]) -> Option<String> {
    let value = AnyRef::from_der(value).ok()?;
    let bytes = value.value();
    match value.tag() {
        Tag::PrintableString | Tag::TeletexString | Tag::Ia5String | Tag::GeneralString => {
            Some(bytes.iter().map(|byte| char::from(*byte)).collect())
        }
        Tag::Utf8String => Some(crate::text::decode(bytes)),
        Tag::BmpString => {
            let pairs = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            let odd = (bytes.len() % 2 == 1).then_some(char::REPLACEMENT_CHARACTER);
            let chars = char::decode_utf16(pairs).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
            Some(chars.chain(odd).collect())
        }
        _ => None,
    }
}

fn put_text(out: &mut String, text: &str) {
    let is_blank = |c: char| c == ' ' || c == '\r';
    let inner = text.trim_start_matches(is_blank);
    let lead = text.len() - inner.len();
    let trail = lead + inner.trim_end_matches(is_blank).len();
    for (at, c) in text.char_indices() {
        if c == '\0' {
            out.push_str("\\00");
            continue;
        }
        if SPECIAL.contains(c) || at < lead || at >= trail {
            out.push('\\');
        }
        out.push(c);
    }
}
