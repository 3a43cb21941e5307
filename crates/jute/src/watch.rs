//! The records of watches.

use menagerie_types::Zxid;

use crate::field::records;

records! {
    /// setWatches: what a client watched before it reconnected.
    SetWatches {
        /// The last zxid it saw.
        relative_zxid: Zxid,
        /// Data watches.
        data: Vec<&'a str>,
        /// Watches of exists on znodes that were not there.
        exist: Vec<&'a str>,
        /// Child watches.
        child: Vec<&'a str>,
    }

    /// setWatches2: the same, with persistent watches.
    SetWatches2 {
        /// The last zxid it saw.
        relative_zxid: Zxid,
        /// Data watches.
        data: Vec<&'a str>,
        /// Watches of exists on znodes that were not there.
        exist: Vec<&'a str>,
        /// Child watches.
        child: Vec<&'a str>,
        /// Persistent watches.
        persistent: Vec<&'a str>,
        /// Persistent recursive watches.
        persistent_recursive: Vec<&'a str>,
    }

    /// addWatch.
    #[derive(Copy)]
    AddWatchRequest {
        /// Which znode.
        path: &'a str,
        /// 0 persistent, 1 persistent recursive.
        mode: i32,
    }

    /// checkWatches and removeWatches.
    #[derive(Copy)]
    WatchTypeRequest {
        /// Which znode.
        path: &'a str,
        /// 1 children, 2 data, 3 any, 4 persistent, 5 persistent recursive.
        watch_type: i32,
    }

    /// A watch event, after a reply header with xid -1.
    #[derive(Copy)]
    WatcherEvent {
        /// An `EventType`.
        event_type: i32,
        /// A keeper state; servers send [`WatcherEvent::CONNECTED`] only.
        state: i32,
        /// The znode.
        path: &'a str,
    }
}

impl WatcherEvent<'_> {
    /// `KeeperState.SyncConnected`.
    pub const CONNECTED: i32 = 3;
}
