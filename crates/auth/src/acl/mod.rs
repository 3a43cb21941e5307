//! Access control lists: what may be stored, and who is let in.

mod check;
mod fixup;
mod ip;

pub use check::{masked, permits};
pub use fixup::{FixedAcl, Schemes, fixup};
