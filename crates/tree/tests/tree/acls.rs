use menagerie_types::ErrorCode::*;
use menagerie_types::{OpCode, perms};

use crate::world::*;

fn owned_by_alice(world: &mut World) {
    world.act_as(&[("ip", "10.0.0.1"), ("digest", "alice:h1")]);
    let reply = world.run(OpCode::Create, NOBODY, create_with_acl("/a", &[acl(perms::ALL, "auth", "")]));
    assert_eq!(reply.error(), None);
}

#[test]
fn auth_stores_the_creators_identity_and_keeps_others_out() {
    let mut world = World::new();
    owned_by_alice(&mut world);
    assert_eq!(world.set("/a", b"1", -1).error(), None);
    assert_eq!(world.create("/a/x", 0, NOBODY).error(), None);
    let list = world.read(OpCode::GetAcl, "/a").reader().acl_vec();
    assert_eq!(list, Ok(Some(vec![acl(perms::ALL, "digest", "alice:h1")])));
    for others in [&[("digest", "bob:h2"), ("ip", "10.0.0.1")][..], &[]] {
        world.act_as(others);
        for op in [
            OpCode::Exists,
            OpCode::GetData,
            OpCode::GetChildren,
            OpCode::GetAcl,
            OpCode::GetAllChildrenNumber,
        ] {
            assert_eq!(world.read(op, "/a").error(), Some(NoAuth), "{op:?}");
        }
        assert_eq!(world.set("/a", b"1", -1).error(), Some(NoAuth));
        assert_eq!(world.delete("/a/x", -1).error(), Some(NoAuth));
        assert_eq!(world.create("/a/y", 0, NOBODY).error(), Some(NoAuth));
        assert_eq!(world.set_acl("/a", &[acl(1, "world", "anyone")], -1).error(), Some(NoAuth));
    }
    world.act_as(&[("super", "")]);
    assert_eq!(world.set("/a", b"1", -1).error(), None);
    assert_eq!(world.delete("/a/x", -1).error(), None);
}

#[test]
fn digests_are_masked_for_those_who_may_not_administer() {
    let mut world = World::new();
    let acls =
        [acl(perms::READ, "world", "anyone"), acl(perms::ALL, "digest", "u:secret"), acl(1, "ip", "::1")];
    world.run(OpCode::Create, NOBODY, create_with_acl("/a", &acls));
    let masked = [acls[0].clone(), acl(perms::ALL, "digest", "u:x"), acls[2].clone()];
    assert_eq!(world.read(OpCode::GetAcl, "/a").reader().acl_vec(), Ok(Some(masked.to_vec())));
    world.act_as(&[("digest", "u:secret")]);
    assert_eq!(world.read(OpCode::GetAcl, "/a").reader().acl_vec(), Ok(Some(acls.to_vec())));
}

#[test]
fn addresses_match_by_prefix() {
    let mut world = World::new();
    world.run(OpCode::Create, NOBODY, create_with_acl("/a", &[acl(perms::ALL, "ip", "10.1.0.0/16")]));
    for (address, error) in [("10.1.9.9", None), ("10.2.0.1", Some(NoAuth)), ("::1", Some(NoAuth))] {
        world.act_as(&[("ip", address)]);
        assert_eq!(world.read(OpCode::GetData, "/a").error(), error, "{address}");
    }
}

#[test]
fn events_carry_the_acl_that_was_when_they_happened() {
    let mut world = World::new();
    let hidden = [acl(perms::ALL, "digest", "u:h"), acl(perms::ALL & !perms::READ, "world", "anyone")];
    let mut list = bytes::BytesMut::new();
    menagerie_jute::write::acl_vec(&mut list, &hidden);
    let list = Some(list.freeze());
    let acls = |world: &World| world.seen.events.iter().map(|(.., acl)| acl.clone()).collect::<Vec<_>>();
    world.run(OpCode::Create, NOBODY, create_with_acl("/a", &hidden));
    assert_eq!(acls(&world), [list.clone(), None]);
    world.create("/a/b", 0, NOBODY);
    assert_eq!(acls(&world), [None, list.clone()]);
    world.delete("/a/b", -1);
    assert_eq!(acls(&world), [None, list.clone()]);
    let body = crate::multis::multi(&[
        crate::multis::put("/a", -1),
        crate::multis::remove("/a"),
        crate::multis::make("/a", 0, OpCode::Create),
        crate::multis::put("/a", -1),
    ]);
    world.run(OpCode::Multi, NOBODY, body);
    assert_eq!(acls(&world), [list.clone(), list, None, None, None, None]);
}

#[test]
fn a_check_needs_read_permission() {
    let mut world = World::new();
    owned_by_alice(&mut world);
    world.act_as(&[]);
    let body = crate::multis::multi(&[crate::multis::check("/a", -1)]);
    let reply = world.run(OpCode::Multi, NOBODY, body);
    assert_eq!(crate::multis::errors(&reply), [NoAuth.code()]);
}
