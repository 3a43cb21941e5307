//! `/zookeeper/config` and reconfigurations.

use bytes::{Buf, Bytes, BytesMut};
use menagerie_jute::{ReconfigRequest, write};
use menagerie_types::command::Policy;
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::{ErrorCode, Identity, LogIndex, OpCode};

use crate::world::{NOBODY, World};

const CONFIG: &str = "/zookeeper/config";

fn publish(index: u64, text: &str) -> BytesMut {
    let config = PublishConfig { membership_index: LogIndex(index), text: text.into() };
    BytesMut::from(&config.encode()[..])
}

fn reconfig(joining: &str, config_id: i64) -> BytesMut {
    let mut out = BytesMut::new();
    ReconfigRequest { joining: Some(joining), leaving: None, new_members: None, config_id }.encode(&mut out);
    out
}

fn ensemble() -> World {
    let mut world = World::new();
    world.policy = Policy::RECONFIG_ENABLED.with(Policy::ENSEMBLE);
    world.auth = menagerie_types::command::encode_identities(&[Identity::new("super", "")]);
    world.run(OpCode::PublishConfig, NOBODY, publish(7, "server.1=a:1:2:participant"));
    world
}

#[test]
fn the_latest_ensemble_is_shown_and_watches_fire() {
    let mut world = ensemble();
    let shown = world.data(CONFIG);
    let version = world.state.zxid().0;
    assert_eq!(shown, Some(format!("server.1=a:1:2:participant\nversion={version:x}").into_bytes()));
    let stat = world.stat(CONFIG);
    assert_eq!((stat.version, stat.mzxid.0, stat.aversion), (-1, version, -1));
    assert_eq!(world.state.published_ensemble(), LogIndex(7));
    for older in [6, 7] {
        world.run(OpCode::PublishConfig, NOBODY, publish(older, "server.9=z:1:2:participant"));
        assert_eq!(world.data(CONFIG), shown, "not {older}");
    }
    let reply = world.run(OpCode::FinishReconfig, NOBODY, publish(8, "server.2=b:1:2:participant"));
    assert_eq!(reply.error(), None);
    assert_eq!(&reply.body[4..28], b"server.2=b:1:2:participa", "the data comes first");
    assert_eq!(world.stat(CONFIG).version, -1);
}

#[test]
fn a_reconfiguration_is_checked_and_says_what_it_is_based_on() {
    let mut world = ensemble();
    let mut reply = world.run(OpCode::Reconfig, NOBODY, reconfig("server.2=b:1:2;3", -1));
    assert_eq!(reply.error(), None);
    assert_eq!(reply.body.get_u64(), 7);
    let lines = "server.1=a:1:2:participant\nserver.2=b:1:2:participant;0.0.0.0:3";
    let mut expected = BytesMut::new();
    write::string(&mut expected, Some(lines));
    assert_eq!(reply.body, expected);
    let version = world.stat(CONFIG).mzxid.0;
    let based = world.run(OpCode::Reconfig, NOBODY, reconfig("server.2=b:1:2;3", version));
    assert_eq!(based.error(), None);
}

#[test]
fn errors_come_in_zookeepers_order() {
    let mut world = ensemble();
    let asked = |world: &mut World, id| world.run(OpCode::Reconfig, NOBODY, reconfig("nonsense", id)).error();
    assert_eq!(asked(&mut world, 99), Some(ErrorCode::BadVersion));
    assert_eq!(asked(&mut world, -1), Some(ErrorCode::BadArguments));
    world.auth = Bytes::new();
    assert_eq!(asked(&mut world, -1), Some(ErrorCode::BadArguments));
    let good = world.run(OpCode::Reconfig, NOBODY, reconfig("server.2=b:1:2;3", -1));
    assert_eq!(good.error(), Some(ErrorCode::NoAuth));
    world.policy = Policy::RECONFIG_ENABLED;
    assert_eq!(asked(&mut world, -1), Some(ErrorCode::Unimplemented));
    world.policy = Policy::ENSEMBLE;
    assert_eq!(asked(&mut world, -1), Some(ErrorCode::ReconfigDisabled));
    let cut = world.run(OpCode::Reconfig, NOBODY, BytesMut::from(&b"\0\0\0\x01"[..]));
    assert_eq!(cut.error(), Some(ErrorCode::MarshallingError), "decoding comes first");
}
