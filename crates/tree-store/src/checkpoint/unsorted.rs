//! Changes in no order, on their way into a run.

use bytes::BytesMut;
use menagerie_tree::checkpoint::{put_record, take_record};

use super::store::RecordVisitor;
use crate::TreeStoreError;

/// Records, encoded one after the other: their memory is used for the next ones, and given back as a whole.
#[derive(Debug, Default)]
pub(super) struct Unsorted {
    records: BytesMut,
    starts: Vec<usize>,
}

impl Unsorted {
    /// Adds a record; no value where the key goes.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.starts.push(self.records.len());
        put_record(&mut self.records, key, value);
    }

    /// What they take.
    pub(super) fn bytes(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
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
        self.starts.sort_by(|a, b| record(a).0.cmp(record(b).0));
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
            let (mut unsorted, mut expected) = (Unsorted::default(), BTreeMap::new());
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
