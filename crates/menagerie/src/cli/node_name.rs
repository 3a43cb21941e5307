//! How a member is told who it is.

use menagerie_types::NodeId;
use rand::Rng;

/// The value of `--id`, made into a number once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeName(NodeId);

impl NodeName {
    /// The number.
    pub fn node_id(self) -> NodeId {
        self.0
    }
}

/// A number from 1 on, or a name with a trailing ordinal from 0 on, such as the name of a pod of a StatefulSet.
pub fn fixed(text: &str) -> Result<NodeName, String> {
    let id = match text.rsplit_once('-') {
        None => number(text),
        Some((name, ordinal)) if !name.is_empty() => number(ordinal).and_then(|n| n.checked_add(1)),
        Some(_) => None,
    };
    match id {
        Some(id @ 1..) => Ok(NodeName(NodeId(id.into()))),
        _ => Err("give a number from 1 on, or a name that ends in an ordinal, such as consensus-0 for 1"
            .to_owned()),
    }
}

/// As [`fixed`], or the word `random`.
pub fn fixed_or_random(text: &str) -> Result<NodeName, String> {
    if text == "random" {
        // Above every number that `fixed` takes, so that the two never meet.
        let id = rand::rng().random_range(u64::from(u32::MAX) + 1..=u64::MAX >> 1);
        return Ok(NodeName(NodeId(id)));
    }
    fixed(text).map_err(|problem| format!("{problem}; or random"))
}

/// Digits only: no sign, no blanks.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_from_one_and_ordinals_from_zero() {
        for (text, id) in [("1", 1), ("255", 255), ("consensus-0", 1), ("consensus-2", 3), ("a-b-10", 11)] {
            assert_eq!(fixed(text), Ok(NodeName(NodeId(id))), "{text}");
        }
    }

    #[test]
    fn what_names_no_member_is_refused() {
        for text in
            ["", "0", "-1", "+1", "consensus", "consensus-", "consensus-x", "1.5", "4294967296", "random"]
        {
            assert!(fixed(text).is_err(), "{text}");
        }
        assert!(fixed_or_random("randm").expect_err("mistyped").contains("random"));
    }

    #[test]
    fn random_ids_differ_and_lie_above_the_given_ones() {
        let ids =
            [fixed_or_random("random"), fixed_or_random("random")].map(|id| id.expect("random").node_id().0);
        assert_ne!(ids[0], ids[1]);
        assert!(ids.iter().all(|id| *id > u64::from(u32::MAX)));
    }
}
