//! Which commands of which proposer have been applied.

use std::collections::BTreeMap;

use menagerie_types::command::ChunkHeader;
use menagerie_types::mutation::planted;
use menagerie_types::{IncarnationId, Zxid};

use crate::row_hash::row_hash;

/// Proposers that are remembered.
pub(crate) const INCARNATIONS_MAX: usize = 4096;

/// What is known of one proposer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Incarnation {
    /// Number of its last command.
    pub(crate) last_seq: u64,
    /// The state's transaction after its last chunk: who has been silent longest is forgotten first.
    pub(crate) last_zxid: Zxid,
}

/// What becomes of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Commands from this number on are new; there may be none.
    From(u64),
    /// Commands from this number on are missing.
    Refused(u64),
    /// As `From(1)`, of a proposer that must be registered.
    Unknown,
}

/// The table of proposers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incarnations {
    rows: BTreeMap<IncarnationId, Incarnation>,
    digest: u64,
}

impl Incarnations {
    pub(crate) fn get(&self, id: IncarnationId) -> Option<&Incarnation> {
        self.rows.get(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = IncarnationId> {
        self.rows.keys().copied()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn admit(&self, header: &ChunkHeader) -> Admission {
        match self.rows.get(&header.incarnation) {
            None if header.first_seq == 1 => Admission::Unknown,
            None => Admission::Refused(1),
            Some(row) if header.first_seq <= row.last_seq && planted("skip-dedup") => {
                Admission::From(header.first_seq)
            }
            Some(row) if header.first_seq <= row.last_seq + 1 => Admission::From(row.last_seq + 1),
            Some(row) => Admission::Refused(row.last_seq + 1),
        }
    }

    /// Whom to forget before another can be registered: of those who own no session, else of all, the one that has
    /// been silent longest.
    pub(crate) fn victim(&self, owns_sessions: impl Fn(IncarnationId) -> bool) -> Option<IncarnationId> {
        if self.rows.len() < INCARNATIONS_MAX {
            return None;
        }
        self.rows.iter().min_by_key(|(id, row)| (owns_sessions(**id), row.last_zxid, **id)).map(|(id, _)| *id)
    }

    pub(crate) fn set(&mut self, id: IncarnationId, row: Incarnation) {
        self.remove(id);
        self.load(id, row);
    }

    pub(crate) fn remove(&mut self, id: IncarnationId) {
        if let Some(row) = self.rows.remove(&id) {
            self.digest = self.digest.wrapping_sub(hash(id, &row));
        }
    }

    pub(crate) fn load(&mut self, id: IncarnationId, row: Incarnation) {
        self.digest = self.digest.wrapping_add(hash(id, &row));
        self.rows.insert(id, row);
    }
}

pub(crate) fn hash(id: IncarnationId, row: &Incarnation) -> u64 {
    row_hash(b'i', &[id.0, row.last_seq, row.last_zxid.0 as u64])
}
