//! A segmented append-only log of opaque records on disk, made for Raft but knowing only its numbers.
//!
//! One [`Log`] owns a directory; any number of [`LogReader`]s read it from other threads, including records
//! that are appended but not yet durable. Every change (entries, vote, committed, truncation, purge) is a
//! record in the same log, so one `fdatasync` per group makes all of it durable, in order.
//!
//! Two modes, switched at run time by [`Log::set_inline`]:
//! - *inline*: a call writes and syncs on the caller's thread and runs its callback before it returns;
//! - *writer thread*: a call queues and returns; the thread takes the whole queue whenever it is idle, writes
//!   and syncs it once, and runs the callbacks in order. No timers.
//!
//! Any write or sync error poisons the log for good: nothing is retried, every later call and every queued
//! callback fails. The caller's only way out is to stop.
//!
//! No Raft types, no async runtime, no locking of the directory against other processes.

mod directory;
mod driven;
mod error;
pub mod faulty;
mod format;
mod fs;
mod log;
mod mutation;
mod pages;
mod reader;
mod record;
mod recovery;
mod scan;
mod segment;
mod spares;
mod state;
mod survey;
mod thread;
mod writer;

pub use driven::{DrivenWriter, Driver};
pub use error::LogError;
pub use fs::{Fs, FsFile, PAGE_BYTES, os::OsFs};
pub use log::Log;
pub use reader::LogReader;
pub use record::{
    Durable, LogOptions, MAX_META_BYTES, MAX_PAYLOAD_BYTES, MetaKind, Record, Recovered, unobserved,
};
pub use survey::{Found, Survey, survey};
