//! Words that every part of Menagerie shares: identifiers, error codes, ACLs, Stats, paths, and the
//! byte layout of the commands that go through the log.
//!
//! Plain values only: no I/O, no clock, no random source.

mod acl;
pub mod command;
mod error_code;
mod ids;
pub mod mutation;
mod op;
pub mod path;
pub mod server;
mod stat;
mod watch;

pub use acl::{Acl, Identity, perms};
pub use error_code::ErrorCode;
pub use ids::{IncarnationId, LogIndex, NodeId, SessionId, Zxid};
pub use op::{CreateMode, OpCode};
pub use stat::Stat;
pub use watch::{EventType, WatchKind, WatchKinds};
