//! From records back to a state.

use menagerie_jute::{AclList, Reader};
use menagerie_types::path;
use xxhash_rust::xxh3::xxh3_64;

use super::record::{self, Key};
use super::{CheckpointError, Meta};
use crate::State;
use crate::acl::{AclId, FixedAcl};
use crate::history::EventHistory;
use crate::tree::znode::{Rare, Start};
use crate::tree::{Tree, arena};

/// No more memory is taken on the strength of a hint than for so many.
const EXPECTED_MAX: u64 = 1 << 26;
/// Their slots, 6 KiB, are still in the nearest cache when they are indexed.
const UNINDEXED_MAX: usize = 128;

/// Rebuilds a state from the records of a checkpoint, given in the order of their keys.
#[derive(Clone, Debug)]
pub struct Loader {
    state: State,
    last_key: Vec<u8>,
    /// The last znode's parent and ACL: its neighbour in the order of the paths as a rule has the same.
    last_parent: Option<(String, arena::Id)>,
    last_acl: Option<(Vec<u8>, AclId)>,
    /// Znodes that are in their place, but not in the index: they go there together.
    unindexed: Vec<arena::Id>,
}

impl Loader {
    pub(crate) fn new() -> Self {
        Self {
            state: State::empty(),
            last_key: Vec::new(),
            last_parent: None,
            last_acl: None,
            unindexed: Vec::with_capacity(UNINDEXED_MAX),
        }
    }

    /// Makes room for the znodes that are to come. Only a hint.
    pub fn expect(&mut self, znodes: u64) {
        self.state.tree.reserve(znodes.min(EXPECTED_MAX));
    }

    /// Takes one record, whole and in order.
    pub fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), CheckpointError> {
        self.load(key, value).map_err(|reason| CheckpointError::record(key, reason))
    }

    fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if key <= &self.last_key[..] {
            return Err("out of order");
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        let body = record::open(key, value)?;
        let malformed = "malformed";
        match Key::decode(key).ok_or("unknown key")? {
            Key::Incarnation(id) => {
                let row = record::read_incarnation(body).ok_or(malformed)?;
                self.state.incarnations.load(id, row);
            }
            Key::Ensemble => self.state.ensemble = record::read_replica(body).ok_or(malformed)?,
            Key::Lease => self.state.lease = record::read_lease(body).ok_or(malformed)?,
            Key::Znode(path) => self.load_znode(path, body)?,
            Key::Registration(role, id) => {
                let row = record::read_registration(body).ok_or(malformed)?;
                self.state.directory.insert((role, id), row);
            }
            Key::Replica(id) => {
                let checkpoint = record::read_replica(body).ok_or(malformed)?;
                self.state.replicas.insert(id, checkpoint);
            }
            Key::Session(id) => {
                let session = record::read_session(body).ok_or(malformed)?;
                self.state.sessions.insert(id, session);
            }
        }
        Ok(())
    }

    fn load_znode(&mut self, path: &str, body: &[u8]) -> Result<(), &'static str> {
        let fields = record::read_znode(body).ok_or("malformed")?;
        path::validate(path).map_err(|_| "invalid path")?;
        let (parent, name) = match path::split(path) {
            Some((parent, name)) => (self.parent(parent)?, name),
            None => (arena::NONE, ""),
        };
        let acl = self.acl(fields.acl)?;
        let tree = &mut self.state.tree;
        let [czxid, mzxid, pzxid] = fields.zxids;
        let [ctime, mtime] = fields.times;
        let [version, cversion, aversion] = fields.versions;
        let id = tree.arena.insert(&Start {
            parent,
            name,
            path_hash: xxh3_64(path.as_bytes()),
            data: fields.data,
            acl,
            owner: fields.owner,
            zxid: czxid,
            time_ms: ctime,
        });
        let first = tree.get(id).rare();
        tree.arena.set_rare(id, Rare { mzxid, mtime, pzxid, version, cversion, aversion, ..first });
        tree.attach_unindexed(id, path.len());
        tree.note_quota(path);
        self.unindexed.push(id);
        if self.unindexed.len() == UNINDEXED_MAX {
            self.index();
        }
        Ok(())
    }

    fn index(&mut self) {
        self.state.tree.index_all(&self.unindexed);
        self.unindexed.clear();
    }

    fn parent(&mut self, path: &str) -> Result<arena::Id, &'static str> {
        match &self.last_parent {
            Some((last, id)) if last == path => Ok(*id),
            _ => {
                self.index();
                let id = self.state.tree.lookup(path).ok_or("no parent")?;
                self.last_parent = Some((path.to_owned(), id));
                Ok(id)
            }
        }
    }

    /// Counts one more znode with this list.
    fn acl(&mut self, encoded: &[u8]) -> Result<AclId, &'static str> {
        let acls = &mut self.state.tree.acls;
        match &self.last_acl {
            Some((last, id)) if last == encoded => Ok(acls.share(*id)),
            _ => {
                let list =
                    AclList::decode(&mut Reader::new(encoded)).ok().flatten().ok_or("malformed acl")?;
                let id = acls.acquire(&FixedAcl::stored(&list));
                self.last_acl = Some((encoded.to_vec(), id));
                Ok(id)
            }
        }
    }

    /// The state, if the records add up to `meta`.
    pub fn finish(mut self, meta: &Meta) -> Result<State, CheckpointError> {
        self.index();
        let mut state = self.state;
        let tree: &Tree = &state.tree;
        if tree.lookup("/").is_none() {
            return Err(CheckpointError::Mismatch("no root"));
        }
        if tree.ephemeral_owners().any(|owner| state.sessions.get(owner).is_none()) {
            return Err(CheckpointError::Mismatch("an ephemeral without its session"));
        }
        (state.index, state.time_ms, state.zxid) = (meta.index, meta.time_ms, meta.zxid);
        state.history = EventHistory::new(meta.zxid);
        let found = state.meta();
        if (found.znodes, found.sessions, found.incarnations, found.replicas)
            != (meta.znodes, meta.sessions, meta.incarnations, meta.replicas)
        {
            return Err(CheckpointError::Mismatch("number of records"));
        }
        if found.digest != meta.digest {
            return Err(CheckpointError::Mismatch("digest"));
        }
        Ok(state)
    }
}
