//! Runs read as one: every key once, with what the newest run says of it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::block::Cursor;
use crate::TreeStoreError;

/// Several runs' records in the order of their keys.
pub(super) struct Merge<B, I> {
    heap: BinaryHeap<Source<B, I>>,
    last_key: Vec<u8>,
}

struct Source<B, I> {
    cursor: Cursor<B, I>,
    /// Rises from older runs to newer ones.
    age: usize,
}

impl<B, I> Merge<B, I>
where
    B: AsRef<[u8]>,
    I: Iterator<Item = Result<B, TreeStoreError>>,
{
    /// Of the blocks of each run, the oldest run first.
    pub(super) fn new(runs: impl IntoIterator<Item = I>) -> Result<Self, TreeStoreError> {
        let mut heap = BinaryHeap::new();
        for (age, blocks) in runs.into_iter().enumerate() {
            heap.extend(Cursor::new(blocks)?.map(|cursor| Source { cursor, age }));
        }
        Ok(Self { heap, last_key: Vec::new() })
    }

    /// Visits the next key and its value, empty where the key is removed; None at the end.
    pub(super) fn next_with<T>(
        &mut self,
        visit: impl FnOnce(&[u8], &[u8]) -> T,
    ) -> Result<Option<T>, TreeStoreError> {
        while let Some(first) = self.heap.peek_mut() {
            if first.cursor.key() == self.last_key {
                Self::step(first)?;
                continue;
            }
            self.last_key.clear();
            self.last_key.extend_from_slice(first.cursor.key());
            let outcome = visit(first.cursor.key(), first.cursor.value());
            Self::step(first)?;
            return Ok(Some(outcome));
        }
        Ok(None)
    }

    fn step(mut first: PeekMut<'_, Source<B, I>>) -> Result<(), TreeStoreError> {
        if !first.cursor.advance()? {
            PeekMut::pop(first);
        }
        Ok(())
    }
}

impl<B, I> Ord for Source<B, I>
where
    B: AsRef<[u8]>,
    I: Iterator<Item = Result<B, TreeStoreError>>,
{
    /// The greatest is visited first: the smallest key, of the newest run.
    fn cmp(&self, other: &Self) -> Ordering {
        other.cursor.key().cmp(self.cursor.key()).then(self.age.cmp(&other.age))
    }
}

impl<B, I> PartialOrd for Source<B, I>
where
    B: AsRef<[u8]>,
    I: Iterator<Item = Result<B, TreeStoreError>>,
{
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<B, I> PartialEq for Source<B, I>
where
    B: AsRef<[u8]>,
    I: Iterator<Item = Result<B, TreeStoreError>>,
{
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<B, I> Eq for Source<B, I>
where
    B: AsRef<[u8]>,
    I: Iterator<Item = Result<B, TreeStoreError>>,
{
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::BytesMut;
    use menagerie_tree::checkpoint::put_record;
    use proptest::prelude::*;

    use super::*;

    type Run = BTreeMap<Vec<u8>, Vec<u8>>;

    /// Two records each.
    fn blocks(run: &Run) -> Vec<Vec<u8>> {
        let records: Vec<_> = run.iter().collect();
        let block = |records: &[(&Vec<u8>, &Vec<u8>)]| {
            let mut block = BytesMut::new();
            records.iter().for_each(|(key, value)| put_record(&mut block, key, value));
            block.to_vec()
        };
        records.chunks(2).map(block).collect()
    }

    fn merged(runs: &[Run]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let runs = runs.iter().map(|run| blocks(run).into_iter().map(Ok));
        let mut merge = Merge::new(runs).expect("well formed");
        let mut found = Vec::new();
        while let Some(record) = merge.next_with(|key, value| (key.to_vec(), value.to_vec())).expect("read") {
            found.push(record);
        }
        found
    }

    proptest! {
        #[test]
        fn runs_are_what_writing_them_over_each_other_gives(
            runs in prop::collection::vec(
                prop::collection::btree_map(
                    prop::collection::vec(97..101_u8, 1..4), prop::collection::vec(any::<u8>(), 0..3), 0..20),
                0..6),
        ) {
            let mut expected = Run::new();
            for run in &runs {
                expected.extend(run.clone());
            }
            prop_assert_eq!(merged(&runs), expected.into_iter().collect::<Vec<_>>());
        }
    }
}
