//! The requests of one connection, from submission to reply. No I/O: `link` moves the bytes.

use std::collections::VecDeque;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use menagerie_jute::{ReplyHeader, RequestHeader, frame, xid};
use menagerie_types::{OpCode, Zxid};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;

use crate::ClientError;

/// A reply as it came.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its header.
    pub header: ReplyHeader,
    /// What follows the header.
    pub body: Bytes,
    /// Its place in what this client has received, events and replies together, over all its connections.
    pub arrival: u64,
}

impl Reply {
    /// The body, or the error that the header tells.
    pub fn into_body(self) -> Result<Bytes, ClientError> {
        ClientError::from_code(self.header.err).map(|()| self.body)
    }
}

/// A reply to come: a future. The request is on its way whether or not it is awaited.
#[derive(Debug)]
pub struct PendingReply(oneshot::Receiver<Result<Reply, ClientError>>);

impl Future for PendingReply {
    type Output = Result<Reply, ClientError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let received = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(received.unwrap_or(Err(ClientError::ConnectionLoss)))
    }
}

/// Numbers a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    /// With the next ordinary number; replies come in this order.
    Next,
    /// As an auth packet, answered out of order.
    Auth,
}

struct Waiting {
    xid: i32,
    reply: oneshot::Sender<Result<Reply, ClientError>>,
    _room: OwnedSemaphorePermit,
}

struct State {
    next_xid: i32,
    waiting: VecDeque<Waiting>,
    output: BytesMut,
    heard: Instant,
}

/// See the module.
pub(crate) struct Pipe {
    state: Mutex<State>,
    room: Arc<Semaphore>,
    output_ready: Notify,
    last_zxid: AtomicI64,
    ended: watch::Sender<Option<ClientError>>,
}

impl Pipe {
    pub(crate) fn new(in_flight_max: usize, last_zxid: Zxid) -> Self {
        let state =
            State { next_xid: 1, waiting: VecDeque::new(), output: BytesMut::new(), heard: Instant::now() };
        Self {
            state: Mutex::new(state),
            room: Arc::new(Semaphore::new(in_flight_max)),
            output_ready: Notify::new(),
            last_zxid: AtomicI64::new(last_zxid.0),
            ended: watch::Sender::new(None),
        }
    }

    /// Queues a request once there is room for it. Requests are sent, and answered, in the order of these calls.
    pub(crate) async fn submit(
        &self,
        number: Number,
        op: i32,
        body: impl FnOnce(&mut BytesMut),
    ) -> Result<PendingReply, ClientError> {
        let room = self.room.clone().acquire_owned().await.map_err(|_| self.end_reason())?;
        let (reply, pending) = oneshot::channel();
        // Encoded outside the lock: the encoder is the caller's.
        let mut request = request_frame(op, body);
        let mut state = self.lock();
        // Under the lock, so that nothing is queued behind the failure that answers what is waiting.
        if self.ended.borrow().is_some() {
            return Err(self.end_reason());
        }
        let xid = match number {
            Number::Next => state.take_xid(),
            Number::Auth => xid::AUTH,
        };
        request[XID].copy_from_slice(&xid.to_be_bytes());
        state.output.extend_from_slice(&request);
        state.waiting.push_back(Waiting { xid, reply, _room: room });
        drop(state);
        self.output_ready.notify_one();
        Ok(PendingReply(pending))
    }

    /// Takes what is to be sent, with a ping, whose answer nobody waits for.
    pub(crate) fn output_with_ping(&self) -> BytesMut {
        let mut ping = request_frame(OpCode::Ping.code(), |_| {});
        ping[XID].copy_from_slice(&xid::PING.to_be_bytes());
        let output = &mut self.lock().output;
        output.extend_from_slice(&ping);
        output.split()
    }

    /// Takes what is to be sent, waiting until there is something.
    pub(crate) async fn output(&self) -> BytesMut {
        loop {
            let output = self.lock().output.split();
            if !output.is_empty() {
                return output;
            }
            self.output_ready.notified().await;
        }
    }

    /// Something has come.
    pub(crate) fn heard(&self) {
        self.lock().heard = Instant::now();
    }

    /// When something last came.
    pub(crate) fn last_heard(&self) -> Instant {
        self.lock().heard
    }

    /// Hands a reply to whoever waits for it.
    pub(crate) fn deliver(&self, reply: Reply) -> Result<(), ClientError> {
        // Ordered before whatever the waiting side does next, because the channel is.
        self.last_zxid.fetch_max(reply.header.zxid, Ordering::Relaxed);
        let waiting = self.lock().take_waiting(reply.header.xid);
        let waiting = waiting.ok_or(ClientError::Protocol("reply out of order"))?;
        // A receiver that is gone did not want the reply.
        let _ = waiting.reply.send(Ok(reply));
        Ok(())
    }

    /// Ends the pipe: everything waiting fails with `reason`, and so does all that follows. The first reason stays.
    pub(crate) fn end(&self, reason: ClientError) {
        let mut state = self.lock();
        self.ended.send_if_modified(|ended| {
            let first = ended.is_none();
            ended.get_or_insert(reason);
            first
        });
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.room.close();
        for request in waiting {
            let _ = request.reply.send(Err(self.end_reason()));
        }
    }

    /// Waits for the end and says why it came.
    pub(crate) async fn ended(&self) -> ClientError {
        // The sender is in `self`, so the wait ends with a value.
        let _ = self.ended.subscribe().wait_for(Option::is_some).await;
        self.end_reason()
    }

    /// The highest zxid of any reply.
    pub(crate) fn last_zxid(&self) -> Zxid {
        Zxid(self.last_zxid.load(Ordering::Relaxed))
    }

    fn end_reason(&self) -> ClientError {
        self.ended.borrow().clone().unwrap_or(ClientError::ConnectionLoss)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock panics; a poisoned lock still holds a whole value.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_xid(&mut self) -> i32 {
        let xid = self.next_xid;
        self.next_xid = xid.checked_add(1).unwrap_or(1);
        xid
    }

    /// Ordinary replies must come in the order of their requests; auth replies may overtake.
    fn take_waiting(&mut self, xid: i32) -> Option<Waiting> {
        let ordinary = |waiting: &Waiting| waiting.xid > 0;
        let at = if xid > 0 {
            self.waiting.iter().position(ordinary).filter(|at| self.waiting[*at].xid == xid)
        } else {
            self.waiting.iter().position(|waiting| waiting.xid == xid)
        };
        self.waiting.remove(at?)
    }
}

/// Where a request frame has its number.
const XID: Range<usize> = 4..8;

/// A request whose number is still to be filled in.
fn request_frame(op: i32, body: impl FnOnce(&mut BytesMut)) -> BytesMut {
    let mut out = BytesMut::new();
    let mark = frame::begin(&mut out);
    RequestHeader { xid: 0, op }.encode(&mut out);
    body(&mut out);
    frame::end(&mut out, mark);
    out
}
