//! What a write that does not decode is answered with.

use menagerie_jute::{CreateRequest, CreateTtlRequest, JuteError, Reader, SetAclRequest, SetDataRequest};
use menagerie_types::command::Command;
use menagerie_types::{ErrorCode, OpCode};

use crate::ops::{Create, Txn};

/// ZooKeeper decodes a null path, too, and stumbles over it later: create after it has judged the flags; setData and
/// setACL, which validate it, not at all.
pub(super) fn error_of(txn: &Txn<'_>, command: &Command<'_>, error: &JuteError) -> ErrorCode {
    let decoded = match error {
        JuteError::NullPath => judged_without_path(txn, command),
        _ => None,
    };
    decoded.unwrap_or(ErrorCode::MarshallingError)
}

/// `None` for what does not decode with a path either, or fails for want of one.
fn judged_without_path(txn: &Txn<'_>, command: &Command<'_>) -> Option<ErrorCode> {
    let mut named = vec![0; 4];
    named.extend_from_slice(command.body.get(named.len()..)?);
    let body = &mut Reader::new(&named);
    match command.op {
        OpCode::CreateTtl => Create::with_ttl(CreateTtlRequest::decode(body).ok()?).mode(txn).err(),
        OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => {
            Create::new(CreateRequest::decode(body).ok()?, command.op).mode(txn).err()
        }
        OpCode::SetData => SetDataRequest::decode(body).ok().map(|_| ErrorCode::BadArguments),
        OpCode::SetAcl => SetAclRequest::decode(body).ok().map(|_| ErrorCode::BadArguments),
        _ => None,
    }
}
