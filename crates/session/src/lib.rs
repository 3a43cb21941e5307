//! The session tracker's core: which sessions are overdue and which znodes are to be reaped, and who may say so.
//!
//! Plain values: events in, effects out. Time is an argument (monotonic milliseconds of the caller); there is no
//! clock, no random source and no I/O here, and equal inputs give equal effects.

mod buckets;
mod ids;
mod lease;
mod reaper;
mod timeout;
mod tracker;

pub use buckets::ExpiryBuckets;
pub use ids::SessionIds;
pub use lease::Lease;
pub use reaper::{Reap, Reaper, ReaperConfig};
pub use timeout::negotiate;
pub use tracker::{Effect, ExpiryAnswer, Session, Tracker, TrackerConfig};
