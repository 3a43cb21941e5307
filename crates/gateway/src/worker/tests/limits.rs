//! Clients that ask for too much at a time.

use super::*;
use crate::throttle::ConnectionThrottle;
use crate::{About, Limits};

const THROTTLED: i32 = -127;

fn bench(limits: Limits) -> Bench {
    Bench::with_options(true, GatewayOptions { limits, threads: 1, ..GatewayOptions::default() })
}

fn second(bench: &mut Bench) -> ConnToken {
    let (first, second) = (bench.conn, accept(&mut bench.core));
    bench.conn = second;
    bench.handshake(SessionId(0x200));
    bench.conn = first;
    second
}

fn set_data(xid: i32, data: &[u8]) -> BytesMut {
    frame_of(OpCode::SetData, xid, |out| {
        write::string(out, Some("/a"));
        write::buffer(out, Some(data));
    })
}

#[test]
fn a_busy_connection_is_not_read_while_too_much_is_in_process_and_an_idle_one_is() {
    let mut bench = bench(Limits { global_outstanding: Some(2), ..Limits::default() });
    let other = second(&mut bench);
    (1..=5).for_each(|xid| bench.request(OpCode::SetData, xid));
    // As in ZooKeeper, one more than the limit is begun.
    assert_eq!(bench.core.outstanding.len(), 3);
    let first = std::mem::replace(&mut bench.conn, other);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::SetData, 2);
    assert_eq!(bench.core.outstanding.len(), 4);
    bench.conn = first;
    bench.results(1, &[(1, 0), (2, 0), (3, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (2, 0), (3, 0)]);
    assert_eq!(bench.core.outstanding.len(), 3);
}

#[test]
fn no_request_at_all_is_begun_while_the_throttler_stalls() {
    let mut bench = bench(Limits { throttle_requests_at: 1, ..Limits::default() });
    let other = second(&mut bench);
    bench.request(OpCode::SetData, 1);
    let first = std::mem::replace(&mut bench.conn, other);
    bench.request(OpCode::GetData, 1);
    assert!(bench.replies().is_empty() && bench.replica.asked.lock().is_empty());
    bench.conn = first;
    bench.results(1, &[(1, 0)]);
    bench.conn = other;
    // However long it has waited, it is executed unless that is limited too.
    assert_eq!(bench.replies(), [(1, 0)]);
}

#[test]
fn what_has_waited_too_long_is_answered_in_its_turn_and_not_executed() {
    let limits = Limits {
        throttle_requests_at: 1,
        throttled_op_wait: Duration::from_millis(100),
        ..Limits::default()
    };
    let mut bench = bench(limits);
    bench.request(OpCode::SetData, 1);
    bench.request(OpCode::GetData, 2);
    bench.feed(&frame_of(OpCode::Ping, -2, |_| {}));
    bench.core.now += Duration::from_millis(101);
    bench.results(1, &[(1, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (2, THROTTLED), (-2, 0)]);
    // What comes afterwards has not waited.
    bench.request(OpCode::GetData, 3);
    assert_eq!(bench.replies(), [(3, 0)]);
    assert_eq!(*bench.replica.asked.lock(), [(OpCode::GetData, 3)]);
}

#[test]
fn one_large_request_too_many_ends_its_connection() {
    let limits =
        Limits { large_request_threshold: Some(100), large_request_max_bytes: 500, ..Limits::default() };
    let mut bench = bench(limits);
    bench.feed(&set_data(1, &[0; 300]));
    bench.feed(&set_data(2, &[0; 50]));
    assert!(!bench.conn().dead);
    // Answered ones make room.
    bench.results(1, &[(1, 0)]);
    bench.feed(&set_data(3, &[0; 300]));
    assert!(!bench.conn().dead);
    // It is refused by its length, before it is there.
    bench.feed(&set_data(4, &[0; 300])[..4]);
    assert!(bench.conn().dead);
}

#[test]
fn sessions_asked_for_too_fast_are_let_go() {
    let connection_throttle =
        ConnectionThrottle { tokens: 2, fill_time_ms: 60_000, ..ConnectionThrottle::default() };
    let mut bench = bench(Limits { connection_throttle, ..Limits::default() });
    second(&mut bench);
    bench.conn = accept(&mut bench.core);
    bench.feed(&connect(None, Zxid(0), SessionId(0), &[0; 16]));
    assert!(bench.conn().dead);
}

fn connect(
    read_only: Option<bool>,
    last_zxid_seen: Zxid,
    session_id: SessionId,
    password: &[u8],
) -> BytesMut {
    let mut out = BytesMut::new();
    let mark = frame::begin(&mut out);
    let request = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen,
        timeout_ms: 10_000,
        session_id,
        password: Some(password),
        read_only,
    };
    request.encode(&mut out);
    frame::end(&mut out, mark);
    out
}

