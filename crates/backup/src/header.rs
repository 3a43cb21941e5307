//! The header: what the backup is of. Written when everything else is there.
//!
//! ```text
//! magic [8] "mnagrbak" | format u32 (1) | meta_len u16 | meta | made_ms i64 | ephemerals u64 | records u64
//! | blocks u32 | body_len u64 | sha256 [32] of the body | note_len u16 | note | zeros
//! | crc32c u32 (of the 508 bytes before)
//! ```
//!
//! `meta` is a checkpoint's meta record (crate `tree`, module `checkpoint::meta`): index, time, zxid, digest, counts. The
//! note is text for people: the cluster, and the program's version.

use std::path::Path;

use bytes::{Buf, BufMut};
use menagerie_tree::Meta;

use crate::BackupError;
use crate::format::{FORMAT, HEADER_LEN, MAGIC};

const CRC_AT: usize = HEADER_LEN - 4;
/// A longer note is cut.
const NOTE_LEN_MAX: usize = 256;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The state: index, time, zxid, digest, counts.
    pub meta: Meta,
    /// When the backup was made, ms since 1970, by the clock of the machine that it was made on.
    pub made_ms: i64,
    /// Ephemeral znodes.
    pub ephemerals: u64,
    /// Records in all blocks.
    pub records: u64,
    /// Blocks.
    pub blocks: u32,
    /// Bytes of all blocks.
    pub body_len: u64,
    /// SHA-256 of all blocks.
    pub sha256: [u8; 32],
    /// For people: where it comes from.
    pub note: String,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let meta = self.meta.encode();
        let note = &self.note[..self.note.floor_char_boundary_(NOTE_LEN_MAX)];
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.put_slice(&MAGIC);
        out.put_u32(FORMAT);
        out.put_u16(meta.len() as u16);
        out.put_slice(&meta);
        out.put_i64(self.made_ms);
        out.put_u64(self.ephemerals);
        out.put_u64(self.records);
        out.put_u32(self.blocks);
        out.put_u64(self.body_len);
        out.put_slice(&self.sha256);
        out.put_u16(note.len() as u16);
        out.put_slice(note.as_bytes());
        let mut bytes = [0; HEADER_LEN];
        bytes[..out.len()].copy_from_slice(&out);
        let crc = crc32c::crc32c(&bytes[..CRC_AT]);
        bytes[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Magic and format are judged before the checksum: a newer format may have another.
    pub(crate) fn decode(bytes: &[u8], file: &Path) -> Result<Self, BackupError> {
        let damaged = |what: &str| BackupError::Damaged { file: file.into(), offset: 0, what: what.into() };
        if bytes.get(..MAGIC.len()) != Some(&MAGIC[..]) {
            let zeros = !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0);
            return Err(if zeros {
                damaged("it was never finished")
            } else {
                BackupError::NotABackup(file.into())
            });
        }
        let bytes: &[u8; HEADER_LEN] = bytes.try_into().map_err(|_| damaged("the header is cut short"))?;
        let mut rest = &bytes[MAGIC.len()..CRC_AT];
        let format = rest.get_u32();
        if format > FORMAT {
            return Err(BackupError::NewerFormat { file: file.into(), found: format, known: FORMAT });
        }
        if format == 0 || crc32c::crc32c(&bytes[..CRC_AT]) != (&bytes[CRC_AT..]).get_u32() {
            return Err(damaged("the header fails its checksum"));
        }
        Self::fields(rest).map_err(|what| damaged(&what))
    }

    fn fields(mut rest: &[u8]) -> Result<Self, String> {
        let short = "the header is malformed";
        let part = |rest: &mut &[u8]| -> Option<Vec<u8>> {
            let len = rest.try_get_u16().ok()?;
            let (part, after) = rest.split_at_checked(len.into())?;
            *rest = after;
            Some(part.to_vec())
        };
        let meta = Meta::decode(&part(&mut rest).ok_or(short)?).map_err(|error| error.to_string())?;
        let made_ms = rest.try_get_i64().map_err(|_| short)?;
        let ephemerals = rest.try_get_u64().map_err(|_| short)?;
        let records = rest.try_get_u64().map_err(|_| short)?;
        let blocks = rest.try_get_u32().map_err(|_| short)?;
        let body_len = rest.try_get_u64().map_err(|_| short)?;
        let (sha256, after) = rest.split_first_chunk::<32>().ok_or(short)?;
        let (sha256, mut rest) = (*sha256, after);
        let note = String::from_utf8(part(&mut rest).ok_or(short)?).map_err(|_| short)?;
        Ok(Self { meta, made_ms, ephemerals, records, blocks, body_len, sha256, note })
    }
}

/// `str::floor_char_boundary`, which is newer than the oldest compiler that builds this.
trait FloorCharBoundary {
    fn floor_char_boundary_(&self, at: usize) -> usize;
}

impl FloorCharBoundary for str {
    fn floor_char_boundary_(&self, at: usize) -> usize {
        (0..=at.min(self.len())).rev().find(|at| self.is_char_boundary(*at)).unwrap_or(0)
    }
}
