//! Access control lists as the tree keeps them: one copy of each.

mod table;

use menagerie_auth::Schemes;
pub(crate) use menagerie_auth::{FixedAcl, masked, permits};
use menagerie_jute::AclList;
use menagerie_types::ErrorCode;
use menagerie_types::command::Policy;
pub(crate) use table::{AclId, AclTable};

/// What is stored for the ACL of a request ([`menagerie_auth::fixup`]), by the schemes that its proposer knows.
pub(crate) fn fixup<'a>(
    list: Option<AclList<'a>>,
    auth: &[u8],
    policy: Policy,
) -> Result<FixedAcl<'a>, ErrorCode> {
    let schemes =
        Schemes { digest: true, sasl: policy.contains(Policy::SASL), x509: policy.contains(Policy::X509) };
    menagerie_auth::fixup(list, auth, schemes)
}
