//! Sockets of a worker: one task for each reads; whoever has output writes.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use menagerie_host::Socket as TcpSocket;
use menagerie_jute::frame;
use tracing::debug;

use super::Worker;
use super::conn::{Conn, ConnToken, Phase};
use super::tls::{Received, TlsStream};

/// Input that may wait for its turn before the socket is left alone; a single frame may be larger.
const INPUT_MAX: usize = 256 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// Only an output buffer of so many bytes is kept once it is empty: a smaller one is made again quickly, and connections that do
/// nothing but ping have no more.
const OUTPUT_KEEP: RangeInclusive<usize> = 129..=16 * 1024;
/// After a farewell, what the client still sends is thrown away for this long, so that no reset overtakes the farewell.
const LINGER: Duration = Duration::from_secs(1);

/// A connection's socket, with or without TLS.
#[derive(Debug)]
pub enum Socket {
    /// What comes in is what the client says.
    Plain(Box<dyn TcpSocket>),
    /// Encrypted both ways.
    Tls(Box<TlsStream>),
}

impl Socket {
    fn tcp(&self) -> &dyn TcpSocket {
        match self {
            Self::Plain(tcp) => &**tcp,
            Self::Tls(tls) => tls.tcp(),
        }
    }

    /// Something that is in no connection's output is to be sent.
    fn wants_write(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.wants_write())
    }
}

/// Sockets by the slot of their connection's token.
#[derive(Debug, Default)]
pub struct Sockets {
    slots: Vec<Option<(ConnToken, Socket)>>,
}

impl Sockets {
    /// Adds the socket of a connection.
    pub fn insert(&mut self, token: ConnToken, socket: Socket) {
        let at = token.0 as u32 as usize;
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.slots[at] = Some((token, socket));
    }

    fn get(&self, token: ConnToken) -> Option<&Socket> {
        let (holder, socket) = self.slots.get(token.0 as u32 as usize)?.as_ref()?;
        (*holder == token).then_some(socket)
    }

    fn remove(&mut self, token: ConnToken) -> Option<Socket> {
        let slot = self.slots.get_mut(token.0 as u32 as usize)?;
        slot.take_if(|(holder, _)| *holder == token).map(|(_, socket)| socket)
    }
}

/// What a connection's task should do next.
enum Next {
    Wait { read: bool, write: bool },
    Close { linger: bool },
}

thread_local! {
    /// One buffer serves all reads of the thread.
    static SCRATCH: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; READ_BYTES]);
}

impl Worker {
    /// The task of one connection, from its first byte to its last.
    // A block, for the future of a function would have room for its arguments twice: once to begin with, once to go on with.
    #[allow(clippy::manual_async_fn)]
    pub fn connection(self, token: ConnToken) -> impl Future<Output = ()> {
        async move {
            let linger = poll_fn(|cx| self.poll(token, cx)).await;
            let socket = self.sockets.borrow_mut().remove(token);
            self.with_core(|core| core.disconnect(token));
            if let Some(socket) = socket.filter(|_| linger) {
                // Boxed, for every connection's task would have room for it.
                Box::pin(discard(socket)).await;
            }
        }
    }

