//! What a link has missed while it was somewhere else, or nowhere.

use std::collections::{HashMap, HashSet, VecDeque};

use menagerie_proto::tree_store::{LinkHello, LinkItem};
use menagerie_tree::State;
use menagerie_types::{EventType, WatchKind, WatchKinds, Zxid};

use super::history::Block;
use super::{LinkKey, Links};

/// Events that a link's watches have missed.
pub(super) struct Missed {
    /// In order, each with the transaction before whose result it is due.
    pub(super) events: VecDeque<(Zxid, LinkItem)>,
    /// False when persistent watches may have missed more.
    pub(super) complete: bool,
}

impl Links {
    /// Registers the caller's watches as of its zxid, lets fire what has happened since, and gives the events.
    pub(super) fn resume_watches(&mut self, key: LinkKey, state: &State, hello: &LinkHello) -> Missed {
        if hello.watches.is_empty() {
            return Missed { events: VecDeque::new(), complete: true };
        }
        let since = state.events_since(hello.zxid);
        if since.is_none() && hello.zxid < state.zxid() {
            return self.resume_by_state(key, state, hello);
        }
        for (kind, path) in &hello.watches {
            self.watches.insert(key, path, *kind);
        }
        let mut events = VecDeque::new();
        for (zxid, event, path, acl) in since.into_iter().flatten() {
            if self.watches.fire_for(key, path, event) {
                events
                    .push_back((zxid, LinkItem::Event { zxid, event, path: path.into(), acl: acl.cloned() }));
            }
        }
        Missed { events, complete: true }
    }

    /// Without the history, the znodes tell what one-shot watches have missed: an event is told once for each path, and
    /// takes all the kinds with it that it fires, as it would have when it happened. Of persistent watches they tell nothing.
    fn resume_by_state(&mut self, key: LinkKey, state: &State, hello: &LinkHello) -> Missed {
        let mut events = VecDeque::new();
        let mut fired: HashMap<&str, WatchKinds> = HashMap::new();
        let mut told: HashSet<(&str, EventType)> = HashSet::new();
        let mut waiting: Vec<(WatchKind, &str)> = Vec::new();
        for (kind, path) in &hello.watches {
            let Some(event) = state.missed(*kind, path, hello.zxid) else {
                waiting.push((*kind, path));
                continue;
            };
            fired.entry(path).or_default().0 |= WatchKinds::fired_by(event).0;
            if told.insert((path, event)) {
                let (zxid, path) = (state.zxid(), path.as_str().into());
                // Which of them it was is not known: it comes before all results.
                events.push_back((hello.zxid, LinkItem::Event { zxid, event, path, acl: None }));
            }
        }
        let mut complete = true;
        for (kind, path) in waiting {
            let stays = WatchKinds::PERSISTENT.contains(kind);
            complete &= !stays;
            if stays || !fired.get(path).is_some_and(|kinds| kinds.contains(kind)) {
                self.watches.insert(key, path, kind);
            }
        }
        Missed { events, complete }
    }

    /// Results and events as they would have come over a link that stood all the time.
    pub(super) fn deliver_missed(
        &mut self,
        key: LinkKey,
        mut events: VecDeque<(Zxid, LinkItem)>,
        results: Vec<Block>,
    ) {
        let result = |Block { first_seq, count, frames }| LinkItem::Results { first_seq, count, frames };
        for block in results {
            let mut rest = Some(block);
            while let Some((zxid, _)) = events.front()
                && let Some(block) = rest.take()
            {
                let (before, after) = block.split_before(*zxid);
                before.into_iter().for_each(|block| self.push(key, result(block)));
                rest = after;
                if rest.is_some()
                    && let Some((_, event)) = events.pop_front()
                {
                    self.push(key, event);
                }
            }
            rest.into_iter().for_each(|block| self.push(key, result(block)));
        }
        for (_, event) in events {
            self.push(key, event);
        }
    }
}
