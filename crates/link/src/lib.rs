//! What every proposer and follower of the log shares: commands numbered and resent in order until their results
//! are known ([`Outbox`], [`Proposer`]), the ensemble with its moving leader ([`Ensemble`]), and links to tree stores
//! ([`Stores`]).
//!
//! It does not interpret results: the owner of the link does, and tells the proposer what is acknowledged.

mod backoff;
mod ensemble;
mod outbox;
mod proposer;
mod stores;

pub use backoff::Backoff;
pub use ensemble::{Ensemble, LogMember};
pub use outbox::Outbox;
pub use proposer::Proposer;
pub use stores::{StoreReplica, Stores};

use menagerie_types::IncarnationId;

/// A fresh incarnation: random, never 0.
pub fn new_incarnation() -> IncarnationId {
    IncarnationId(rand::random_range(1..=u64::MAX))
}
