//! Reading beside the writer.

use crate::format::{RECORD_HEADER, RecordHeader};
use crate::state::{OpenSegment, Shared, Slot, State};
use crate::{LogError, Record};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

/// A cheap handle that reads the log from any thread, including entries that are not yet durable.
#[derive(Clone)]
pub struct LogReader {
    shared: Arc<Shared>,
}

/// Where a planned record comes from.
enum Source {
    Cache(Record),
    Disk { index: u64, slot: Slot, segment: OpenSegment },
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>) -> LogReader {
        LogReader { shared }
    }

    /// Returns consecutive entries from the start of the range, up to `max_bytes` of payload.
    ///
    /// At least one if the first of the range is there; fewer than asked for at the log's end (none beyond it).
    /// `LogError::Purged` if the range starts in the purged prefix. Entries from disk are verified.
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        'again: loop {
            let plan = plan(&self.shared.state.read(), &range, max_bytes)?;
            let mut records = Vec::with_capacity(plan.len());
            for source in plan {
                match source {
                    Source::Cache(record) => records.push(record),
                    Source::Disk { index, slot, segment } => match load(index, slot, &segment) {
                        Ok(record) => records.push(record),
                        // Purged or overwritten while it was read: what is there now decides.
                        Err(_) if self.shared.state.read().slot(index) != Some(slot) => continue 'again,
                        Err(error) => return Err(error),
                    },
                }
            }
            return Ok(records);
        }
    }

    /// Returns the term of an entry, or of the last purged one; nothing for other indexes.
    pub fn term_of(&self, index: u64) -> Option<u64> {
        self.shared.state.read().term_of(index)
    }

    /// Returns (index, term) of the last entry appended, or of the last purged one if no entry follows it.
    pub fn last(&self) -> Option<(u64, u64)> {
        self.shared.state.read().last()
    }

    /// Returns the last purged (index, term).
    pub fn purged(&self) -> Option<(u64, u64)> {
        self.shared.state.read().purged()
    }

    /// Returns the index of the first entry that can be read.
    pub fn first_index(&self) -> Option<u64> {
        self.shared.state.read().first_index()
    }
}

fn plan(state: &State, range: &Range<u64>, max_bytes: usize) -> Result<Vec<Source>, LogError> {
    state.check()?;
    if range.is_empty() {
        return Ok(Vec::new());
    }
    if let Some((purged, _)) = state.purged().filter(|(purged, _)| range.start <= *purged) {
        return Err(LogError::Purged { first_index: purged + 1 });
    }
    let mut plan = Vec::new();
    let mut bytes = 0usize;
    for index in range.clone() {
        let Some(slot) = state.slot(index) else { break };
        bytes = bytes.saturating_add(slot.len as usize);
        if bytes > max_bytes && !plan.is_empty() {
            break;
        }
        plan.push(match (state.cached(index), state.segments.get(&slot.epoch)) {
            (Some(payload), _) => Source::Cache(Record { index, term: slot.term, payload: payload.to_vec() }),
            (None, Some(segment)) => Source::Disk { index, slot, segment: segment.clone() },
            (None, None) => return Err(LogError::Poisoned(format!("entry {index} lies in no segment"))),
        });
    }
    Ok(plan)
}

fn load(index: u64, slot: Slot, segment: &OpenSegment) -> Result<Record, LogError> {
    let offset = u64::from(slot.offset);
    let mut bytes = vec![0; RECORD_HEADER as usize + slot.len as usize];
    let read = segment.file.read_at(&mut bytes, offset).map_err(LogError::io(&segment.path))?;
    let valid =
        bytes.first_chunk().and_then(|head| RecordHeader::decode(head, slot.epoch)).is_some_and(|header| {
            read == bytes.len()
                && (header.index, header.term) == (index, slot.term)
                && header.accepts(slot.epoch, &bytes[RECORD_HEADER as usize..])
        });
    if !valid {
        return Err(LogError::corrupt(&segment.path, offset, format!("entry {index} fails its checksum")));
    }
    let payload = Bytes::from(bytes).slice(RECORD_HEADER as usize..);
    Ok(Record { index, term: slot.term, payload: vec![payload] })
}
