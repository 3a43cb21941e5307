//! Writes groups of changes: places them, writes, syncs once, tells whoever waits, recycles what was purged.

use crate::directory::Directory;
use crate::format::{ANY_INDEX, Kind, SegmentHeader};
use crate::mutation::planted;
use crate::record::{Change, Op};
use crate::segment::{Draft, Segment};
use crate::spares::Spares;
use crate::state::{OpenSegment, Placed, Shared};
use crate::{Durable, LogError, LogOptions, MetaKind};
use bytes::Bytes;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

/// What every segment repeats at its start, so that it survives the recycling of older ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meta {
    pub vote: Option<Bytes>,
    pub committed: Option<Bytes>,
    pub purged: Option<(u64, u64)>,
}

impl Meta {
    fn drafts(&self) -> Vec<Draft> {
        let value = |kind, bytes: &Bytes| Draft { kind, index: 0, term: 0, payload: vec![bytes.clone()] };
        let purged =
            self.purged.map(|(index, term)| Draft { kind: Kind::Purge, index, term, payload: vec![] });
        let vote = self.vote.as_ref().map(|bytes| value(Kind::Vote, bytes));
        let committed = self.committed.as_ref().map(|bytes| value(Kind::Committed, bytes));
        [purged, vote, committed].into_iter().flatten().collect()
    }
}

/// A full segment.
pub(crate) struct Sealed {
    pub epoch: u64,
    pub path: PathBuf,
    pub filled: u64,
    /// Highest index in it, voided ones too: when that is purged, nothing in it is needed.
    pub max_index: Option<u64>,
}

/// What recovery hands over.
pub(crate) struct Parts {
    pub dir: Directory,
    pub options: LogOptions,
    pub shared: Arc<Shared>,
    pub spares: Spares,
    pub active: Segment,
    pub sealed: VecDeque<Sealed>,
    pub meta: Meta,
    pub next_index: Option<u64>,
}

/// Changes that are written and not synced, and whom to tell.
pub(crate) struct Group {
    waiting: Vec<Durable>,
    purges: bool,
    written: Result<(), LogError>,
}

/// The only one who writes.
pub(crate) struct Writer {
    parts: Parts,
    placed: Vec<Placed>,
    /// Whether the active segment holds more than what it began with.
    has_records: bool,
    /// Whether a spare was asked for on behalf of the active segment.
    spare_requested: bool,
}

impl Writer {
    pub(crate) fn new(parts: Parts) -> Writer {
        Writer { parts, placed: Vec::new(), has_records: true, spare_requested: false }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.parts.shared
    }

    /// Makes a group of changes durable with one sync and then runs their callbacks in order.
    ///
    /// A failure poisons the log before any callback runs, and is returned.
    pub(crate) fn write_group(&mut self, ops: Vec<Op>) -> Result<(), LogError> {
        let group = self.begin_group(ops);
        self.finish_group(group)
    }

    /// Writes a group of changes. They are not durable yet, and nobody is told.
    pub(crate) fn begin_group(&mut self, ops: Vec<Op>) -> Group {
        let mut waiting = Vec::with_capacity(ops.len());
        let mut purges = false;
        let mut result = self.parts.shared.check();
        for op in ops {
            purges |= matches!(op.change, Change::Purge(..));
            result = result.and_then(|()| self.place_change(op.change));
            waiting.push(op.done);
        }
        let written = result.and_then(|()| self.write());
        if planted("ack-before-sync") {
            waiting.drain(..).for_each(|done: Durable| done(Ok(())));
        }
        Group { waiting, purges, written }
    }

    /// Makes a group durable and runs its callbacks. Nothing may have been written since it began.
    pub(crate) fn finish_group(&mut self, group: Group) -> Result<(), LogError> {
        let Group { waiting, purges, written } = group;
        let result = written.and_then(|()| self.sync_written()).inspect_err(|error| self.poison(error));
        for done in waiting {
            done(result.as_ref().map_err(LogError::to_io).copied());
        }
        result?;
        self.request_spare();
        if purges && let Err(error) = self.recycle() {
            // What was asked for is durable; whoever comes next learns that the log has failed.
            tracing::error!(%error, "purged log segment not recycled");
            self.poison(&error);
        }
        Ok(())
    }

    fn poison(&self, error: &LogError) {
        self.parts.shared.poison(&error.to_string());
    }

