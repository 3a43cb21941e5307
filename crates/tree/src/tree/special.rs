//! The znodes that are always there (reference 2.3).

use menagerie_jute::{AclList, Reader, write};
use menagerie_types::{Acl, Zxid};
use xxhash_rust::xxh3::xxh3_64;

use super::Tree;
use super::arena::NONE;
use super::znode::{Rare, Start};
use crate::acl::FixedAcl;

pub(crate) const QUOTA: &str = "/zookeeper/quota";
pub(crate) const CONFIG: &str = "/zookeeper/config";

/// How many there are.
pub(crate) const COUNT: u64 = 4;

/// Can never be deleted.
pub(crate) fn is_special(path: &str) -> bool {
    matches!(path, "/" | "/zookeeper" | QUOTA | CONFIG)
}

impl Tree {
    /// Makes the znode at `path` what it is in another tree, but for its children. Does nothing unless it is in both.
    pub(crate) fn adopt(&mut self, path: &str, other: &Tree) {
        let (Some(id), Some(theirs)) = (self.lookup(path), other.lookup(path)) else { return };
        let theirs = other.get(theirs);
        if let Some(list) = other.acls.list(theirs.acl()) {
            self.set_node_acl(id, &FixedAcl::stored(&list));
        }
        let before = self.get(id).data_len() as u64;
        self.update(id, |arena| {
            arena.put_data(id, theirs.data());
            let Rare { owner, first_child, num_children, .. } = arena.get(id).rare();
            arena.slot_mut(id).set_created(theirs.czxid(), theirs.ctime());
            arena.set_rare(id, Rare { owner, first_child, num_children, ..theirs.rare() });
        });
        self.data_bytes = self.data_bytes + theirs.data_len() as u64 - before;
    }

    /// The special znodes and nothing else.
    pub(crate) fn new() -> Self {
        let mut tree = Self::empty();
        for path in ["/", "/zookeeper", QUOTA] {
            tree.add_special(path, FixedAcl::stored(&AclList::open()), 0);
        }
        let mut encoded = bytes::BytesMut::new();
        write::acl_vec(&mut encoded, &[Acl::read_only()]);
        if let Ok(Some(read_only)) = AclList::decode(&mut Reader::new(&encoded)) {
            tree.add_special(CONFIG, FixedAcl::stored(&read_only), -1);
        }
        tree
    }

    /// These are not counted as created children of their parents, hence the negative cversions.
    fn add_special(&mut self, path: &str, acl: FixedAcl<'_>, aversion: i32) {
        let (parent, name) = menagerie_types::path::split(path).unwrap_or(("", ""));
        let id = self.arena.insert(&Start {
            parent: self.lookup(parent).unwrap_or(NONE),
            name,
            path_hash: xxh3_64(path.as_bytes()),
            data: Some(&[]),
            acl: self.acls.acquire(&acl),
            owner: 0,
            zxid: Zxid(0),
            time_ms: 0,
        });
        self.arena.set_rare(id, Rare { aversion, ..self.get(id).rare() });
        self.attach(id, path.len());
        self.changes.created(id, self.arena.slot_mut(id), path);
    }
}
