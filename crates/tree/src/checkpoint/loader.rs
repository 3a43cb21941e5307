//! From records back to a state.

use menagerie_jute::{AclList, Reader};
use menagerie_types::path;
use xxhash_rust::xxh3::xxh3_64;

use super::record::{self, Key};
use super::{CheckpointError, Meta};
use crate::State;
use crate::acl::FixedAcl;
use crate::history::EventHistory;
use crate::tree::znode::{Znode, data_crc};
use crate::tree::{Tree, arena};

/// Rebuilds a state from the records of a checkpoint, given in the order of their keys.
#[derive(Clone, Debug)]
pub struct Loader {
    state: State,
    last_key: Vec<u8>,
}

impl Loader {
    pub(crate) fn new() -> Self {
        Self { state: State::empty(), last_key: Vec::new() }
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
        let tree = &mut self.state.tree;
        let (parent, name) = match path::split(path) {
            Some((parent, name)) => (tree.lookup(parent).ok_or("no parent")?, name),
            None => (arena::NONE, ""),
        };
        let list = AclList::decode(&mut Reader::new(fields.acl)).ok().flatten().ok_or("malformed acl")?;
        let [czxid, mzxid, pzxid] = fields.zxids;
        let [ctime, mtime] = fields.times;
        let [version, cversion, aversion] = fields.versions;
        let node = Znode {
            name: crate::tree::Name::new(name),
            data: fields.data.map(Into::into),
            path_hash: xxh3_64(path.as_bytes()),
            czxid,
            mzxid,
            pzxid,
            ctime,
            mtime,
            owner: fields.owner,
            parent,
            first_child: arena::NONE,
            next: arena::NONE,
            prev: arena::NONE,
            num_children: 0,
            cversion,
            version,
            aversion,
            acl: tree.acls.acquire(&FixedAcl::stored(&list)),
            data_crc: data_crc(fields.data),
            dirty: 0,
            fresh: 0,
        };
        let id = tree.arena.insert(node);
        tree.attach(id, path.len());
        tree.note_quota(path);
        Ok(())
    }

    /// The state, if the records add up to `meta`.
    pub fn finish(self, meta: &Meta) -> Result<State, CheckpointError> {
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
