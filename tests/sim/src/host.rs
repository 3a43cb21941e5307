//! A simulated machine's sockets and threads: turmoil's network, and tasks of the one thread there is.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use menagerie_host::{Arrival, Connector, Host, ListenOptions, Listener, Socket, Stream, Thread, ThreadBody};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use tonic::transport::server::Connected;
use turmoil::net::{TcpListener, TcpStream};

/// One life of a simulated machine.
#[derive(Debug)]
pub struct SimHost {
    bodies: mpsc::UnboundedSender<(ThreadBody, oneshot::Sender<()>)>,
}

impl SimHost {
    /// Must be called within the machine's main task; what it spawns ends with the machine.
    pub fn start() -> Arc<Self> {
        let (bodies, mut started) = mpsc::unbounded_channel::<(ThreadBody, oneshot::Sender<()>)>();
        // Threads may be started from tasks that are not local ones.
        tokio::task::spawn_local(async move {
            while let Some((body, ended)) = started.recv().await {
                tokio::task::spawn_local(async move {
                    body().await;
                    let _ = ended.send(());
                });
            }
        });
        Arc::new(Self { bodies })
    }
}

impl Host for SimHost {
    fn listen(&self, addr: SocketAddr, _options: ListenOptions) -> io::Result<Box<dyn Listener>> {
        let listener = TcpListener::bind(addr).now_or_never();
        Ok(Box::new(SimListener(listener.unwrap_or_else(|| Err(ErrorKind::WouldBlock.into()))?)))
    }

    fn connector(&self) -> Option<Arc<dyn Connector>> {
        Some(Arc::new(SimConnector))
    }

    fn spawn(&self, _name: &str, body: ThreadBody) -> io::Result<Box<dyn Thread>> {
        let (ended, end) = oneshot::channel();
        self.bodies.send((body, ended)).map_err(|_| io::Error::other("the machine has crashed"))?;
        Ok(Box::new(SimThread(end)))
    }
}

struct SimThread(oneshot::Receiver<()>);

impl Thread for SimThread {
    fn join(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.0.map(drop).boxed()
    }
}

#[derive(Debug)]
struct SimConnector;

impl Connector for SimConnector {
    fn connect(&self, authority: String) -> BoxFuture<'static, io::Result<Pin<Box<dyn Stream>>>> {
        async move { Ok(Box::pin(TcpStream::connect(authority).await?) as _) }.boxed()
    }
}

struct SimListener(TcpListener);

#[async_trait]
impl Listener for SimListener {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<(Box<dyn Arrival>, SocketAddr)> {
        let (stream, addr) = self.0.accept().await?;
        Ok((Box::new(SimArrival(stream)), addr))
    }
}

#[derive(Debug)]
struct SimArrival(TcpStream);

impl Arrival for SimArrival {
    fn settle(self: Box<Self>) -> io::Result<Box<dyn Socket>> {
        Ok(Box::new(SimSocket(RefCell::new(self.0))))
    }
}

struct SimSocket(RefCell<TcpStream>);

impl fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimSocket")
    }
}

impl Socket for SimSocket {
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_peek(cx, &mut ReadBuf::new(&mut [0])).map_ok(drop)
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.0.borrow();
        let mut writable = std::pin::pin!(stream.writable());
        writable.as_mut().poll(cx)
    }

    fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_peek(cx, buf)
    }

    fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        // Whoever is told to wait polls for readiness next, which puts the right waker in place.
        let mut cx = Context::from_waker(Waker::noop());
        let mut buf = ReadBuf::new(buf);
        match Pin::new(&mut *self.0.borrow_mut()).poll_read(&mut cx, &mut buf) {
            Poll::Ready(read) => read.map(|()| buf.filled().len()),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.borrow().try_write(buf)
    }

    fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let first = bufs.iter().find(|buf| !buf.is_empty());
        first.map_or(Ok(0), |buf| self.try_write(buf))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut cx = Context::from_waker(Waker::noop());
        match Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(&mut cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

/// Connections for a gRPC server on `port`.
pub async fn incoming(
    port: u16,
) -> io::Result<impl futures::Stream<Item = io::Result<Incoming>> + Send + 'static> {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    Ok(stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| Incoming(stream));
        Some((accepted, listener))
    })
    .boxed())
}

/// A connection of a gRPC server.
pub struct Incoming(TcpStream);

impl Connected for Incoming {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Incoming {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Incoming {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
