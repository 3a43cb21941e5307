//! The results of a multi or multiRead: repeated { [`MultiHeader`], result record }, then the terminator.

use bytes::{BufMut, BytesMut};
use menagerie_types::{OpCode, Stat};

use crate::{
    Create2Response, GetChildrenResponse, GetDataResponse, JuteError, MultiHeader, PathResponse, Reader,
};

/// Starts one good result; the caller appends its record. createContainer and createTTL answer as create2.
pub fn result_header(out: &mut BytesMut, op: i32) {
    let op = match OpCode::from_code(op) {
        Some(OpCode::CreateContainer | OpCode::CreateTtl) => OpCode::Create2.code(),
        _ => op,
    };
    MultiHeader { op, done: false, err: 0 }.encode(out);
}

/// One whole result that is not good. When a multi fails, those before the culprit have `code` 0 and those after it
/// RUNTIMEINCONSISTENCY.
pub fn error_result(out: &mut BytesMut, code: i32) {
    MultiHeader { op: -1, done: false, err: code }.encode(out);
    out.put_i32(code);
}

/// Ends the results.
pub fn end(out: &mut BytesMut) {
    MultiHeader::END.encode(out);
}

/// One result, as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiResult<'a> {
    /// create.
    Create(PathResponse<'a>),
    /// create2, createContainer, createTTL.
    Create2(Create2Response<'a>),
    /// delete.
    Delete,
    /// setData.
    SetData(Stat),
    /// check.
    Check,
    /// getData.
    GetData(GetDataResponse<'a>),
    /// getChildren.
    GetChildren(GetChildrenResponse<'a>),
    /// An error result; 0 for an operation that was undone because another one failed.
    Error(i32),
}

/// Reads the results of a multi or multiRead.
pub fn decode<'a>(reader: &mut Reader<'a>) -> Result<Vec<MultiResult<'a>>, JuteError> {
    let mut results = Vec::new();
    loop {
        let header = MultiHeader::decode(reader)?;
        if header.done {
            return Ok(results);
        }
        results.push(match OpCode::from_code(header.op) {
            Some(OpCode::Create) => MultiResult::Create(PathResponse::decode(reader)?),
            Some(OpCode::Create2) => MultiResult::Create2(Create2Response::decode(reader)?),
            Some(OpCode::Delete) => MultiResult::Delete,
            Some(OpCode::SetData) => MultiResult::SetData(reader.stat()?),
            Some(OpCode::Check) => MultiResult::Check,
            Some(OpCode::GetData) => MultiResult::GetData(GetDataResponse::decode(reader)?),
            Some(OpCode::GetChildren) => MultiResult::GetChildren(GetChildrenResponse::decode(reader)?),
            None if header.op == -1 => MultiResult::Error(reader.i32()?),
            _ => return Err(JuteError::MultiOpNotAllowed(header.op)),
        });
    }
}
