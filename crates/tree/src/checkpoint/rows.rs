//! Which rows of the small tables have changed since the last checkpoint.

use std::collections::BTreeSet;

use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, NodeId, SessionId};

use super::Record;
use super::record::{self, Key};
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

/// Changed rows. They are few, so the records of a checkpoint are made at its begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowChanges {
    changed: BTreeSet<RowKey>,
    pending: BTreeSet<RowKey>,
    records: std::collections::VecDeque<Record>,
}

impl RowChanges {
    pub(crate) fn mark(&mut self, row: RowKey) {
        self.changed.insert(row);
    }

    pub(crate) fn abort(&mut self) {
        self.changed.append(&mut self.pending);
        self.records.clear();
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        !self.records.is_empty()
    }

    pub(crate) fn slice(&mut self, max: usize, out: &mut Vec<Record>) {
        out.extend(self.records.drain(..max.min(self.records.len())));
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
        self.rows.records = changed.iter().map(|row| self.row_record(*row)).collect();
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
