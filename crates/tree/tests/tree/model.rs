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
    /// A container or a TTL znode, by its flags.
    mode: i32,
}

/// ms to live of all TTL znodes.
pub const TTL: i64 = 5;

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
            nodes.insert(
                path.to_owned(),
                Node { data: Vec::new(), stat, created_children: 0, hidden: false, mode: 0 },
            );
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
        let before = self.clone();
        self.run_in(&before, op, when)
    }

    /// `before`: the state as of the last transaction, which quotas are checked against.
    fn run_in(&mut self, before: &Self, op: &Op, when: When) -> Result<Option<String>, ErrorCode> {
        match op {
            Op::Create { path, flags, data, hidden } => {
                let path = self.create(before, (path, *flags, data, *hidden), when)?;
                self.event(EventType::NodeCreated, &path, when.zxid);
                self.event(EventType::NodeChildrenChanged, &parent(&path)?, when.zxid);
                Ok(Some(path))
            }
            Op::Delete { path, version } => self.delete(path, *version, when.zxid).map(|()| None),
            Op::Set { path, data, version } => {
                let old_len = self.existing(path, -1)?.data.len();
                before.check_quota(path, data.len() as i64 - old_len as i64, 0)?;
                let node = self.existing(path, *version)?;
                node.data = data.clone();
                node.stat.version += 1;
                (node.stat.mzxid, node.stat.mtime) = (when.zxid, when.time_ms);
                self.event(EventType::NodeDataChanged, path, when.zxid);
                self.account(path, data.len() as i64 - old_len as i64, 0);
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
        before: &Self,
        (path, flags, data, hidden): (&str, i32, &[u8], bool),
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
        before.check_quota(&path, data.len() as i64, 1)?;
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
        self.nodes.insert(
            path.clone(),
            Node { data: data.to_vec(), stat, created_children: 0, hidden, mode: flags },
        );
        self.recount(&path);
        self.account(&path, data.len() as i64, 1);
        Ok(path)
    }

    fn delete(&mut self, path: &str, version: i32, zxid: Zxid) -> Result<(), ErrorCode> {
        if ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"].contains(&path) {
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
        let len = self.nodes.remove(path).expect("it is there").data.len();
        self.account(path, -(len as i64), -1);
        let parent = parent(path).expect("all but the root have one");
        self.event(EventType::NodeChildrenChanged, &parent, zxid);
        self.nodes.get_mut(&parent).expect("a parent").stat.pzxid = zxid;
    }

    /// All or nothing; gives the position of the culprit.
    pub fn multi(&mut self, ops: &[Op], when: When) -> Result<(), (usize, ErrorCode)> {
        let mut copy = self.clone();
        for (at, op) in ops.iter().enumerate() {
            copy.run_in(self, op, when).map_err(|error| (at, error))?;
        }
        *self = copy;
        Ok(())
    }

    /// Containers and TTL znodes that are due.
    pub fn due(&self, now_ms: i64, max_never_used_ms: i64) -> BTreeSet<String> {
        let is_due = |path: &str, node: &Node| {
            let age = now_ms - node.stat.mtime;
            let is_unused = max_never_used_ms != 0 && age > max_never_used_ms;
            self.children(path).is_empty()
                && match node.mode {
                    4 => node.created_children > 0 || is_unused,
                    5 | 6 => age > TTL,
                    _ => false,
                }
        };
        let due = self.nodes.iter().filter(|(path, node)| is_due(path, node));
        due.map(|(path, _)| path.clone()).collect()
    }

    /// What a reaper's delete does.
    pub fn reap(&mut self, path: &str, when: When) -> bool {
        let is_due = self.due(when.time_ms, -1).contains(path);
        if is_due {
            self.remove(path, when.zxid);
        }
        is_due
    }

    /// The subtree with the quota that the path falls under.
    fn quota(&self, path: &str) -> Option<String> {
        let limited = self
            .nodes
            .keys()
            .filter_map(|limits| limits.strip_prefix("/zookeeper/quota")?.strip_suffix("/zookeeper_limits"));
        let is_below = |limited: &&str| path == *limited || path.starts_with(&format!("{limited}/"));
        limited
            .filter(|limited| !limited.is_empty())
            .filter(is_below)
            .max_by_key(|l| l.len())
            .map(str::to_owned)
    }

    fn check_quota(&self, path: &str, bytes: i64, count: i64) -> Result<(), ErrorCode> {
        let Some(limited) = self.quota(path) else { return Ok(()) };
        let limits =
            self.numbers(&format!("/zookeeper/quota{limited}/zookeeper_limits")).ok_or(MarshallingError)?;
        let limit = |name: &str| limits.get(name).copied().unwrap_or(-1);
        let counts = count != 0 && limit("count").max(limit("countHardLimit")) > -1;
        let weighs = bytes != 0 && limit("bytes").max(limit("byteHardLimit")) > -1;
        let stats = format!("/zookeeper/quota{limited}/zookeeper_stats");
        if !(counts || weighs) || !self.nodes.contains_key(&stats) {
            return Ok(());
        }
        let stats = self.numbers(&stats).ok_or(MarshallingError)?;
        let exceeds =
            |hard: i64, held: &str, more: i64| hard > -1 && stats.get(held).unwrap_or(&-1) + more > hard;
        let too_many = counts && exceeds(limit("countHardLimit"), "count", count);
        let too_much = weighs && exceeds(limit("byteHardLimit"), "bytes", bytes);
        if too_many || too_much { Err(QuotaExceeded) } else { Ok(()) }
    }

    fn numbers(&self, path: &str) -> Option<BTreeMap<String, i64>> {
        let text = String::from_utf8(self.nodes.get(path)?.data.clone()).ok()?;
        let pairs = text.split([',', ';']).filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                pair.split_once('=')
                    .and_then(|(name, n)| Some((name.to_owned(), n.trim_end_matches('=').parse().ok()?)))
            })
            .collect()
    }

    /// A znode's data and the znode itself came or went.
    fn account(&mut self, path: &str, bytes: i64, count: i64) {
        let Some(limited) = self.quota(path) else { return };
        let stats = format!("/zookeeper/quota{limited}/zookeeper_stats");
        let Some(mut numbers) = self.numbers(&stats) else { return };
        *numbers.entry("count".into()).or_insert(-1) += count;
        *numbers.entry("bytes".into()).or_insert(-1) += bytes;
        let mut text = format!("count={},bytes={}", numbers["count"], numbers["bytes"]);
        numbers.retain(|name, _| name != "count" && name != "bytes");
        let others: Vec<_> = numbers.iter().map(|(name, number)| format!(";{name}={number}")).collect();
        if !others.is_empty() {
            text += &format!("={}", others.concat());
        }
        self.nodes.get_mut(&stats).expect("just read").data = text.into_bytes();
    }

    /// A new `zookeeper_stats` is told what is there.
    fn recount(&mut self, path: &str) {
        let counted =
            path.strip_prefix("/zookeeper/quota").and_then(|path| path.strip_suffix("/zookeeper_stats"));
        let Some(counted) = counted.filter(|counted| !counted.is_empty()) else { return };
        let below = format!("{counted}/");
        let held = self.nodes.iter().filter(|(path, _)| *path == counted || path.starts_with(&below));
        let lens: Vec<_> = held.map(|(_, node)| node.data.len()).collect();
        let text = format!("count={},bytes={}", lens.len(), lens.iter().sum::<usize>());
        self.nodes.get_mut(path).expect("just created").data = text.into_bytes();
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
