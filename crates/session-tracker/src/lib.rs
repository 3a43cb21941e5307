//! The session tracker: opens and re-attaches sessions, hears which clients are alive, and proposes the end of those
//! that are not. One tracker is active, by a lease in the log; the others follow the same log and stand by.
//!
//! Decisions are made in `menagerie-session`; this crate gives it time, carries its proposals to the log and their
//! results back. It holds no truth: the session table is in the log, and a restarted tracker reads it from there.

mod batches;
mod core;
mod driver;
mod options;
mod result;
mod service;

#[cfg(test)]
mod tests;

pub use options::SessionTrackerOptions;
pub use service::{LocalSessionTracker, start};
