//! A load over Menagerie's gRPC API.

mod calls;
mod run;

pub use run::run;
