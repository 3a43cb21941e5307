//! The bytes of a checkpoint on its way to a peer: all records in key order, the meta record last.
//!
//! The layout is that of the crate `tree`, module `checkpoint::records`. Keys and values carry their checksums, so that a
//! fault on the way is found on arrival. Pieces of the stream are cut anywhere.

use std::path::Path;

use bytes::{Buf, Bytes, BytesMut};
use menagerie_tree::Meta;
use menagerie_tree::checkpoint::RECORD_LEN_MAX;

use super::meta::{self, META_KEY};
use crate::TreeStoreError;

/// Puts the records together again.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    buffer: BytesMut,
}

/// What a checkpoint stream consists of, for whoever stores one elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamItem {
    /// A record of the state: key and value.
    Record(Bytes, Bytes),
    /// What all of them add up to. The last item.
    Meta(Meta),
}

/// Takes a checkpoint stream apart. Records are not verified here; they carry their checksums.
#[derive(Debug, Default)]
pub struct CheckpointReader {
    reader: StreamReader,
}

impl CheckpointReader {
    /// Adds a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.reader.push(piece);
    }

    /// The next whole item, if it is there.
    pub fn next_item(&mut self) -> Result<Option<StreamItem>, TreeStoreError> {
        let Some((key, value)) = self.reader.next()? else { return Ok(None) };
        if key == META_KEY {
            return meta::decode(&value, Path::new("stream")).map(|meta| Some(StreamItem::Meta(meta)));
        }
        Ok(Some(StreamItem::Record(key, value)))
    }
}

impl StreamReader {
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole record, if it is there.
    pub(crate) fn next(&mut self) -> Result<Option<(Bytes, Bytes)>, TreeStoreError> {
        let Some(key_len) = self.len_at(0)? else { return Ok(None) };
        let Some(value_len) = self.len_at(4 + key_len)? else { return Ok(None) };
        if self.buffer.len() < 8 + key_len + value_len {
            return Ok(None);
        }
        let mut record = self.buffer.split_to(8 + key_len + value_len).freeze();
        record.advance(4);
        let key = record.split_to(key_len);
        record.advance(4);
        Ok(Some((key, record)))
    }

    /// True when the stream may end here.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    fn len_at(&self, at: usize) -> Result<Option<usize>, TreeStoreError> {
        let Some(mut bytes) = self.buffer.get(at..at + 4) else { return Ok(None) };
        let len = bytes.get_u32() as usize;
        if len > RECORD_LEN_MAX {
            return Err(TreeStoreError::Corrupt(format!("a record of {len} bytes in the stream")));
        }
        Ok(Some(len))
    }
}

#[cfg(test)]
mod tests {
    use menagerie_tree::checkpoint::put_record;

    use super::*;

    #[test]
    fn records_come_back_however_the_stream_is_cut() {
        let records = [("a", "1"), ("", "22"), ("ccc", ""), ("d", "4444")];
        let mut whole = BytesMut::new();
        for (key, value) in records {
            put_record(&mut whole, key.as_bytes(), value.as_bytes());
        }
        for piece in 1..whole.len() {
            let mut reader = StreamReader::default();
            let mut read = Vec::new();
            for piece in whole.chunks(piece) {
                reader.push(piece);
                while let Some(record) = reader.next().expect("well formed") {
                    read.push(record);
                }
            }
            let expected: Vec<_> = records.iter().map(|(k, v)| (Bytes::from(*k), Bytes::from(*v))).collect();
            assert_eq!(read, expected);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn an_absurd_length_is_refused() {
        let mut reader = StreamReader::default();
        reader.push(&[0xff; 4]);
        assert!(reader.next().is_err());
    }
}
