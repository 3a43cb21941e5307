//! The order in which ZooKeeper lists identities: it keeps them in a Java hash table.
//!
//! Clients see it in `whoAmI`, and in the ACL that becomes of an `auth` entry.

use menagerie_types::Identity;

/// Slots of the smallest table; it doubles when it is three quarters full.
const SLOTS_MIN: usize = 16;

/// Sorts by slot. Within a slot the order of arrival stays. (With a dozen identities or more, when the table has
/// grown, Java turns some of those round.)
pub(crate) fn sort(identities: &mut [Identity]) {
    let mut slots = SLOTS_MIN;
    while identities.len() >= slots / 4 * 3 {
        slots *= 2;
    }
    identities.sort_by_cached_key(|identity| slot(identity, slots));
}

fn slot(identity: &Identity, slots: usize) -> usize {
    let add = |sum: i32, text: &str| sum.wrapping_mul(37).wrapping_add(hash(text));
    let hash = add(add(17, &identity.scheme), &identity.id) as u32;
    (hash ^ hash >> 16) as usize & (slots - 1)
}

/// `String.hashCode`.
fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0, |sum: i32, unit| sum.wrapping_mul(31).wrapping_add(unit.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_stand_as_in_java() {
        let mut identities = ["u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=", "v:RylFHZNG40p+EX2Hf0QUdmqEStY="]
            .map(|id| Identity::new("digest", id))
            .to_vec();
        identities.insert(0, Identity::new("ip", "127.0.0.1"));
        sort(&mut identities);
        let ids: Vec<_> = identities.iter().map(|identity| &identity.id[..2]).collect();
        assert_eq!(ids, ["12", "v:", "u:"]);
        assert_eq!(hash("漢😀"), 29_113_349);
    }
}
