//! What Raft keeps on disk, over the segmented log: openraft's log storage and reader.

mod encoding;
mod log_reader;
mod log_storage;
mod metered;
pub(crate) mod repair;
mod store;

pub(crate) use encoding::Decoded;
pub(crate) use log_storage::LogStorage;
pub(crate) use metered::MeteredFs;
pub(crate) use store::{Store, StoreOptions};

#[cfg(test)]
mod tests;
