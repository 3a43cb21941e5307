//! Operation codes of requests and commands, and the kinds of znode a create may make.

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        /// What a request or command does. ZooKeeper's numbers below 1000; ours, which only Menagerie's own
        /// components may propose, from 1000.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum OpCode { $($(#[$doc])* $name = $code,)* }

        impl OpCode {
            /// The number on the wire.
            pub fn code(self) -> i32 { self as i32 }

            /// The operation with this number, if there is one.
            pub fn from_code(code: i32) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

ops! {
    /// Create a znode; the reply is its path.
    Create = 1;
    /// Delete a znode.
    Delete = 2;
    /// Stat of a znode.
    Exists = 3;
    /// Data and Stat.
    GetData = 4;
    /// Replace the data.
    SetData = 5;
    /// The ACL and Stat.
    GetAcl = 6;
    /// Replace the ACL.
    SetAcl = 7;
    /// Names of the children.
    GetChildren = 8;
    /// Catch up with the leader.
    Sync = 9;
    /// Keep the session alive.
    Ping = 11;
    /// Names of the children, and Stat.
    GetChildren2 = 12;
    /// A version check; in a multi only.
    Check = 13;
    /// Several writes, all or nothing.
    Multi = 14;
    /// Create; the reply is path and Stat.
    Create2 = 15;
    /// Change the membership.
    Reconfig = 16;
    /// Is there such a watch?
    CheckWatches = 17;
    /// Remove a watch.
    RemoveWatches = 18;
    /// Create a container.
    CreateContainer = 19;
    /// Reap an empty container or an expired TTL znode.
    DeleteContainer = 20;
    /// Create a TTL znode.
    CreateTtl = 21;
    /// Several reads.
    MultiRead = 22;
    /// Present credentials.
    Auth = 100;
    /// Set watches again after a reconnect.
    SetWatches = 101;
    /// One step of a SASL exchange.
    Sasl = 102;
    /// The session's ephemerals.
    GetEphemerals = 103;
    /// Number of descendants.
    GetAllChildrenNumber = 104;
    /// SetWatches with persistent watches.
    SetWatches2 = 105;
    /// A persistent watch.
    AddWatch = 106;
    /// Who the server thinks this is.
    WhoAmI = 107;
    /// Make a session (a command of the session tracker).
    CreateSession = -10;
    /// End a session, by its client.
    CloseSession = -11;
    /// Does nothing; keeps an incarnation known.
    Noop = 1000;
    /// Move a session to another gateway (session tracker).
    AttachSession = 1001;
    /// End a session whose client is gone (active session tracker, fenced by the lease epoch).
    ExpireSession = 1002;
    /// Acquire or renew the tracker lease.
    TrackerLease = 1003;
    /// Take the lease from a tracker that does not answer (gateway).
    ChallengeLease = 1004;
    /// A tree store's registration and its durable checkpoint (tree store).
    RegisterReplica = 1005;
    /// Writes the ensemble's members into `/zookeeper/config`, unless a later ensemble stands there (tree store).
    PublishConfig = 1006;
    /// PublishConfig at the end of a reconfiguration, answered as its client expects (gateway).
    FinishReconfig = 1007;
    /// A read: containers and TTL znodes that are due to be deleted (session tracker).
    ReapCandidates = 1008;
    /// Begins to restore a backup into an empty state (tree store).
    RestoreBegin = 1009;
    /// Some of a backup's records (tree store).
    RestoreRecords = 1010;
    /// Puts what was restored in the place of the empty state, if it adds up (tree store).
    RestoreEnd = 1011;
    /// Gives an unfinished restore up (tree store).
    RestoreAbort = 1012;
    /// Enters a component into the directory (tree store, for itself and others).
    Register = 1013;
    /// Takes a component out of the directory (tree store).
    Unregister = 1014;
}

impl OpCode {
    /// True for operations that go through the log.
    pub fn is_write(self) -> bool {
        use OpCode::*;
        matches!(
            self,
            Create
                | Delete
                | SetData
                | SetAcl
                | Multi
                | Create2
                | Reconfig
                | CreateContainer
                | DeleteContainer
                | CreateTtl
                | CreateSession
                | CloseSession
        ) || self.code() >= 1000 && self != ReapCandidates
    }
}

/// The kinds of znode, by the flags of a create request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum CreateMode {
    /// Stays until deleted.
    Persistent = 0,
    /// Deleted with its session.
    Ephemeral = 1,
    /// Persistent, named by the parent's counter.
    PersistentSequential = 2,
    /// Ephemeral, named by the parent's counter.
    EphemeralSequential = 3,
    /// Reaped some time after its last child went.
    Container = 4,
    /// Reaped when unmodified and childless for its TTL.
    PersistentWithTtl = 5,
    /// The same, named by the parent's counter.
    PersistentSequentialWithTtl = 6,
}

impl CreateMode {
    /// The mode with these flags, if ZooKeeper has one.
    pub fn from_flags(flags: i32) -> Option<Self> {
        Some(match flags {
            0 => Self::Persistent,
            1 => Self::Ephemeral,
            2 => Self::PersistentSequential,
            3 => Self::EphemeralSequential,
            4 => Self::Container,
            5 => Self::PersistentWithTtl,
            6 => Self::PersistentSequentialWithTtl,
            _ => return None,
        })
    }

    /// The znode goes with its session.
    pub fn is_ephemeral(self) -> bool {
        matches!(self, Self::Ephemeral | Self::EphemeralSequential)
    }

    /// The parent's counter is appended to the name.
    pub fn is_sequential(self) -> bool {
        matches!(
            self,
            Self::PersistentSequential | Self::EphemeralSequential | Self::PersistentSequentialWithTtl
        )
    }

    /// The znode has a time to live.
    pub fn is_ttl(self) -> bool {
        matches!(self, Self::PersistentWithTtl | Self::PersistentSequentialWithTtl)
    }
}
