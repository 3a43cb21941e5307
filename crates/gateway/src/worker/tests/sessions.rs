//! Sessions of a worker: moved, ended, vouched for.

use super::*;

#[test]
fn a_write_waits_for_queued_reads_and_a_ping_for_both() {
    let mut bench = Bench::new(false);
    bench.request(OpCode::GetData, 1);
    bench.request(OpCode::SetData, 2);
    bench.request(OpCode::Ping, -2);
    assert!(!bench.core.proposer.has_unacknowledged());
    bench.read_reply(1, Vec::new());
    assert_eq!(bench.replies(), [(1, 0)]);
    assert!(bench.core.proposer.has_unacknowledged());
    bench.results(1, &[(2, 0)]);
    assert_eq!(bench.replies(), [(2, 0), (-2, 0)]);
}

#[test]
fn a_moved_session_is_closed_without_a_reply() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::SetData, 1);
    bench.results(1, &[(1, ErrorCode::SessionMoved.code())]);
    assert!(bench.conn().dead && bench.output().is_empty());
    let mut bench = Bench::new(true);
    let info =
        SessionInfo { session: SESSION, timeout_ms: 1, password: [0; 16], owner: IncarnationId(ME.0 + 1) };
    bench.core.deliver(LinkItem::Session(SessionEvent::Attached(info, Zxid(9))));
    assert!(bench.conn().dead);
}

#[test]
fn an_expired_session_loses_its_connection_and_a_closing_one_gets_its_reply() {
    let closed = || LinkItem::Session(SessionEvent::Closed { session: SESSION, expired: true });
    let mut bench = Bench::new(true);
    bench.core.deliver(closed());
    assert!(bench.conn().dead);
    let mut bench = Bench::new(true);
    bench.request(OpCode::CloseSession, 9);
    bench.request(OpCode::GetData, 10);
    bench.core.deliver(closed());
    bench.results(1, &[(9, 0)]);
    assert!(!bench.conn().dead && bench.conn().draining);
    assert_eq!(bench.replies(), [(9, 0)]);
}

#[test]
fn sessions_that_ended_while_there_was_no_link_are_let_go() {
    let mut bench = Bench::new(true);
    bench.core.deliver(LinkItem::Start {
        index: LogIndex(9),
        zxid: Zxid(9),
        owned: vec![SESSION],
        events_complete: true,
    });
    assert!(!bench.conn().dead);
    bench.core.deliver(LinkItem::Start {
        index: LogIndex(9),
        zxid: Zxid(9),
        owned: Vec::new(),
        events_complete: true,
    });
    assert!(bench.conn().dead);
}

#[test]
fn a_session_that_moves_within_the_worker_is_served_whichever_news_comes_first() {
    for event_first in [true, false] {
        let mut bench = Bench::new(true);
        let old = bench.conn;
        bench.conn = accept(&mut bench.core);
        bench.conn().phase = Phase::Connecting(Connecting { read_only: None, is_new: false });
        let info = SessionInfo { session: SESSION, timeout_ms: 30_000, password: [1; 16], owner: ME };
        let event = LinkItem::Session(SessionEvent::Attached(info, Zxid(50)));
        let target = EstablishTarget::Conn(bench.conn);
        let established =
            Established { session: SESSION, password: [1; 16], timeout_ms: 30_000, zxid: Zxid(50) };
        if event_first {
            bench.core.deliver(event);
            bench.core.granted(target, false, Some(established));
        } else {
            bench.core.granted(target, false, Some(established));
            assert!(bench.output().is_empty());
            bench.core.deliver(event);
        }
        assert!(!bench.output().is_empty(), "event first: {event_first}");
        assert!(bench.core.conns.get_mut(old).expect("still there").dead);
    }
}

