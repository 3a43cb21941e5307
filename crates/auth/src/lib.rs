//! Who a client is, and what an access control list lets it do (reference chapter 5).
//!
//! Pure: no I/O, no clock, no randomness. The tree judges ACLs with it when a command is applied, the same on every
//! replica; the gateway finds out with it who its clients are.

mod acl;

pub use acl::{FixedAcl, Schemes, fixup, masked, permits};
