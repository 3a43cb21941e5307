//! What the replica is told of what a client was told already.

use menagerie_jute::{AddWatchRequest, SetWatches2};

use super::*;

impl Bench {
    /// A persistent watch at `/a` on which an event has come; whether it was sent is up to the caller.
    fn with_event() -> Self {
        let mut bench = Self::new(true);
        bench.conn().sent_to = Zxid(3);
        let add = AddWatchRequest { path: "/a", mode: 0 };
        bench.feed(&frame_of(OpCode::AddWatch, 1, |out| add.encode(out)));
        bench.output();
        let event = EventType::NodeDataChanged;
        bench.core.deliver(LinkItem::Event { zxid: Zxid(9), event, path: "/a".into(), acl: None });
        bench
    }

    /// The session's client comes back to this worker, or begins a new session.
    fn connect(&mut self, session: SessionId, is_new: bool) {
        self.conn = accept(&mut self.core);
        self.conn().phase = Phase::Connecting(Connecting { read_only: None, is_new });
        let zxid = self.core.zxid;
        let established = Established { session, password: [1; 16], timeout_ms: 30_000, zxid };
        self.core.granted(EstablishTarget::Conn(self.conn), is_new, Some(established));
        self.output();
    }

    /// The record of a setWatches2 with something behind it, as the replica gets it.
    fn record(&mut self) -> Vec<u8> {
        self.feed(&frame_of(OpCode::SetWatches2, 2, |out| {
            set_watches(out);
            out.extend_from_slice(&[0x77; 8]);
        }));
        self.replica.records.lock().pop().expect("it was asked")
    }
}

fn set_watches(out: &mut BytesMut) {
    let none = Vec::new;
    let (data, exist, child, persistent_recursive) = (none(), none(), none(), none());
    let relative_zxid = Zxid(1);
    SetWatches2 { relative_zxid, data, exist, child, persistent: vec!["/a"], persistent_recursive }
        .encode(out);
}

fn expected(told: Option<i64>) -> Vec<u8> {
    let mut out = BytesMut::new();
    set_watches(&mut out);
    told.into_iter().for_each(|zxid| out.extend_from_slice(&zxid.to_be_bytes()));
    out.to_vec()
}

#[test]
fn events_that_have_left_for_the_client_count_as_told() {
    for (sent, told) in [(true, 9), (false, 3)] {
        let mut bench = Bench::with_event();
        if sent {
            bench.output();
        }
        bench.core.disconnect(bench.conn);
        bench.connect(SESSION, false);
        assert_eq!(bench.record(), expected(Some(told)), "sent: {sent}");
        assert_eq!(bench.record(), expected(Some(told)), "the same for all that the client sends");
    }
}

#[test]
fn what_a_killed_connection_threw_away_was_not_told() {
    let mut bench = Bench::with_event();
    bench.conn().kill();
    bench.core.disconnect(bench.conn);
    bench.connect(SESSION, false);
    assert_eq!(bench.record(), expected(Some(3)));
}

#[test]
fn a_connection_that_takes_a_session_over_goes_on_where_the_older_was() {
    let mut bench = Bench::with_event();
    bench.output();
    bench.connect(SESSION, false);
    assert_eq!(bench.record(), expected(Some(9)));
    // Gone again before it had watches of its own.
    let token = bench.conn;
    bench.core.disconnect(token);
    bench.connect(SESSION, false);
    assert_eq!(bench.record(), expected(Some(9)));
}

#[test]
fn of_a_session_from_elsewhere_nothing_is_known_nor_of_a_new_one() {
    let mut bench = Bench::new(true);
    bench.connect(SessionId(0x555), false);
    assert_eq!(bench.record(), expected(None));
    bench.connect(SessionId(0x556), true);
    assert_eq!(bench.record(), expected(None));
}

#[test]
fn a_session_that_was_elsewhere_meanwhile_is_one_from_elsewhere() {
    let info =
        SessionInfo { session: SESSION, timeout_ms: 1, password: [0; 16], owner: IncarnationId(ME.0 + 1) };
    let moved = || LinkItem::Session(SessionEvent::Attached(info, Zxid(9)));
    let closed = || LinkItem::Session(SessionEvent::Closed { session: SESSION, expired: true });
    let (index, zxid) = (LogIndex(9), Zxid(9));
    let relinked = || LinkItem::Start { index, zxid, owned: Vec::new(), events_complete: true };
    for item in [moved(), closed(), relinked()] {
        let mut bench = Bench::with_event();
        bench.output();
        bench.core.disconnect(bench.conn);
        bench.core.deliver(item);
        bench.connect(SESSION, false);
        assert_eq!(bench.record(), expected(None));
    }
}
