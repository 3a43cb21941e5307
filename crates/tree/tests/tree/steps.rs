//! Steps of random histories, and the commands that they are.

use bytes::BytesMut;
use menagerie_jute::{
    AclList, CheckVersionRequest, CreateRequest, CreateTtlRequest, DeleteRequest, MultiOp, Reader,
    SetDataRequest,
};
use menagerie_types::{OpCode, SessionId};
use proptest::prelude::*;

use crate::model::{Op, TTL};
use crate::world::*;

/// A step of a history.
#[derive(Clone, Debug)]
pub enum Step {
    One(Op, SessionId),
    Multi(Vec<Op>, SessionId),
    Open(SessionId),
    Close(SessionId),
    Expire(SessionId),
    /// What the reaper does.
    Reap(String),
    /// Proposes the last command again.
    Repeat,
    /// Leaves out a number.
    Gap,
}

pub fn paths() -> impl Strategy<Value = String> {
    let special = ["/", "/a/", "/zookeeper", "a", "/a//b"].map(String::from);
    prop_oneof![20 => "/[abc]", 20 => "/[ab]/[abc]", 10 => "/a/[ab]/[abc]", 1 => prop::sample::select(special.to_vec()),
        20 => "/zookeeper/quota/[ab](/zookeeper_(limits|stats))?",
        4 => "/zookeeper/quota/a/b(/zookeeper_(limits|stats))?"]
}

pub fn ops() -> impl Strategy<Value = Op> {
    let limits = [
        "",
        "count=1,bytes=4",
        "count=-1,bytes=3=;byteHardLimit=6;countHardLimit=3",
        "count=2,bytes=-1=;countHardLimit=4",
        "count=0,bytes=0=;byteHardLimit=10",
        "x",
    ];
    let limits = limits.map(|text| text.as_bytes().to_vec());
    let data = move || {
        prop_oneof![
            3 => prop::collection::vec(any::<u8>(), 0..4),
            2 => prop::sample::select(limits.to_vec())
        ]
    };
    let version = || prop_oneof![3 => Just(-1), 2 => 0..3];
    let flags = prop_oneof![8 => Just(0), 3 => Just(1), 2 => Just(2), 1 => Just(3), 2 => 4..7i32];
    prop_oneof![
        8 => (paths(), flags, data(), any::<bool>())
            .prop_map(|(path, flags, data, hidden)| Op::Create { path, flags, data, hidden }),
        5 => (paths(), version()).prop_map(|(path, version)| Op::Delete { path, version }),
        4 => (paths(), data(), version()).prop_map(|(path, data, version)| Op::Set { path, data, version }),
        1 => (paths(), version()).prop_map(|(path, version)| Op::Check { path, version }),
    ]
}

pub fn steps() -> impl Strategy<Value = Step> {
    let session = || prop_oneof![1 => Just(NOBODY), 3 => (1..4i64).prop_map(SessionId)];
    let owner = || (1..4i64).prop_map(SessionId);
    let single = ops().prop_filter("check stands in multis only", |op| !matches!(op, Op::Check { .. }));
    prop_oneof![
        20 => (single, session()).prop_map(|(op, session)| Step::One(op, session)),
        6 => (prop::collection::vec(ops(), 0..6), session()).prop_map(|(ops, session)| Step::Multi(ops, session)),
        3 => owner().prop_map(Step::Open),
        1 => owner().prop_map(Step::Close),
        1 => owner().prop_map(Step::Expire),
        2 => paths().prop_map(Step::Reap),
        1 => Just(Step::Repeat),
        1 => Just(Step::Gap),
    ]
}

