use bytes::BytesMut;
use menagerie_types::ErrorCode::*;
use menagerie_types::OpCode;
use menagerie_types::command::Policy;

use crate::world::*;

fn candidates(world: &World, max_never_used_ms: i64, limit: i32) -> Vec<String> {
    let mut body = BytesMut::new();
    menagerie_jute::write::i64(&mut body, max_never_used_ms);
    menagerie_jute::write::i32(&mut body, limit);
    let (replies, _) = world.read_all(OpCode::ReapCandidates, NOBODY, body);
    let mut reader = replies[0].reader();
    let paths = reader.string_vec().expect("strings").expect("not null");
    paths.into_iter().map(str::to_owned).collect()
}

/// Some time passes by the log's clock.
fn wait(world: &mut World, ms: i64) {
    world.time_ms += ms - 1;
    world.run(OpCode::Noop, NOBODY, BytesMut::new());
}

fn reap(world: &mut World, path: &str) -> Reply {
    let mut body = BytesMut::new();
    menagerie_jute::write::string(&mut body, Some(path));
    world.run(OpCode::DeleteContainer, NOBODY, body)
}

#[test]
fn a_container_is_due_once_its_last_child_is_gone() {
    let mut world = World::new();
    world.run(OpCode::CreateContainer, NOBODY, create("/c", None, 4));
    world.create("/c/x", 0, NOBODY);
    world.create("/c/y", 0, NOBODY);
    world.delete("/c/x", -1);
    assert!(candidates(&world, 0, 9).is_empty());
    world.delete("/c/y", -1);
    assert_eq!(candidates(&world, 0, 9), ["/c"]);
    world.create("/c/z", 0, NOBODY);
    assert!(candidates(&world, 0, 9).is_empty());
    assert_eq!(reap(&mut world, "/c").error(), Some(NotEmpty), "a child came in between");
    world.delete("/c/z", -1);
    assert_eq!(reap(&mut world, "/c").error(), None);
    assert!(candidates(&world, 0, 9).is_empty());
}

#[test]
fn a_container_that_was_never_used_is_due_only_if_asked_for() {
    let mut world = World::new();
    world.run(OpCode::CreateContainer, NOBODY, create("/c", None, 4));
    world.create("/plain", 4, NOBODY);
    wait(&mut world, 99);
    assert!(candidates(&world, 0, 9).is_empty());
    assert!(candidates(&world, 100, 9).is_empty());
    assert_eq!(candidates(&world, 99, 9), ["/c"]);
}

#[test]
fn a_ttl_runs_from_the_last_modification_and_not_while_there_are_children() {
    let mut world = World::new();
    world.policy = Policy::EXTENDED_TYPES;
    world.run(OpCode::CreateTtl, NOBODY, create_ttl("/t", 5, 100));
    wait(&mut world, 100);
    assert!(candidates(&world, 0, 9).is_empty());
    wait(&mut world, 1);
    assert_eq!(candidates(&world, 0, 9), ["/t"]);
    world.set("/t", b"", -1);
    assert!(candidates(&world, 0, 9).is_empty());
    assert_eq!(reap(&mut world, "/t").error(), Some(BadVersion), "it was modified in between");
    world.create("/t/x", 0, NOBODY);
    wait(&mut world, 100);
    assert!(candidates(&world, 0, 9).is_empty());
    world.delete("/t/x", -1);
    assert_eq!(candidates(&world, 0, 9), ["/t"]);
    assert!(candidates(&world, 0, 0).is_empty());
    assert_eq!(reap(&mut world, "/t").error(), None);
}

#[test]
fn clients_are_not_told() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    let (replies, _) = world.read_all(OpCode::ReapCandidates, session, BytesMut::zeroed(12));
    assert_eq!(replies[0].error(), Some(Unimplemented));
    let (replies, _) = world.read_all(OpCode::ReapCandidates, NOBODY, BytesMut::zeroed(11));
    assert_eq!(replies[0].error(), Some(MarshallingError));
}
