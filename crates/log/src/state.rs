//! What readers see: where every entry lies, the recent payloads, the open segments.

use crate::{FsFile, LogError};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

/// Charged per cached record and per payload part beside the bytes themselves.
const CACHE_OVERHEAD: usize = 64;
const PART_OVERHEAD: usize = 32;

/// Where an entry lies. Epoch 0: not written yet, so it is in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub term: u64,
    pub epoch: u64,
    pub offset: u32,
    pub len: u32,
}

/// A recent payload. `seq` tells an entry from a later one with the same index.
struct Cached {
    seq: u64,
    payload: Vec<Bytes>,
    charge: usize,
}

/// An open segment for readers.
#[derive(Clone)]
pub(crate) struct OpenSegment {
    pub file: Arc<dyn FsFile>,
    pub path: PathBuf,
}

/// Where the writer put an entry.
pub(crate) struct Placed {
    pub index: u64,
    pub seq: u64,
    pub epoch: u64,
    pub offset: u32,
}

/// Shared between the owner, the writer and the readers.
pub(crate) struct Shared {
    pub state: RwLock<State>,
}

impl Shared {
    /// Poisons the log for good; the first reason stays.
    pub(crate) fn poison(&self, reason: &str) {
        self.state.write().poisoned.get_or_insert_with(|| reason.to_string());
    }

    pub(crate) fn check(&self) -> Result<(), LogError> {
        self.state.read().check()
    }
}

/// The log's index and cache. The cache holds the last `cache.len()` of the entries.
pub(crate) struct State {
    lo: u64,
    slots: VecDeque<Slot>,
    cache: VecDeque<Cached>,
    cache_bytes: usize,
    cache_bytes_max: usize,
    next_seq: u64,
    purged: Option<(u64, u64)>,
    pub segments: BTreeMap<u64, OpenSegment>,
    poisoned: Option<String>,
}

impl State {
    pub(crate) fn new(cache_bytes_max: usize) -> State {
        State {
            lo: 0,
            slots: VecDeque::new(),
            cache: VecDeque::new(),
            cache_bytes: 0,
            cache_bytes_max,
            next_seq: 0,
            purged: None,
            segments: BTreeMap::new(),
            poisoned: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), LogError> {
        match &self.poisoned {
            Some(reason) => Err(LogError::Poisoned(reason.clone())),
            None => Ok(()),
        }
    }

    pub(crate) fn purged(&self) -> Option<(u64, u64)> {
        self.purged
    }

    /// First entry that can be read.
    pub(crate) fn first_index(&self) -> Option<u64> {
        (!self.slots.is_empty()).then_some(self.lo)
    }

    pub(crate) fn last(&self) -> Option<(u64, u64)> {
        match self.slots.back() {
            Some(slot) => Some((self.lo + self.slots.len() as u64 - 1, slot.term)),
            None => self.purged,
        }
    }

    /// The index that must come next; any may if the log is empty and was never purged.
    pub(crate) fn next_index(&self) -> Option<u64> {
        self.last().map(|(index, _)| index + 1)
    }

    pub(crate) fn slot(&self, index: u64) -> Option<Slot> {
        self.slots.get(usize::try_from(index.checked_sub(self.lo)?).ok()?).copied()
    }

    pub(crate) fn term_of(&self, index: u64) -> Option<u64> {
        match self.purged {
            Some((purged, term)) if purged == index => Some(term),
            _ => self.slot(index).map(|slot| slot.term),
        }
    }

    pub(crate) fn cached(&self, index: u64) -> Option<&[Bytes]> {
        self.cached_at(index).map(|at| self.cache[at].payload.as_slice())
    }

    fn cached_at(&self, index: u64) -> Option<usize> {
        let cache_lo = self.lo + (self.slots.len() - self.cache.len()) as u64;
        let at = usize::try_from(index.checked_sub(cache_lo)?).ok()?;
        (at < self.cache.len()).then_some(at)
    }

    /// Adds an entry that is still to be written; the caller has checked that it follows. Returns its `seq`.
    pub(crate) fn push(&mut self, index: u64, term: u64, payload: &[Bytes]) -> u64 {
        let len: usize = payload.iter().map(Bytes::len).sum();
        let charge = len + CACHE_OVERHEAD + PART_OVERHEAD * payload.len();
        self.next_seq += 1;
        self.push_slot(index, Slot { term, epoch: 0, offset: 0, len: len as u32 });
        self.cache.push_back(Cached { seq: self.next_seq, payload: payload.to_vec(), charge });
        self.cache_bytes += charge;
        self.next_seq
    }

    /// Adds an entry found on disk. Only while nothing is cached yet.
    pub(crate) fn push_slot(&mut self, index: u64, slot: Slot) {
        if self.slots.is_empty() {
            self.lo = index;
        }
        self.slots.push_back(slot);
    }

    /// Drops all entries from `index` on.
    pub(crate) fn truncate_from(&mut self, index: u64) {
        let keep = usize::try_from(index.saturating_sub(self.lo)).unwrap_or(usize::MAX);
        while self.slots.len() > keep {
            self.slots.pop_back();
            if let Some(cached) = self.cache.pop_back() {
                self.cache_bytes -= cached.charge;
            }
        }
    }

    /// Drops all entries up to `index`.
    pub(crate) fn purge(&mut self, index: u64, term: u64) {
        while self.lo <= index && !self.slots.is_empty() {
            if self.cache.len() == self.slots.len() {
                self.evict_first();
            }
            self.slots.pop_front();
            self.lo += 1;
        }
        self.purged = Some((index, term));
    }

    /// Notes where entries were written, which frees the cache to drop them. Entries voided meanwhile are
    /// passed over.
    pub(crate) fn place(&mut self, placed: &[Placed]) {
        for place in placed {
            let Some(at) = self.cached_at(place.index) else { continue };
            if self.cache[at].seq == place.seq {
                let slot = &mut self.slots[(place.index - self.lo) as usize];
                slot.epoch = place.epoch;
                slot.offset = place.offset;
            }
        }
        self.evict();
    }

    fn evict(&mut self) {
        while self.cache_bytes > self.cache_bytes_max {
            let first = self.slots.len() - self.cache.len();
            match self.slots.get(first) {
                Some(slot) if slot.epoch != 0 => self.evict_first(),
                _ => break,
            }
        }
    }

    fn evict_first(&mut self) {
        if let Some(cached) = self.cache.pop_front() {
            self.cache_bytes -= cached.charge;
        }
    }

    #[cfg(test)]
    pub(crate) fn cache_bytes(&self) -> usize {
        self.cache_bytes
    }
}
