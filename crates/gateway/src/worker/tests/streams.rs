//! Watch streams of the gRPC API.

use super::*;

#[test]
fn a_watch_stream_of_what_may_not_be_read_ends() {
    let mut bench = Bench::new(false);
    let (events, receiver) = mpsc::channel(1);
    let (armed, mut is_armed) = oneshot::channel();
    bench.core.call(ApiCall::Watch(vec![(WatchKind::Child, "/a".into())], events, armed));
    bench.core.serve_streams();
    let mut frames = BytesMut::new();
    reply(&mut frames, 0, 20, ErrorCode::NoAuth.code());
    let token = bench.oldest_read();
    bench.core.deliver(LinkItem::ReadReply { token, frames: frames.freeze(), watches: Vec::new() });
    bench.core.serve_streams();
    assert_eq!(is_armed.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    assert!(receiver.is_closed());
    assert_eq!(bench.replica.asked.lock().len(), 1);
}

#[test]
fn a_watch_stream_tells_a_change_once_even_when_it_comes_with_the_answer_that_set_the_watch() {
    let mut bench = Bench::new(false);
    let (events, mut receiver) = mpsc::channel(9);
    let (armed, mut is_armed) = oneshot::channel();
    bench.core.call(ApiCall::Watch(vec![(WatchKind::Data, "/a".into())], events, armed));
    bench.core.serve_streams();
    for zxid in [20, 21] {
        let watches = vec![(WatchKind::Data, "/a".into())];
        let token = bench.oldest_read();
        bench.core.deliver(LinkItem::ReadReply { token, frames: exists_reply(zxid), watches });
        if zxid == 20 {
            let event = EventType::NodeDataChanged;
            bench.core.deliver(LinkItem::Event { zxid: Zxid(21), event, path: "/a".into(), acl: None });
        }
        // Takes the answer, and asks again after the event.
        bench.core.serve_streams();
        bench.core.serve_streams();
    }
    assert_eq!(is_armed.try_recv(), Ok(Zxid(21)));
    assert_eq!(bench.replica.asked.lock().len(), 2);
    assert_eq!(receiver.try_recv().expect("an event").zxid, Zxid(21));
    assert!(receiver.try_recv().is_err());
}

/// Of a znode changed by the very transaction that the read was made at.
fn exists_reply(zxid: i64) -> Bytes {
    let mut frame = BytesMut::new();
    let mark = begin_reply(&mut frame, 0, Zxid(zxid), 0);
    write::stat(&mut frame, &Stat { mzxid: Zxid(zxid), ..Stat::default() });
    end_reply(&mut frame, mark);
    frame.freeze()
}
