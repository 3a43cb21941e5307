//! The last changes, for watches whose clients or gateways were away.

use std::collections::VecDeque;

use bytes::Bytes;
use menagerie_types::{EventType, Zxid};

use crate::ops::{Change, ChangeKind, parent_path};

/// What is kept unless something else is set.
const LEN_MAX_DEFAULT: usize = 16 << 20;
/// The window moves in steps of this part of itself, or of this much if that is less.
const SEGMENTS: usize = 16;
const SEGMENT_LEN_MAX: usize = 1 << 20;
/// Of an index into a segment's ACLs, and of a [`ChangeKind`], within [`Row::code`].
const ACL_BITS: u32 = 15;
const KIND_BITS: u32 = 2;

/// The last changes of znodes, oldest first, as many as fit. Appending copies the path and, as a rule, allocates
/// nothing: the oldest segment becomes the newest.
///
/// No part of the state that replicas share: how far it reaches back differs, and a clone has none of it.
#[derive(Debug)]
pub(crate) struct EventHistory {
    len_max: usize,
    len: usize,
    segments: VecDeque<Segment>,
    spare: Segment,
    /// Everything after this is there.
    floor: Zxid,
}

#[derive(Debug, Default)]
struct Segment {
    /// The changes' paths, one after the other.
    paths: String,
    rows: Vec<Row>,
    /// ACLs that rows refer to, by their position plus 1.
    acls: Vec<Bytes>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    zxid: Zxid,
    path_end: u32,
    /// Kind, number of the znode's ACL, number of the parent's; 0 for an ACL that everybody may read by.
    code: u32,
}

/// Events as [`crate::State::events_since`] gives them.
type Event<'a> = (Zxid, EventType, &'a str, Option<&'a Bytes>);

impl EventHistory {
    /// Empty: it reaches back to `floor`.
    pub(crate) fn new(floor: Zxid) -> Self {
        Self { len_max: LEN_MAX_DEFAULT, len: 0, segments: VecDeque::new(), spare: Segment::default(), floor }
    }

    /// Keeps at most `len_max` bytes from now on; with 0, nothing. `now` is the state's zxid.
    pub(crate) fn set_len_max(&mut self, len_max: usize, now: Zxid) {
        if self.len_max == 0 || len_max == 0 {
            *self = Self::new(now);
        }
        self.len_max = len_max;
        self.shrink();
    }

    /// Appends a change. Their zxids never fall.
    pub(crate) fn record(&mut self, zxid: Zxid, change: &Change<'_>) {
        if self.len_max == 0 {
            return;
        }
        let segment_len = (self.len_max / SEGMENTS).min(SEGMENT_LEN_MAX);
        if self.segments.back().is_none_or(|last| last.is_full(segment_len)) {
            self.segments.push_back(std::mem::take(&mut self.spare));
        }
        if let Some(last) = self.segments.back_mut() {
            self.len += last.push(zxid, change);
        }
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.len > self.len_max
            && let Some(mut oldest) = self.segments.pop_front()
        {
            self.len -= oldest.len;
            self.floor = oldest.last();
            oldest.clear();
            self.spare = oldest;
        }
    }

    /// The events after `zxid`, in the order in which they happened; `None` if some of them may be forgotten.
    pub(crate) fn since(&self, zxid: Zxid) -> Option<impl Iterator<Item = Event<'_>>> {
        if self.len_max == 0 || zxid < self.floor {
            return None;
        }
        let first = self.segments.partition_point(|segment| segment.last() <= zxid);
        Some(self.segments.range(first..).flat_map(move |segment| segment.since(zxid)))
    }
}

/// A clone starts over: what came before is not there.
impl Clone for EventHistory {
    fn clone(&self) -> Self {
        let floor = self.segments.back().map_or(self.floor, Segment::last);
        Self { len_max: self.len_max, ..Self::new(floor) }
    }
}

impl Segment {
    fn is_full(&self, len_max: usize) -> bool {
        // One row more may refer to two lists more.
        self.len >= len_max || self.acls.len() + 2 >= 1 << ACL_BITS
    }

    /// The last row's; the floor of what follows.
    fn last(&self) -> Zxid {
        self.rows.last().map_or(Zxid(0), |row| row.zxid)
    }

    fn clear(&mut self) {
        self.paths.clear();
        self.rows.clear();
        self.acls.clear();
        self.len = 0;
    }

    /// Returns by how much it has grown.
    fn push(&mut self, zxid: Zxid, change: &Change<'_>) -> usize {
        let before = self.len;
        let (acl, parent_acl) = (self.acl_number(&change.acl), self.acl_number(&change.parent_acl));
        self.paths.push_str(&change.path);
        let code = (parent_acl << ACL_BITS | acl) << KIND_BITS | change.kind as u32;
        self.rows.push(Row { zxid, path_end: self.paths.len() as u32, code });
        self.len += change.path.len() + size_of::<Row>();
        self.len - before
    }

    /// Lists repeat, and most often those that were used last.
    fn acl_number(&mut self, acl: &Option<Bytes>) -> u32 {
        let Some(acl) = acl else { return 0 };
        let recent = self.acls.iter().enumerate().rev().take(8);
        if let Some((at, _)) = recent.into_iter().find(|(_, other)| *other == acl) {
            return at as u32 + 1;
        }
        self.acls.push(acl.clone());
        self.len += acl.len() + size_of::<Bytes>();
        self.acls.len() as u32
    }

    fn acl(&self, code: u32) -> Option<&Bytes> {
        let number = (code & ((1 << ACL_BITS) - 1)) as usize;
        self.acls.get(number.checked_sub(1)?)
    }

    fn since(&self, zxid: Zxid) -> impl Iterator<Item = Event<'_>> {
        let first = self.rows.partition_point(|row| row.zxid <= zxid);
        (first..self.rows.len()).flat_map(|at| self.events(at)).flatten()
    }

    /// The events of one change.
    fn events(&self, at: usize) -> [Option<Event<'_>>; 2] {
        let row = self.rows[at];
        let start = at.checked_sub(1).map_or(0, |before| self.rows[before].path_end as usize);
        let path = &self.paths[start..row.path_end as usize];
        let own = self.acl(row.code >> KIND_BITS);
        let parents = self.acl(row.code >> (KIND_BITS + ACL_BITS));
        let on_parent = Some((row.zxid, EventType::NodeChildrenChanged, parent_path(path), parents));
        match ChangeKind::from_code(row.code) {
            ChangeKind::Created => [Some((row.zxid, EventType::NodeCreated, path, own)), on_parent],
            ChangeKind::Deleted => [Some((row.zxid, EventType::NodeDeleted, path, own)), on_parent],
            ChangeKind::DataSet => [Some((row.zxid, EventType::NodeDataChanged, path, own)), None],
        }
    }
}