    /// Reads and writes what there is; ready when the connection is to be closed, and then tells whether to linger.
    // Polled by hand: a future for each thing it waits for would be in every connection's task.
    fn poll(&self, token: ConnToken, cx: &mut Context<'_>) -> Poll<bool> {
        let sockets = self.sockets.borrow();
        let Some(socket) = sockets.get(token) else { return Poll::Ready(false) };
        loop {
            let (read, write) = match self.next(token, socket, cx.waker()) {
                Next::Wait { read, write } => (read, write),
                Next::Close { linger } => return Poll::Ready(linger),
            };
            let readable = if read { socket.tcp().poll_readable(cx) } else { Poll::Pending };
            let writable = if write { socket.tcp().poll_writable(cx) } else { Poll::Pending };
            if let Poll::Ready(ready) = &readable {
                if ready.is_err() || !self.receive(token, socket) {
                    return Poll::Ready(false);
                }
                self.flush();
            }
            if writable.is_ready() {
                self.with_core(|core| flush_one(core, token, socket));
            }
            if readable.is_pending() && writable.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Asks to be woken when the answer changes.
    fn next(&self, token: ConnToken, socket: &Socket, waker: &Waker) -> Next {
        self.with_core(|core| {
            let Some(conn) = core.conns.get_mut(token) else { return Next::Close { linger: false } };
            if !conn.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                conn.waker = Some(waker.clone());
            }
            if conn.dead {
                return Next::Close { linger: false };
            }
            let write = !conn.output.is_empty();
            if conn.draining && !write {
                return Next::Close { linger: true };
            }
            conn.paused = !conn.draining && input_is_full(&conn.input, core.options.jute_max_buffer);
            let write = write || socket.wants_write();
            Next::Wait { read: !conn.draining && !conn.paused && !conn.read_closed, write }
        })
    }

    /// Reads what is there; false at the end of the stream.
    fn receive(&self, token: ConnToken, socket: &Socket) -> bool {
        SCRATCH.with_borrow_mut(|scratch| match socket {
            Socket::Plain(tcp) => match tcp.try_read(scratch) {
                Ok(0) => self.has_ended(token),
                Ok(len) => {
                    self.take(token, &scratch[..len]);
                    true
                }
                Err(error) => error.kind() == ErrorKind::WouldBlock,
            },
            Socket::Tls(tls) => {
                let mut plain = BytesMut::new();
                let received = tls.read(scratch, &mut plain);
                if !plain.is_empty() {
                    self.take(token, &plain);
                }
                match received {
                    Ok(Received::Open) => true,
                    Ok(Received::End) => self.has_ended(token),
                    Err(error) => {
                        debug!(%error, "closing a connection that does not speak TLS");
                        false
                    }
                }
            }
        })
    }

    /// Takes what a connection has sent.
    pub fn take(&self, token: ConnToken, bytes: &[u8]) {
        self.with_core(|core| {
            if let Some(conn) = core.conns.get_mut(token) {
                conn.input.extend_from_slice(bytes);
            }
            core.advance(token);
            core.has_come();
        });
    }

    /// Nothing more comes; false if nothing is to be sent either. Whoever has said all it had to say
    /// (`echo srvr | nc`) may still wait for its answer.
    fn has_ended(&self, token: ConnToken) -> bool {
        self.with_core(|core| {
            let Some(conn) = core.conns.get_mut(token) else { return false };
            conn.read_closed = true;
            conn.phase == Phase::Closing
        })
    }

    /// Goes on with connections whose input can go on, and writes what is to be written.
    pub fn flush(&self) {
        self.with_core(|core| {
            let sockets = self.sockets.borrow();
            while !core.ready.is_empty() || !core.dirty.is_empty() {
                for token in std::mem::take(&mut core.ready) {
                    core.advance(token);
                    if let Some(conn) = core.conns.get_mut(token)
                        && conn.paused
                    {
                        conn.wake();
                    }
                }
                for token in std::mem::take(&mut core.dirty) {
                    if let Some(socket) = sockets.get(token) {
                        flush_one(core, token, socket);
                    } else if let Some(conn) = core.conns.get_mut(token) {
                        conn.dirty = false;
                    }
                }
            }
        });
    }
}

fn flush_one(core: &mut super::Core, token: ConnToken, socket: &Socket) {
    core.with_conn(token, |core, conn| {
        conn.dirty = false;
        conn.noted.responded(core.now);
        let written = match socket {
            Socket::Plain(tcp) => write_out(conn, &**tcp),
            Socket::Tls(tls) => tls.write_out(&mut conn.output).is_ok(),
        };
        if !written {
            conn.kill();
        }
        if conn.output.is_empty() {
            conn.sent_to = core.zxid;
            if !OUTPUT_KEEP.contains(&conn.output.capacity()) {
                conn.output = BytesMut::new();
            }
            core.mark_ready(conn);
        }
        if conn.draining || !conn.output.is_empty() {
            conn.wake();
        }
    });
}

fn write_out(conn: &mut Conn, socket: &dyn TcpSocket) -> bool {
    while !conn.output.is_empty() {
        match socket.try_write(&conn.output) {
            Ok(0) => return false,
            Ok(len) => conn.output.advance(len),
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
    conn.output.clear();
    true
}

/// Enough has been read for now, and it holds at least one whole frame (or a refused one).
fn input_is_full(input: &[u8], max: usize) -> bool {
    input.len() >= INPUT_MAX && !matches!(frame::peek(input, max), Ok(None))
}

/// For a while.
async fn discard(socket: Socket) {
    if let Socket::Tls(tls) = &socket {
        tls.close();
    }
    let _ = tokio::time::timeout(LINGER, read_to_end(&socket)).await;
}

async fn read_to_end(socket: &Socket) {
    let mut scratch = vec![0; 4096];
    let socket = socket.tcp();
    // Only the writing half is shut: the client sees the end after all that was sent.
    let shut = socket.shutdown_write();
    while shut.is_ok() && socket.readable().await.is_ok() {
        match socket.try_read(&mut scratch) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
