//! What persistent watches have missed, from the history.

use std::collections::{HashMap, HashSet};

use bytes::{Bytes, BytesMut};
use menagerie_jute::{AclList, Reader, SetWatches2, notification};
use menagerie_types::{EventType, WatchKind, WatchKinds, Zxid, perms};

use crate::State;
use crate::acl::permits;
use crate::ops::parent_path;

/// Bytes of events that one setWatches2 gets; who has missed more gets nothing, as from ZooKeeper.
const LEN_MAX: usize = 8 << 20;
/// Bytes of an event's frame without its path.
const FRAME_LEN: usize = 32;

/// Events to tell again, in order.
#[derive(Default)]
pub(super) struct Replay<'a> {
    events: Vec<(Zxid, EventType, &'a str)>,
    /// What they fire at their own paths.
    fired: HashMap<&'a str, WatchKinds>,
}

impl State {
    /// What the request's persistent watches have missed since and the caller may know; nothing if the history does
    /// not reach back so far.
    pub(super) fn replay(&self, request: &SetWatches2<'_>, since: Zxid, auth: &[u8]) -> Replay<'_> {
        let mut replay = Replay::default();
        if request.persistent.is_empty() && request.persistent_recursive.is_empty() {
            return replay;
        }
        let Some(events) = self.events_since(since) else { return replay };
        let at: HashSet<&str> = request.persistent.iter().copied().collect();
        let below: HashSet<&str> = request.persistent_recursive.iter().copied().collect();
        let mut len = 0;
        for (zxid, event, path, acl) in events {
            let is_watched = at.contains(path)
                || event != EventType::NodeChildrenChanged
                    && !below.is_empty()
                    && above(path).any(|path| below.contains(path));
            if !is_watched || !may_know(acl, auth) {
                continue;
            }
            len += FRAME_LEN + path.len();
            if len > LEN_MAX {
                return Replay::default();
            }
            replay.events.push((zxid, event, path));
            let fired = replay.fired.entry(path).or_default();
            *fired = fired.union(WatchKinds::fired_by(event));
        }
        replay
    }
}

impl Replay<'_> {
    /// Does one of the events fire such a watch?
    pub(super) fn fires(&self, kind: WatchKind, path: &str) -> bool {
        self.fired.get(path).is_some_and(|fired| fired.contains(kind))
    }

    pub(super) fn append(&self, out: &mut BytesMut) {
        for (zxid, event, path) in &self.events {
            notification(out, zxid.0, *event, path);
        }
    }
}

/// The path, and those of all znodes above it up to the root.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| (*path != "/").then(|| parent_path(path)))
}

fn may_know(acl: Option<&Bytes>, auth: &[u8]) -> bool {
    let Some(acl) = acl else { return true };
    let list = AclList::decode(&mut Reader::new(acl)).ok().flatten();
    list.is_some_and(|list| permits(&list, auth, perms::READ))
}
