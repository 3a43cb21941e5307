use menagerie_jute::Reader;
use menagerie_types::ErrorCode::*;
use menagerie_types::command::Policy;
use menagerie_types::{OpCode, Stat};

use crate::multis::{errors, make, multi, put, remove};
use crate::world::*;

const STATS: &str = "/zookeeper/quota/q/zookeeper_stats";
const LIMITS: &str = "/zookeeper/quota/q/zookeeper_limits";
const HARD: &[u8] = b"count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=4";

fn text(world: &World, path: &str) -> String {
    let reply = world.read(OpCode::GetData, path);
    String::from_utf8(reply.reader().buffer().expect("a buffer").expect("not null").to_vec()).expect("text")
}

fn put_new(world: &mut World, path: &str, data: &[u8]) -> Option<menagerie_types::ErrorCode> {
    world.run(OpCode::Create, NOBODY, create(path, Some(data), 0)).error()
}

/// `/q` and `/q/a`, with 8 bytes together, under a quota.
fn limited() -> World {
    let mut world = World::new();
    world.policy = Policy::ENFORCE_QUOTA;
    for (path, data) in
        [("/q", &b"12345"[..]), ("/q/a", b"678"), ("/zookeeper/quota/q", b""), (LIMITS, HARD), (STATS, b"")]
    {
        assert_eq!(put_new(&mut world, path, data), None, "{path}");
    }
    world
}

#[test]
fn stats_follow_every_change_silently() {
    let mut world = limited();
    assert_eq!(text(&world, STATS), "count=2,bytes=8");
    let before = world.stat(STATS);
    put_new(&mut world, "/q/b", b"12");
    assert_eq!(text(&world, STATS), "count=3,bytes=10");
    assert_eq!(world.events().len(), 2, "of /q/b and /q alone");
    world.set("/q/a", b"6", -1);
    assert_eq!(text(&world, STATS), "count=3,bytes=8");
    world.delete("/q/b", -1);
    assert_eq!(text(&world, STATS), "count=2,bytes=6");
    assert_eq!(world.stat(STATS), Stat { data_length: 15, ..before });
    world.delete(LIMITS, -1);
    put_new(&mut world, "/q/b", b"12");
    assert_eq!(text(&world, STATS), "count=2,bytes=6", "the quota is gone");
}

#[test]
fn the_longest_quota_counts() {
    let mut world = limited();
    put_new(&mut world, "/zookeeper/quota/q/a", b"");
    put_new(&mut world, "/zookeeper/quota/q/a/zookeeper_limits", b"");
    put_new(&mut world, "/zookeeper/quota/q/a/zookeeper_stats", b"");
    put_new(&mut world, "/q/a/x", b"1");
    put_new(&mut world, "/qa", b"1");
    assert_eq!(text(&world, "/zookeeper/quota/q/a/zookeeper_stats"), "count=2,bytes=4");
    assert_eq!(text(&world, STATS), "count=2,bytes=8");
}

#[test]
fn what_exceeds_a_hard_limit_is_refused_where_that_is_enforced() {
    let mut world = limited();
    assert_eq!(put_new(&mut world, "/q/b", &[0; 13]), Some(QuotaExceeded));
    assert_eq!(put_new(&mut world, "/q/a", &[0; 13]), Some(NodeExists), "existence comes first");
    assert_eq!(world.set("/q/a", &[0; 16], 7).error(), Some(QuotaExceeded), "the version comes last");
    assert_eq!(world.set("/q/a", &[0; 15], -1).error(), None);
    for (path, error) in [("/q/b", None), ("/q/c", None), ("/q/d", Some(QuotaExceeded))] {
        assert_eq!(put_new(&mut world, path, b""), error);
    }
    world.set(STATS, b"count=4,bytes=99", -1);
    assert_eq!(world.set("/q/a", b"", -1).error(), Some(QuotaExceeded), "still too much");
    assert_eq!(world.set("/q/a", &[1; 15], -1).error(), None, "no more than before");
    world.policy = Policy::NONE;
    assert_eq!(put_new(&mut world, "/q/d", b"1"), None);
    assert_eq!(text(&world, STATS), "count=5,bytes=100");
}

