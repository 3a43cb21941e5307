//! Addresses and prefixes of the `ip` scheme (ZooKeeper's `IPAuthenticationProvider`).

/// An address as its bits, aligned to the left, with the number of bits of its family.
fn parse_address(text: &str) -> Option<(u128, u32)> {
    match text.contains(':') {
        true => parse_v6(text).map(|bits| (bits, 128)),
        false => parse_v4(text).map(|bits| (u128::from(bits) << 96, 32)),
    }
}

fn parse_v4(text: &str) -> Option<u32> {
    let mut bytes = text.split('.').map(|part| number(part, 10).and_then(|part| u8::try_from(part).ok()));
    let mut next = || bytes.next().flatten();
    let address = [next()?, next()?, next()?, next()?];
    bytes.next().is_none().then_some(u32::from_be_bytes(address))
}

/// Eight groups, or fewer with one `::`. There is no form with an IPv4 address at its end.
fn parse_v6(text: &str) -> Option<u128> {
    let (head, tail) = match text.split_once("::") {
        None => (groups(text)?, None),
        Some((head, tail)) => (groups(head)?, Some(groups(tail)?)),
    };
    let mut address = [0; 8];
    match tail {
        None if head.len() == 8 => address.copy_from_slice(&head),
        Some(tail) if head.len() + tail.len() < 8 => {
            address[..head.len()].copy_from_slice(&head);
            address[8 - tail.len()..].copy_from_slice(&tail);
        }
        _ => return None,
    }
    Some(address.iter().fold(0, |bits, group| bits << 16 | u128::from(*group)))
}

/// Up to eight groups of up to four characters, with colons between.
fn groups(text: &str) -> Option<Vec<u16>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    // A minus is as good a first character as any to Java, which then takes the low 16 bits.
    let group = |part: &str| (part.len() <= 4).then(|| number(part, 16).map(|group| group as u16)).flatten();
    let groups: Option<Vec<_>> = text.split(':').take(9).map(group).collect();
    groups.filter(|groups| groups.len() <= 8)
}

/// A number as Java reads it: leading zeros and a sign do no harm.
fn number(text: &str, radix: u32) -> Option<i32> {
    i32::from_str_radix(text, radix).ok()
}

/// An address, and how many of its bits count: all, or those after `/`.
fn parse_prefix(text: &str) -> Option<(u128, u32, u32)> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let (address, width) = parse_address(address)?;
    let bits = match bits {
        None => width,
        Some(bits) => {
            number(bits, 10).and_then(|bits| u32::try_from(bits).ok()).filter(|bits| *bits <= width)?
        }
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
        assert!(matches("+010.0.0.0/+8", "10.1.2.3"));
        assert!(matches("-1::/16", "ffff:0:0:0:0:0:0:1"));
        assert!(matches("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"));
        assert!(!matches("fe80::/10", "fe80:0:0:0:0:0:0:1%2"));
    }

    #[test]
    fn malformed_prefixes_are_not_valid() {
        for bad in [
            "1:2:3:4:5:6:7:8::",
            "1::2::3",
            ":::",
            "1:2",
            "::12345",
            "::1.2.3.4",
            "fe80::1%2",
            "1.2.3.4/",
            "1.2.3.4/-1",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
        for bad in ["", "1.2.3", "1.2.3.256", "1.2.3.4/33", "1.2.3.4/x", "::1/129", "a.b.c.d", "1.2.3.4.5"] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
