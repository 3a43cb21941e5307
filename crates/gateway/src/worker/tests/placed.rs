//! Reads that have their place among the writes of their session.

use super::*;

fn placing(placement: ReadPlacement) -> Bench {
    let replica = Replica { at_once: true, placement: Some(placement), ..Replica::default() };
    Bench::with_replica(replica, GatewayOptions::default())
}

impl Bench {
    fn placed(&self) -> Vec<(u64, i32)> {
        self.replica.placed.lock().clone()
    }

    fn relinked(&mut self, placement: ReadPlacement) -> Arc<Replica> {
        self.core.unlink();
        let other = Arc::new(Replica { placement: Some(placement), ..Replica::default() });
        self.core.relink(Box::new(FakeLink(Arc::clone(&other))));
        other
    }
}

#[test]
fn reads_with_a_place_hold_up_no_writes() {
    let mut bench = placing(ReadPlacement::Placed);
    for (op, xid) in [(OpCode::SetData, 1), (OpCode::GetData, 2), (OpCode::Exists, 3), (OpCode::SetData, 4)] {
        bench.request(op, xid);
    }
    bench.request(OpCode::GetData, 5);
    assert_eq!(bench.placed(), [(1, 2), (1, 3), (2, 5)]);
    assert_eq!(bench.core.outstanding.len(), 2);
    bench.results(1, &[(1, 0)]);
    bench.read_reply(2, Vec::new());
    bench.read_reply(3, Vec::new());
    bench.results(2, &[(4, 0)]);
    bench.read_reply(5, Vec::new());
    assert_eq!(bench.replies(), [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]);
    assert!(bench.conn().is_idle());
}

#[test]
fn a_write_waits_for_a_read_that_it_could_overtake() {
    let mut bench = placing(ReadPlacement::Queued);
    for (op, xid) in [(OpCode::SetData, 1), (OpCode::GetData, 2), (OpCode::SetData, 3)] {
        bench.request(op, xid);
    }
    assert_eq!((bench.placed(), bench.core.outstanding.len()), (vec![(1, 2)], 1));
    bench.results(1, &[(1, 0)]);
    assert!(bench.core.outstanding.is_empty());
    bench.read_reply(2, Vec::new());
    assert_eq!(bench.core.outstanding.len(), 1);
    bench.results(2, &[(3, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (2, 0), (3, 0)]);
}

#[test]
fn nothing_passes_a_read_that_has_its_place() {
    let mut bench = placing(ReadPlacement::Placed);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::GetData, 2);
    bench.results(1, &[(1, 0)]);
    // Its answer is on its way: a read that is answered at once would be answered before it.
    bench.request(OpCode::GetData, 3);
    bench.request(OpCode::Ping, -2);
    assert_eq!(bench.placed(), [(1, 2), (1, 3)]);
    assert_eq!(bench.replies(), [(1, 0)]);
    bench.read_reply(2, Vec::new());
    bench.read_reply(3, Vec::new());
    assert_eq!(bench.replies(), [(2, 0), (3, 0), (-2, 0)]);
    bench.request(OpCode::GetData, 4);
    assert_eq!(bench.replies(), [(4, 0)]);
    assert_eq!(bench.placed().len(), 2);
}

