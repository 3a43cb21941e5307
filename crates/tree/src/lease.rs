//! The lease of the active session tracker.

use menagerie_types::NodeId;

/// Who is the active session tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Raised by every acquisition.
    pub epoch: u64,
    /// None when challenged away or never held.
    pub holder: Option<NodeId>,
    /// How long a renewal holds, ms.
    pub ttl_ms: u32,
    /// When it runs out, by the log's clock.
    pub expires_ms: i64,
}
