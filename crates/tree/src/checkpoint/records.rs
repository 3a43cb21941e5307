//! Records one after the other, as they go to a peer, into a backup, and through the log when one is restored.
//!
//! ```text
//! repeated { key_len u32 | key | value_len u32 | value }      big-endian
//! ```
//!
//! Keys and values carry their own checksums ([`super::record`]).

use bytes::{Buf, BufMut, BytesMut};

/// A key or value longer than this is a fault, not data.
pub const RECORD_LEN_MAX: usize = 64 * 1024 * 1024;

/// Appends one record.
pub fn put_record(out: &mut BytesMut, key: &[u8], value: &[u8]) {
    out.reserve(8 + key.len() + value.len());
    out.put_u32(key.len() as u32);
    out.put_slice(key);
    out.put_u32(value.len() as u32);
    out.put_slice(value);
}

/// Splits off the first record; `None` if it is cut short or has an absurd length.
pub fn take_record<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut rest = *bytes;
    let mut part = || {
        let len = rest.try_get_u32().ok()? as usize;
        let (part, after) = rest.split_at_checked(len).filter(|_| len <= RECORD_LEN_MAX)?;
        rest = after;
        Some(part)
    };
    let record = (part()?, part()?);
    *bytes = rest;
    Some(record)
}
