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
    /// From this length on, the newest segment is full.
    segment_len: usize,
    newest: Segment,
    /// Those before it, and how long they are together.
    full: VecDeque<Segment>,
    full_len: usize,
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
        Self {
            len_max: LEN_MAX_DEFAULT,
            segment_len: segment_len(LEN_MAX_DEFAULT),
            newest: Segment::default(),
            full: VecDeque::new(),
            full_len: 0,
            spare: Segment::default(),
            floor,
        }
    }

    /// Keeps about `len_max` bytes from now on; with 0, nothing. `now` is the state's zxid.
    pub(crate) fn set_len_max(&mut self, len_max: usize, now: Zxid) {
        if self.len_max == 0 || len_max == 0 {
            *self = Self::new(now);
        }
        (self.len_max, self.segment_len) = (len_max, segment_len(len_max));
        self.shrink();
    }

    /// What was set.
    pub(crate) fn len_max(&self) -> usize {
        self.len_max
    }

    /// Appends a change. Their zxids never fall.
    #[inline]
    pub(crate) fn record(&mut self, zxid: Zxid, change: &Change<'_>) {
        if self.len_max == 0 {
            return;
        }
        if self.newest.is_full(self.segment_len) {
            self.turn();
        }
        self.newest.push(zxid, change);
    }

    /// Starts another segment.
    fn turn(&mut self) {
        let full = std::mem::take(&mut self.newest);
        self.full_len += full.len;
        self.full.push_back(full);
        self.shrink();
        self.newest = std::mem::take(&mut self.spare);
    }

    /// Leaves room for the newest segment.
    fn shrink(&mut self) {
        while self.full_len + self.segment_len > self.len_max
            && let Some(mut oldest) = self.full.pop_front()
        {
            self.full_len -= oldest.len;
            self.floor = oldest.last().unwrap_or(self.floor);
            oldest.clear();
            self.spare = oldest;
        }
    }

    /// The events after `zxid`, in the order in which they happened; `None` if some of them may be forgotten.
    pub(crate) fn since(&self, zxid: Zxid) -> Option<impl Iterator<Item = Event<'_>>> {
        if self.len_max == 0 || zxid < self.floor {
            return None;
        }
        let first = self.full.partition_point(|segment| segment.last() <= Some(zxid));
        let segments = self.full.range(first..).chain([&self.newest]);
        Some(segments.flat_map(move |segment| segment.since(zxid)))
    }
}

fn segment_len(len_max: usize) -> usize {
    (len_max / SEGMENTS).min(SEGMENT_LEN_MAX)
}

/// A clone starts over: what came before is not there.
impl Clone for EventHistory {
    fn clone(&self) -> Self {
        let last = self.newest.last().or(self.full.back().and_then(Segment::last));
        let (len_max, segment_len) = (self.len_max, self.segment_len);
        Self { len_max, segment_len, ..Self::new(last.unwrap_or(self.floor)) }
    }
}

impl Segment {
    fn is_full(&self, segment_len: usize) -> bool {
        // One row more may refer to two lists more.
        self.len >= segment_len && !self.rows.is_empty() || self.acls.len() + 2 >= 1 << ACL_BITS
    }

    /// The last row's; the floor of what follows.
    fn last(&self) -> Option<Zxid> {
        self.rows.last().map(|row| row.zxid)
    }

    fn clear(&mut self) {
        self.paths.clear();
        self.rows.clear();
        self.acls.clear();
        self.len = 0;
    }

    fn push(&mut self, zxid: Zxid, change: &Change<'_>) {
        let (acl, parent_acl) = (self.acl_number(&change.acl), self.acl_number(&change.parent_acl));
        self.paths.push_str(&change.path);
        let code = (parent_acl << ACL_BITS | acl) << KIND_BITS | change.kind as u32;
        self.rows.push(Row { zxid, path_end: self.paths.len() as u32, code });
        self.len += change.path.len() + size_of::<Row>();
    }

    #[inline]
    fn acl_number(&mut self, acl: &Option<Bytes>) -> u32 {
        acl.as_ref().map_or(0, |acl| self.number_of(acl))
    }

    /// Lists repeat, and most often those that were used last.
    fn number_of(&mut self, acl: &Bytes) -> u32 {
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
