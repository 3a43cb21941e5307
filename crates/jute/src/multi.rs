//! Requests with several operations: multi (writes, all or nothing) and multiRead.
//!
//! Layout: repeated { [`MultiHeader`] (op, false, -1), the operation's record }, then the terminator (-1, true, -1).

use bytes::{BufMut, BytesMut};
use menagerie_types::{CreateMode, OpCode};

use crate::{
    CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, JuteError, PathWatchRequest, Reader,
    SetDataRequest, write,
};

/// What precedes every operation and every result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiHeader {
    /// The operation; -1 for an error result and for the terminator.
    pub op: i32,
    /// True for the terminator.
    pub done: bool,
    /// -1 in requests and the terminator, else the result's error code.
    pub err: i32,
}

impl MultiHeader {
    /// Ends the list.
    pub const END: Self = Self { op: -1, done: true, err: -1 };

    /// Reads the header.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, JuteError> {
        Ok(Self { op: reader.i32()?, done: reader.bool()?, err: reader.i32()? })
    }

    /// Appends the header.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_i32(self.op);
        write::bool(out, self.done);
        out.put_i32(self.err);
    }
}

/// One operation of a multi or multiRead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MultiOp<'a> {
    /// create or create2, by the number that follows: they differ in their result.
    Create(CreateRequest<'a>, i32),
    /// createTTL.
    CreateTtl(CreateTtlRequest<'a>),
    /// createContainer.
    CreateContainer(CreateRequest<'a>),
    /// delete.
    Delete(DeleteRequest<'a>),
    /// setData.
    SetData(SetDataRequest<'a>),
    /// check.
    Check(CheckVersionRequest<'a>),
    /// getData; `watch` is without effect.
    GetData(PathWatchRequest<'a>),
    /// getChildren; `watch` is without effect.
    GetChildren(PathWatchRequest<'a>),
}

impl<'a> MultiOp<'a> {
    /// The operation's number.
    pub fn op(&self) -> i32 {
        match self {
            Self::Create(_, op) => *op,
            Self::CreateTtl(_) => OpCode::CreateTtl.code(),
            Self::CreateContainer(_) => OpCode::CreateContainer.code(),
            Self::Delete(_) => OpCode::Delete.code(),
            Self::SetData(_) => OpCode::SetData.code(),
            Self::Check(_) => OpCode::Check.code(),
            Self::GetData(_) => OpCode::GetData.code(),
            Self::GetChildren(_) => OpCode::GetChildren.code(),
        }
    }

    /// True for operations of multiRead, false for those of multi.
    pub fn is_read(&self) -> bool {
        matches!(self, Self::GetData(_) | Self::GetChildren(_))
    }

    fn decode(op: i32, reader: &mut Reader<'a>) -> Result<Self, JuteError> {
        Ok(match OpCode::from_code(op) {
            Some(OpCode::Create | OpCode::Create2 | OpCode::CreateContainer) => {
                Self::by_flags(CreateRequest::decode(reader)?, op)?
            }
            Some(OpCode::CreateTtl) => Self::by_flags_with_ttl(CreateTtlRequest::decode(reader)?),
            Some(OpCode::Delete) => Self::Delete(DeleteRequest::decode(reader)?),
            Some(OpCode::SetData) => Self::SetData(SetDataRequest::decode(reader)?),
            Some(OpCode::Check) => Self::Check(CheckVersionRequest::decode(reader)?),
            Some(OpCode::GetData) => Self::GetData(PathWatchRequest::decode(reader)?),
            Some(OpCode::GetChildren) => Self::GetChildren(PathWatchRequest::decode(reader)?),
            _ => return Err(JuteError::MultiOpNotAllowed(op)),
        })
    }

    /// In a multi the flags say what is created, and only then the number (ZooKeeper's `MultiOperationRecord` and
    /// `Op.Create`). A TTL where there is no room for one does not decode, nor do flags without a meaning.
    fn by_flags(request: CreateRequest<'a>, op: i32) -> Result<Self, JuteError> {
        if request.acl.is_none() {
            return Err(JuteError::NullAcl);
        }
        match CreateMode::from_flags(request.flags) {
            None => Err(JuteError::MultiCreateFlags(request.flags)),
            Some(mode) if mode.is_ttl() => Err(JuteError::MultiCreateFlags(request.flags)),
            Some(CreateMode::Container) => Ok(Self::CreateContainer(request)),
            Some(_) if op == OpCode::CreateContainer.code() => Ok(Self::CreateContainer(request)),
            Some(_) => Ok(Self::Create(request, op)),
        }
    }

    /// createTTL is create when its flags ask for no TTL, also when they have no meaning: its validation refuses those.
    fn by_flags_with_ttl(request: CreateTtlRequest<'a>) -> Self {
        let CreateTtlRequest { path, data, acl, flags, .. } = request;
        let create = CreateRequest { path, data, acl, flags };
        match CreateMode::from_flags(flags) {
            Some(mode) if mode.is_ttl() => Self::CreateTtl(request),
            Some(CreateMode::Container) => Self::CreateContainer(create),
            _ => Self::Create(create, OpCode::Create.code()),
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        MultiHeader { op: self.op(), done: false, err: -1 }.encode(out);
        match self {
            Self::Create(request, _) | Self::CreateContainer(request) => request.encode(out),
            Self::CreateTtl(request) => request.encode(out),
            Self::Delete(request) => request.encode(out),
            Self::SetData(request) => request.encode(out),
            Self::Check(request) => request.encode(out),
            Self::GetData(request) | Self::GetChildren(request) => request.encode(out),
        }
    }
}

/// The operations of a multi or multiRead, in order, each with the number that its result has to be headed with
/// ([`MultiOp::op`]), which for creates follows from the flags.
///
/// Ends after the terminator or the first error. A mix of reads and writes is an error; that all are of the kind that
/// the opcode asks for is for the caller to see ([`MultiOp::is_read`]).
pub fn multi_ops(body: &[u8]) -> MultiOps<'_> {
    MultiOps { reader: Reader::new(body), reads: None, ended: false }
}

/// See [`multi_ops`].
#[derive(Clone, Debug)]
pub struct MultiOps<'a> {
    reader: Reader<'a>,
    reads: Option<bool>,
    ended: bool,
}

impl<'a> MultiOps<'a> {
    fn step(&mut self) -> Result<Option<(i32, MultiOp<'a>)>, JuteError> {
        let header = MultiHeader::decode(&mut self.reader)?;
        if header.done {
            return Ok(None);
        }
        let op = MultiOp::decode(header.op, &mut self.reader).map_err(|error| match error {
            JuteError::NullPath if !is_read(header.op) => JuteError::NullPathOfWrite,
            error => error,
        })?;
        if *self.reads.get_or_insert(op.is_read()) != op.is_read() {
            return Err(JuteError::MultiOpNotAllowed(header.op));
        }
        Ok(Some((op.op(), op)))
    }
}

impl<'a> Iterator for MultiOps<'a> {
    type Item = Result<(i32, MultiOp<'a>), JuteError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.step().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

fn is_read(op: i32) -> bool {
    matches!(OpCode::from_code(op), Some(OpCode::GetData | OpCode::GetChildren))
}

/// Appends the body of a multi or multiRead request.
pub fn encode_multi(out: &mut BytesMut, ops: &[MultiOp<'_>]) {
    for op in ops {
        op.encode(out);
    }
    MultiHeader::END.encode(out);
}
