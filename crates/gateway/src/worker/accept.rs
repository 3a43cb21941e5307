//! How a connection begins: TLS first where it is spoken, then who the client is.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::BytesMut;
use menagerie_host::{Arrival, Socket as TcpSocket};
use tokio::task::JoinSet;
use tracing::{debug, info, warn};

use super::Worker;
use super::conn::{Conn, ConnToken, Peer};
use super::socket::Socket;
use super::tls::{TlsStream, speaks_tls};
use crate::stats::Stats;
use crate::tls::Secure;

/// How clients come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Without TLS.
    Plain,
    /// With TLS.
    Secure,
    /// As they like: their first byte tells.
    Unified,
}

/// A connection that no worker serves yet. It counts until it is dropped, or served.
#[derive(Debug)]
pub struct Accepted {
    stream: Box<dyn Arrival>,
    addr: SocketAddr,
    door: Door,
    counted: Counted,
}

impl Accepted {
    /// A connection that has been counted.
    pub fn new(stream: Box<dyn Arrival>, addr: SocketAddr, door: Door, stats: Arc<Stats>) -> Self {
        Self { stream, addr, door, counted: Counted { stats: Some(stats), addr } }
    }
}

#[derive(Debug)]
struct Counted {
    stats: Option<Arc<Stats>>,
    addr: SocketAddr,
}

impl Counted {
    /// From now on the worker's connection counts.
    fn hand_over(mut self) {
        self.stats = None;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(stats) = &self.stats {
            stats.disconnected(self.addr.ip());
        }
    }
}

/// A handshake under way.
struct Handshake(Arc<Stats>);

impl Handshake {
    fn begin(stats: &Arc<Stats>, most: usize) -> Option<Self> {
        let before = stats.handshakes.fetch_add(1, Ordering::Relaxed);
        let handshake = Self(Arc::clone(stats));
        (before < most).then_some(handshake)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Worker {
    /// Serves a connection, in a task of its own.
    pub fn accept(&self, accepted: Accepted, tasks: &mut JoinSet<()>) {
        let Accepted { stream, addr, door, counted } = accepted;
        let stream = match stream.settle() {
            Ok(stream) => stream,
            Err(error) => return warn!(%addr, %error, "cannot use an accepted connection"),
        };
        match self.shared.options.secure.clone().filter(|_| door != Door::Plain) {
            None => {
                let socket = Socket::Plain(stream);
                if let Some(token) = self.register(socket, addr, counted) {
                    tasks.spawn_local(self.clone().connection(token));
                }
            }
            Some(secure) => {
                tasks.spawn_local(self.clone().secure(stream, addr, (secure, door), counted));
            }
        }
    }

    async fn secure(
        self,
        tcp: Box<dyn TcpSocket>,
        addr: SocketAddr,
        (secure, door): (Secure, Door),
        counted: Counted,
    ) {
        let timeout = self.shared.options.handshake_timeout;
        let opened = match Handshake::begin(&self.shared.stats, secure.handshakes_max) {
            Some(_under_way) => tokio::time::timeout(timeout, open(tcp, secure, door)).await,
            None => Ok(Err(io::Error::other("too many TLS handshakes at a time"))),
        };
        let (socket, early) = match opened {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => return info!(%addr, %error, "closing a connection: no TLS"),
            Err(_) => return info!(%addr, "closing a connection: its TLS handshake takes too long"),
        };
        let Some(token) = self.register(socket, addr, counted) else { return };
        if !early.is_empty() {
            self.take(token, &early);
            self.flush();
        }
        self.connection(token).await;
    }

    /// Makes the worker's state of a connection, unless the client is nobody.
    fn register(&self, socket: Socket, addr: SocketAddr, counted: Counted) -> Option<ConnToken> {
        let certificate = match &socket {
            Socket::Tls(tls) => tls.certificate(),
            Socket::Plain(_) => None,
        };
        let peer = menagerie_auth::Peer { address: addr, certificate: certificate.as_deref() };
        let identities = self.peers.borrow_mut().identities(&self.shared.options, &peer);
        let identities = identities.inspect_err(|error| info!(%addr, %error, "closing a connection at once"));
        let identities = identities.ok()?;
        counted.hand_over();
        let token = self.with_core(|core| {
            let now = Instant::now();
            core.conns.insert(|token| Conn::new(token, Peer::Socket(addr), identities, now))
        });
        self.sockets.borrow_mut().insert(token, socket);
        Some(token)
    }
}

/// Finds out what the client speaks, and shakes hands if that is TLS. Early bytes are those that came with the
/// handshake's last.
async fn open(tcp: Box<dyn TcpSocket>, secure: Secure, door: Door) -> io::Result<(Socket, BytesMut)> {
    if door == Door::Unified {
        let detected = tokio::time::timeout(secure.detection_timeout, speaks_tls(&*tcp)).await;
        if !detected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
            return Ok((Socket::Plain(tcp), BytesMut::new()));
        }
    }
    let (tls, early) = TlsStream::accept(tcp, Arc::clone(&secure.tls.config)).await?;
    debug!("a TLS connection is open");
    Ok((Socket::Tls(Box::new(tls)), early))
}
