//! The contract between components: generated messages, one trait for each service, and for each trait a gRPC
//! client and server. A caller holds the trait and cannot tell whether a socket lies behind it; [`stack`] puts
//! metrics, deadlines and retries around every call in one place.

pub mod channel;
pub mod consensus;
mod error;
pub mod session_tracker;
pub mod stack;
pub mod tree_store;

pub use error::{ServiceError, ServiceResult};

/// Generated messages and gRPC stubs.
#[allow(missing_docs, clippy::all, clippy::unwrap_used)] // generated
pub mod pb {
    /// Errors between components.
    pub mod common {
        tonic::include_proto!("menagerie.common.v1");
    }
    /// The log and Raft.
    pub mod consensus {
        tonic::include_proto!("menagerie.consensus.v1");
    }
    /// Replicas of the tree.
    pub mod tree_store {
        tonic::include_proto!("menagerie.treestore.v1");
    }
    /// Session liveness.
    pub mod session_tracker {
        tonic::include_proto!("menagerie.sessiontracker.v1");
    }
    /// The public API.
    pub mod v1 {
        tonic::include_proto!("menagerie.v1");
        /// Descriptors of the public API, for reflection.
        pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/menagerie.v1.bin"));
    }
}
