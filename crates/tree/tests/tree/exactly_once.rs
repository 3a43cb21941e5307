use menagerie_tree::ApplyError;
use menagerie_types::{IncarnationId, LogIndex, OpCode};

use crate::world::*;

fn make(world: &World, path: &str) -> Owned {
    world.owned(OpCode::Create, NOBODY, create(path, None, 0))
}

#[test]
fn repeats_are_dropped_and_the_rest_of_their_chunk_is_applied() {
    let mut world = World::new();
    let commands: Vec<_> = ["/a", "/b", "/c"].map(|path| make(&world, path)).into();
    world.apply(&[chunk(GATEWAY, 1, &commands[..2])]);
    let results = [Report::Result(1, 1), Report::Result(2, 2)];
    assert!(results.iter().all(|result| world.seen.reports.contains(result)));
    assert_eq!(world.apply(&[chunk(GATEWAY, 1, &commands[..2])]).len(), 0);
    assert!(world.seen.reports.is_empty());
    assert_eq!(world.state.zxid().0, 2);
    let replies = world.apply(&[chunk(GATEWAY, 1, &commands)]);
    assert_eq!((replies.len(), replies[0].err, replies[0].zxid), (1, 0, 3));
    assert_eq!(world.seen.reports[0], Report::Chunk(3));
    assert_eq!(world.seen.reports[3..], [Report::Result(3, 3), Report::ChunkEnd]);
    assert_eq!(world.state.last_seq(GATEWAY), Some(3));
}

#[test]
fn gaps_are_refused_whole() {
    let mut world = World::new();
    let a = make(&world, "/a");
    world.apply(&[chunk(GATEWAY, 2, std::slice::from_ref(&a))]);
    assert_eq!(world.seen.reports, [Report::Refused(GATEWAY, 1)]);
    assert_eq!(world.state.last_seq(GATEWAY), None);
    world.apply(&[chunk(GATEWAY, 1, std::slice::from_ref(&a)), chunk(GATEWAY, 3, std::slice::from_ref(&a))]);
    assert_eq!(world.seen.reports.last(), Some(&Report::Refused(GATEWAY, 2)));
    assert_eq!(world.state.zxid().0, 1);
}

#[test]
fn of_too_many_incarnations_the_longest_silent_one_without_sessions_is_forgotten() {
    let mut world = World::new();
    let epoch = world.lease();
    world.open_session(7, epoch);
    let noop = world.owned(OpCode::Noop, NOBODY, bytes::BytesMut::new());
    world.propose(GATEWAY, noop.clone());
    let many = 4096 - 2;
    for id in 0..many {
        world.propose(IncarnationId(1000 + id), noop.clone());
    }
    world.propose(TRACKER, noop.clone());
    assert_eq!(world.state.last_seq(IncarnationId(1000)), Some(1));
    world.propose(IncarnationId(1), noop.clone());
    assert_eq!(world.state.last_seq(IncarnationId(1000)), None);
    assert!(world.state.last_seq(GATEWAY).is_some(), "silent for longer, but it owns a session");
    world.apply(&[chunk(IncarnationId(1000), 2, std::slice::from_ref(&noop))]);
    assert_eq!(world.seen.reports, [Report::Refused(IncarnationId(1000), 1)]);
}

#[test]
fn an_entry_that_is_out_of_order_or_malformed_changes_nothing() {
    let mut world = World::new();
    let a = make(&world, "/a");
    let good = chunk(GATEWAY, 1, &[a]);
    let mut seen = Recorder::default();
    let digest = world.state.digest();
    let chunks = [good.clone(), good.slice(..good.len() - 1)];
    let malformed = world.state.apply_entry(LogIndex(1), 5, &chunks, &mut seen);
    assert!(matches!(malformed, Err(ApplyError::Malformed { .. })));
    assert!(seen.reports.is_empty());
    assert_eq!((world.state.digest(), world.state.index()), (digest, LogIndex(0)));
    world.state.apply_entry(LogIndex(3), 5, &[], &mut seen).expect("an entry without commands");
    assert_eq!(world.state.time_ms(), 5);
    let late = world.state.apply_entry(LogIndex(3), 5, &[good], &mut seen);
    assert_eq!(late, Err(ApplyError::OutOfOrder { index: LogIndex(3), applied: LogIndex(3) }));
}

#[test]
fn the_bytes_of_a_chunk_do_not_change() {
    use menagerie_types::command::{Policy, encode_identities};
    let auth = encode_identities(&[menagerie_types::Identity::new("ip", "127.0.0.1")]);
    let body = bytes::Bytes::from_static(b"body");
    let command =
        Owned { op: menagerie_types::OpCode::Create, session: menagerie_types::SessionId(7), auth, body };
    let chunk = chunk_with(Policy::EXTENDED_TYPES, menagerie_types::IncarnationId(9), 5, &[command]);
    let golden = [
        "02 01 0000000000000009 0000000000000005 0000000000000000 00000001",
        "00000024 00000001 0000000000000007 00000005 000e 02 6970 0009 3132372e302e302e31 626f6479",
    ];
    let hex: String = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden.concat().replace(' ', ""));
}
