//! What a checkpoint as a whole stands for.

use bytes::{Buf, BufMut};
use menagerie_types::{LogIndex, Zxid};

use super::CheckpointError;

const FORMAT: u8 = 1;
const LEN: usize = 1 + 8 * 8 + 4;

/// What a checkpoint as a whole stands for. To be stored atomically with its records.
///
/// ```text
/// format u8 (1) | index u64 | time_ms i64 | zxid i64 | digest u64
/// | znodes u64 | sessions u64 | incarnations u64 | replicas u64 | crc32c u32 (of what precedes)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Last entry applied.
    pub index: LogIndex,
    /// The log's clock then.
    pub time_ms: i64,
    /// Last transaction.
    pub zxid: Zxid,
    /// The state's digest.
    pub digest: u64,
    /// Znodes.
    pub znodes: u64,
    /// Rows of the session table.
    pub sessions: u64,
    /// Rows of the incarnation table.
    pub incarnations: u64,
    /// Registered replicas.
    pub replicas: u64,
}

impl Meta {
    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LEN);
        out.put_u8(FORMAT);
        out.put_u64(self.index.0);
        out.put_i64(self.time_ms);
        out.put_i64(self.zxid.0);
        for number in [self.digest, self.znodes, self.sessions, self.incarnations, self.replicas] {
            out.put_u64(number);
        }
        let crc = crc32c::crc32c(&out);
        out.put_u32(crc);
        out
    }

    /// Reads them back.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        if bytes.first() != Some(&FORMAT) {
            return Err(CheckpointError::Meta("unknown format"));
        }
        if bytes.len() != LEN {
            return Err(CheckpointError::Meta("wrong length"));
        }
        let (mut body, mut crc) = bytes.split_at(LEN - 4);
        if crc32c::crc32c(body) != crc.get_u32() {
            return Err(CheckpointError::Meta("wrong checksum"));
        }
        body.advance(1);
        Ok(Self {
            index: LogIndex(body.get_u64()),
            time_ms: body.get_i64(),
            zxid: Zxid(body.get_i64()),
            digest: body.get_u64(),
            znodes: body.get_u64(),
            sessions: body.get_u64(),
            incarnations: body.get_u64(),
            replicas: body.get_u64(),
        })
    }
}