    fn place_change(&mut self, change: Change) -> Result<(), LogError> {
        match change {
            Change::Nothing => Ok(()),
            Change::Append(records) => {
                for (seq, record) in records {
                    let (index, term) = (record.index, record.term);
                    let draft = Draft { kind: Kind::Entry, index, term, payload: record.payload };
                    let offset = self.place(draft)?;
                    self.placed.push(Placed { index, seq, epoch: self.parts.active.epoch, offset });
                    self.parts.next_index = Some(index.saturating_add(1));
                }
                Ok(())
            }
            Change::Meta(kind, bytes) => {
                let (kind, field): (_, fn(&mut Meta) -> &mut Option<Bytes>) = match kind {
                    MetaKind::Vote => (Kind::Vote, |meta| &mut meta.vote),
                    MetaKind::Committed => (Kind::Committed, |meta| &mut meta.committed),
                };
                self.place(Draft { kind, index: 0, term: 0, payload: vec![bytes.clone()] })?;
                *field(&mut self.parts.meta) = Some(bytes);
                Ok(())
            }
            Change::Truncate(from) => {
                self.place(Draft { kind: Kind::Truncate, index: from, term: 0, payload: vec![] })?;
                let kept = self.parts.meta.purged.map_or(0, |(index, _)| index.saturating_add(1));
                self.parts.next_index = self.parts.next_index.map(|next| next.min(from.max(kept)));
                Ok(())
            }
            Change::Purge(index, term) => {
                self.place(Draft { kind: Kind::Purge, index, term, payload: vec![] })?;
                self.parts.meta.purged = Some((index, term));
                self.parts.next_index = self.parts.next_index.max(Some(index.saturating_add(1)));
                Ok(())
            }
        }
    }

    /// Places a record, in a new segment if it must be; what that begins with must not know this record yet.
    fn place(&mut self, draft: Draft) -> Result<u32, LogError> {
        let end = self.parts.active.end + draft.size();
        let full = end > self.parts.options.segment_bytes;
        // A segment that was not made ahead gives way to one that was, rather than grow in the writer's time.
        let outgrown = end > self.parts.active.filled && !self.parts.spares.is_empty();
        if self.has_records && (full || outgrown) {
            self.roll()?;
        }
        self.has_records = true;
        Ok(self.parts.active.place(draft))
    }

    /// Writes what is placed. Does nothing if nothing is.
    fn write(&mut self) -> Result<(), LogError> {
        let active = &mut self.parts.active;
        if !active.has_frames() {
            return Ok(());
        }
        active.write(self.parts.options.segment_bytes).map_err(LogError::io(&active.path))?;
        self.parts.shared.state.write().place(&self.placed);
        self.placed.clear();
        Ok(())
    }

    /// Syncs what is written. Does nothing if nothing is.
    fn sync_written(&mut self) -> Result<(), LogError> {
        let active = &mut self.parts.active;
        if !active.is_unsynced() {
            return Ok(());
        }
        active.file.sync_data().map_err(LogError::io(&active.path))?;
        active.begin_group();
        Ok(())
    }

    /// Seals the active segment and starts the next one.
    fn roll(&mut self) -> Result<(), LogError> {
        self.write()?;
        self.sync_written()?;
        let parts = &mut self.parts;
        let header = SegmentHeader {
            epoch: parts.active.epoch + 1,
            first_index: parts.next_index.unwrap_or(ANY_INDEX),
            previous_end: parts.active.end as u32,
        };
        let spare = parts.spares.take();
        let first = parts.meta.drafts();
        let next = Segment::create(&parts.dir, &spare, header, first, parts.options.segment_bytes)?;
        let open = OpenSegment { file: next.file.clone(), path: next.path.clone() };
        parts.shared.state.write().segments.insert(next.epoch, open);
        let full = std::mem::replace(&mut parts.active, next);
        let Segment { epoch, path, filled, max_index, .. } = full;
        parts.sealed.push_back(Sealed { epoch, path, filled, max_index });
        self.has_records = false;
        self.spare_requested = false;
        Ok(())
    }

    fn request_spare(&mut self) {
        let parts = &mut self.parts;
        if !self.spare_requested && parts.active.end >= parts.active.filled / 2 {
            parts.spares.request();
            self.spare_requested = true;
        }
    }

    /// Makes spares of the oldest segments as long as they hold purged entries only, one after the other so
    /// that a crash cannot leave a hole between segments.
    fn recycle(&mut self) -> Result<(), LogError> {
        let purged = self.parts.meta.purged.map(|(index, _)| index);
        while let Some(oldest) = self.parts.sealed.front().filter(|oldest| oldest.max_index <= purged) {
            self.parts.shared.state.write().segments.remove(&oldest.epoch);
            self.parts.spares.give(&oldest.path, oldest.filled)?;
            self.parts.sealed.pop_front();
        }
        Ok(())
    }
}
