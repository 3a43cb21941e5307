//! Undoing the changes of a multi that failed.

use std::collections::BTreeMap;

use menagerie_types::Zxid;

use super::Tree;
use super::arena::Id;
use super::quota::Quotas;

/// A znode's.
type Data = Option<Box<[u8]>>;

/// How to take back one change.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    Created {
        id: Id,
        parent_cversion: i32,
        parent_pzxid: Zxid,
    },
    /// The znode still stands in the arena.
    Deleted {
        id: Id,
        parent_pzxid: Zxid,
    },
    DataSet {
        id: Id,
        data: Data,
        /// mzxid, mtime, version.
        stat: (Zxid, i64, i32),
    },
}

/// The changes since a multi began.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    pub(super) undo: Vec<Undo>,
    /// As they were, once they have changed.
    pub(super) quotas: Option<Quotas>,
    /// Data of the quotas' znodes, as it was before they changed; `None` for those that were not there.
    pub(super) tracks: BTreeMap<Box<str>, Option<Data>>,
}

impl Tree {
    /// From here on, changes can be taken back.
    pub(crate) fn begin(&mut self) {
        self.journal = Some(Journal::default());
    }

    /// Keeps the changes since [`Self::begin`].
    pub(crate) fn commit(&mut self) {
        for undo in self.journal.take().unwrap_or_default().undo {
            if let Undo::Deleted { id, .. } = undo {
                self.free(id);
            }
        }
    }

    /// Takes back the changes since [`Self::begin`].
    pub(crate) fn rollback(&mut self) {
        let Journal { undo, quotas, .. } = self.journal.take().unwrap_or_default();
        if let Some(quotas) = quotas {
            self.quotas = quotas;
        }
        for undo in undo.into_iter().rev() {
            match undo {
                Undo::Created { id, parent_cversion, parent_pzxid } => {
                    let (path, parent) = (self.path_of(id), self.get(id).parent);
                    self.detach(id, path.len());
                    self.changes.deleted(self.arena.get(id).mark(), &path);
                    self.free(id);
                    self.update_rare(parent, |rare| {
                        (rare.cversion, rare.pzxid) = (parent_cversion, parent_pzxid);
                    });
                }
                Undo::Deleted { id, parent_pzxid } => {
                    let (path, parent) = (self.path_of(id), self.get(id).parent);
                    self.attach(id, path.len());
                    self.changes.restored(&path);
                    self.update_rare(parent, |rare| rare.pzxid = parent_pzxid);
                }
                Undo::DataSet { id, data, stat } => {
                    self.data_bytes -= self.get(id).data_len() as u64;
                    self.put_data(id, data.as_deref(), stat);
                    self.data_bytes += self.get(id).data_len() as u64;
                }
            }
        }
    }

    /// Notes a change if it may have to be taken back.
    pub(super) fn record(&mut self, undo: impl FnOnce() -> Undo) {
        if let Some(journal) = &mut self.journal {
            journal.undo.push(undo());
        }
    }
}