#[test]
fn a_watch_set_between_two_writes_tells_of_the_second() {
    let mut bench = placing(ReadPlacement::Placed);
    bench.request(OpCode::SetData, 1);
    bench.feed(&request(OpCode::GetData.code(), 2, true));
    bench.request(OpCode::SetData, 3);
    let event = |zxid| LinkItem::Event {
        zxid: Zxid(zxid),
        event: EventType::NodeDataChanged,
        path: "/a".into(),
        acl: None,
    };
    bench.core.deliver(event(9));
    bench.results(1, &[(1, 0)]);
    bench.read_reply(2, vec![(WatchKind::Data, "/a".into())]);
    bench.core.deliver(event(11));
    bench.results(2, &[(3, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (2, 0), (-1, 0), (3, 0)]);
}

#[test]
fn the_end_of_a_session_is_its_last_word() {
    let mut bench = placing(ReadPlacement::Placed);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::GetData, 2);
    bench.request(OpCode::CloseSession, 3);
    bench.results(1, &[(1, 0)]);
    assert!(!bench.conn().draining);
    bench.read_reply(2, Vec::new());
    bench.results(2, &[(3, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (2, 0), (3, 0)]);
    assert!(bench.conn().draining);
}

#[test]
fn nothing_more_is_said_to_a_connection_whose_session_has_moved() {
    let mut bench = placing(ReadPlacement::Placed);
    bench.request(OpCode::SetData, 1);
    bench.feed(&request(OpCode::GetData.code(), 2, true));
    bench.request(OpCode::SetData, 3);
    bench.results(1, &[(1, ErrorCode::SessionMoved.code())]);
    bench.read_reply(2, vec![(WatchKind::Data, "/a".into())]);
    bench.results(2, &[(3, 0)]);
    assert!(bench.conn().dead && bench.output().is_empty());
    assert_eq!(*bench.replica.unwatched.lock(), [("/a".to_owned(), WatchKinds(WatchKind::Data as u8))]);
}

#[test]
fn there_is_an_end_to_reads_with_a_place() {
    let mut bench = placing(ReadPlacement::Placed);
    bench.request(OpCode::SetData, 0);
    (1..200).for_each(|xid| bench.request(OpCode::GetData, xid));
    let most = bench.placed().len();
    assert!(most < 100, "{most}");
    bench.results(1, &[(0, 0)]);
    (1..200).for_each(|xid| {
        bench.read_reply(xid, Vec::new());
    });
    assert_eq!(bench.replies().len(), 200);
}

#[test]
fn over_another_link_the_last_reads_are_asked_for_a_place_again() {
    for placement in [ReadPlacement::Placed, ReadPlacement::Queued] {
        let mut bench = placing(ReadPlacement::Placed);
        bench.request(OpCode::SetData, 1);
        bench.request(OpCode::GetData, 2);
        let other = bench.relinked(placement);
        assert_eq!(*other.placed.lock(), [(1, 2)]);
        bench.request(OpCode::SetData, 3);
        let goes_on = placement == ReadPlacement::Placed;
        assert_eq!(bench.core.outstanding.len(), if goes_on { 2 } else { 1 });
        bench.results(1, &[(1, 0)]);
        bench.read_reply(2, Vec::new());
        bench.results(2, &[(3, 0)]);
        assert_eq!(bench.replies(), [(1, 0), (2, 0), (3, 0)]);
    }
}

#[test]
fn a_read_whose_write_was_answered_is_asked_again_as_any_other() {
    let mut bench = placing(ReadPlacement::Placed);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::GetData, 2);
    bench.results(1, &[(1, 0)]);
    let other = bench.relinked(ReadPlacement::Placed);
    assert!(other.placed.lock().is_empty());
    assert_eq!(*other.asked.lock(), [(OpCode::GetData, 2)]);
    bench.request(OpCode::SetData, 3);
    assert!(bench.core.outstanding.is_empty(), "the write could overtake it now");
    bench.read_reply(2, Vec::new());
    bench.results(2, &[(3, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (2, 0), (3, 0)]);
}

#[test]
fn a_read_that_a_later_write_may_have_overtaken_ends_its_connection_with_the_link() {
    for (op, gone) in [(OpCode::SetData, true), (OpCode::GetData, false)] {
        let mut bench = placing(ReadPlacement::Placed);
        bench.request(OpCode::SetData, 1);
        bench.feed(&request(OpCode::GetData.code(), 2, true));
        bench.request(op, 3);
        let other = bench.relinked(ReadPlacement::Placed);
        assert_eq!(bench.conn().dead, gone);
        assert_eq!(other.placed.lock().len(), if gone { 0 } else { 2 });
        assert_eq!(bench.core.pending_reads.len(), if gone { 0 } else { 2 });
    }
    let mut bench = placing(ReadPlacement::Placed);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::GetData, 2);
    bench.relinked(ReadPlacement::Refused);
    assert!(bench.conn().dead && bench.core.pending_reads.len() == 0);
}
