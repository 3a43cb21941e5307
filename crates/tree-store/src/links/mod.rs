//! All links of a replica: who watches what, who waits for what, whose results are kept.
//!
//! Guarded by one lock, taken after the state's. What is pushed while both are held stands in the order of the log.

mod effects;
mod history;
mod placed;
mod resume;
mod watches;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::BytesMut;
use menagerie_link::Proposer;
use menagerie_proto::tree_store::{Lease, LinkHello, LinkItem, LinkQueue, SessionInfo};
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_tree::State;
use menagerie_types::{IncarnationId, LogIndex, SessionId, WatchKind, WatchKinds, Zxid};

use effects::Run;
use history::ResultHistory;
use placed::PlacedReads;
pub(crate) use watches::LinkKey;
use watches::WatchTable;

/// Waits of all links together; callers ask for one index at a time, so this is far from what is needed.
const AWAITING_MAX: usize = 1 << 16;

/// One link as the replica sees it.
#[derive(Debug)]
struct Link {
    incarnation: IncarnationId,
    queue: Arc<LinkQueue>,
    follows_sessions: bool,
    placed: PlacedReads,
    /// The last transaction of which it was told that there is nothing more up to it.
    told: Zxid,
    /// Something was pushed since the last wake.
    touched: bool,
}

/// The links of a replica.
pub(crate) struct Links {
    links: HashMap<LinkKey, Link>,
    by_incarnation: HashMap<IncarnationId, LinkKey>,
    last_key: u64,
    watches: WatchTable,
    history: ResultHistory,
    awaiting: Vec<(LogIndex, LinkKey)>,
    followers: Vec<LinkKey>,
    touched: Vec<LinkKey>,
    /// The links an event fires at; kept for its memory.
    fired: Vec<LinkKey>,
    /// Reply frames that were not handed on yet.
    replies: BytesMut,
    run: Option<Run>,
    /// The replica's own proposals (registrations): their results end here.
    own: Proposer,
}

impl Links {
    pub(crate) fn new(result_bytes_max: usize, own: Proposer) -> Self {
        Self {
            links: HashMap::new(),
            by_incarnation: HashMap::new(),
            last_key: 0,
            watches: WatchTable::default(),
            history: ResultHistory::new(result_bytes_max),
            awaiting: Vec::new(),
            followers: Vec::new(),
            touched: Vec::new(),
            fired: Vec::new(),
            replies: BytesMut::new(),
            run: None,
            own,
        }
    }

    /// Opens a link at the state as it is now. The caller holds the state's lock, so that nothing happens in between.
    /// An older link of the same incarnation ends.
    pub(crate) fn open(
        &mut self,
        state: &State,
        hello: &LinkHello,
    ) -> ServiceResult<(LinkKey, Arc<LinkQueue>)> {
        let last_seq = state.last_seq(hello.incarnation).unwrap_or(0);
        let results = self.history.after(hello.incarnation, hello.acked_seq, last_seq).ok_or_else(|| {
            let (have, want) = (last_seq, hello.acked_seq + 1);
            ServiceError::HistoryGone(format!("results {want} to {have} are no longer all here"))
        })?;
        if let Some(older) = self.by_incarnation.get(&hello.incarnation).copied() {
            self.close(older, ServiceError::Unavailable("replaced by a newer link".into()));
        }
        let key = self.add(hello);
        let missed = self.resume_watches(key, state, hello);
        self.greet(key, state, (hello.follow_sessions, missed.complete));
        self.deliver_missed(key, missed.events, results);
        if let Some(expected_seq) = self.history.refused(hello.incarnation) {
            self.push(key, LinkItem::Refused { expected_seq });
        }
        let queue = Arc::clone(&self.links[&key].queue);
        Ok((key, queue))
    }

    fn add(&mut self, hello: &LinkHello) -> LinkKey {
        self.last_key += 1;
        let key = LinkKey(self.last_key);
        let link = Link {
            incarnation: hello.incarnation,
            queue: Arc::default(),
            follows_sessions: hello.follow_sessions,
            placed: PlacedReads::default(),
            told: Zxid(0),
            touched: false,
        };
        if hello.follow_sessions {
            self.followers.push(key);
        }
        self.links.insert(key, link);
        self.by_incarnation.insert(hello.incarnation, key);
        key
    }

    fn greet(&mut self, key: LinkKey, state: &State, (follow_sessions, events_complete): (bool, bool)) {
        let owned = self.links.get(&key).map(|link| state.owned_by(link.incarnation).collect());
        let owned = owned.unwrap_or_default();
        let (index, zxid) = (state.index(), state.zxid());
        self.push(key, LinkItem::Start { index, zxid, owned, events_complete });
        self.push(key, LinkItem::Lease(lease(&state.lease())));
        if follow_sessions {
            let sessions = state.sessions().map(|(id, session)| session_info(id, &session)).collect();
            self.push(key, LinkItem::Sessions(sessions));
        }
    }

