//! Requests about watches.

use menagerie_types::OpCode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::paths;
use crate::case::{Body, Relative, Request, Text};

/// addWatch.
pub fn add_watch() -> impl Strategy<Value = Request> {
    let mode = select(&[0, 0, 0, 0, 1, 1, 1, 1, 2, -1, i32::MAX][..]);
    (paths::read(), mode)
        .prop_map(|(path, mode)| Request::new(OpCode::AddWatch.code(), Body::Number(path, mode)))
}

/// checkWatches and removeWatches.
pub fn remove_watches() -> impl Strategy<Value = Request> {
    let op = select(&[OpCode::RemoveWatches, OpCode::RemoveWatches, OpCode::CheckWatches][..]);
    let kind = select(&[1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 0, 6, -1, i32::MIN][..]);
    (op, watched(), kind).prop_map(|(op, path, kind)| Request::new(op.code(), Body::Number(path, kind)))
}

/// setWatches and setWatches2.
pub fn set_watches() -> impl Strategy<Value = Request> {
    let relative = prop_oneof![
        6 => Just(Relative::LastSeen),
        2 => select(&[0, i64::MAX, -1, i64::MIN][..]).prop_map(Relative::Fixed),
    ];
    let op = select(&[(OpCode::SetWatches2, 5), (OpCode::SetWatches, 3)][..]);
    (relative, op, vec(vec(watched(), 0..3), 5)).prop_map(|(relative, (op, lists), mut paths)| {
        paths.truncate(lists);
        Request::new(op.code(), Body::SetWatches(relative, paths))
    })
}

fn watched() -> impl Strategy<Value = Text> {
    prop_oneof![30 => paths::own(), 2 => paths::shared(), 1 => paths::odd(), 1 => paths::quota()]
}
