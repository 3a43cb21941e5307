use menagerie_tree::{CheckpointError, Meta, Record, State};
use menagerie_types::command::internal::RegisterReplica;
use menagerie_types::{LogIndex, NodeId, OpCode, perms};

use crate::world::*;

/// Something of everything.
fn furnished() -> World {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    world.create("/a", 0, session);
    world.create("/a-", 0, session);
    world.create("/a/b", 1, session);
    world.run(OpCode::Create, NOBODY, create_with_acl("/acl", &[acl(perms::READ, "ip", "10.0.0.0/8")]));
    let request = RegisterReplica { replica: NodeId(3), checkpoint: LogIndex(1) };
    world.tracker(OpCode::RegisterReplica, request.encode());
    world
}

fn checkpoint(state: &mut State) -> (Meta, Vec<Record>) {
    let meta = state.begin_checkpoint();
    let mut records = Vec::new();
    while state.checkpoint_slice(2, &mut records) {}
    records.sort_unstable();
    (meta, records)
}

fn load(meta: &Meta, records: &[Record]) -> Result<State, CheckpointError> {
    let mut loader = State::loader();
    for (key, value) in records {
        loader.record(key, value.as_deref().expect("nothing was deleted"))?;
    }
    loader.finish(meta)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_loaded_state_is_the_same_and_goes_on_in_the_same_way() {
    let mut world = furnished();
    let (meta, records) = checkpoint(&mut world.state);
    assert_eq!(records.len(), 1 + 1 + 1 + 2 + 4 + 4);
    let mut other = World { state: load(&meta, &records).expect("good"), ..furnished() };
    assert_eq!(other.state.digest(), world.state.digest());
    for world in [&mut world, &mut other] {
        world.create("/a/s-", 2, NOBODY);
        world.expire_session(menagerie_types::SessionId(7), 1);
    }
    assert_eq!(other.seen.reports, world.seen.reports);
    assert_eq!(other.seen.replies, world.seen.replies);
    assert_eq!(other.state.digest(), world.state.digest());
    assert_eq!(other.state.data_bytes(), world.state.data_bytes());
}

#[test]
fn a_checkpoint_holds_what_changed_since_the_one_before() {
    let mut world = furnished();
    checkpoint(&mut world.state);
    let (_, records) = checkpoint(&mut world.state);
    assert!(records.is_empty());
    world.set("/a/b", b"new", -1);
    world.delete("/acl", -1);
    world.create("/short-lived", 0, NOBODY);
    world.delete("/short-lived", -1);
    let (_, records) = checkpoint(&mut world.state);
    let keys: Vec<_> = records.iter().map(|(key, value)| (key.clone(), value.is_some())).collect();
    let gateway = [&b"i"[..], &GATEWAY.0.to_be_bytes()].concat();
    let expected =
        [(gateway, true), (b"n/".to_vec(), true), (b"n/a/b".to_vec(), true), (b"n/acl".to_vec(), false)];
    assert_eq!(keys, expected);
}

#[test]
fn a_path_deleted_in_an_aborted_checkpoint_is_deleted_in_the_next() {
    let mut world = furnished();
    checkpoint(&mut world.state);
    world.delete("/acl", -1);
    checkpoint(&mut world.state);
    world.create("/acl", 0, NOBODY);
    world.state.abort_checkpoint();
    world.delete("/acl", -1);
    let (_, records) = checkpoint(&mut world.state);
    assert!(records.contains(&(b"n/acl".to_vec(), None)));
}

#[test]
fn any_flipped_bit_of_a_record_is_noticed() {
    let (meta, records) = checkpoint(&mut furnished().state);
    for at in 0..records.len() {
        let value_len = records[at].1.as_ref().expect("a value").len();
        for byte in 0..records[at].0.len() + value_len {
            let mut damaged = records.clone();
            let (key, value) = &mut damaged[at];
            match byte.checked_sub(key.len()) {
                None => key[byte] ^= 1 << (byte % 8),
                Some(byte) => value.as_mut().expect("a value")[byte] ^= 1 << (byte % 8),
            }
            assert!(load(&meta, &damaged).is_err(), "record {at} byte {byte}");
        }
        let mut missing = records.clone();
        missing.remove(at);
        assert!(load(&meta, &missing).is_err(), "record {at} is missing");
    }
    let encoded = meta.encode();
    for byte in 0..encoded.len() {
        let mut damaged = encoded.clone();
        damaged[byte] ^= 1;
        assert!(Meta::decode(&damaged).is_err());
        assert!(Meta::decode(&encoded[..byte]).is_err());
    }
}

#[test]
fn the_bytes_of_records_do_not_change() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    world.run(OpCode::Create, session, create("/a", Some(b"xy"), 1));
    let request = RegisterReplica { replica: NodeId(3), checkpoint: LogIndex(2) };
    world.tracker(OpCode::RegisterReplica, request.encode());
    let (meta, records) = checkpoint(&mut world.state);
    let record = |key: &[u8]| {
        let (_, value) = records.iter().find(|(other, _)| other == key).expect("it is there");
        hex(value.as_deref().expect("a value"))
    };
    let expected: [(&[u8], &[&str]); 5] = [
        (
            b"n/a",
            &[
                "01",
                "0000000000000003 0000000000000003 0000000000000003",
                "00000000000003eb 00000000000003eb",
                "00000000 00000000 00000000 0000000000000007",
                "0000001b 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65",
                "01 7879 ba21616f",
            ],
        ),
        (
            b"l",
            &[
                "01",
                "0000000000000001 01 0000000000000001 000003e8 00000000000007d1",
                "00 0000000000000000 0000000000000000 4b26de2e",
            ],
        ),
        (b"r\0\0\0\0\0\0\0\x03", &["01 0000000000000002 50cc9521"]),
        (b"s\0\0\0\0\0\0\0\x07", &["01 00000fa0 05050505050505050505050505050505 000000000000000a bf0fae3d"]),
        (b"i\0\0\0\0\0\0\0\x0a", &["01 0000000000000001 0000000000000003 a5cbe473"]),
    ];
    for (key, parts) in expected {
        assert_eq!(record(key), parts.concat().replace(' ', ""), "{}", key.escape_ascii());
    }
    let parts = [
        "01 0000000000000004 00000000000003ec 0000000000000004 938620fc217ceb96",
        "0000000000000005 0000000000000001 0000000000000002 0000000000000001 8dff48ee",
    ];
    assert_eq!(hex(&meta.encode()), parts.concat().replace(' ', ""), "the digest is part of the format, too");
}
