//! Jute reply records as messages to clients.

use bytes::Bytes;
use menagerie_jute::multi_reply::{self, MultiResult};
use menagerie_jute::{Create2Response, GetChildren2Response, GetDataResponse, Reader, StatResponse};
use menagerie_proto::pb::v1::{self as pb, operation::Kind, operation_result};
use menagerie_types::{ErrorCode, Stat};

use super::failure::Failure;
use super::requests::path_of;
use crate::ApiReply;

/// Errors of the whole reply; in a multi, those of operations are in its body.
pub fn accept(reply: ApiReply, path: &str) -> Result<ApiReply, Failure> {
    if reply.err == 0 { Ok(reply) } else { Err(Failure::reported(reply.err, path, reply.zxid)) }
}

/// Of create2.
pub fn create(reply: &ApiReply) -> Result<pb::CreateResponse, Failure> {
    let record = Create2Response::decode(&mut Reader::new(&reply.body))?;
    Ok(created(reply, &record))
}

/// Of getData.
pub fn get(reply: &ApiReply) -> Result<pb::GetResponse, Failure> {
    let record = GetDataResponse::decode(&mut Reader::new(&reply.body))?;
    // To protobuf, null and empty are the same.
    let data = record.data.map_or_else(Bytes::new, |data| reply.body.slice_ref(data));
    Ok(pb::GetResponse { zxid: reply.zxid.0, data, stat: Some(stat(&record.stat)) })
}

/// Of setData.
pub fn set(reply: &ApiReply) -> Result<pb::SetResponse, Failure> {
    let record = StatResponse::decode(&mut Reader::new(&reply.body))?;
    Ok(pb::SetResponse { zxid: reply.zxid.0, stat: Some(stat(&record.stat)) })
}

/// Of exists, where "no such node" is an answer too.
pub fn exists(reply: ApiReply, path: &str) -> Result<pb::ExistsResponse, Failure> {
    let zxid = reply.zxid.0;
    if reply.err == ErrorCode::NoNode.code() {
        return Ok(pb::ExistsResponse { zxid, stat: None });
    }
    let record = StatResponse::decode(&mut Reader::new(&accept(reply, path)?.body))?;
    Ok(pb::ExistsResponse { zxid, stat: Some(stat(&record.stat)) })
}

/// Of getChildren2.
pub fn list_children(reply: &ApiReply) -> Result<pb::ListChildrenResponse, Failure> {
    let record = GetChildren2Response::decode(&mut Reader::new(&reply.body))?;
    let children = record.children.into_iter().map(str::to_owned).collect();
    Ok(pb::ListChildrenResponse { zxid: reply.zxid.0, children, stat: Some(stat(&record.stat)) })
}

/// Of multi. One operation's error is the failure of them all.
pub fn multi(reply: &ApiReply, operations: &[pb::Operation]) -> Result<pb::MultiResponse, Failure> {
    let results = multi_reply::decode(&mut Reader::new(&reply.body))?;
    // Before the one that failed ZooKeeper puts zeros, after it RuntimeInconsistency.
    let failed = results.iter().enumerate().find_map(|(index, result)| match result {
        MultiResult::Error(code) if *code != 0 => Some((index, *code)),
        _ => None,
    });
    if let Some((index, code)) = failed {
        let path = operations.get(index).map_or("", path_of);
        return Err(Failure::reported(code, path, reply.zxid).of_operation(index));
    }
    if results.len() != operations.len() {
        return Err(mismatch());
    }
    let pairs = results.iter().zip(operations);
    let results: Option<Vec<_>> = pairs.map(|(result, of)| operation_result(reply, result, of)).collect();
    Ok(pb::MultiResponse { zxid: reply.zxid.0, results: results.ok_or_else(mismatch)? })
}

fn mismatch() -> Failure {
    Failure::new(ErrorCode::SystemError, "the results of a multi do not match its operations")
}

fn operation_result(
    reply: &ApiReply,
    result: &MultiResult<'_>,
    operation: &pb::Operation,
) -> Option<pb::OperationResult> {
    let zxid = reply.zxid.0;
    let kind = match (result, operation.kind.as_ref()?) {
        (MultiResult::Create2(record), Kind::Create(_)) => {
            operation_result::Kind::Create(created(reply, record))
        }
        (MultiResult::SetData(record), Kind::Set(_)) => {
            operation_result::Kind::Set(pb::SetResponse { zxid, stat: Some(stat(record)) })
        }
        (MultiResult::Delete, Kind::Delete(_)) => operation_result::Kind::Delete(pb::DeleteResponse { zxid }),
        (MultiResult::Check, Kind::Check(check)) => operation_result::Kind::Check(check.clone()),
        _ => return None,
    };
    Some(pb::OperationResult { kind: Some(kind) })
}

fn created(reply: &ApiReply, record: &Create2Response<'_>) -> pb::CreateResponse {
    pb::CreateResponse { zxid: reply.zxid.0, path: record.path.to_owned(), stat: Some(stat(&record.stat)) }
}

fn stat(stat: &Stat) -> pb::Stat {
    pb::Stat {
        czxid: stat.czxid.0,
        mzxid: stat.mzxid.0,
        ctime_ms: stat.ctime,
        mtime_ms: stat.mtime,
        version: stat.version,
        cversion: stat.cversion,
        aversion: stat.aversion,
        ephemeral_owner: stat.ephemeral_owner.0,
        data_length: stat.data_length,
        num_children: stat.num_children,
        pzxid: stat.pzxid.0,
    }
}
