//! multi and multiRead.

use menagerie_types::OpCode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{paths, requests};
use crate::case::{Body, Request};

const OPS_MAX: usize = 6;

type Sub = (i32, Body);

/// multi, mostly of writes.
pub fn multi() -> impl Strategy<Value = Request> {
    let ops = prop_oneof![
        20 => vec(write(), 1..OPS_MAX),
        1 => Just(Vec::new()),
        1 => vec(prop_oneof![write(), read()], 1..OPS_MAX),
        1 => vec(prop_oneof![3 => write(), 1 => other()], 1..OPS_MAX),
    ];
    ops.prop_map(|ops| Request::new(OpCode::Multi.code(), Body::Multi(ops)))
}

/// multiRead, mostly of reads.
pub fn multi_read() -> impl Strategy<Value = Request> {
    let ops = prop_oneof![
        12 => vec(read(), 1..OPS_MAX),
        1 => Just(Vec::new()),
        1 => vec(prop_oneof![read(), write()], 1..OPS_MAX),
        1 => vec(prop_oneof![3 => read(), 1 => other()], 1..OPS_MAX),
    ];
    ops.prop_map(|ops| Request::new(OpCode::MultiRead.code(), Body::Multi(ops)))
}

fn write() -> BoxedStrategy<Sub> {
    let bodies = prop_oneof![
        10 => requests::create(),
        5 => requests::delete(),
        5 => requests::set_data(),
        5 => requests::check(),
    ];
    bodies.prop_map(|request| (request.op, request.body)).boxed()
}

fn read() -> BoxedStrategy<Sub> {
    let op = select(&[OpCode::GetData, OpCode::GetData, OpCode::GetChildren][..]);
    (op, paths::read(), 0..2u8).prop_map(|(op, path, watch)| (op.code(), Body::Read(path, watch))).boxed()
}

// What neither may contain.
fn other() -> BoxedStrategy<Sub> {
    prop_oneof![
        (select(&[OpCode::Exists, OpCode::GetChildren2][..]), paths::own())
            .prop_map(|(op, path)| (op.code(), Body::Read(path, 0))),
        (select(&[OpCode::Sync, OpCode::GetAcl, OpCode::GetEphemerals][..]), paths::own())
            .prop_map(|(op, path)| (op.code(), Body::Path(path))),
        Just((OpCode::Multi.code(), Body::Multi(Vec::new()))),
        Just((OpCode::CloseSession.code(), Body::Empty)),
        Just((OpCode::Ping.code(), Body::Empty)),
        select(&[0, -1, 10, 99, -6, i32::MAX][..]).prop_map(|op| (op, Body::Empty)),
        requests::set_acl().prop_map(|request| (request.op, request.body)),
    ]
    .boxed()
}
