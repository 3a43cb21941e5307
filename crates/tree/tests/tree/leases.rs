use menagerie_types::command::internal::{ChallengeLease, RegisterReplica, TrackerLease};
use menagerie_types::{ErrorCode, LogIndex, NodeId, OpCode};

use crate::world::*;

fn ask(world: &mut World, tracker: u64, epoch: u64) -> Result<u64, ErrorCode> {
    let request = TrackerLease { tracker: NodeId(tracker), epoch, ttl_ms: 1000 };
    let reply = world.tracker(OpCode::TrackerLease, request.encode());
    reply.error().map_or_else(|| Ok(u64::from_be_bytes(reply.body[..].try_into().expect("epoch"))), Err)
}

#[test]
fn changes_of_the_holder_are_reported_and_renewals_are_not() {
    let mut world = World::new();
    assert_eq!(ask(&mut world, 1, 0), Ok(1));
    assert_eq!(world.seen.reports[1], Report::Lease(1, Some(NodeId(1))));
    assert_eq!(ask(&mut world, 1, 1), Ok(1));
    assert_eq!(world.seen.reports.len(), 3);
    assert_eq!(ask(&mut world, 2, 0), Err(ErrorCode::BadVersion));
    let reply = world.tracker(OpCode::ChallengeLease, ChallengeLease { epoch: 1 }.encode());
    assert_eq!(reply.error(), None);
    assert_eq!(world.seen.reports[1], Report::Lease(1, None));
    assert_eq!(world.tracker(OpCode::ChallengeLease, ChallengeLease { epoch: 1 }.encode()).error(), None);
    assert_eq!(world.seen.reports.len(), 3, "the second challenge finds nothing to do");
    assert_eq!(ask(&mut world, 1, 1), Err(ErrorCode::BadVersion));
    assert_eq!(ask(&mut world, 1, 0), Err(ErrorCode::BadVersion));
    assert_eq!(ask(&mut world, 2, 0), Ok(2));
    let lease = world.state.lease();
    assert_eq!((lease.epoch, lease.holder, lease.expires_ms), (2, Some(NodeId(2)), world.time_ms + 1000));
}

#[test]
fn the_log_may_go_up_to_what_a_majority_of_replicas_has_on_disk() {
    let mut world = World::new();
    assert_eq!(world.state.safe_truncation(), LogIndex(0));
    for (replica, checkpoint, safe) in
        [(1, 0, 0), (1, 10, 10), (2, 0, 0), (2, 8, 8), (3, 0, 8), (3, 20, 10), (4, 0, 8), (3, 0, 0)]
    {
        let request = RegisterReplica { replica: NodeId(replica), checkpoint: LogIndex(checkpoint) };
        assert_eq!(world.tracker(OpCode::RegisterReplica, request.encode()).error(), None);
        assert_eq!(world.seen.reports[1], Report::Replica(NodeId(replica), LogIndex(checkpoint)));
        assert_eq!(world.state.safe_truncation(), LogIndex(safe), "{replica} {checkpoint}");
    }
    assert_eq!(world.state.replicas().count(), 4);
}
