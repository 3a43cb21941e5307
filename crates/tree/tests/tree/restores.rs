//! Backups that go through the log into an empty state.

use bytes::{Bytes, BytesMut};
use menagerie_tree::checkpoint::put_record;
use menagerie_tree::{CheckpointError, Meta, Record, State, Sum};
use menagerie_types::command::internal::{FinishRestore, PublishConfig, RestoreBegin, RestoreRecords};
use menagerie_types::{ErrorCode, IncarnationId, LogIndex, OpCode, Zxid, perms};
use proptest::prelude::*;

use crate::pair::Pair;
use crate::steps::{busy_steps, furniture};
use crate::world::*;

/// The store that proposes a restore.
const STORE: IncarnationId = IncarnationId(30);

/// All records of a state, in the order of their keys, and what they add up to.
pub fn whole(state: &mut State) -> (Meta, Vec<Record>) {
    let meta = state.begin_whole_checkpoint();
    let mut records = Vec::new();
    while state.checkpoint_slice(3, &mut records) {}
    records.retain(|(_, value)| value.is_some());
    records.sort_unstable();
    (meta, records)
}

fn packed(records: &[Record]) -> Bytes {
    let mut out = BytesMut::new();
    for (key, value) in records {
        put_record(&mut out, key, value.as_deref().expect("a value"));
    }
    out.freeze()
}

impl World {
    fn store(&mut self, op: OpCode, body: Bytes) -> Option<ErrorCode> {
        self.propose(STORE, Owned { op, session: NOBODY, auth: Bytes::new(), body }).error()
    }

    fn begin(&mut self, id: u64, replaces: u64, meta: &Meta) -> Option<ErrorCode> {
        let meta = meta.encode().into();
        self.store(OpCode::RestoreBegin, RestoreBegin { id, replaces, meta }.encode())
    }

    fn part(&mut self, id: u64, part: u64, records: Bytes) -> Option<ErrorCode> {
        self.store(OpCode::RestoreRecords, RestoreRecords { id, part, records }.encode())
    }

    fn finish(&mut self, op: OpCode, id: u64) -> Option<ErrorCode> {
        self.store(op, FinishRestore { id }.encode())
    }

    fn restore_all(&mut self, meta: &Meta, records: &[Record], part_len: usize) {
        assert_eq!(self.begin(1, 0, meta), None);
        for (part, records) in records.chunks(part_len).enumerate() {
            assert_eq!(self.part(1, part as u64, packed(records)), None);
        }
        assert_eq!(self.finish(OpCode::RestoreEnd, 1), None);
    }
}

fn furnished() -> World {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    for n in 0..20 {
        world.create(&format!("/{n}"), 0, NOBODY);
    }
    world.create("/0/e", 1, session);
    world.run(OpCode::Create, NOBODY, create_with_acl("/acl", &[acl(perms::READ, "ip", "10.0.0.0/8")]));
    world.create("/zookeeper/quota/0", 0, NOBODY);
    world
}

#[test]
fn what_was_backed_up_is_what_is_restored_and_life_goes_on() {
    let mut source = furnished();
    let (meta, records) = whole(&mut source.state);
    let mut target = World::new();
    let epoch = target.lease();
    target.restore_all(&meta, &records, 3);
    assert!(!target.state.is_restoring());
    assert_eq!(target.state.restored().map(|restored| restored.digest), Some(meta.digest));
    assert_eq!(target.state.znode_count(), source.state.znode_count());
    assert_eq!(target.data("/7"), Some(b"data".to_vec()));
    assert!(target.state.zxid() > source.state.zxid(), "transactions go on above the backup's");
    assert_eq!(target.stat("/3"), source.stat("/3"));
    let session = menagerie_types::SessionId(7);
    assert_eq!(target.state.session(session), source.state.session(session));
    assert_eq!(target.state.lease().epoch, epoch, "the lease is this cluster's");
    assert_eq!(target.state.last_seq(GATEWAY), None, "so are the incarnations");
    assert_eq!(target.expire_session(session, epoch).error(), None);
    assert_eq!(target.state.ephemeral_count(), 0, "a restored session dies as any other");
    assert_eq!(target.create("/new", 0, NOBODY).error(), None);
}

