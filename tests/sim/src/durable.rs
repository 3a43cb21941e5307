//! What is durable on a disk, read as a start after a power cut would read it, from a copy.

use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use std::sync::Arc;

use menagerie_log::{Log, LogOptions, Recovered};

use crate::disk::Disk;
use crate::event::EntryId;

const READ_BYTES: usize = 1 << 20;

/// The log's entries that are durable, in order. Indexes are those of the log's users.
pub fn entries(disk: &Disk) -> Vec<EntryId> {
    let Some((log, recovered)) = open(disk) else { return Vec::new() };
    let (Some(first), Some((last, _))) = (recovered.first_index, recovered.last) else { return Vec::new() };
    let mut entries = Vec::new();
    let mut next = first;
    while next <= last {
        let Ok(records) = log.read(next..last + 1, READ_BYTES) else { break };
        let Some(end) = records.last().map(|record| record.index + 1) else { break };
        for record in records {
            let mut hash = DefaultHasher::new();
            record.payload.iter().for_each(|part| hash.write(part));
            // Raft's indexes begin at 0.
            entries.push(EntryId { index: record.index + 1, term: record.term, hash: hash.finish() });
        }
        next = end;
    }
    entries
}

/// The last index that the durable log knows of, purged or not; 0 if it is empty.
pub fn last_index(disk: &Disk) -> u64 {
    open(disk).and_then(|(_, recovered)| recovered.last).map_or(0, |(index, _)| index + 1)
}

fn open(disk: &Disk) -> Option<(Log, Recovered)> {
    let options = LogOptions { background_fill: false, segment_bytes: 1 << 20, ..LogOptions::default() };
    Log::open(Arc::new(disk.durable()), Path::new("/log"), options).ok()
}
