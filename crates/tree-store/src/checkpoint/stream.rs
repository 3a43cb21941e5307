//! The bytes of a checkpoint on its way to a peer: all records in key order, the meta record last.
//!
//! ```text
//! repeated { key_len u32 | key | value_len u32 | value }      big-endian
//! ```
//!
//! Keys and values are those of the crate `tree`, with their checksums, so that a fault on the way is found on
//! arrival. Pieces of the stream are cut anywhere.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::TreeStoreError;

/// A key or value longer than this is a fault, not data.
const LEN_MAX: usize = 64 * 1024 * 1024;

/// Appends one record.
pub(crate) fn put(out: &mut BytesMut, key: &[u8], value: &[u8]) {
    out.reserve(8 + key.len() + value.len());
    out.put_u32(key.len() as u32);
    out.put_slice(key);
    out.put_u32(value.len() as u32);
    out.put_slice(value);
}

/// Puts the records together again.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    buffer: BytesMut,
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
        if len > LEN_MAX {
            return Err(TreeStoreError::Corrupt(format!("a record of {len} bytes in the stream")));
        }
        Ok(Some(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_however_the_stream_is_cut() {
        let records = [("a", "1"), ("", "22"), ("ccc", ""), ("d", "4444")];
        let mut whole = BytesMut::new();
        for (key, value) in records {
            put(&mut whole, key.as_bytes(), value.as_bytes());
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
