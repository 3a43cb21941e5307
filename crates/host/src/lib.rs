//! What a component asks of the machine it runs on: sockets and threads.
//!
//! A [`Host`] comes with each component's options. [`SystemHost`], the default everywhere, is the operating system. The
//! simulation has one of its own, under which the same components run on a simulated network and in a single thread.
//! Time and randomness need no such seam: the simulation replaces the system calls behind them.

mod system;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::future::{BoxFuture, LocalBoxFuture, poll_fn};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use system::SystemHost;

/// A machine.
pub trait Host: Debug + Send + Sync {
    /// Listens for connections at `addr`; a port that was in use a moment ago can be used again at once.
    fn listen(&self, addr: SocketAddr, options: ListenOptions) -> io::Result<Box<dyn Listener>>;

    /// How components connect to one another; none for the gRPC library's own way.
    fn connector(&self) -> Option<Arc<dyn Connector>> {
        None
    }

    /// Starts a thread that runs the future which `body` makes there, on a single-threaded runtime of its own.
    fn spawn(&self, name: &str, body: ThreadBody) -> io::Result<Box<dyn Thread>>;
}

/// What a thread runs: made and polled there, so that it need not be `Send`.
pub type ThreadBody = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

/// A running thread; dropping it lets it run on.
pub trait Thread: Send + Sync {
    /// Waits until its future has ended, without holding up the runtime that calls.
    fn join(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// How to listen.
#[derive(Clone, Copy, Debug)]
pub struct ListenOptions {
    /// Connections that may wait to be accepted.
    pub backlog: i32,
    /// The system probes idle connections.
    pub keep_alive: bool,
}

/// A listening socket.
#[async_trait]
pub trait Listener: Send + Sync {
    /// Where it listens, with the real port.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next connection, and where it comes from. An error is the listener's; it may be asked again.
    async fn accept(&self) -> io::Result<(Box<dyn Arrival>, SocketAddr)>;
}

/// A connection on its way to the thread that is to serve it.
pub trait Arrival: Debug + Send {
    /// Hands it to the runtime that calls.
    fn settle(self: Box<Self>) -> io::Result<Box<dyn Socket>>;
}

/// A connection, for one task that reads and whoever has something to write. Nothing here waits: readiness is polled,
/// and may be told when there is none.
pub trait Socket: Debug {
    /// Ready when there is something to read, the end or an error included. One task at a time is woken.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ready when there is room to write. One task at a time is woken.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Reads into `buf` and leaves what is read where it is.
    fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>>;

    /// Reads what is there; 0 at the end. `WouldBlock` if nothing is.
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize>;

    /// Writes what there is room for. `WouldBlock` if there is none.
    fn try_write(&self, buf: &[u8]) -> io::Result<usize>;

    /// As [`Self::try_write`], from several buffers.
    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;

    /// The other side sees the end of the stream after all that was written.
    fn shutdown_write(&self) -> io::Result<()>;
}

impl dyn Socket + '_ {
    /// Resolves when there is something to read.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Resolves when there is room to write.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// Reads into `buf` and leaves what is read where it is; waits until there is something.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_peek(cx, &mut ReadBuf::new(buf))).await
    }
}

/// Connects to other components.
pub trait Connector: Debug + Send + Sync {
    /// A connection to `authority` (`host:port`).
    fn connect(&self, authority: String) -> BoxFuture<'static, io::Result<Pin<Box<dyn Stream>>>>;
}

/// A connection as a stream of bytes each way.
pub trait Stream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// The operating system, for options.
pub fn system() -> Arc<dyn Host> {
    Arc::new(SystemHost)
}
