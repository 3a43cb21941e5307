//! ZooKeeper's error codes (`KeeperException.Code`).

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// A protocol result: a normal part of a reply, the same on every replica.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum ErrorCode { $($(#[$doc])* $name = $code,)* }

        impl ErrorCode {
            /// The number on the wire.
            pub fn code(self) -> i32 { self as i32 }

            /// The code with this number, if ZooKeeper has one.
            pub fn from_code(code: i32) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// ZooKeeper's name for it, as `KeeperErrorCode = ...` prints it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// An internal fault.
    SystemError = -1, "SystemError";
    /// The operations of a multi after the one that failed.
    RuntimeInconsistency = -2, "RuntimeInconsistency";
    /// The connection went away with the outcome unknown.
    ConnectionLoss = -4, "ConnectionLoss";
    /// The request could not be decoded.
    MarshallingError = -5, "MarshallingError";
    /// The operation is unknown or switched off.
    Unimplemented = -6, "Unimplemented";
    /// The operation took too long.
    OperationTimeout = -7, "OperationTimeout";
    /// A path, flag or number is not allowed.
    BadArguments = -8, "BadArguments";
    /// No quorum of the new configuration is up to date.
    NewConfigNoQuorum = -13, "NewConfigNoQuorum";
    /// Another reconfiguration is under way.
    ReconfigInProgress = -14, "ReconfigInProgress";
    /// The znode does not exist.
    NoNode = -101, "NoNode";
    /// The ACL does not allow it.
    NoAuth = -102, "NoAuth";
    /// The version is not the one asked for.
    BadVersion = -103, "BadVersion";
    /// An ephemeral znode may not have children.
    NoChildrenForEphemerals = -108, "NoChildrenForEphemerals";
    /// The znode exists.
    NodeExists = -110, "NodeExists";
    /// The znode has children.
    NotEmpty = -111, "Directory not empty";
    /// The session is closed or was never there.
    SessionExpired = -112, "Session expired";
    /// The ACL is malformed.
    InvalidAcl = -114, "InvalidACL";
    /// The credentials were refused.
    AuthFailed = -115, "AuthFailed";
    /// Another gateway holds the session. Never sent: the connection is closed instead.
    SessionMoved = -118, "Session moved";
    /// A write was sent to a read-only server.
    NotReadOnly = -119, "Not a read-only call";
    /// A local session may not own ephemerals.
    EphemeralOnLocalSession = -120, "Ephemeral node on local session";
    /// There is no such watch.
    NoWatcher = -121, "No such watcher";
    /// Reconfiguration is switched off.
    ReconfigDisabled = -123, "Reconfig is disabled";
    /// The session must authenticate first.
    SessionClosedRequireSaslAuth = -124, "Session closed because client failed to authenticate";
    /// A hard quota would be exceeded.
    QuotaExceeded = -125, "Quota has exceeded";
    /// The request waited too long and was not executed.
    ThrottledOp = -127, "Op throttled due to high load";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for ErrorCode {}