/// Found by simulation: a write of an earlier connection took effect when its session had come back from elsewhere, after
/// what the session had written there.
#[test]
fn a_session_comes_back_when_what_it_proposed_here_is_settled() {
    for right in [true, false] {
        let mut bench = Bench::new(true);
        bench.request(OpCode::SetData, 1);
        let old = std::mem::replace(&mut bench.conn, ConnToken(0));
        bench.conn = accept(&mut bench.core);
        let password = vec![u8::from(right); 16];
        let attempt =
            menagerie_proto::session_tracker::Attempt { session: SESSION, password, timeout_ms: 30_000 };
        bench.core.establish(EstablishTarget::Conn(bench.conn), attempt);
        assert_eq!(
            bench.core.conns.get_mut(old).expect("still there").dead,
            right,
            "nothing more is taken from it"
        );
        assert!(bench.core.establishing.waiting.is_empty());
        bench.results(1, &[(1, ErrorCode::SessionMoved.code())]);
        assert_eq!(bench.core.establishing.waiting.len(), 1);
    }
}

#[test]
fn a_wrong_password_harms_nobody_and_the_right_one_closes_the_older_connection() {
    for right in [false, true] {
        let mut bench = Bench::new(true);
        let old = std::mem::replace(&mut bench.conn, ConnToken(0));
        bench.conn = accept(&mut bench.core);
        bench.conn().phase = Phase::Connecting(Connecting { read_only: None, is_new: false });
        let established =
            Established { session: SESSION, password: [1; 16], timeout_ms: 30_000, zxid: Zxid(0) };
        let target = EstablishTarget::Conn(bench.conn);
        bench.core.granted(target, false, right.then_some(established));
        assert_eq!(bench.core.conns.get_mut(old).expect("still there").dead, right);
        // Timeout, id and password of a refused session are zero.
        let response = bench.output();
        assert_eq!(response[8..36].iter().all(|byte| *byte == 0 || *byte == 16), !right);
        assert_eq!(bench.conn().draining, !right);
    }
}

#[test]
fn a_session_of_the_api_is_kept_alive_only_while_the_tracker_vouches_for_it() {
    let mut bench = Bench::new(true);
    let session = SessionId(0x101);
    let api = ApiSession::new(30_000, bench.core.now);
    bench.core.sessions.insert(session, Holder::Api(Box::new(api)));
    let mut touch = |later| {
        bench.core.now += Duration::from_secs(later);
        let (reply, mut answer) = oneshot::channel();
        bench.core.call(ApiCall::Touch(session, reply));
        answer.try_recv().expect("an answer")
    };
    assert_eq!(touch(0), Ok(Some((Zxid(1), 30_000))));
    assert!(touch(11).is_err());
    bench.core.kill_session(session);
    let (reply, mut answer) = oneshot::channel();
    bench.core.call(ApiCall::Touch(session, reply));
    assert_eq!(answer.try_recv().expect("an answer"), Ok(None));
}

#[test]
fn a_session_that_was_heard_from_is_reported_once_and_again_when_the_report_fails() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::Ping, -2);
    bench.request(OpCode::Ping, -2);
    assert_eq!(bench.core.take_touched(), [SESSION]);
    assert_eq!(bench.core.take_touched(), []);
    bench.core.touch_failed(&[SESSION]);
    assert_eq!(bench.core.take_touched(), [SESSION]);
}

#[test]
fn connections_are_let_go_that_nobody_vouches_for_or_that_ask_for_no_session() {
    let mut bench = Bench::new(true);
    bench.conn = accept(&mut bench.core);
    bench.conn().phase = Phase::Connecting(Connecting { read_only: None, is_new: false });
    let target = EstablishTarget::Conn(bench.conn);
    let established = Established { session: SESSION, password: [1; 16], timeout_ms: 30_000, zxid: Zxid(0) };
    bench.core.granted(target, false, Some(established));
    let silent = accept(&mut bench.core);
    let dead = |bench: &mut Bench, token| bench.core.conns.get_mut(token).expect("still there").dead;
    let token = bench.conn;
    for seconds in [6, 6] {
        bench.core.now += Duration::from_secs(seconds);
        bench.core.touched(bench.core.now, &Touched::default());
        bench.core.let_go();
    }
    assert!(
        !dead(&mut bench, token) && dead(&mut bench, silent),
        "vouched for, and ten seconds without a session"
    );
    bench.core.now += Duration::from_secs(9);
    bench.core.let_go();
    assert!(!dead(&mut bench, token), "a third of 30 s is not over");
    bench.core.now += Duration::from_secs(2);
    bench.core.let_go();
    assert!(dead(&mut bench, token));
}