#[test]
fn nobody_is_served_in_between() {
    let mut source = furnished();
    let (meta, records) = whole(&mut source.state);
    let mut target = World::new();
    let epoch = target.lease();
    assert_eq!(target.begin(1, 0, &meta), None);
    assert_eq!(target.part(1, 0, packed(&records[..5])), None);
    assert_eq!(target.create("/a", 0, NOBODY).error(), Some(ErrorCode::SystemError));
    assert!(target.expire_session(menagerie_types::SessionId(7), epoch).error().is_some());
    assert_eq!(target.state.restoring().map(|r| (r.id, r.records)), Some((1, 5)));
    assert_eq!(target.finish(OpCode::RestoreAbort, 1), None);
    assert!(target.state.is_empty() && !target.state.is_restoring());
    assert_eq!(target.create("/a", 0, NOBODY).error(), None);
}

#[test]
fn a_state_that_is_not_empty_takes_no_backup() {
    let mut source = furnished();
    let (meta, _) = whole(&mut source.state);
    assert_eq!(source.begin(1, 0, &meta), Some(ErrorCode::NotEmpty));
    let mut target = World::new();
    let epoch = target.lease();
    target.open_session(3, epoch);
    assert_eq!(target.begin(1, 0, &meta), Some(ErrorCode::NotEmpty), "a session is enough");
}

#[test]
fn parts_come_in_order_and_of_one_restore() {
    let mut source = furnished();
    let (meta, records) = whole(&mut source.state);
    let mut target = World::new();
    assert_eq!(target.part(1, 0, Bytes::new()), Some(ErrorCode::NoNode));
    assert_eq!(target.finish(OpCode::RestoreEnd, 1), Some(ErrorCode::NoNode));
    assert_eq!(target.begin(1, 0, &meta), None);
    assert_eq!(target.part(1, 1, Bytes::new()), Some(ErrorCode::BadVersion));
    assert_eq!(target.part(2, 0, Bytes::new()), Some(ErrorCode::NoNode));
    assert_eq!(target.begin(2, 0, &meta), Some(ErrorCode::NodeExists), "not unless it is to be replaced");
    assert_eq!(target.part(1, 0, packed(&records[..5])), None);
    assert_eq!(target.begin(2, 1, &meta), None);
    assert_eq!(target.part(1, 1, packed(&records[5..])), Some(ErrorCode::NoNode), "that one is over");
    assert_eq!(target.part(2, 0, packed(&records)), None);
    assert_eq!(target.finish(OpCode::RestoreEnd, 2), None);
}

#[test]
fn what_does_not_add_up_never_gets_into_place() {
    let mut source = furnished();
    let (meta, records) = whole(&mut source.state);
    let damaged = |damage: &dyn Fn(&mut Vec<Record>)| {
        let mut records = records.clone();
        damage(&mut records);
        let mut target = World::new();
        assert_eq!(target.begin(1, 0, &meta), None);
        let _ = target.part(1, 0, packed(&records));
        assert_eq!(target.finish(OpCode::RestoreEnd, 1), Some(ErrorCode::BadArguments));
        assert!(target.state.is_restoring() && target.state.restoring().is_some_and(|r| r.failed.is_some()));
        assert_eq!(target.finish(OpCode::RestoreAbort, 1), None);
        assert!(target.state.is_empty());
    };
    damaged(&|records| drop(records.pop()));
    damaged(&|records| records.swap(2, 3));
    damaged(&|records| records[4].1.as_mut().expect("a value")[3] ^= 1);
    damaged(&|records| records.push((b"n/zz".to_vec(), Some(vec![1, 2, 3]))));
    let mut target = World::new();
    let body = RestoreBegin { id: 1, replaces: 0, meta: Bytes::from_static(b"no meta") }.encode();
    assert_eq!(target.store(OpCode::RestoreBegin, body), Some(ErrorCode::BadArguments));
}

