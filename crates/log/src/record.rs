//! The values that cross the crate's boundary.

use bytes::Bytes;
use std::io;

/// Largest payload of one record, in bytes. Larger ones are refused with `LogError::TooLarge`.
pub const MAX_PAYLOAD_BYTES: usize = 256 << 20;

/// Largest value of [`crate::Log::save_meta`], in bytes: it is copied into every new segment.
pub const MAX_META_BYTES: usize = 4096;

/// What is called exactly once when an operation is durable, or has failed.
///
/// Runs on the writer thread, or in inline mode on the caller's before the call returns. It must be short and
/// must not call back into the log. An error means that the log is poisoned or has refused the operation.
pub type Durable = Box<dyn FnOnce(io::Result<()>) + Send>;

/// A callback for callers that do not wait for this operation: a failure shows in the next one.
pub fn unobserved() -> Durable {
    Box::new(|_| {})
}

/// One log entry. The payload is gathered: it is the concatenation of its parts, written without a copy.
///
/// Read from the cache it has the parts it was appended with, read from disk it has one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Position in the log.
    pub index: u64,
    /// Raft term; only stored.
    pub term: u64,
    /// Opaque bytes, in parts.
    pub payload: Vec<Bytes>,
}

impl Record {
    /// Returns the payload's length in bytes over all parts.
    pub fn payload_len(&self) -> usize {
        self.payload.iter().map(Bytes::len).sum()
    }
}

/// The small values that are kept in the log beside the entries; the newest of each kind counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaKind {
    /// Raft's vote.
    Vote,
    /// The last index known to be committed.
    Committed,
}

/// Settings of a log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// Size of a segment in bytes, at most 1 GiB. A single larger record still fits: its segment grows.
    pub segment_bytes: u64,
    /// How many zero-filled or recycled segments are kept at hand; 0 means purged segments are removed.
    pub spare_segments: usize,
    /// Whether a thread makes spare segments ahead of need. Without it spares come from purged segments only
    /// (a simulation wants no threads).
    pub background_fill: bool,
    /// Bound of the cache of recent payloads. Records not yet written are kept whatever the bound.
    pub cache_bytes: usize,
    /// Whether the log starts in inline mode.
    pub inline: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            segment_bytes: 64 << 20,
            spare_segments: 2,
            background_fill: true,
            cache_bytes: 32 << 20,
            inline: true,
        }
    }
}

/// What [`crate::Log::open`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Index of the first entry that can be read, if there is any.
    pub first_index: Option<u64>,
    /// Last purged (index, term).
    pub purged: Option<(u64, u64)>,
    /// (index, term) of the last entry; the purged one if no entry follows it.
    pub last: Option<(u64, u64)>,
    /// Newest saved vote.
    pub vote: Option<Bytes>,
    /// Newest saved committed value.
    pub committed: Option<Bytes>,
    /// Bytes of unfinished records cut off the end. A tear within a record's header is not counted.
    pub torn_bytes: u64,
}

/// A change on its way to the writer. Entries carry the `seq` the index gave them.
pub(crate) enum Change {
    Append(Vec<(u64, Record)>),
    Meta(MetaKind, Bytes),
    /// Voids entries from this index on.
    Truncate(u64),
    Purge(u64, u64),
    /// Only waits for what came before.
    Nothing,
}

/// A change and whom to tell.
pub(crate) struct Op {
    pub change: Change,
    pub done: Durable,
}
