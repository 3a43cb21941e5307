//! Watch kinds and event types.

/// What a watch event tells; ZooKeeper's `EventType` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum EventType {
    /// The znode came to be.
    NodeCreated = 1,
    /// The znode is gone.
    NodeDeleted = 2,
    /// Its data was set.
    NodeDataChanged = 3,
    /// A child was created or deleted.
    NodeChildrenChanged = 4,
}

impl EventType {
    /// The type with this number.
    pub fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            1 => Self::NodeCreated,
            2 => Self::NodeDeleted,
            3 => Self::NodeDataChanged,
            4 => Self::NodeChildrenChanged,
            _ => return None,
        })
    }
}

/// What sets a watch, and with it which events fire it and whether it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum WatchKind {
    /// Set by getData, or by exists on a znode that is there (data table).
    Data = 1,
    /// Set by exists on a znode that is not there (data table).
    Exist = 2,
    /// Set by getChildren (child table).
    Child = 4,
    /// Set by addWatch: stays; data and children of the path.
    Persistent = 8,
    /// Set by addWatch: stays; the path and everything below it, without children events.
    PersistentRecursive = 16,
}

impl WatchKind {
    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Data,
            2 => Self::Exist,
            4 => Self::Child,
            8 => Self::Persistent,
            16 => Self::PersistentRecursive,
            _ => return None,
        })
    }
}

/// A set of [`WatchKind`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WatchKinds(pub u8);

impl WatchKinds {
    /// Every kind, in the order of their numbers.
    pub const EACH: [WatchKind; 5] = [
        WatchKind::Data,
        WatchKind::Exist,
        WatchKind::Child,
        WatchKind::Persistent,
        WatchKind::PersistentRecursive,
    ];
    /// Every kind.
    pub const ALL: Self = Self(31);
    /// Those that firing removes.
    pub const ONE_SHOT: Self = Self(WatchKind::Data as u8 | WatchKind::Exist as u8 | WatchKind::Child as u8);
    /// Those that stay.
    pub const PERSISTENT: Self = Self(WatchKind::Persistent as u8 | WatchKind::PersistentRecursive as u8);
    /// Those that see what happens below their path.
    pub const RECURSIVE: Self = Self(WatchKind::PersistentRecursive as u8);

    /// The kinds in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Adds `kind`.
    pub fn insert(&mut self, kind: WatchKind) {
        self.0 |= kind as u8;
    }

    /// Removes `kind`.
    pub fn remove(&mut self, kind: WatchKind) {
        self.0 &= !(kind as u8);
    }

    /// True if `kind` is in the set.
    pub fn contains(self, kind: WatchKind) -> bool {
        self.0 & kind as u8 != 0
    }

    /// True if nothing is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds at an event's own path that it fires (ZooKeeper's trigger table, reference 3.2).
    pub fn fired_by(event: EventType) -> Self {
        let data = WatchKind::Data as u8 | WatchKind::Exist as u8 | Self::PERSISTENT.0;
        Self(match event {
            EventType::NodeCreated | EventType::NodeDataChanged => data,
            EventType::NodeDeleted => data | WatchKind::Child as u8,
            EventType::NodeChildrenChanged => WatchKind::Child as u8 | WatchKind::Persistent as u8,
        })
    }

    /// The kinds at the paths above an event's that it fires.
    pub fn fired_above_by(event: EventType) -> Self {
        match event {
            EventType::NodeChildrenChanged => Self(0),
            _ => Self::RECURSIVE,
        }
    }

    /// The kinds in both sets.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The kinds in this set and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}