#[test]
fn clients_go_on_seeing_the_ensemble_that_they_are_connected_to() {
    let publish = |world: &mut World, index, text: &str| {
        let config = PublishConfig { membership_index: LogIndex(index), text: text.into() };
        assert_eq!(world.store(OpCode::PublishConfig, config.encode()), None);
    };
    let mut source = furnished();
    publish(&mut source, 9, "server.9=there:1:2");
    let (meta, records) = whole(&mut source.state);
    let mut target = World::new();
    publish(&mut target, 4, "server.1=here:1:2");
    let (shown, stat) = (target.data("/zookeeper/config"), target.stat("/zookeeper/config"));
    target.restore_all(&meta, &records, 1000);
    assert_eq!((target.data("/zookeeper/config"), target.stat("/zookeeper/config")), (shown, stat));
    assert_eq!(target.state.published_ensemble(), LogIndex(4));
    // The digest follows: a state loaded from a checkpoint is judged by it.
    let (meta, records) = whole(&mut target.state);
    assert_eq!(reload(&meta, &records).expect("adds up").digest(), target.state.digest());
}

#[test]
fn a_checkpoint_begun_before_is_told_that_the_tree_is_another() {
    let mut source = furnished();
    let (meta, records) = whole(&mut source.state);
    let mut target = World::new();
    target.create("/gone", 0, NOBODY);
    target.delete("/gone", -1);
    let before = target.state.takeovers();
    target.restore_all(&meta, &records, 1000);
    assert!(target.state.takeovers() > before && target.state.needs_whole_checkpoint());
    let (meta, records) = whole(&mut target.state);
    reload(&meta, &records).expect("adds up");
    target.state.whole_checkpoint_done();
    assert!(!target.state.needs_whole_checkpoint());
}

fn reload(meta: &Meta, records: &[Record]) -> Result<State, CheckpointError> {
    let mut loader = State::loader();
    for (key, value) in records {
        loader.record(key, value.as_deref().expect("a value"))?;
    }
    loader.finish(meta)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the state, its records add up without a tree, too, and restore to the same; and what changes while a whole
    /// checkpoint is taken does not get into it.
    #[test]
    fn any_state_is_backed_up_and_restored(
        steps in prop::collection::vec(busy_steps(), 1..60),
        later in prop::collection::vec(busy_steps(), 1..20),
        part_len in 1..9usize,
    ) {
        let mut pair = Pair::new();
        furniture().iter().for_each(|step| pair.step(step));
        for step in &steps {
            pair.step(step);
        }
        let digest = pair.world.state.digest();
        let meta = pair.world.state.begin_whole_checkpoint();
        let mut records = Vec::new();
        let mut later = later.iter();
        while pair.world.state.checkpoint_slice(2, &mut records) {
            if let Some(step) = later.next() {
                pair.step(step);
            }
        }
        records.retain(|(_, value)| value.is_some());
        records.sort_unstable();
        prop_assert_eq!(meta.digest, digest);
        let mut sum = Sum::default();
        for (key, value) in &records {
            sum.record(key, value.as_deref().expect("a value")).expect("a good record");
        }
        prop_assert_eq!(sum.check(&meta), Ok(()));
        let loaded = reload(&meta, &records).expect("adds up");
        let mut target = World::new();
        target.restore_all(&meta, &records, part_len);
        prop_assert_eq!(target.state.znode_count(), loaded.znode_count());
        prop_assert_eq!(target.state.data_bytes(), loaded.data_bytes());
        prop_assert_eq!(target.state.ephemeral_count(), loaded.ephemeral_count());
        prop_assert_eq!(target.state.sessions().count(), loaded.sessions().count());
        prop_assert!(target.state.zxid() > Zxid(meta.zxid.0));
        // What it has of records other than the ensemble's is what was in the backup.
        let (_, restored) = whole(&mut target.state);
        let of = |records: &[Record]| -> Vec<Record> {
            let kept = |key: &[u8]| matches!(key[0], b'n' | b's') && key != b"n/zookeeper/config";
            records.iter().filter(|(key, _)| kept(key)).cloned().collect()
        };
        prop_assert_eq!(of(&restored), of(&records));
    }
}
