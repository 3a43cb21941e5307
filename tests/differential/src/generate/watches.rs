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
///
/// Persistent watches come without one-shot watches of the same znodes: an event that such a watch has missed, which
/// ZooKeeper does not send, stands for the one that ZooKeeper makes up for the one-shot watch.
pub fn set_watches() -> impl Strategy<Value = Request> {
    let relative = prop_oneof![
        6 => Just(Relative::LastSeen),
        2 => select(&[0, i64::MAX, -1, i64::MIN][..]).prop_map(Relative::Fixed),
    ];
    let apart = select(&["$/c", "$/b/a"][..]).prop_map(Text::new);
    // ZooKeeper sends the events of the paths before a null one, and then the error.
    let known = || watched().prop_filter("null", |path| path.0.is_some());
    let one_shot = || vec(vec(known(), 0..3), 3);
    let below_a = vec(vec(select(&["$/a", "$/a/a", "$/a/b"][..]).prop_map(Text::new), 0..3), 3);
    let none = || vec(Just(Vec::new()), 3);
    let lists = prop_oneof![
        3 => one_shot().prop_map(|lists| (OpCode::SetWatches, lists)),
        3 => (one_shot(), vec(Just(Vec::new()), 2)).prop_map(both),
        2 => (none(), vec(vec(known(), 0..3), 2)).prop_map(both),
        1 => (below_a, vec(vec(apart, 0..2), 2)).prop_map(both),
    ];
    (relative, lists)
        .prop_map(|(relative, (op, lists))| Request::new(op.code(), Body::SetWatches(relative, lists)))
}

fn both((one_shot, persistent): (Vec<Vec<Text>>, Vec<Vec<Text>>)) -> (OpCode, Vec<Vec<Text>>) {
    (OpCode::SetWatches2, [one_shot, persistent].concat())
}

fn watched() -> impl Strategy<Value = Text> {
    prop_oneof![30 => paths::own(), 2 => paths::shared(), 1 => paths::odd(), 1 => paths::quota()]
}
