//! A mix of requests from a number of sessions.

mod lanes;
mod plan;
mod prepare;
mod replies;
mod requests;
mod run;
mod tally;

pub use plan::{Plan, Window};
pub use prepare::{accept, creation, deletion};
pub use run::run;
pub use tally::Tally;
