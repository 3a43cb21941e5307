//! The replicated state machine: znodes, sessions, exactly-once bookkeeping, the tracker lease and the registered
//! replicas, as one plain value. Entries of the log go in, replies and events come out; replicas that apply the same
//! entries hold the same state and the same digest.
//!
//! No clock, no randomness, no I/O: time comes with the entry, checkpoints are records that a store writes.

mod acl;
mod apply;
pub mod checkpoint;
mod directory;
mod effects;
mod error;
mod exactly_once;
mod history;
mod lease;
mod ops;
mod read;
mod restore;
mod row_hash;
mod sessions;
mod state;
mod tree;

pub use checkpoint::{CheckpointError, Loader, Meta, Record, Sum};
pub use directory::{Registration, STORE_FORGOTTEN_MS};
pub use effects::Effects;
pub use error::ApplyError;
pub use lease::Lease;
pub use restore::{Restored, Restoring};
pub use sessions::Session;
pub use state::State;
