//! Quotas: which subtrees have one, and what they hold (reference 5.8; ZooKeeper's `DataTree` and `PathTrie`).
//!
//! What a subtree holds stands in the data of its `zookeeper_stats`, which follows every change silently. That data is
//! part of the state like any other: digests cover it, and checkpoints hold it.

use std::collections::BTreeSet;

use menagerie_types::ErrorCode;

use super::Tree;
use super::arena::{Id, NONE};
use super::special::QUOTA;
use super::stats_track::StatsTrack;
use super::znode::Rare;

const LIMITS: &str = "/zookeeper_limits";
const STATS: &str = "/zookeeper_stats";

/// The paths of the subtrees with a quota: those whose `zookeeper_limits` is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotas {
    limited: BTreeSet<Box<str>>,
}

impl Quotas {
    /// The quota that a path falls under: that of the longest path. The root's does not count.
    fn governing<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.limited.is_empty() {
            return None;
        }
        let mut prefix = path;
        while prefix.len() > 1 && !self.limited.contains(prefix) {
            prefix = &prefix[..prefix.rfind('/')?];
        }
        (prefix.len() > 1).then_some(prefix)
    }
}

/// The subtree that one of a quota's two znodes belongs to.
fn quota_of<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    path.strip_prefix(QUOTA)?.strip_suffix(name).filter(|path| path.starts_with('/'))
}

impl Tree {
    /// Refuses what would exceed a hard limit: as of the last transaction, like ZooKeeper, so that the operations of
    /// a multi do not count for one another.
    pub(crate) fn check_quota(&self, path: &str, bytes: i64, count: i64) -> Result<(), ErrorCode> {
        let before = self.journal.as_ref().and_then(|journal| journal.quotas.as_ref());
        let Some(limited) = before.unwrap_or(&self.quotas).governing(path) else { return Ok(()) };
        let Some(limits) = self.track(limited, LIMITS)? else { return Ok(()) };
        let limits = |name| limits.get(name).filter(|limit| *limit > -1);
        let (hard_count, hard_bytes) = (limits("countHardLimit"), limits("byteHardLimit"));
        let counts = count != 0 && (hard_count.is_some() || limits("count").is_some());
        let weighs = bytes != 0 && (hard_bytes.is_some() || limits("bytes").is_some());
        if !counts && !weighs {
            return Ok(());
        }
        let Some(stats) = self.track(limited, STATS)? else { return Ok(()) };
        let exceeds = |limit: Option<i64>, held: i64, more: i64| {
            limit.is_some_and(|limit| held.saturating_add(more) > limit)
        };
        if counts && exceeds(hard_count, stats.count(), count)
            || weighs && exceeds(hard_bytes, stats.bytes(), bytes)
        {
            return Err(ErrorCode::QuotaExceeded);
        }
        Ok(())
    }

    /// One of a quota's two znodes, as of the last transaction. ZooKeeper answers data that makes no sense like a
    /// request that makes none.
    fn track(&self, limited: &str, name: &str) -> Result<Option<StatsTrack>, ErrorCode> {
        let path = format!("{QUOTA}{limited}{name}");
        let before = self.journal.as_ref().and_then(|journal| journal.tracks.get(&*path));
        let data = match before {
            Some(None) => return Ok(None),
            Some(Some(data)) => data.as_deref(),
            None => match self.lookup(&path) {
                Some(id) => self.get(id).data(),
                None => return Ok(None),
            },
        };
        let track = data.and_then(StatsTrack::parse).ok_or(ErrorCode::MarshallingError)?;
        Ok(Some(track))
    }

    /// A znode is there that has not been: its subtree may have a quota from now on.
    pub(crate) fn note_quota(&mut self, path: &str) {
        if let Some(limited) = quota_of(path, LIMITS) {
            self.keep_quotas();
            self.quotas.limited.insert(limited.into());
        }
    }

    /// A multi that fails has to have them back.
    fn keep_quotas(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.quotas.get_or_insert_with(|| self.quotas.clone());
        }
    }

    /// A multi is about to change a znode, or has made (`None`) or deleted it: if it is one of a quota's, checks go by
    /// what it was.
    pub(super) fn keep_track(&mut self, path: &str, before: Option<Id>) {
        let Some(journal) = &mut self.journal else { return };
        let is_track = quota_of(path, LIMITS).or(quota_of(path, STATS)).is_some();
        if is_track && !journal.tracks.contains_key(path) {
            let data = before.map(|id| self.arena.get(id).data().map(Into::into));
            journal.tracks.insert(path.into(), data);
        }
    }

    /// The same, where the path is not at hand.
    pub(super) fn keep_track_of(&mut self, id: Id) {
        let name = self.get(id).name();
        if self.journal.is_some() && [LIMITS, STATS].iter().any(|track| track.as_bytes()[1..] == *name) {
            self.keep_track(&self.path_of(id), Some(id));
        }
    }

    /// A znode was created.
    pub(super) fn count_created(&mut self, id: Id, path: &str) {
        let data_len = self.get(id).data_len();
        self.keep_track(path, None);
        self.note_quota(path);
        if let Some(limited) = quota_of(path, STATS) {
            let (count, bytes) = self.held(limited);
            self.set_silently(id, &StatsTrack::of(count, bytes));
        }
        if let Some(limited) = self.quotas.governing(path) {
            self.adjust(limited, data_len as i64, 1);
        }
    }

    /// A znode with so much data was deleted.
    pub(super) fn count_deleted(&mut self, id: Id, path: &str, data_len: usize) {
        self.keep_track(path, Some(id));
        if let Some(limited) = quota_of(path, LIMITS) {
            self.keep_quotas();
            self.quotas.limited.remove(limited);
        }
        if let Some(limited) = self.quotas.governing(path) {
            self.adjust(limited, -(data_len as i64), -1);
        }
    }

    /// A znode's data was set, and is so much longer.
    pub(super) fn count_set(&mut self, id: Id, bytes: i64) {
        if self.quotas.limited.is_empty() {
            return;
        }
        let path = self.path_of(id);
        if let Some(limited) = self.quotas.governing(&path) {
            self.adjust(limited, bytes, 0);
        }
    }

    /// Stats that make no sense stay as they are.
    fn adjust(&mut self, limited: &str, bytes: i64, count: i64) {
        let Some(id) = self.lookup(&format!("{QUOTA}{limited}{STATS}")) else { return };
        if let Some(mut stats) = self.get(id).data().and_then(StatsTrack::parse) {
            stats.add(count, bytes);
            self.set_silently(id, &stats);
        }
    }

    /// The number of znodes from `path` on down, and of bytes of their data.
    fn held(&self, path: &str) -> (i64, i64) {
        let (mut count, mut bytes) = (0, 0);
        let mut todo: Vec<Id> = self.lookup(path).into_iter().collect();
        while let Some(id) = todo.pop() {
            let node = self.get(id);
            count += 1;
            bytes += node.data_len() as i64;
            let mut child = node.rare().first_child;
            while child != NONE {
                todo.push(child);
                child = self.get(child).next;
            }
        }
        (count, bytes)
    }

    /// Replaces data and nothing else.
    fn set_silently(&mut self, id: Id, stats: &StatsTrack) {
        let Rare { mzxid, mtime, version, .. } = self.get(id).rare();
        self.replace_data(id, Some(stats.to_string().as_bytes()), (mzxid, mtime, version));
    }
}
