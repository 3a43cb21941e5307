//! Access control lists as the tree keeps them: one copy of each.

mod table;

use menagerie_auth::Schemes;
pub(crate) use menagerie_auth::{FixedAcl, masked, permits};
use menagerie_jute::AclList;
use menagerie_types::ErrorCode;
pub(crate) use table::{AclId, AclTable};

/// What is stored for the ACL of a request ([`menagerie_auth::fixup`]).
pub(crate) fn fixup<'a>(list: Option<AclList<'a>>, auth: &[u8]) -> Result<FixedAcl<'a>, ErrorCode> {
    menagerie_auth::fixup(list, auth, Schemes::ALL)
}