#[test]
fn no_answer_is_older_than_the_session() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::Ping, -2);
    let mut expected = BytesMut::new();
    reply(&mut expected, -2, 1, 0);
    assert_eq!(bench.output(), expected);
}

#[test]
fn a_ping_is_answered_as_a_ping_whatever_its_number() {
    let mut bench = Bench::new(true);
    for xid in [-2, 0, 77] {
        bench.request(OpCode::Ping, xid);
        assert_eq!(bench.replies(), [(-2, 0)]);
    }
}

#[test]
fn a_ping_is_answered_only_while_the_tracker_vouches_for_the_session() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::Ping, -2);
    assert_eq!(bench.replies(), [(-2, 0)]);
    bench.core.now += Duration::from_secs(11);
    bench.request(OpCode::Ping, -2);
    assert!(bench.conn().dead);
}

#[test]
fn a_client_that_is_ahead_waits_until_the_replica_has_caught_up_and_one_from_the_future_is_closed() {
    for (zxid, is_ahead) in [(1000, false), (999, true)] {
        let mut bench = Bench::new(true);
        let old = std::mem::replace(&mut bench.conn, ConnToken(0));
        bench.conn = accept(&mut bench.core);
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen: Zxid(1000),
            timeout_ms: 1,
            session_id: SESSION,
            password: Some(&[1; 16]),
            read_only: None,
        };
        let mut out = BytesMut::new();
        let mark = frame::begin(&mut out);
        request.encode(&mut out);
        frame::end(&mut out, mark);
        bench.feed(&out);
        assert!(bench.core.establishing.waiting.is_empty());
        // The barrier is answered, and then reached.
        bench.core.syncs.iter_mut().for_each(|sync| sync.index = Some(LogIndex(7)));
        bench.core.deliver(LinkItem::Applied { index: LogIndex(6), zxid: Zxid(998) });
        assert!(!bench.conn().dead && bench.core.establishing.waiting.is_empty());
        bench.core.deliver(LinkItem::Applied { index: LogIndex(7), zxid: Zxid(zxid) });
        assert_eq!(bench.conn().dead, is_ahead);
        assert_eq!(bench.core.establishing.waiting.len(), usize::from(!is_ahead));
        assert!(bench.output().is_empty());
        let served = !bench.core.conns.get_mut(old).expect("still there").dead;
        assert_eq!(served, is_ahead, "it is served until the session is asked for");
    }
}

#[test]
fn when_results_are_lost_for_good_every_client_is_let_go() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::SetData, 1);
    bench.core.deliver(LinkItem::Refused { expected_seq: 1 });
    assert!(!bench.conn().dead, "nothing was acknowledged: sending again will do");
    bench.results(1, &[(1, 0)]);
    bench.core.deliver(LinkItem::Refused { expected_seq: 1 });
    assert!(bench.conn().dead && bench.core.lost);
}

/// Found by simulation: the news of an attempt that its client had given up let a later one be served too early, by a
/// replica that had not seen what its client had seen elsewhere.
#[test]
fn an_earlier_attempt_does_not_stand_for_a_later_one() {
    let info = SessionInfo { session: SESSION, timeout_ms: 30_000, password: [1; 16], owner: ME };
    let attached = |zxid| LinkItem::Session(SessionEvent::Attached(info, Zxid(zxid)));
    for earlier_first in [true, false] {
        let mut bench = Bench::new(true);
        bench.conn = accept(&mut bench.core);
        bench.conn().phase = Phase::Connecting(Connecting { read_only: None, is_new: false });
        let target = EstablishTarget::Conn(bench.conn);
        let established =
            Established { session: SESSION, password: [1; 16], timeout_ms: 30_000, zxid: Zxid(60) };
        if earlier_first {
            bench.core.deliver(attached(50));
            bench.core.granted(target, false, Some(established));
        } else {
            bench.core.granted(target, false, Some(established));
            bench.core.deliver(attached(50));
        }
        assert!(bench.output().is_empty(), "not before the replica has reached this attempt");
        bench.core.deliver(attached(60));
        assert!(!bench.output().is_empty());
    }
}