/// Steps that rarely fail for want of a session or a parent.
pub fn busy_steps() -> impl Strategy<Value = Step> {
    let single = || ops().prop_filter("check stands in multis only", |op| !matches!(op, Op::Check { .. }));
    prop_oneof![
        20 => single().prop_map(|op| Step::One(op, NOBODY)),
        8 => prop::collection::vec(ops(), 1..4).prop_map(|ops| Step::Multi(ops, NOBODY)),
        2 => single().prop_map(|op| Step::One(op, SessionId(1))),
        1 => Just(Step::Close(SessionId(1))),
        1 => Just(Step::Open(SessionId(1))),
        2 => paths().prop_map(Step::Reap),
    ]
}

/// What they need: parents, and quotas on some of them.
pub fn furniture() -> Vec<Step> {
    let create = |path: &str, data: &[u8]| {
        let (path, data) = (path.to_owned(), data.to_vec());
        Step::One(Op::Create { path, flags: 0, data, hidden: false }, NOBODY)
    };
    let hard = b"count=2,bytes=-1=;byteHardLimit=9;countHardLimit=4";
    vec![
        Step::Open(SessionId(1)),
        create("/a", b"1"),
        create("/a/a", b"22"),
        create("/b", b""),
        create("/zookeeper/quota/a", b""),
        create("/zookeeper/quota/a/zookeeper_limits", hard),
        create("/zookeeper/quota/a/zookeeper_stats", b""),
        create("/zookeeper/quota/b", b""),
        create("/zookeeper/quota/b/zookeeper_limits", b"count=-1,bytes=-1=;byteHardLimit=4"),
        create("/zookeeper/quota/b/zookeeper_stats", b""),
        create("/zookeeper/quota/a/a", b""),
    ]
}

pub fn body(op: &Op) -> (OpCode, BytesMut) {
    match op {
        Op::Create { path, flags, data, hidden } => {
            let mut body = BytesMut::new();
            let request = request(path, data, *flags, *hidden);
            match flags {
                4 => request.encode(&mut body),
                5 | 6 => with_ttl(&request).encode(&mut body),
                _ => request.encode(&mut body),
            }
            (create_op(*flags), body)
        }
        Op::Delete { path, version } => (OpCode::Delete, delete(path, *version)),
        Op::Set { path, data, version } => (OpCode::SetData, set(path, data, *version)),
        Op::Check { .. } => (OpCode::Check, BytesMut::new()),
    }
}

/// The ACL of what is hidden: everything for everybody, but not READ.
pub const HIDDEN: &[u8] = b"\0\0\0\x01\0\0\0\x1e\0\0\0\x05world\0\0\0\x06anyone";

pub fn request<'a>(path: &'a str, data: &'a [u8], flags: i32, hidden: bool) -> CreateRequest<'a> {
    let acl = match hidden {
        true => AclList::decode(&mut Reader::new(HIDDEN)).expect("well-formed"),
        false => Some(AclList::open()),
    };
    CreateRequest { path, data: Some(data), acl, flags }
}

pub fn with_ttl<'a>(request: &CreateRequest<'a>) -> CreateTtlRequest<'a> {
    let CreateRequest { path, data, acl, flags } = *request;
    CreateTtlRequest { path, data, acl, flags, ttl: TTL }
}

pub fn create_op(flags: i32) -> OpCode {
    match flags {
        4 => OpCode::CreateContainer,
        5 | 6 => OpCode::CreateTtl,
        _ => OpCode::Create,
    }
}

pub fn multi_op(op: &Op) -> MultiOp<'_> {
    match op {
        Op::Create { path, flags, data, hidden } => {
            let request = request(path, data, *flags, *hidden);
            match create_op(*flags) {
                OpCode::CreateContainer => MultiOp::CreateContainer(request),
                OpCode::CreateTtl => MultiOp::CreateTtl(with_ttl(&request)),
                op => MultiOp::Create(request, op.code()),
            }
        }
        Op::Delete { path, version } => MultiOp::Delete(DeleteRequest { path, version: *version }),
        Op::Set { path, data, version } => {
            MultiOp::SetData(SetDataRequest { path, data: Some(data), version: *version })
        }
        Op::Check { path, version } => MultiOp::Check(CheckVersionRequest { path, version: *version }),
    }
}
