//! The bytes of an entry and of the values beside the entries, as they lie in the log's records.
//!
//! Entry, format 1 (integers big-endian; index, term and checksum are the record's):
//!
//! | bytes | what |
//! |---|---|
//! | 1 | format, 1 |
//! | 1 | kind: 0 blank, 1 batch, 2 membership |
//! | 8 | time in ms since 1970; that of the entry before for kinds 0 and 2 |
//! | batch: 4 | number of chunks |
//! | batch: 4 each | length of each chunk |
//! | rest | batch: the chunks; membership: a `Membership` message of raft.proto |
//!
//! Vote and snapshot are one `HardState` message, the committed position is a `LogId` message.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use menagerie_log::Record;
use menagerie_proto::pb::consensus as pb;
use openraft::EntryPayload;
use prost::Message;

use crate::types::{Batch, Entry, LogId, Payload, SnapshotMeta, Vote, log_id};
use crate::wire;

const FORMAT: u8 = 1;
const BLANK: u8 = 0;
const BATCH: u8 = 1;
const MEMBERSHIP: u8 = 2;
const HEADER: usize = 10;

/// What a record holds: an entry, and its time.
pub(crate) struct Decoded {
    pub entry: Entry,
    pub time_ms: i64,
}

/// The record of an entry that follows one of the time `before`, and its own time. Chunks are not copied.
pub(super) fn encode(entry: Entry, before: i64) -> (Record, i64) {
    let (index, term) = (entry.log_id.index, entry.log_id.leader_id.term);
    let (payload, time_ms) = match entry.payload {
        EntryPayload::Blank => (vec![header(BLANK, before, 0).freeze()], before),
        EntryPayload::Membership(membership) => {
            let message = wire::membership_to_pb(&membership).encode_to_vec();
            let mut bytes = header(MEMBERSHIP, before, message.len());
            bytes.put_slice(&message);
            (vec![bytes.freeze()], before)
        }
        EntryPayload::Normal(batch) => {
            let mut bytes = header(BATCH, batch.time_ms, 4 + 4 * batch.chunks.len());
            bytes.put_u32(batch.chunks.len() as u32);
            batch.chunks.iter().for_each(|chunk| bytes.put_u32(chunk.len() as u32));
            let mut payload = Vec::with_capacity(1 + batch.chunks.len());
            payload.push(bytes.freeze());
            payload.extend(batch.chunks.iter().cloned());
            (payload, batch.time_ms)
        }
    };
    (Record { index, term, payload }, time_ms)
}

fn header(kind: u8, time_ms: i64, extra: usize) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(HEADER + extra);
    bytes.put_u8(FORMAT);
    bytes.put_u8(kind);
    bytes.put_i64(time_ms);
    bytes
}

/// The entry in a record, whether it comes in the parts it was written in or in one. Chunks are not copied.
pub(super) fn decode(record: Record) -> io::Result<Decoded> {
    let log_id = log_id(record.term, record.index);
    let broken =
        |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("log entry {log_id}: {what}"));
    let mut parts = record.payload.into_iter();
    let mut first = parts.next().ok_or_else(|| broken("is empty"))?;
    let head = first.split_to_checked(HEADER).ok_or_else(|| broken("is cut short"))?;
    if head[0] != FORMAT {
        return Err(broken("has a format this version does not know"));
    }
    let time_ms = i64::from_be_bytes(std::array::from_fn(|at| head[2 + at]));
    let payload: Payload = match head[1] {
        BLANK => EntryPayload::Blank,
        BATCH => {
            let chunks =
                decode_chunks(first, parts).ok_or_else(|| broken("does not hold the chunks it lists"))?;
            EntryPayload::Normal(Batch { time_ms, chunks: Arc::new(chunks) })
        }
        MEMBERSHIP => {
            let message = pb::Membership::decode(first).map_err(|_| broken("holds no membership"))?;
            let membership = wire::membership_from_pb(message);
            EntryPayload::Membership(membership.map_err(|error| broken(&error.to_string()))?)
        }
        _ => return Err(broken("has a kind this version does not know")),
    };
    Ok(Decoded { entry: Entry { log_id, payload }, time_ms })
}

/// `lengths` begins with the table of lengths; the chunks are the parts behind it, or the bytes behind it.
fn decode_chunks(mut lengths: Bytes, parts: std::vec::IntoIter<Bytes>) -> Option<Vec<Bytes>> {
    let count = lengths.u32()? as usize;
    let mut table = lengths.split_to_checked(count.checked_mul(4)?)?;
    if lengths.is_empty() && parts.len() == count {
        return Some(parts.collect());
    }
    // Bounded by the table, which is there.
    let mut chunks = Vec::with_capacity(count);
    for _ in 0..count {
        let len = table.u32()? as usize;
        chunks.push(lengths.split_to_checked(len)?);
    }
    (lengths.is_empty() && parts.len() == 0).then_some(chunks)
}

/// Reading that fails at the end of the bytes.
trait Checked: Sized {
    fn split_to_checked(&mut self, len: usize) -> Option<Self>;
    fn u32(&mut self) -> Option<u32>;
}

impl Checked for Bytes {
    fn split_to_checked(&mut self, len: usize) -> Option<Bytes> {
        (len <= self.len()).then(|| self.split_to(len))
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.split_to_checked(4)?;
        bytes.first_chunk().map(|chunk| u32::from_be_bytes(*chunk))
    }
}

/// The last vote and the last snapshot (with the time at its end).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct HardState {
    pub vote: Option<Vote>,
    pub snapshot: Option<(SnapshotMeta, i64)>,
}

impl HardState {
    pub(super) fn encode(&self) -> Bytes {
        let message = pb::HardState {
            format: FORMAT.into(),
            vote: self.vote.as_ref().map(wire::vote_to_pb),
            snapshot: self.snapshot.as_ref().map(|(meta, time_ms)| wire::snapshot_to_pb(meta, *time_ms)),
        };
        message.encode_to_vec().into()
    }

    pub(super) fn decode(bytes: Bytes) -> io::Result<Self> {
        let broken =
            |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("vote in the log: {what}"));
        let message = pb::HardState::decode(bytes).map_err(|error| broken(error.to_string()))?;
        if message.format != u32::from(FORMAT) {
            return Err(broken(format!("has format {}, this version knows {FORMAT}", message.format)));
        }
        let vote = message.vote.map(|vote| wire::vote_from_pb(Some(vote))).transpose();
        let snapshot = message.snapshot.map(wire::snapshot_from_pb).transpose();
        Ok(Self {
            vote: vote.map_err(|error| broken(error.to_string()))?,
            snapshot: snapshot.map_err(|error| broken(error.to_string()))?,
        })
    }
}

pub(super) fn encode_committed(id: &LogId) -> Bytes {
    wire::id_to_pb(id).encode_to_vec().into()
}

pub(super) fn decode_committed(bytes: Bytes) -> io::Result<LogId> {
    pb::LogId::decode(bytes)
        .map(wire::id_from_pb)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
