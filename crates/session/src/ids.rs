//! Session ids.

use menagerie_types::{NodeId, SessionId};

const LOW_56_BITS: u64 = (1 << 56) - 1;

/// Gives out session ids as ZooKeeper lays them out (reference 4.1): the server's low byte, 40 bits of a millisecond
/// clock read at the start, 16 bits of zeros; then one more for each session.
///
/// Two trackers whose ids share a low byte, or a clock that went backwards between two starts, can give the same id
/// twice: making the session then fails with `NodeExists` and the next id is tried.
#[derive(Clone, Debug)]
pub struct SessionIds {
    server_byte: u64,
    low: u64,
}

impl SessionIds {
    /// Ids of the tracker `id`, started when its millisecond clock showed `clock_ms`.
    /// The bytes 0x80 and 0xff, which ZooKeeper uses for container and TTL owners, are replaced by 0x7f and 0x7e.
    pub fn new(id: NodeId, clock_ms: u64) -> Self {
        let server_byte = match id.0 & 0xff {
            0x80 => 0x7f,
            0xff => 0x7e,
            byte => byte,
        };
        Self { server_byte, low: (clock_ms << 24) >> 8 & LOW_56_BITS }
    }

    /// The next id; always assignable.
    pub fn next_id(&mut self) -> SessionId {
        loop {
            let id = SessionId((self.server_byte << 56 | self.low) as i64);
            self.low = (self.low + 1) & LOW_56_BITS;
            if id.is_assignable() {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_follow_zookeepers_layout() {
        let mut ids = SessionIds::new(NodeId(0x0102), 0x12_3456_789a);
        assert_eq!(ids.next_id(), SessionId(0x0212_3456_789a_0000));
        assert_eq!(ids.next_id(), SessionId(0x0212_3456_789a_0001));
    }

    #[test]
    fn the_id_zero_is_skipped() {
        assert_eq!(SessionIds::new(NodeId(0), 0).next_id(), SessionId(1));
    }

    proptest! {
        #[test]
        fn every_id_is_assignable_and_new(id: u64, clock_ms: u64) {
            let mut ids = SessionIds::new(NodeId(id), clock_ms);
            let given: Vec<_> = (0..100).map(|_| ids.next_id()).collect();
            prop_assert!(given.iter().all(|id| id.is_assignable()));
            let distinct: std::collections::HashSet<_> = given.iter().collect();
            prop_assert_eq!(distinct.len(), given.len());
        }
    }
}
