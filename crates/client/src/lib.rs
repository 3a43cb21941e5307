//! A small asynchronous ZooKeeper client, for tests and load: pipelined requests, typed operations, watch events, and
//! a session that can be taken to another server.
//!
//! It does nothing on its own but ping: no reconnecting, no resending, no setting of watches again. A test must see
//! what the server did. [`RawConnection`] goes below the session, to send what no client should.

mod client;
mod error;
mod link;
mod multi;
mod operations;
mod options;
mod pipe;
mod raw;

pub use client::{Client, WatchEvent};
pub use error::ClientError;
pub use multi::MultiOutcome;
pub use options::{ConnectOptions, Session};
pub use pipe::{PendingReply, Reply};
pub use raw::RawConnection;

#[cfg(test)]
mod tests;
