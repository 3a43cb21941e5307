//! The bytes of the file. All numbers big-endian.
//!
//! ```text
//! header   512 bytes, see the module `header`
//! block    number u32 | records u32 | payload_len u32 | crc32c u32 (of the 12 bytes before and the payload) | payload
//! payload  whole records, in the order of their keys; layout in the crate `tree`, module `checkpoint::records`
//! ```
//!
//! Blocks are numbered from 0 without gaps. The header says how many bytes of blocks follow, and their SHA-256.

use crc32c::{crc32c, crc32c_append};

/// How the file begins.
pub const MAGIC: [u8; 8] = *b"mnagrbak";
/// The newest format that this version reads, and the one it writes.
pub const FORMAT: u32 = 1;
/// Where the blocks begin.
pub const HEADER_LEN: usize = 512;
/// Bytes of a block before its payload.
pub(crate) const BLOCK_HEADER_LEN: usize = 16;
/// A block is written when its payload has grown to this; one large record may make it larger.
pub(crate) const BLOCK_LEN: usize = 256 * 1024;
/// A payload longer than this is a fault, not data.
pub(crate) const PAYLOAD_LEN_MAX: usize = 160 * 1024 * 1024;

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub number: u32,
    pub records: u32,
    pub payload_len: u32,
}

impl BlockHeader {
    pub(crate) fn encode(&self, payload: &[u8]) -> [u8; BLOCK_HEADER_LEN] {
        let mut bytes = [0; BLOCK_HEADER_LEN];
        bytes[..4].copy_from_slice(&self.number.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.records.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.payload_len.to_be_bytes());
        let crc = crc32c_append(crc32c(&bytes[..12]), payload);
        bytes[12..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; BLOCK_HEADER_LEN]) -> Self {
        let number = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self { number: number(0), records: number(4), payload_len: number(8) }
    }
}
