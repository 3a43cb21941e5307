//! Messages of clients as jute request records, and what is wrong with those that cannot be.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use menagerie_jute::{
    AclList, CheckVersionRequest, CreateRequest, DeleteRequest, MultiOp, PathWatchRequest, Reader,
    SetDataRequest, encode_multi, write,
};
use menagerie_proto::pb::v1::{self as pb, operation::Kind};
use menagerie_types::{CreateMode, OpCode, WatchKind, path};

use super::failure::Failure;

/// Paths in one watch.
pub const TARGETS_MAX: usize = 256;
/// ZooKeeper's "any version".
const ANY_VERSION: i32 = -1;

/// create2: its answer has a Stat.
pub fn create(request: &pb::CreateRequest) -> Result<Bytes, Failure> {
    let acl = encode_acl(&request.acl);
    let record =
        create_record(request, request.session, &acl).map_err(|failure| failure.at(&request.path))?;
    let mut out = BytesMut::new();
    record.encode(&mut out);
    Ok(out.freeze())
}

/// setData.
pub fn set(request: &pb::SetRequest) -> Result<Bytes, Failure> {
    let mut out = BytesMut::new();
    set_record(request).map_err(|failure| failure.at(&request.path))?.encode(&mut out);
    Ok(out.freeze())
}

/// delete.
pub fn delete(request: &pb::DeleteRequest) -> Result<Bytes, Failure> {
    let mut out = BytesMut::new();
    delete_record(request).map_err(|failure| failure.at(&request.path))?.encode(&mut out);
    Ok(out.freeze())
}

/// exists, getData and getChildren2.
pub fn read(path: &str) -> Result<Bytes, Failure> {
    let path = valid_path(path).map_err(|failure| failure.at(path))?;
    let mut out = BytesMut::new();
    PathWatchRequest { path, watch: false }.encode(&mut out);
    Ok(out.freeze())
}

/// multi; a failure names the operation.
pub fn multi(request: &pb::MultiRequest) -> Result<Bytes, Failure> {
    let acls: Vec<_> = request
        .operations
        .iter()
        .map(|operation| match &operation.kind {
            Some(Kind::Create(create)) => encode_acl(&create.acl),
            _ => None,
        })
        .collect();
    let mut ops = Vec::with_capacity(request.operations.len());
    for (index, operation) in request.operations.iter().enumerate() {
        let op = multi_op(operation, request.session, &acls[index])
            .map_err(|failure| failure.at(path_of(operation)).of_operation(index))?;
        ops.push(op);
    }
    let mut out = BytesMut::new();
    encode_multi(&mut out, &ops);
    Ok(out.freeze())
}

/// The znode that an operation of a multi is about.
pub fn path_of(operation: &pb::Operation) -> &str {
    match &operation.kind {
        Some(Kind::Create(request)) => &request.path,
        Some(Kind::Set(request)) => &request.path,
        Some(Kind::Delete(request)) => &request.path,
        Some(Kind::Check(request)) => &request.path,
        None => "",
    }
}

/// What to watch, each once.
pub fn targets(request: &pb::WatchRequest) -> Result<Vec<(WatchKind, Arc<str>)>, Failure> {
    if request.targets.is_empty() || request.targets.len() > TARGETS_MAX {
        return Err(Failure::invalid(format!("a watch takes 1 to {TARGETS_MAX} targets")));
    }
    let (mut targets, mut seen) = (Vec::new(), HashSet::new());
    for target in &request.targets {
        let path = valid_path(&target.path).map_err(|failure| failure.at(&target.path))?;
        if !target.node && !target.children {
            let nothing = "a target is to be watched for changes of the node, of its children, or both";
            return Err(Failure::invalid(nothing).at(path));
        }
        let kinds = [(target.node, WatchKind::Data), (target.children, WatchKind::Child)];
        for (_, kind) in kinds.into_iter().filter(|(wanted, _)| *wanted) {
            if seen.insert((kind, path)) {
                targets.push((kind, path.into()));
            }
        }
    }
    Ok(targets)
}

fn multi_op<'a>(
    operation: &'a pb::Operation,
    session: i64,
    acl: &'a Option<BytesMut>,
) -> Result<MultiOp<'a>, Failure> {
    let kind = operation.kind.as_ref().ok_or_else(|| Failure::invalid("an operation of a multi is empty"))?;
    let named = match kind {
        Kind::Create(request) => request.session,
        Kind::Set(request) => request.session,
        Kind::Delete(request) => request.session,
        Kind::Check(_) => 0,
    };
    if named != 0 && named != session {
        return Err(Failure::invalid("an operation of a multi names another session than the multi"));
    }
    Ok(match kind {
        Kind::Create(request) => {
            MultiOp::Create(create_record(request, session, acl)?, OpCode::Create2.code())
        }
        Kind::Set(request) => MultiOp::SetData(set_record(request)?),
        Kind::Delete(request) => MultiOp::Delete(delete_record(request)?),
        Kind::Check(request) => MultiOp::Check(CheckVersionRequest {
            path: valid_path(&request.path)?,
            version: request.version.unwrap_or(ANY_VERSION),
        }),
    })
}

fn create_record<'a>(
    request: &'a pb::CreateRequest,
    session: i64,
    acl: &'a Option<BytesMut>,
) -> Result<CreateRequest<'a>, Failure> {
    let mode = match pb::CreateMode::try_from(request.mode) {
        Ok(pb::CreateMode::Persistent) => CreateMode::Persistent,
        Ok(pb::CreateMode::Ephemeral) => CreateMode::Ephemeral,
        Ok(pb::CreateMode::PersistentSequential) => CreateMode::PersistentSequential,
        Ok(pb::CreateMode::EphemeralSequential) => CreateMode::EphemeralSequential,
        Err(_) => return Err(Failure::invalid(format!("there is no create mode {}", request.mode))),
    };
    if mode.is_ephemeral() && session == 0 {
        return Err(Failure::invalid("an ephemeral znode needs a session, to end with"));
    }
    if mode.is_sequential() {
        // A path that ends in a slash is good: the number is then the whole name.
        valid_path(&format!("{}1", request.path))?;
    } else {
        valid_path(&request.path)?;
    }
    let acl = match acl {
        Some(encoded) => AclList::decode(&mut Reader::new(encoded))?,
        None => Some(AclList::open()),
    };
    Ok(CreateRequest { path: &request.path, data: Some(&request.data), acl, flags: mode as i32 })
}

fn set_record(request: &pb::SetRequest) -> Result<SetDataRequest<'_>, Failure> {
    let (path, version) = (valid_path(&request.path)?, request.version.unwrap_or(ANY_VERSION));
    Ok(SetDataRequest { path, data: Some(&request.data), version })
}

fn delete_record(request: &pb::DeleteRequest) -> Result<DeleteRequest<'_>, Failure> {
    let (path, version) = (valid_path(&request.path)?, request.version.unwrap_or(ANY_VERSION));
    Ok(DeleteRequest { path, version })
}

/// `None` for an empty list, which stands for the open one.
fn encode_acl(acl: &[pb::Acl]) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    write::count(&mut out, acl.len());
    for entry in acl {
        write::i32(&mut out, entry.perms);
        write::string(&mut out, Some(&entry.scheme));
        write::string(&mut out, Some(&entry.id));
    }
    (!acl.is_empty()).then_some(out)
}

/// ZooKeeper's clients judge paths before they send them.
fn valid_path(path: &str) -> Result<&str, Failure> {
    path::validate(path).map_err(|error| Failure::invalid(error.to_string()))?;
    Ok(path)
}
