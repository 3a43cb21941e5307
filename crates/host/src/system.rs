//! The operating system's sockets and threads.

use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use socket2::{Domain, Protocol, SockRef, Type};
use tokio::io::{Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tracing::debug;

use crate::{Arrival, Host, ListenOptions, Listener, Socket, Thread, ThreadBody};

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHost;

impl Host for SystemHost {
    /// Must be called on a runtime.
    fn listen(&self, addr: SocketAddr, options: ListenOptions) -> io::Result<Box<dyn Listener>> {
        let socket = socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&addr.into())?;
        socket.listen(options.backlog)?;
        let listener = TcpListener::from_std(socket.into())?;
        Ok(Box::new(SystemListener { listener, keep_alive: options.keep_alive }))
    }

    fn spawn(&self, name: &str, body: ThreadBody) -> io::Result<Box<dyn Thread>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || LocalSet::new().block_on(&runtime, async { body().await });
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Box::new(SystemThread(handle)))
    }
}

struct SystemThread(JoinHandle<()>);

impl Thread for SystemThread {
    fn join(self: Box<Self>) -> BoxFuture<'static, ()> {
        async {
            // A panic has been reported by the thread itself.
            let _ = tokio::task::spawn_blocking(move || self.0.join()).await;
        }
        .boxed()
    }
}

struct SystemListener {
    listener: TcpListener,
    keep_alive: bool,
}

#[async_trait]
impl Listener for SystemListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    async fn accept(&self) -> io::Result<(Box<dyn Arrival>, SocketAddr)> {
        loop {
            let (stream, addr) = self.listener.accept().await?;
            match prepare(stream, self.keep_alive) {
                Ok(stream) => return Ok((Box::new(stream), addr)),
                Err(error) => debug!(%addr, %error, "a connection was gone before it was served"),
            }
        }
    }
}

fn prepare(stream: TcpStream, keep_alive: bool) -> io::Result<std::net::TcpStream> {
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_keepalive(keep_alive)?;
    stream.into_std()
}

impl Arrival for std::net::TcpStream {
    fn settle(self: Box<Self>) -> io::Result<Box<dyn Socket>> {
        Ok(Box::new(TcpStream::from_std(*self)?))
    }
}

impl Socket for TcpStream {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_write_ready(cx)
    }

    fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        TcpStream::poll_peek(self, cx, buf)
    }

    /// A read that leaves room in `buf` has taken all there was. The reactor is told so, as tokio's own `poll_read` tells
    /// it: the next look, which would find nothing, is a system call saved for every request.
    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut read = None;
        let outcome = self.try_io(Interest::READABLE, || {
            let len = (&*SockRef::from(self)).read(buf)?;
            read = Some(len);
            if (1..buf.len()).contains(&len) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(len) }
        });
        read.map_or(outcome, Ok)
    }

    fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        TcpStream::try_write(self, buf)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        TcpStream::try_write_vectored(self, bufs)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        SockRef::from(self).shutdown(std::net::Shutdown::Write)
    }
}
