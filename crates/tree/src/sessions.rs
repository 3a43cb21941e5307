//! The session table.

use menagerie_types::IncarnationId;
use menagerie_types::command::internal::Password;

/// A row of the session table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Negotiated timeout.
    pub timeout_ms: u32,
    /// Re-attaches it.
    pub password: Password,
    /// The gateway worker that holds its connection.
    pub owner: IncarnationId,
}
