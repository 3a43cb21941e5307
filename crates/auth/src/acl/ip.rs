//! Addresses and prefixes of the `ip` scheme (ZooKeeper's `IPAuthenticationProvider`).

use std::net::Ipv6Addr;

/// An address as its bits, aligned to the left, with the number of bits of its family.
fn parse_address(text: &str) -> Option<(u128, u32)> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(|address| (u128::from(address), 128));
    }
    let mut bits = 0u32;
    let mut parts = 0;
    for part in text.split('.') {
        // ZooKeeper reads the parts as numbers, leading zeros and all.
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        bits = bits << 8 | u32::from(part.parse::<u8>().ok()?);
        parts += 1;
    }
    (parts == 4).then_some((u128::from(bits) << 96, 32))
}

/// An address, and how many of its bits count: all, or those after `/`.
fn parse_prefix(text: &str) -> Option<(u128, u32, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let (address, width) = parse_address(address)?;
    let bits = match bits {
        None => width,
        Some(bits) => bits.parse().ok().filter(|bits| *bits <= width)?,
    };
    Some((address, width, bits))
}

/// May this id stand in an ACL?
pub(super) fn is_valid(id: &str) -> bool {
    parse_prefix(id).is_some()
}

/// Is `address` in the prefix that the ACL names?
pub(super) fn matches(acl_id: &str, address: &str) -> bool {
    let (Some((prefix, width, bits)), Some((address, address_width))) =
        (parse_prefix(acl_id), parse_address(address))
    else {
        return false;
    };
    width == address_width && (bits == 0 || (prefix ^ address) >> (128 - bits) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_match_addresses_of_their_family() {
        assert!(matches("10.0.0.0/8", "10.1.2.3"));
        assert!(!matches("10.0.0.0/8", "11.1.2.3"));
        assert!(matches("127.0.0.1", "127.0.0.1"));
        assert!(matches("0.0.0.0/0", "9.9.9.9"));
        assert!(!matches("::/0", "9.9.9.9"));
        assert!(matches("fe80::/10", "fe80::1"));
        assert!(matches("::1", "0:0:0:0:0:0:0:1"));
    }

    #[test]
    fn malformed_prefixes_are_not_valid() {
        for bad in ["", "1.2.3", "1.2.3.256", "1.2.3.4/33", "1.2.3.4/x", "::1/129", "a.b.c.d", "1.2.3.4.5"] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
