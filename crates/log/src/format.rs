//! The bytes on disk. All numbers little-endian; records start at multiples of eight.
//!
//! Segment header, 64 bytes: magic (8), format version u32, end of the records in the previous segment u32,
//! segment epoch u64, first index u64 (`u64::MAX`: the log was empty and never purged), crc32c over the bytes
//! before it u32, zeros.
//!
//! Record: payload length u32, payload crc u32, index u64, term u64, group start u32, kind u8, three zeros,
//! header crc u32, four zeros, payload, zeros up to a multiple of eight. The payload crc is crc32c over segment
//! epoch, kind, index, term and payload; the header crc is crc32c over segment epoch and the bytes before it.
//! The epoch makes records left in a recycled segment invalid. Group start is the offset in this segment where
//! the record's group begins: everything before it was durable when the record was written, which is how
//! recovery tells damage from a tail that was never synced.

use bytes::Bytes;
use crc32c::{crc32c, crc32c_append};

/// Magic of a segment.
pub(crate) const MAGIC: [u8; 8] = *b"mnagrlog";
/// The newest format this code reads, and the one it writes.
pub(crate) const FORMAT: u32 = 1;
/// Where records start.
pub(crate) const SEGMENT_HEADER: u64 = 64;
/// Length of a record before its payload.
pub(crate) const RECORD_HEADER: u64 = 40;
/// First index of a segment begun while the log may start anywhere.
pub(crate) const ANY_INDEX: u64 = u64::MAX;

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub epoch: u64,
    pub first_index: u64,
    pub previous_end: u32,
}

/// Why a segment header is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Magic,
    Newer(u32),
    Crc,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER as usize] {
        let mut bytes = [0; SEGMENT_HEADER as usize];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.previous_end.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_index.to_le_bytes());
        let crc = crc32c(&bytes[..32]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The version is read before the crc: a newer format may check itself differently.
    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER as usize]) -> Result<SegmentHeader, BadHeader> {
        if bytes[..8] != MAGIC {
            return Err(BadHeader::Magic);
        }
        let version = u32_at(bytes, 8);
        if version > FORMAT {
            return Err(BadHeader::Newer(version));
        }
        if version == 0 || u32_at(bytes, 32) != crc32c(&bytes[..32]) {
            return Err(BadHeader::Crc);
        }
        Ok(SegmentHeader {
            epoch: u64_at(bytes, 16),
            first_index: u64_at(bytes, 24),
            previous_end: u32_at(bytes, 12),
        })
    }
}

/// What a record is. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Entry = 1,
    Vote = 2,
    Committed = 3,
    /// Voids all entries from `index` on.
    Truncate = 4,
    /// Drops all entries up to `index`, whose term is `term`.
    Purge = 5,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Kind> {
        Some(match byte {
            1 => Kind::Entry,
            2 => Kind::Vote,
            3 => Kind::Committed,
            4 => Kind::Truncate,
            5 => Kind::Purge,
            _ => return None,
        })
    }
}

/// A record without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub kind: Kind,
    pub index: u64,
    pub term: u64,
    pub len: u32,
    pub group_start: u32,
    pub payload_crc: u32,
}

impl RecordHeader {
    pub(crate) fn encode(&self, epoch: u64) -> [u8; RECORD_HEADER as usize] {
        let mut bytes = [0; RECORD_HEADER as usize];
        bytes[..4].copy_from_slice(&self.len.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.index.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.term.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.group_start.to_le_bytes());
        bytes[28] = self.kind as u8;
        let crc = crc32c_append(crc32c(&epoch.to_le_bytes()), &bytes[..32]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Returns the header if it is valid in a segment of this epoch.
    pub(crate) fn decode(bytes: &[u8; RECORD_HEADER as usize], epoch: u64) -> Option<RecordHeader> {
        let kind = Kind::from_byte(bytes[28])?;
        if bytes[29..32] != [0; 3] || bytes[36..40] != [0; 4] {
            return None;
        }
        if u32_at(bytes, 32) != crc32c_append(crc32c(&epoch.to_le_bytes()), &bytes[..32]) {
            return None;
        }
        Some(RecordHeader {
            kind,
            index: u64_at(bytes, 8),
            term: u64_at(bytes, 16),
            len: u32_at(bytes, 0),
            group_start: u32_at(bytes, 24),
            payload_crc: u32_at(bytes, 4),
        })
    }

    /// Returns what the record takes on disk, padding included.
    pub(crate) fn size(&self) -> u64 {
        record_size(self.len.into())
    }

    /// Tells whether this is the payload that was written with the header.
    pub(crate) fn accepts(&self, epoch: u64, payload: &[u8]) -> bool {
        let crc = crc32c_append(payload_seed(epoch, self.kind, self.index, self.term), payload);
        payload.len() == self.len as usize && crc == self.payload_crc
    }
}

/// Returns what a record with this payload length takes on disk.
pub(crate) fn record_size(payload_len: u64) -> u64 {
    RECORD_HEADER + payload_len.next_multiple_of(8)
}

/// Returns the payload crc of a gathered payload.
pub(crate) fn payload_crc(epoch: u64, kind: Kind, (index, term): (u64, u64), payload: &[Bytes]) -> u32 {
    payload.iter().fold(payload_seed(epoch, kind, index, term), |crc, part| crc32c_append(crc, part))
}

fn payload_seed(epoch: u64, kind: Kind, index: u64, term: u64) -> u32 {
    let mut head = [0; 25];
    head[..8].copy_from_slice(&epoch.to_le_bytes());
    head[8] = kind as u8;
    head[9..17].copy_from_slice(&index.to_le_bytes());
    head[17..].copy_from_slice(&term.to_le_bytes());
    crc32c(&head)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

#[cfg(test)]
mod tests;
