//! Access control lists: what may be stored, who is let in, and one copy of each list.

mod check;
mod fixup;
mod ip;
mod table;

pub(crate) use check::{masked, permits};
pub(crate) use fixup::{FixedAcl, fixup};
pub(crate) use table::{AclId, AclTable};
