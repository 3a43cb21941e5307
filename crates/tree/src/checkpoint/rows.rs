//! Which rows of the small tables have changed since the last checkpoint.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, NodeId, SessionId};

use super::record::{self, Key};
use super::{Record, put_record, take_record};
use crate::State;

/// A row of a table other than the tree's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowKey {
    Incarnation(IncarnationId),
    Ensemble,
    Lease,
    Registration(Role, NodeId),
    Replica(NodeId),
    Session(SessionId),
}

/// What a record of most rows takes.
const RECORD_BYTES: usize = 96;

/// Changed rows. They are few, so the records of a checkpoint are made at its begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowChanges {
    changed: BTreeSet<RowKey>,
    pending: BTreeSet<RowKey>,
    /// Encoded one after the other, without a value where the row goes: in memory of their own, each would leave a hole in
    /// the heap.
    records: Bytes,
}

impl RowChanges {
    pub(crate) fn mark(&mut self, row: RowKey) {
        self.changed.insert(row);
    }

    pub(crate) fn abort(&mut self) {
        self.changed.append(&mut self.pending);
        self.records = Bytes::new();
    }

    pub(crate) fn stored(&mut self) {
        if !self.is_unfinished() {
            self.pending = BTreeSet::new();
        }
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        !self.records.is_empty()
    }

    pub(crate) fn slice(&mut self, max: usize, out: &mut Vec<Record>) {
        let mut rest = &self.records[..];
        for _ in 0..max {
            let Some((key, value)) = take_record(&mut rest) else { break };
            out.push((key.to_vec(), (!value.is_empty()).then(|| value.to_vec())));
        }
        // Memory goes with the last of it.
        self.records = if rest.is_empty() { Bytes::new() } else { self.records.slice_ref(rest) };
    }
}

impl State {
    pub(super) fn mark_all_rows(&mut self) {
        let incarnations = self.incarnations.ids().map(RowKey::Incarnation);
        let sessions = self.sessions.iter().map(|(id, _)| RowKey::Session(id));
        let replicas = self.replicas.keys().map(|id| RowKey::Replica(*id));
        let directory = self.directory.keys().map(|(role, id)| RowKey::Registration(*role, *id));
        let tables = incarnations.chain(sessions).chain(replicas).chain(directory);
        for row in tables.chain([RowKey::Ensemble, RowKey::Lease]) {
            self.rows.mark(row);
        }
    }

    pub(super) fn begin_rows(&mut self) {
        let changed = std::mem::take(&mut self.rows.changed);
        let mut records = BytesMut::with_capacity(changed.len() * RECORD_BYTES);
        for row in &changed {
            let (key, value) = self.row_record(*row);
            put_record(&mut records, &key, value.as_deref().unwrap_or_default());
        }
        self.rows.records = records.freeze();
        self.rows.pending = changed;
    }

    /// The row as it is, or its deletion.
    fn row_record(&self, row: RowKey) -> Record {
        let (key, record) = match row {
            RowKey::Incarnation(id) => {
                (Key::Incarnation(id), self.incarnations.get(id).map(|row| record::incarnation(id, row)))
            }
            RowKey::Ensemble => (Key::Ensemble, Some(record::ensemble(self.ensemble))),
            RowKey::Lease => (Key::Lease, Some(record::lease(&self.lease))),
            RowKey::Registration(role, id) => {
                let row = self.directory.get(&(role, id));
                (Key::Registration(role, id), row.map(|row| record::registration(role, id, row)))
            }
            RowKey::Replica(id) => {
                (Key::Replica(id), self.replicas.get(&id).map(|at| record::replica(id, *at)))
            }
            RowKey::Session(id) => {
                (Key::Session(id), self.sessions.get(id).map(|row| record::session(id, row)))
            }
        };
        record.unwrap_or_else(|| (key.encode(), None))
    }
}
