//! What the state machine must do, written as plainly as possible: a map of paths, everything else searched for.

use std::collections::{BTreeMap, BTreeSet};

use menagerie_types::ErrorCode::{self, *};
use menagerie_types::{CreateMode, EventType, SessionId, Stat, Zxid, path};

/// A write of one znode. Everybody may do everything.
#[derive(Clone, Debug)]
pub enum Op {
    Create { path: String, flags: i32, data: Vec<u8>, hidden: bool },
    Delete { path: String, version: i32 },
    Set { path: String, data: Vec<u8>, version: i32 },
    Check { path: String, version: i32 },
}

#[derive(Clone, Debug)]
pub struct Node {
    pub data: Vec<u8>,
    /// Without what is searched for.
    stat: Stat,
    created_children: i32,
    /// Not everybody may read it.
    hidden: bool,
}

/// An event, and whether not everybody may be told.
pub type Event = (Zxid, EventType, String, bool);

#[derive(Clone, Debug)]
pub struct Model {
    pub nodes: BTreeMap<String, Node>,
    pub sessions: BTreeSet<SessionId>,
    /// All that ever happened.
    pub events: Vec<Event>,
}

/// When, and on behalf of whom.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub zxid: Zxid,
    pub time_ms: i64,
    pub session: SessionId,
}

impl Model {
    pub fn new() -> Self {
        let mut nodes = BTreeMap::new();
        for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"] {
            let aversion = if path.ends_with("config") { -1 } else { 0 };
            let stat = Stat { aversion, ..Stat::default() };
            nodes
                .insert(path.to_owned(), Node { data: Vec::new(), stat, created_children: 0, hidden: false });
        }
        Self { nodes, sessions: BTreeSet::new(), events: Vec::new() }
    }

    pub fn children(&self, path: &str) -> Vec<String> {
        let names =
            self.nodes.keys().filter_map(|other| path::split(other)).filter(|(parent, _)| *parent == path);
        names.map(|(_, name)| name.to_owned()).collect()
    }

    pub fn stat(&self, path: &str) -> Stat {
        let node = &self.nodes[path];
        let num_children = self.children(path).len() as i32;
        let data_length = node.data.len() as i32;
        Stat { num_children, data_length, cversion: node.created_children * 2 - num_children, ..node.stat }
    }

    /// Gives the path made, if any.
    pub fn run(&mut self, op: &Op, when: When) -> Result<Option<String>, ErrorCode> {
        match op {
            Op::Create { path, flags, data, hidden } => {
                let path = self.create(path, *flags, data, *hidden, when)?;
                self.event(EventType::NodeCreated, &path, when.zxid);
                self.event(EventType::NodeChildrenChanged, &parent(&path)?, when.zxid);
                Ok(Some(path))
            }
            Op::Delete { path, version } => self.delete(path, *version, when.zxid).map(|()| None),
            Op::Set { path, data, version } => {
                let node = self.existing(path, *version)?;
                node.data = data.clone();
                node.stat.version += 1;
                (node.stat.mzxid, node.stat.mtime) = (when.zxid, when.time_ms);
                self.event(EventType::NodeDataChanged, path, when.zxid);
                Ok(None)
            }
            Op::Check { path, version } => self.existing(path, *version).map(|_| None),
        }
    }

    fn event(&mut self, event: EventType, path: &str, zxid: Zxid) {
        self.events.push((zxid, event, path.to_owned(), self.nodes[path].hidden));
    }

    fn existing(&mut self, path: &str, version: i32) -> Result<&mut Node, ErrorCode> {
        path::validate(path).map_err(|_| BadArguments)?;
        let node = self.nodes.get_mut(path).ok_or(NoNode)?;
        if version != -1 && version != node.stat.version { Err(BadVersion) } else { Ok(node) }
    }

    fn create(
        &mut self,
        path: &str,
        flags: i32,
        data: &[u8],
        hidden: bool,
        when: When,
    ) -> Result<String, ErrorCode> {
        let mode = CreateMode::from_flags(flags).ok_or(BadArguments)?;
        if mode.is_ephemeral() && when.session == SessionId::NONE {
            return Err(SessionExpired);
        }
        let parent = parent(path)?;
        let counter = self.nodes.get(&parent).ok_or(NoNode)?.created_children;
        let path = if mode.is_sequential() { format!("{path}{counter:010}") } else { path.to_owned() };
        path::validate(&path).map_err(|_| BadArguments)?;
        if self.nodes.contains_key(&path) {
            return Err(NodeExists);
        }
        let above = self.nodes.get_mut(&parent).ok_or(NoNode)?;
        if above.stat.ephemeral_owner != SessionId::NONE {
            return Err(NoChildrenForEphemerals);
        }
        above.created_children += 1;
        above.stat.pzxid = when.zxid;
        let stat = Stat {
            czxid: when.zxid,
            mzxid: when.zxid,
            pzxid: when.zxid,
            ctime: when.time_ms,
            mtime: when.time_ms,
            ephemeral_owner: if mode.is_ephemeral() { when.session } else { SessionId::NONE },
            ..Stat::default()
        };
        self.nodes.insert(path.clone(), Node { data: data.to_vec(), stat, created_children: 0, hidden });
        Ok(path)
    }

    fn delete(&mut self, path: &str, version: i32, zxid: Zxid) -> Result<(), ErrorCode> {
        if path == "/" || path.starts_with("/zookeeper") {
            return Err(BadArguments);
        }
        let parent = parent(path)?;
        let node = self.nodes.get(&parent).and_then(|_| self.nodes.get(path)).ok_or(NoNode)?;
        if version != -1 && version != node.stat.version {
            return Err(BadVersion);
        }
        if !self.children(path).is_empty() {
            return Err(NotEmpty);
        }
        self.remove(path, zxid);
        Ok(())
    }

    fn remove(&mut self, path: &str, zxid: Zxid) {
        self.event(EventType::NodeDeleted, path, zxid);
        self.nodes.remove(path);
        let parent = parent(path).expect("all but the root have one");
        self.event(EventType::NodeChildrenChanged, &parent, zxid);
        self.nodes.get_mut(&parent).expect("a parent").stat.pzxid = zxid;
    }

    /// All or nothing; gives the position of the culprit.
    pub fn multi(&mut self, ops: &[Op], when: When) -> Result<(), (usize, ErrorCode)> {
        let mut copy = self.clone();
        for (at, op) in ops.iter().enumerate() {
            copy.run(op, when).map_err(|error| (at, error))?;
        }
        *self = copy;
        Ok(())
    }

    pub fn end_session(&mut self, session: SessionId, zxid: Zxid) {
        self.sessions.remove(&session);
        let owned = self.nodes.iter().filter(|(_, node)| node.stat.ephemeral_owner == session);
        for path in owned.map(|(path, _)| path.clone()).collect::<Vec<_>>() {
            self.remove(&path, zxid);
        }
    }
}

fn parent(path: &str) -> Result<String, ErrorCode> {
    match path.rfind('/').ok_or(BadArguments)? {
        0 => Ok("/".to_owned()),
        slash => Ok(path[..slash].to_owned()),
    }
}