    /// Registers what a read asked for. The caller holds the state's lock since before the read.
    pub(crate) fn watch(&mut self, key: LinkKey, watches: &[(WatchKind, Box<str>)]) {
        if self.links.contains_key(&key) {
            for (kind, path) in watches {
                self.watches.insert(key, path, *kind);
            }
        }
    }

    pub(crate) fn unwatch(&mut self, key: LinkKey, path: &str, kinds: WatchKinds) {
        self.watches.remove(key, path, kinds);
    }

    /// One `Applied` for the link once `index` is reached. The caller holds the state's lock.
    pub(crate) fn await_applied(&mut self, key: LinkKey, index: LogIndex, state: &State) {
        if !self.links.contains_key(&key) {
            return;
        }
        if self.awaiting.len() >= AWAITING_MAX {
            self.close(key, ServiceError::Overloaded("too many waits for an index".into()));
            return;
        }
        self.awaiting.push((index, key));
        self.tell_applied(state.index(), state.zxid());
    }

    /// Tells the links whose index is reached.
    pub(crate) fn tell_applied(&mut self, index: LogIndex, zxid: Zxid) {
        let mut at = 0;
        while at < self.awaiting.len() {
            if self.awaiting[at].0 <= index {
                let (_, key) = self.awaiting.remove(at);
                self.push(key, LinkItem::Applied { index, zxid });
            } else {
                at += 1;
            }
        }
    }

    /// Tells every link how far the replica is. Whoever hears of nothing that concerns it must be able to say so when it
    /// links again: it would fall behind what replicas remember.
    pub(crate) fn tell_progress(&mut self, index: LogIndex, zxid: Zxid) {
        let behind = self.links.iter().filter(|(_, link)| link.told < zxid).map(|(key, _)| *key);
        for key in behind.collect::<Vec<_>>() {
            self.push(key, LinkItem::Applied { index, zxid });
        }
    }

    /// Lets go what was pushed since the last time, as a whole, and hands out the queues concerned, to be woken
    /// without any lock.
    pub(crate) fn drain_touched(&mut self, queues: &mut Vec<Arc<LinkQueue>>) {
        for key in self.touched.drain(..) {
            if let Some(link) = self.links.get_mut(&key) {
                link.touched = false;
                link.queue.commit();
                queues.push(Arc::clone(&link.queue));
            }
        }
    }

    /// The caller's end was dropped.
    pub(crate) fn remove(&mut self, key: LinkKey) {
        let Some(link) = self.links.remove(&key) else { return };
        if self.by_incarnation.get(&link.incarnation) == Some(&key) {
            self.by_incarnation.remove(&link.incarnation);
        }
        self.watches.remove_link(key);
        self.awaiting.retain(|(_, waiting)| *waiting != key);
        self.followers.retain(|follower| *follower != key);
    }

    /// Ends a link from this side.
    fn close(&mut self, key: LinkKey, error: ServiceError) {
        if let Some(link) = self.links.get(&key) {
            link.queue.commit();
            link.queue.close(error);
        }
        self.remove(key);
    }

    /// Ends every link.
    pub(crate) fn close_all(&mut self, error: &ServiceError) {
        for key in self.links.keys().copied().collect::<Vec<_>>() {
            self.close(key, error.clone());
        }
    }

    /// Forgets the results of incarnations that the state has forgotten.
    pub(crate) fn sweep_history(&mut self, state: &State) {
        self.history.retain(|incarnation| state.last_seq(incarnation).is_some());
    }

    /// Forgets all results: the state was replaced by one that is further.
    pub(crate) fn clear_history(&mut self) {
        self.history.clear();
    }

    /// Links, registered watches, bytes of results kept.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.links.len(), self.watches.len(), self.history.bytes())
    }

    fn push(&mut self, key: LinkKey, item: LinkItem) {
        let Some(link) = self.links.get_mut(&key) else { return };
        if let LinkItem::Start { zxid, .. } | LinkItem::Applied { zxid, .. } = &item {
            link.told = *zxid;
        }
        link.queue.stage(item);
        if !link.touched {
            link.touched = true;
            self.touched.push(key);
        }
    }
}

fn lease(lease: &menagerie_tree::Lease) -> Lease {
    Lease { epoch: lease.epoch, holder: lease.holder, ttl_ms: lease.ttl_ms }
}

fn session_info(session: SessionId, row: &menagerie_tree::Session) -> SessionInfo {
    SessionInfo { session, timeout_ms: row.timeout_ms, password: row.password, owner: row.owner }
}

#[cfg(test)]
mod tests;
