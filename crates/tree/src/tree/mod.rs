//! The znodes: where they are kept, and the few changes that everything is made of.
//!
//! Each change keeps the digest, the counts and the list of what the next checkpoint must hold, and, inside a multi,
//! the journal that undoes it. Whether a change is allowed is judged in [`crate::ops`].

pub(crate) mod arena;
mod bodies;
mod change;
mod free;
mod index;
mod journal;
mod quota;
mod reap;
mod slab;
pub(crate) mod special;
mod stats_track;
pub(crate) mod znode;

use std::collections::BTreeSet;

use menagerie_types::{ErrorCode, SessionId, Zxid};
use xxhash_rust::xxh3::xxh3_64;

use crate::acl::{AclTable, FixedAcl};
use crate::checkpoint::Changes;
use arena::{Arena, Id, NONE};
use index::PathIndex;
use journal::Journal;
use quota::Quotas;
use reap::Reapable;
use znode::Znode;

/// The root's slot: the first.
pub(crate) const ROOT: Id = 0;

/// All znodes.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) arena: Arena,
    index: PathIndex,
    pub(crate) acls: AclTable,
    ephemerals: BTreeSet<(SessionId, Id)>,
    reapable: Reapable,
    pub(crate) quotas: Quotas,
    pub(crate) changes: Changes,
    digest: u64,
    data_bytes: u64,
    journal: Option<Journal>,
}

/// What a new znode starts with.
pub(crate) struct NewZnode<'a> {
    pub(crate) parent: Id,
    pub(crate) path: &'a str,
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) acl: FixedAcl<'a>,
    pub(crate) owner: i64,
    pub(crate) zxid: Zxid,
    pub(crate) time_ms: i64,
}

impl Tree {
    /// Without even a root, for a loader.
    pub(crate) fn empty() -> Self {
        Self {
            arena: Arena::new(),
            index: PathIndex::new(),
            acls: AclTable::new(),
            ephemerals: BTreeSet::new(),
            reapable: Reapable::default(),
            quotas: Quotas::default(),
            changes: Changes::new(),
            digest: 0,
            data_bytes: 0,
            journal: None,
        }
    }

    /// Makes room in the index for so many znodes.
    pub(crate) fn reserve(&mut self, znodes: u64) {
        self.index.reserve(znodes, |id| self.arena.get(id).path_hash());
    }

    /// What the znodes add to the digest of the state.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Bytes of paths and data.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.data_bytes
    }

    pub(crate) fn ephemeral_count(&self) -> u64 {
        self.ephemerals.len() as u64
    }

    /// A session's ephemerals, in no particular order.
    pub(crate) fn ephemerals(&self, session: SessionId) -> impl Iterator<Item = Id> {
        self.ephemerals.range((session, 0)..=(session, Id::MAX)).map(|(_, id)| *id)
    }

    /// The sessions that own ephemerals, each once.
    pub(crate) fn ephemeral_owners(&self) -> impl Iterator<Item = SessionId> {
        let mut last = None;
        self.ephemerals
            .iter()
            .filter_map(move |(owner, _)| (last.replace(*owner) != Some(*owner)).then_some(*owner))
    }

    pub(crate) fn get(&self, id: Id) -> Znode<'_> {
        self.arena.get(id)
    }

    /// The znode at exactly this path, which need not be a valid one.
    pub(crate) fn lookup(&self, path: &str) -> Option<Id> {
        let hash = xxh3_64(path.as_bytes());
        self.index.find(hash, |id| self.get(*id).path_hash() == hash && self.is_path_of(*id, path.as_bytes()))
    }

    /// As [`Self::lookup`], for reads: they find the root under an empty path, too.
    pub(crate) fn find(&self, path: &str) -> Option<Id> {
        if path.is_empty() { Some(ROOT) } else { self.lookup(path) }
    }

    /// As [`Self::lookup`], with the error that most operations give.
    pub(crate) fn require(&self, path: &str) -> Result<Id, ErrorCode> {
        self.lookup(path).ok_or(ErrorCode::NoNode)
    }

    fn is_path_of(&self, mut id: Id, path: &[u8]) -> bool {
        if id == ROOT {
            return path == b"/";
        }
        let mut rest = path;
        while id != ROOT {
            let node = self.get(id);
            match rest.strip_suffix(node.name()).and_then(|rest| rest.strip_suffix(b"/")) {
                Some(shorter) => rest = shorter,
                None => return false,
            }
            id = node.parent;
        }
        rest.is_empty()
    }

    /// The znode's path.
    pub(crate) fn path_of(&self, mut id: Id) -> String {
        if id == ROOT {
            return "/".to_owned();
        }
        let mut names = Vec::new();
        while id != ROOT {
            let node = self.get(id);
            names.push(node.name());
            id = node.parent;
        }
        let mut path = String::with_capacity(names.iter().map(|name| name.len() + 1).sum());
        for name in names.iter().rev() {
            path.push('/');
            path.push_str(&String::from_utf8_lossy(name));
        }
        path
    }

    /// The children, in no particular order.
    pub(crate) fn children(&self, id: Id) -> impl Iterator<Item = Znode<'_>> {
        let mut next = self.get(id).rare().first_child;
        std::iter::from_fn(move || {
            let child = (next != NONE).then(|| self.get(next))?;
            next = child.next;
            Some(child)
        })
    }

    /// Number of znodes below this one.
    pub(crate) fn descendants(&self, id: Id) -> u64 {
        if id == ROOT {
            return self.arena.len() - 1;
        }
        let mut count = 0;
        let mut parents = vec![id];
        while let Some(parent) = parents.pop() {
            let mut child = self.get(parent).rare().first_child;
            while child != NONE {
                count += 1;
                let node = self.get(child);
                if node.rare().first_child != NONE {
                    parents.push(child);
                }
                child = node.next;
            }
        }
        count
    }

    /// May the caller do one of the `wanted` things to the znode?
    pub(crate) fn authorize(&self, id: Id, auth: &[u8], wanted: i32) -> Result<(), ErrorCode> {
        match self.acls.allows(self.get(id).acl(), auth, wanted) {
            true => Ok(()),
            false => Err(ErrorCode::NoAuth),
        }
    }
}
