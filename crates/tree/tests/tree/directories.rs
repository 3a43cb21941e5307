use menagerie_tree::{Record, State};
use menagerie_types::command::registration::{Register, Role, Unregister};
use menagerie_types::{ErrorCode, IncarnationId, LogIndex, NodeId, OpCode};

use crate::world::*;

fn register(role: Role, id: u64, life: u64) -> Register {
    let (id, life) = (NodeId(id), IncarnationId(life));
    Register { role, id, life, join: true, checkpoint: LogIndex(0), address: format!("host-{id}:1") }
}

fn put(world: &mut World, request: &Register) -> Option<ErrorCode> {
    world.tracker(OpCode::Register, request.encode()).error()
}

fn take(world: &mut World, role: Role, id: u64) -> Option<ErrorCode> {
    world.tracker(OpCode::Unregister, Unregister { role, id: NodeId(id) }.encode()).error()
}

fn known(world: &World) -> Vec<(Role, u64)> {
    world.state.directory().map(|(role, id, _)| (role, id.0)).collect()
}

#[test]
fn a_store_that_was_removed_does_not_come_back_with_a_late_command() {
    let mut world = World::new();
    let joins = Register { checkpoint: LogIndex(5), ..register(Role::TreeStore, 1, 7) };
    let goes_on = Register { join: false, checkpoint: LogIndex(9), ..joins.clone() };
    assert_eq!(put(&mut world, &goes_on), Some(ErrorCode::NoNode));
    assert_eq!(put(&mut world, &joins), None);
    assert_eq!(world.state.safe_truncation(), LogIndex(5));
    assert_eq!(put(&mut world, &goes_on), None);
    assert_eq!(world.state.safe_truncation(), LogIndex(9));
    assert_eq!(take(&mut world, Role::TreeStore, 1), None);
    assert_eq!(world.state.safe_truncation(), LogIndex(0), "nobody holds a checkpoint");
    assert_eq!(put(&mut world, &goes_on), Some(ErrorCode::NoNode));
    assert_eq!(take(&mut world, Role::TreeStore, 1), Some(ErrorCode::NoNode));
    assert_eq!(put(&mut world, &Register { life: IncarnationId(8), ..joins.clone() }), None, "started again");
    assert_eq!(put(&mut world, &goes_on), Some(ErrorCode::NoNode), "its former life");
}

#[test]
fn truncation_waits_for_registered_stores_only() {
    let mut world = World::new();
    for (id, checkpoint) in [(1, 10), (2, 0), (3, 0)] {
        let request = Register { checkpoint: LogIndex(checkpoint), ..register(Role::TreeStore, id, id) };
        assert_eq!(put(&mut world, &request), None);
    }
    assert_eq!(world.state.safe_truncation(), LogIndex(0));
    take(&mut world, Role::TreeStore, 2);
    take(&mut world, Role::TreeStore, 3);
    assert_eq!(world.state.safe_truncation(), LogIndex(10));
}

#[test]
fn whoever_is_silent_for_long_is_forgotten_but_not_the_active_tracker() {
    let mut world = World::new();
    world.lease();
    for role in [Role::TreeStore, Role::SessionTracker, Role::Gateway] {
        put(&mut world, &register(role, 1, 1));
        put(&mut world, &register(role, 2, 2));
    }
    world.time_ms += 6 * 60 * 1000;
    put(&mut world, &Register { join: false, ..register(Role::TreeStore, 1, 1) });
    let stores = [(Role::TreeStore, 1), (Role::TreeStore, 2)];
    assert_eq!(known(&world), [&stores[..], &[(Role::SessionTracker, 1)]].concat());
    world.time_ms += 61 * 60 * 1000;
    put(&mut world, &Register { join: false, ..register(Role::TreeStore, 1, 1) });
    assert_eq!(known(&world), [(Role::TreeStore, 1), (Role::SessionTracker, 1)]);
}

#[test]
fn the_directory_is_in_checkpoints_and_in_the_digest() {
    let mut world = World::new();
    let empty = world.state.digest();
    put(&mut world, &register(Role::TreeStore, 1, 1));
    put(&mut world, &register(Role::Gateway, 9, 3));
    assert_ne!(world.state.digest(), empty);
    take(&mut world, Role::TreeStore, 1);
    let mut records: Vec<Record> = Vec::new();
    let meta = world.state.begin_checkpoint();
    while world.state.checkpoint_slice(100, &mut records) {}
    records.retain(|(_, value)| value.is_some());
    records.sort();
    let mut loader = State::loader();
    for (key, value) in &records {
        loader.record(key, value.as_deref().expect("kept")).expect("sound");
    }
    let loaded = loader.finish(&meta).expect("adds up");
    assert_eq!(loaded.digest(), world.state.digest());
    let found: Vec<_> = loaded.directory().map(|(role, id, row)| (role, id.0, row.address.clone())).collect();
    assert_eq!(found, [(Role::Gateway, 9, "host-9:1".to_owned())]);
}
