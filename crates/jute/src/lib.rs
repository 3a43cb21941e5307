//! The ZooKeeper client protocol: the jute encoding, frames, headers, every record that a client or server
//! sends, and the four-letter words. Layouts follow Apache ZooKeeper's `zookeeper.jute`.
//!
//! No I/O and no policy: what an undecodable request is answered with is the caller's business. Reading borrows from
//! the input, never panics, and allocates for lists only (never more than the input's own length justifies).

mod acl;
mod connect;
mod error;
mod field;
pub mod four_letter;
pub mod frame;
mod header;
mod lossy;
mod multi;
pub mod multi_reply;
mod reader;
mod reply;
mod request;
mod response;
mod watch;
pub mod write;

pub use acl::{AclList, AclRef};
pub use connect::{ConnectRequest, ConnectResponse, PASSWORD_LEN};
pub use error::JuteError;
pub use header::{ReplyHeader, RequestHeader, xid};
pub use lossy::repaired;
pub use multi::{MultiHeader, MultiOp, MultiOps, encode_multi, multi_ops};
pub use reader::Reader;
pub use reply::{begin_reply, end_reply, error_reply, notification};
pub use request::{
    AuthPacket, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteContainerRequest, DeleteRequest,
    GetEphemeralsRequest, GetSaslRequest, PathRequest, PathWatchRequest, ReconfigRequest, SetAclRequest,
    SetDataRequest,
};
pub use response::{
    ClientInfo, Create2Response, GetAclResponse, GetAllChildrenNumberResponse, GetChildren2Response,
    GetChildrenResponse, GetDataResponse, GetEphemeralsResponse, PathResponse, SetSaslResponse, StatResponse,
    WhoAmIResponse,
};
pub use watch::{AddWatchRequest, SetWatches, SetWatches2, WatchTypeRequest, WatcherEvent};

/// Bytes of an encoded `Stat`.
pub const STAT_LEN: usize = 68;

#[cfg(test)]
mod tests;