/// A worker that has not heard of a quorum for long.
fn cut_off(enabled: bool) -> Bench {
    let about = About { tick_time_ms: 3000, session_timeouts_ms: (6000, 60_000), ..About::default() };
    let options = GatewayOptions { read_only_mode: enabled, about, ..GatewayOptions::default() };
    let mut bench = Bench::with_options(true, options);
    for (after_ms, on) in [(2500, false), (600, enabled)] {
        bench.core.now += Duration::from_millis(after_ms);
        bench.core.update_read_only();
        assert_eq!(bench.core.read_only.is_on(), on);
    }
    bench
}

fn response(bench: &mut Bench) -> menagerie_jute::ConnectResponse {
    menagerie_jute::ConnectResponse::decode(&mut Reader::new(&bench.output()[4..])).expect("a response")
}

#[test]
fn without_a_quorum_only_readers_are_served_where_that_is_enabled() {
    assert!(!cut_off(false).conn().dead);
    let mut bench = cut_off(true);
    assert!(bench.conn().dead, "it must find a server that takes writes");
    for (read_only, zxid, session) in [
        (None, Zxid(0), SessionId(0)),
        (Some(false), Zxid(0), SessionId(0)),
        (Some(true), Zxid(1000), SessionId(0)),
        (Some(true), Zxid(0), SESSION),
    ] {
        bench.conn = accept(&mut bench.core);
        bench.feed(&connect(read_only, zxid, session, &[1; 16]));
        assert!(bench.conn().dead && bench.output().is_empty());
    }
    bench.conn = accept(&mut bench.core);
    bench.feed(&connect(Some(true), Zxid(0), SessionId(0), &[0; 16]));
    let opened = response(&mut bench);
    assert_eq!((opened.timeout_ms, opened.read_only), (10_000, Some(true)));
    bench.request(OpCode::GetData, 1);
    bench.request(OpCode::SetData, 2);
    bench.request(OpCode::Sync, 3);
    bench.feed(&frame_of(OpCode::Ping, -2, |_| {}));
    assert_eq!(bench.replies(), [(1, 0), (2, -119), (3, -119), (-2, 0)]);
    assert!(bench.core.outstanding.is_empty() && bench.core.take_touched().is_empty());
}

#[test]
fn sessions_of_readers_end_with_their_silence_or_with_the_mode() {
    let mut bench = cut_off(true);
    let open = |bench: &mut Bench| {
        bench.conn = accept(&mut bench.core);
        bench.feed(&connect(Some(true), Zxid(0), SessionId(0), &[0; 16]));
        response(bench)
    };
    let silent = open(&mut bench);
    let silent_conn = bench.conn;
    let heard = open(&mut bench);
    for _ in 0..3 {
        bench.core.now += Duration::from_millis(4000);
        bench.request(OpCode::GetData, 1);
        bench.core.update_read_only();
    }
    assert!(bench.core.conns.get_mut(silent_conn).expect("not dropped yet").dead && !bench.conn().dead);
    // Taken up again: by its password, and the former connection ends.
    let before = std::mem::replace(&mut bench.conn, accept(&mut bench.core));
    bench.feed(&connect(Some(true), Zxid(0), heard.session_id, &heard.password));
    assert_eq!(response(&mut bench), heard);
    assert!(bench.core.conns.get_mut(before).expect("not dropped yet").dead);
    let current = bench.conn;
    for (session, password) in [(silent.session_id, silent.password), (heard.session_id, [9; 16])] {
        bench.conn = accept(&mut bench.core);
        bench.feed(&connect(Some(true), Zxid(0), session, &password));
        assert_eq!(response(&mut bench).timeout_ms, 0);
    }
    bench.core.touched(bench.core.now, &menagerie_proto::session_tracker::Touched::default());
    bench.core.update_read_only();
    assert!(!bench.core.read_only.is_on());
    assert!(bench.core.conns.get_mut(current).expect("not dropped yet").dead);
}
