use bytes::BytesMut;
use menagerie_types::ErrorCode::*;
use menagerie_types::{EventType, IncarnationId, OpCode, SessionId};

use crate::world::*;

#[test]
fn a_session_is_made_moved_and_closed() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    assert_eq!(world.seen.reports[1], Report::Attached(session, GATEWAY, None));
    assert_eq!(frames(&world.seen.replies)[0].body[..], [&[5; 16][..], &4000i32.to_be_bytes()].concat());
    let row = world.state.session(session).expect("it was made");
    assert_eq!((row.timeout_ms, row.owner), (4000, GATEWAY));

    let other = IncarnationId(11);
    let reply = world.attach_session(session, other, epoch);
    assert_eq!(reply.body[..], [&[5; 16][..], &6000i32.to_be_bytes()].concat());
    assert_eq!(world.seen.reports[1], Report::Attached(session, other, Some(GATEWAY)));
    assert_eq!(world.create("/a", 0, session).error(), Some(SessionMoved));
    assert_eq!(world.state.owned_by(GATEWAY).count(), 0);
    assert_eq!(world.state.owned_by(other).collect::<Vec<_>>(), [session]);

    let close = world.owned(OpCode::CloseSession, session, BytesMut::new());
    let reply = world.propose(other, close.clone());
    assert_eq!((reply.error(), reply.body.len()), (None, 0));
    assert_eq!(world.seen.reports[1], Report::Closed(session, other, false));
    assert_eq!(world.propose(other, close).error(), Some(SessionExpired));
    assert_eq!(world.state.sessions().count(), 0);
}

#[test]
fn the_end_of_a_session_takes_its_ephemerals_in_path_order() {
    for expiry in [false, true] {
        let mut world = World::new();
        let epoch = world.lease();
        let (session, other) = (world.open_session(7, epoch), world.open_session(8, epoch));
        world.create("/p", 0, session);
        for path in ["/p/c", "/p/a", "/z", "/p/b"] {
            world.create(path, 1, session);
        }
        world.create("/other", 1, other);
        match expiry {
            true => world.expire_session(session, epoch),
            false => world.run(OpCode::CloseSession, session, BytesMut::new()),
        };
        let events: Vec<_> = ["/p/a", "/p/b", "/p/c", "/z"]
            .into_iter()
            .flat_map(|path| {
                let parent = if path == "/z" { "/" } else { "/p" };
                [(EventType::NodeDeleted, path), (EventType::NodeChildrenChanged, parent)]
            })
            .collect();
        assert_eq!(world.events(), events);
        let reports = &world.seen.reports;
        assert_eq!(reports[reports.len() - 3], Report::Closed(session, GATEWAY, expiry));
        assert_eq!(world.children("/"), ["other", "p", "zookeeper"]);
        assert_eq!(world.stat("/p").pzxid, world.state.zxid());
        assert_eq!(world.state.ephemeral_count(), 1);
    }
}

#[test]
fn commands_of_a_session_need_it_and_its_owner() {
    let mut world = World::new();
    assert_eq!(world.create("/a", 0, SessionId(7)).error(), Some(SessionExpired));
    assert_eq!(world.create("/a", 0, NOBODY).error(), None);
    assert_eq!(world.create("/e", 1, NOBODY).error(), Some(SessionExpired));
    assert_eq!(world.run(OpCode::CloseSession, NOBODY, BytesMut::new()).error(), Some(SessionExpired));
}

#[test]
fn a_tracker_without_the_current_lease_is_refused() {
    let mut world = World::new();
    let epoch = world.lease();
    let session = world.open_session(7, epoch);
    assert_eq!(world.attach_session(session, GATEWAY, epoch + 1).error(), Some(BadVersion));
    assert_eq!(world.expire_session(session, epoch + 1).error(), Some(BadVersion));
    assert_eq!(world.expire_session(SessionId(9), epoch).error(), Some(SessionExpired));
    assert_eq!(world.attach_session(SessionId(9), GATEWAY, epoch).error(), Some(SessionExpired));
    let newer = world.lease();
    assert_eq!(newer, epoch + 1);
    assert_eq!(world.expire_session(session, epoch).error(), Some(BadVersion));
    assert!(world.state.session(session).is_some());
}

#[test]
fn ids_that_are_taken_or_mean_something_else_are_refused() {
    use menagerie_types::command::internal::CreateSession;
    let mut world = World::new();
    let epoch = world.lease();
    world.open_session(7, epoch);
    for (id, error) in [(7, NodeExists), (0, BadArguments), (i64::MIN, BadArguments), (-1, BadArguments)] {
        let session = SessionId(id);
        let request = CreateSession { session, timeout_ms: 1, password: [0; 16], owner: GATEWAY, epoch };
        assert_eq!(world.tracker(OpCode::CreateSession, request.encode()).error(), Some(error), "{id}");
    }
    assert_eq!(world.tracker(OpCode::CreateSession, bytes::Bytes::new()).error(), Some(MarshallingError));
}