#[test]
fn soft_limits_warn_only_and_text_without_sense_is_an_error() {
    let mut world = limited();
    for (limits, error) in [
        (&b"count=1,bytes=1"[..], None),
        (b"", None),
        (b"countHardLimit=-1", None),
        (b"junk", Some(MarshallingError)),
        (b"countHardLimit=1", Some(QuotaExceeded)),
    ] {
        world.set(LIMITS, limits, -1);
        assert_eq!(put_new(&mut world, "/q/b", b"1"), error, "{}", limits.escape_ascii());
        world.delete("/q/b", -1);
    }
    world.set(STATS, b"junk", -1);
    assert_eq!(put_new(&mut world, "/q/b", b"1"), Some(MarshallingError));
    world.delete("/q/a", -1);
    assert_eq!(text(&world, STATS), "junk");
}

#[test]
fn operations_of_a_multi_are_checked_against_what_was_before_it() {
    let mut world = limited();
    let create = |path| make(path, 0, OpCode::Create);
    let reply = world.run(OpCode::Multi, NOBODY, multi(&[create("/q/b"), create("/q/c"), create("/q/d")]));
    assert_eq!(reply.error(), None);
    assert_eq!(text(&world, STATS), "count=5,bytes=11");
    let reply = world.run(OpCode::Multi, NOBODY, multi(&[remove("/q/b"), remove("/q/c"), create("/q/e")]));
    assert_eq!(errors(&reply), [0, 0, QuotaExceeded.code()]);
    assert_eq!(text(&world, STATS), "count=5,bytes=11");
    let reply = world.run(OpCode::Multi, NOBODY, multi(&[remove(LIMITS), create("/q/e")]));
    assert_eq!(errors(&reply), [0, QuotaExceeded.code()]);
    let reply = world.run(OpCode::Multi, NOBODY, multi(&[put(LIMITS, -1), create("/q/e")]));
    assert_eq!(errors(&reply), [0, QuotaExceeded.code()]);
    assert_eq!(world.create("/q/f", 0, NOBODY).error(), Some(QuotaExceeded), "the quota is still there");
}

#[test]
fn new_stats_are_answered_as_if_they_kept_their_data() {
    let mut world = limited();
    world.delete(STATS, -1);
    let reply = world.run(OpCode::Create2, NOBODY, create(STATS, Some(b"12"), 0));
    let reader = &mut Reader::new(&reply.body);
    assert_eq!(reader.string(), Ok(Some(STATS)));
    assert_eq!(reader.stat().expect("a stat").data_length, 2);
    assert_eq!(text(&world, STATS), "count=2,bytes=8");
}

#[test]
fn a_loaded_state_knows_the_quotas() {
    let mut world = limited();
    let meta = world.state.begin_checkpoint();
    let mut records = Vec::new();
    while world.state.checkpoint_slice(100, &mut records) {}
    records.sort_unstable();
    let mut loader = menagerie_tree::State::loader();
    for (key, value) in &records {
        loader.record(key, value.as_deref().expect("nothing was deleted")).expect("a good record");
    }
    world.state = loader.finish(&meta).expect("they add up");
    put_new(&mut world, "/q/b", b"1");
    assert_eq!(text(&world, STATS), "count=3,bytes=9");
}

#[test]
fn the_root_has_no_quota() {
    let mut world = World::new();
    world.policy = Policy::ENFORCE_QUOTA;
    assert_eq!(put_new(&mut world, "/zookeeper/quota/zookeeper_limits", b"countHardLimit=0"), None);
    assert_eq!(put_new(&mut world, "/zookeeper/quota/zookeeper_stats", b"mine"), None);
    assert_eq!(put_new(&mut world, "/a", b""), None);
    assert_eq!(text(&world, "/zookeeper/quota/zookeeper_stats"), "mine");
}
