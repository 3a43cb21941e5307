//! Attribute types of names: their object identifiers and keywords.

use std::fmt::Write;

/// Keywords that RFC 2253 has, by the encoded object identifier. Every other type is printed as its numbers.
const RFC_2253: [(&[u8], &str); 9] = [
    (&[0x55, 4, 3], "CN"),
    (&[0x55, 4, 6], "C"),
    (&[0x55, 4, 7], "L"),
    (&[0x55, 4, 8], "ST"),
    (&[0x55, 4, 9], "STREET"),
    (&[0x55, 4, 10], "O"),
    (&[0x55, 4, 11], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25], "DC"),
];

/// Keywords that Java reads, but does not write in RFC 2253's form.
const READ_ONLY: [&str; 12] = [
    "S",
    "T",
    "IP",
    "DNQUALIFIER",
    "DNQ",
    "SURNAME",
    "GIVENNAME",
    "INITIALS",
    "GENERATION",
    "EMAIL",
    "EMAILADDRESS",
    "SERIALNUMBER",
];

/// Longest encoded object identifier that Java reads.
const OID_LEN_MAX: usize = 4096;

/// The keyword for an encoded object identifier.
pub(super) fn keyword(oid: &[u8]) -> Option<&'static str> {
    RFC_2253.iter().find(|(known, _)| *known == oid).map(|(_, keyword)| *keyword)
}

/// An encoded object identifier as numbers with dots between. `None` if it is malformed, or a number over 128 bits.
pub(super) fn dotted(oid: &[u8]) -> Option<String> {
    let mut out = String::new();
    let mut number: u128 = 0;
    let mut begun = false;
    for byte in oid {
        if !begun && *byte == 0x80 || number >> 121 != 0 {
            return None;
        }
        number = number << 7 | u128::from(byte & 0x7f);
        begun = byte & 0x80 != 0;
        if begun {
            continue;
        }
        // Writing to a string does not fail.
        let _ = match out.is_empty() {
            true => {
                let first = (number / 40).min(2);
                write!(out, "{first}.{}", number - 40 * first)
            }
            false => write!(out, ".{number}"),
        };
        number = 0;
    }
    (!begun && !out.is_empty()).then_some(out)
}

/// May an attribute of a name be called so? Keywords in any case, or numbers.
pub(super) fn is_type(text: &str) -> bool {
    let upper = text.to_uppercase();
    let name = upper.trim_matches(|c| c <= ' ');
    if RFC_2253.iter().any(|(_, keyword)| *keyword == name) || READ_ONLY.contains(&name) {
        return true;
    }
    is_oid(name.strip_prefix("OID.").unwrap_or(name))
}

fn is_oid(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let mut components = text.split('.').map(component);
    let (Some(Some(first)), Some(Some(second))) = (components.next(), components.next()) else {
        return false;
    };
    let is_root =
        first.small.is_some_and(|first| first < 2 && second.small.is_some_and(|second| second < 40))
            || first.small == Some(2);
    // The first two share one number.
    let len = components.try_fold(second.encoded_len, |len, component| Some(len + component?.encoded_len));
    is_root && len.is_some_and(|len| len <= OID_LEN_MAX)
}

/// One number of an object identifier.
struct Component {
    /// If it is below 128.
    small: Option<u8>,
    /// About; at most one off.
    encoded_len: usize,
}

/// A decimal number of any length, with a plus if need be, as Java's `Integer.parseInt` reads it.
fn component(text: &str) -> Option<Component> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    if text.starts_with('-') && !digits.is_empty() {
        return None;
    }
    let small = if digits.is_empty() { Some(0) } else { digits.parse().ok().filter(|number| *number < 128) };
    // log2(10) / 7 bytes a digit.
    Some(Component { small, encoded_len: (digits.len() * 4746 / 10_000).max(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_are_printed_as_numbers() {
        for (oid, text) in [
            (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1][..], Some("1.2.840.113549.1.9.1")),
            (&[0x55, 4, 5], Some("2.5.4.5")),
            (&[0x88, 0x37], Some("2.999")),
            (&[0x27], Some("0.39")),
            (&[], None),
            (&[0x55, 0x84], None),
            (&[0x55, 0x80, 4], None),
            (&[0xff; 30], None),
        ] {
            assert_eq!(dotted(oid).as_deref(), text, "{oid:x?}");
        }
        assert_eq!(keyword(&[0x55, 4, 11]), Some("OU"));
    }

    #[test]
    fn types_are_keywords_or_numbers() {
        for good in ["cn", " CN\n", "EmailAddress", "oid.1.2", "2.999.3", "1.39", "0.+1", "1.2.0000000000001"]
        {
            assert!(is_type(good), "{good}");
        }
        for bad in
            ["", "x", "C N", "1", "3.1", "1.40", "1..2", "1.2.", "1.-2", "oid.oid.1.2", "OID.CN", "1.2.x"]
        {
            assert!(!is_type(bad), "{bad}");
        }
        assert!(!is_type(&format!("1.2{}", ".1".repeat(5000))));
    }
}
