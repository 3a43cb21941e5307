//! What roles are made of: each part starts one component, and says how it is looked at and stopped.

pub mod cluster;
pub mod consensus;
pub mod gateway;
mod per_thread;
pub mod public_api;
pub mod remote;
pub mod session_tracker;
pub mod tree_store;
