//! Blocks of records: what a run is read by.
//!
//! ```text
//! repeated { key_len u32 | key | value_len u32 | value }      big-endian, in the order of the keys
//! ```
//! A record without a value removes its key from the runs before. Records of a state are never empty: they carry checksums.

use std::ops::Range;

use menagerie_tree::checkpoint::take_record;

use crate::TreeStoreError;

/// Stands at one record of a run.
#[derive(Debug)]
pub(super) struct Cursor<B, I> {
    blocks: I,
    block: B,
    key: Range<usize>,
    value: Range<usize>,
}

impl<B, I> Cursor<B, I>
where
    B: AsRef<[u8]>,
    I: Iterator<Item = Result<B, TreeStoreError>>,
{
    /// Stands at the first record; none if there is none.
    pub(super) fn new(mut blocks: I) -> Result<Option<Self>, TreeStoreError> {
        let Some(block) = blocks.next().transpose()? else { return Ok(None) };
        let mut this = Self { blocks, block, key: 0..0, value: 0..0 };
        Ok(this.advance()?.then_some(this))
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.block.as_ref()[self.key.clone()]
    }

    /// Empty where the key goes.
    pub(super) fn value(&self) -> &[u8] {
        &self.block.as_ref()[self.value.clone()]
    }

    /// Goes to the next record; false at the end.
    pub(super) fn advance(&mut self) -> Result<bool, TreeStoreError> {
        if self.value.end == self.block.as_ref().len() {
            let Some(block) = self.blocks.next().transpose()? else { return Ok(false) };
            (self.block, self.value) = (block, 0..0);
        }
        let block = self.block.as_ref();
        let mut rest = &block[self.value.end..];
        let Some((key, value)) = take_record(&mut rest).filter(|(key, _)| !key.is_empty()) else {
            return Err(TreeStoreError::Corrupt("a block of records is malformed".into()));
        };
        let end = block.len() - rest.len();
        self.value = end - value.len()..end;
        self.key = self.value.start - 4 - key.len()..self.value.start - 4;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use menagerie_tree::checkpoint::put_record;

    use super::*;

    type Records = Vec<(Vec<u8>, Vec<u8>)>;

    fn cursor(blocks: Vec<Vec<u8>>) -> Result<Records, TreeStoreError> {
        let mut found = Vec::new();
        let Some(mut cursor) = Cursor::new(blocks.into_iter().map(Ok))? else { return Ok(found) };
        loop {
            found.push((cursor.key().to_vec(), cursor.value().to_vec()));
            if !cursor.advance()? {
                return Ok(found);
            }
        }
    }

    #[test]
    fn records_come_back_from_however_many_blocks() {
        let records: Records =
            (0..60_u8).map(|n| (format!("n/{n:02}").into_bytes(), vec![n; usize::from(n)])).collect();
        for in_block in 1..61 {
            let blocks = records.chunks(in_block).map(|records| {
                let mut block = BytesMut::new();
                records.iter().for_each(|(key, value)| put_record(&mut block, key, value));
                block.to_vec()
            });
            assert_eq!(cursor(blocks.collect()).expect("whole"), records);
        }
    }

    #[test]
    fn a_block_that_is_cut_is_an_error() {
        let whole = b"\0\0\0\x03n/a\0\0\0\x05value";
        for len in 1..whole.len() {
            assert!(cursor(vec![whole[..len].to_vec()]).is_err(), "{len} bytes");
        }
        assert_eq!(cursor(vec![]).expect("none"), []);
    }
}
