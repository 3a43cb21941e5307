//! Sockets of a worker: one task for each reads; whoever has output writes.

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use menagerie_jute::frame;
use tokio::net::TcpStream;

use super::Worker;
use super::conn::{Conn, ConnToken, Phase};

/// Input that may wait for its turn before the socket is left alone; a single frame may be larger.
const INPUT_MAX: usize = 256 * 1024;
const READ_BYTES: usize = 64 * 1024;
/// An output buffer larger than this is given back once it is empty.
const OUTPUT_KEEP: usize = 16 * 1024;
/// After a farewell, what the client still sends is thrown away for this long, so that no reset overtakes the farewell.
const LINGER: Duration = Duration::from_secs(1);

/// Sockets by the slot of their connection's token.
#[derive(Debug, Default)]
pub struct Sockets {
    slots: Vec<Option<(ConnToken, Rc<TcpStream>)>>,
}

impl Sockets {
    /// Adds the socket of a connection.
    pub fn insert(&mut self, token: ConnToken, socket: Rc<TcpStream>) {
        let at = token.0 as u32 as usize;
        if self.slots.len() <= at {
            self.slots.resize(at + 1, None);
        }
        self.slots[at] = Some((token, socket));
    }

    fn get(&self, token: ConnToken) -> Option<&Rc<TcpStream>> {
        let (holder, socket) = self.slots.get(token.0 as u32 as usize)?.as_ref()?;
        (*holder == token).then_some(socket)
    }

    fn remove(&mut self, token: ConnToken) {
        if self.get(token).is_some() {
            self.slots[token.0 as u32 as usize] = None;
        }
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
    pub async fn connection(self, token: ConnToken, socket: Rc<TcpStream>) {
        let Some(wake) = self.with_core(|core| core.conns.get_mut(token).map(|conn| Rc::clone(&conn.wake)))
        else {
            return;
        };
        let linger = loop {
            let (read, write) = match self.next(token) {
                Next::Wait { read, write } => (read, write),
                Next::Close { linger } => break linger,
            };
            tokio::select! {
                ready = socket.readable(), if read => {
                    if ready.is_err() || !self.receive(token, &socket) {
                        break false;
                    }
                    self.flush();
                }
                _ = socket.writable(), if write => {
                    self.with_core(|core| flush_one(core, token, &socket));
                }
                () = wake.notified() => {}
            }
        };
        self.sockets.borrow_mut().remove(token);
        self.with_core(|core| core.disconnect(token));
        if linger {
            let _ = tokio::time::timeout(LINGER, discard(&socket)).await;
        }
    }

    fn next(&self, token: ConnToken) -> Next {
        self.with_core(|core| {
            let Some(conn) = core.conns.get_mut(token) else { return Next::Close { linger: false } };
            if conn.dead {
                return Next::Close { linger: false };
            }
            let write = !conn.output.is_empty();
            if conn.draining && !write {
                return Next::Close { linger: true };
            }
            conn.paused = !conn.draining && input_is_full(&conn.input, core.options.jute_max_buffer);
            Next::Wait { read: !conn.draining && !conn.paused && !conn.read_closed, write }
        })
    }

    /// Reads what is there; false at the end of the stream.
    fn receive(&self, token: ConnToken, socket: &TcpStream) -> bool {
        SCRATCH.with_borrow_mut(|scratch| match socket.try_read(scratch) {
            // Whoever has said all it had to say (`echo srvr | nc`) may still wait for its answer.
            Ok(0) => self.with_core(|core| {
                let Some(conn) = core.conns.get_mut(token) else { return false };
                conn.read_closed = true;
                conn.phase == Phase::Closing
            }),
            Ok(len) => {
                self.with_core(|core| {
                    if let Some(conn) = core.conns.get_mut(token) {
                        conn.input.extend_from_slice(&scratch[..len]);
                    }
                    core.advance(token);
                });
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
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
                        conn.wake.notify_one();
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

fn flush_one(core: &mut super::Core, token: ConnToken, socket: &TcpStream) {
    core.with_conn(token, |core, conn| {
        conn.dirty = false;
        conn.noted.responded(core.now);
        if !write_out(conn, socket) {
            conn.kill();
        }
        if conn.output.is_empty() {
            if conn.output.capacity() > OUTPUT_KEEP {
                conn.output = BytesMut::new();
            }
            core.mark_ready(conn);
        }
        if conn.draining || !conn.output.is_empty() {
            conn.wake.notify_one();
        }
    });
}

fn write_out(conn: &mut Conn, socket: &TcpStream) -> bool {
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

async fn discard(socket: &TcpStream) {
    let mut scratch = vec![0; 4096];
    // Only the writing half is shut: the client sees the end after all that was sent.
    let shut = socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Write);
    while shut.is_ok() && socket.readable().await.is_ok() {
        match socket.try_read(&mut scratch) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
