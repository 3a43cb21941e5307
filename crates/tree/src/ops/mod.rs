//! The operations that clients may propose: what is checked, in ZooKeeper's order, and then changed.
//!
//! Each either fails with nothing changed or says what it did; the caller answers and reports.

mod change;
mod create;
mod delete;
mod multi;
mod reconfig;
mod set;

use menagerie_types::command::Policy;
use menagerie_types::{ErrorCode, SessionId, Zxid};

pub(crate) use change::{Change, ChangeKind};
pub(crate) use create::Create;
pub(crate) use reconfig::new_servers;

/// What a command brings along.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Txn<'a> {
    pub(crate) zxid: Zxid,
    pub(crate) time_ms: i64,
    /// [`SessionId::NONE`] for writes made outside any session.
    pub(crate) session: SessionId,
    /// The caller's identities, encoded.
    pub(crate) auth: &'a [u8],
    /// What the proposer's configuration allows.
    pub(crate) policy: Policy,
}

/// What precedes the last slash; the root's children have `/` for a parent. For a path without a slash, itself.
pub(crate) fn parent_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) => "/",
        Some(slash) => &path[..slash],
        None => path,
    }
}

/// The check that create and delete make before they look at the tree, on paths of any shape.
fn check_has_parent(path: &str) -> Result<(), ErrorCode> {
    match path.contains('/') && !path.contains('\0') {
        true => Ok(()),
        false => Err(ErrorCode::BadArguments),
    }
}

fn check_path(path: &str) -> Result<(), ErrorCode> {
    menagerie_types::path::validate(path).map_err(|_| ErrorCode::BadArguments)
}

/// -1 asks for any version.
fn check_version(asked: i32, found: i32) -> Result<(), ErrorCode> {
    match asked == -1 || asked == found {
        true => Ok(()),
        false => Err(ErrorCode::BadVersion),
    }
}
