//! Changes in no order, on their way into a run.

use bytes::BytesMut;
use menagerie_tree::checkpoint::{put_record, take_record};

use super::store::RecordVisitor;
use crate::TreeStoreError;

/// A record's size when little is known of it.
const RECORD_BYTES: usize = 64;

/// Records, encoded one after the other, in memory that is set aside at once for so many bytes of them: it is touched as it is
/// used, and goes back to the system as a whole. Growing, it would leave holes in the heap as large as itself.
#[derive(Debug)]
pub(super) struct Unsorted {
    room: usize,
    records: BytesMut,
    starts: Vec<usize>,
}

impl Unsorted {
    /// None yet, and no memory for them; about `room` bytes of them are to come.
    pub(super) fn new(room: usize) -> Self {
        Self { room, records: BytesMut::new(), starts: Vec::new() }
    }

    /// Adds a record; no value where the key goes.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        if self.records.capacity() == 0 {
            self.records.reserve(self.room);
            self.starts.reserve(self.room / RECORD_BYTES);
        }
        self.starts.push(self.records.len());
        put_record(&mut self.records, key, value);
    }

    /// There are as many as were to come.
    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= self.room
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Forgets all records, and gives their memory back.
    pub(super) fn free(&mut self) {
        *self = Self::new(self.room);
    }

    /// Forgets all records, and keeps their memory for the next ones.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.starts.clear();
    }

    /// Visits the records in the order of their keys, the last one of each key.
    pub(super) fn visit(&mut self, visit: &mut RecordVisitor<'_>) -> Result<(), TreeStoreError> {
        let record = |start: &usize| {
            let mut rest = self.records.get(*start..).unwrap_or_default();
            take_record(&mut rest).unwrap_or_default()
        };
        self.starts.sort_unstable_by(|a, b| record(a).0.cmp(record(b).0).then(a.cmp(b)));
        for (at, start) in self.starts.iter().enumerate() {
            let (key, value) = record(start);
            if self.starts.get(at + 1).is_none_or(|next| record(next).0 != key) {
                visit(key, value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_gives_what_a_map_would(
            records in prop::collection::vec(
                (prop::collection::vec(97..101_u8, 1..4), prop::collection::vec(any::<u8>(), 0..3)), 0..60),
        ) {
            let (mut unsorted, mut expected) = (Unsorted::new(100), BTreeMap::new());
            for (key, value) in &records {
                unsorted.put(key, value);
                expected.insert(key.clone(), value.clone());
            }
            prop_assert_eq!(unsorted.is_empty(), records.is_empty());
            let mut found = Vec::new();
            unsorted
                .visit(&mut |key, value| {
                    found.push((key.to_vec(), value.to_vec()));
                    Ok(())
                })
                .expect("no visit fails");
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
