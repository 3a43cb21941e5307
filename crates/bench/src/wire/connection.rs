//! One socket, from its opening to its end.

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use bytes::BytesMut;
use menagerie_jute::{ConnectRequest, ConnectResponse, PASSWORD_LEN, Reader, frame};
use menagerie_types::{SessionId, Zxid};
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::Fault;
use super::output::Output;

/// Longest reply that is read: the children of a very large znode.
pub const FRAME_LEN_MAX: usize = 1 << 30;
/// With so much of a frame at hand the rest is read where it belongs, instead of by way of the common buffer.
const DIRECT_MIN: usize = 16 << 10;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// TCP.
    Connecting,
    /// The connect request is on its way.
    Greeting,
    /// It has a session.
    Ready,
}

/// A socket with what was read of a frame and what is to be written.
#[derive(Debug)]
pub struct Connection {
    pub socket: TcpStream,
    pub phase: Phase,
    pub output: Output,
    /// Of its session.
    timeout_ms: u32,
    /// When it was begun, when something was last sent, and when a ping was that has not been answered.
    pub began_ns: u64,
    pub sent_ns: u64,
    pub pinged_ns: Option<u64>,
    /// Beginning of a frame, and how much of this buffer is filled.
    partial: Vec<u8>,
    filled: usize,
}

/// Whether there may be more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// The socket has more, or may have.
    Yes,
    /// It has been emptied, as far as one can tell from having been given less than there was room for.
    No,
    /// There was nothing.
    Nothing,
}

impl Connection {
    /// Begins to connect, from `source` if given.
    pub fn begin(host: SocketAddr, source: Option<IpAddr>, now_ns: u64) -> std::io::Result<Self> {
        let socket = Socket::new(Domain::for_address(host), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&host.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        Ok(Self {
            socket: TcpStream::from_std(socket.into()),
            phase: Phase::Connecting,
            output: Output::default(),
            timeout_ms: 0,
            began_ns: now_ns,
            sent_ns: now_ns,
            pinged_ns: None,
            partial: Vec::new(),
            filled: 0,
        })
    }

    /// Asks for a session once TCP is up; false if it is not yet.
    pub fn greet(&mut self, timeout_ms: u32) -> Result<bool, Fault> {
        if let Some(error) = self.socket.take_error().map_err(|error| error.to_string())? {
            return Err(format!("cannot connect: {error}"));
        }
        match self.socket.peer_addr() {
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(format!("cannot connect: {error}")),
            Ok(_) => {}
        }
        self.output.append(&connect_request(timeout_ms));
        self.phase = Phase::Greeting;
        Ok(true)
    }

    /// A third of the session's timeout: so long it may be silent.
    pub fn ping_interval_ns(&self) -> u64 {
        u64::from(self.timeout_ms) * 1_000_000 / 3
    }

    /// Takes the answer to the connect request.
    pub fn greeted(&mut self, payload: &[u8]) -> Result<(), Fault> {
        self.timeout_ms = timeout_of(payload)?;
        self.phase = Phase::Ready;
        Ok(())
    }

    /// Reads once and hands every whole frame's payload to `frame`, with the time (since `base`) at which it was there.
    /// `common` is a buffer for all connections, so that each keeps only what it must.
    pub fn read(
        &mut self,
        common: &mut [u8],
        base: Instant,
        mut frame: impl FnMut(&mut Self, &[u8], u64) -> Result<(), Fault>,
    ) -> Result<More, Fault> {
        if self.filled >= DIRECT_MIN {
            return self.read_long(base, frame);
        }
        common[..self.filled].copy_from_slice(&self.partial[..self.filled]);
        let Some(count) = read_from(&mut self.socket, &mut common[self.filled..])? else {
            return Ok(More::Nothing);
        };
        let now_ns = base.elapsed().as_nanos() as u64;
        let more = if count < common.len() - self.filled { More::No } else { More::Yes };
        let mut rest = &common[..self.filled + count];
        while let Some(whole) = frame::peek(rest, FRAME_LEN_MAX).map_err(|error| error.to_string())? {
            let (this, after) = rest.split_at(whole);
            frame(self, &this[frame::PREFIX_LEN..], now_ns)?;
            rest = after;
        }
        self.filled = rest.len();
        self.partial.clear();
        self.partial.extend_from_slice(rest);
        Ok(more)
    }

    fn read_long(
        &mut self,
        base: Instant,
        mut frame: impl FnMut(&mut Self, &[u8], u64) -> Result<(), Fault>,
    ) -> Result<More, Fault> {
        let whole = frame::whole_len(&self.partial, FRAME_LEN_MAX).map_err(|error| error.to_string())?;
        let whole = whole.unwrap_or(self.filled);
        if self.partial.len() < whole {
            self.partial.resize(whole, 0);
        }
        let Some(count) = read_from(&mut self.socket, &mut self.partial[self.filled..])? else {
            return Ok(More::Nothing);
        };
        self.filled += count;
        if self.filled == whole {
            let mut buffer = std::mem::take(&mut self.partial);
            self.filled = 0;
            frame(self, &buffer[frame::PREFIX_LEN..], base.elapsed().as_nanos() as u64)?;
            buffer.clear();
            self.partial = buffer;
        }
        Ok(More::Yes)
    }

    /// Sends what is to be sent, as far as the socket takes it.
    pub fn flush(&mut self, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        if !self.output.is_empty() {
            self.sent_ns = now_ns;
            self.output
                .write_to(&mut self.socket, payload)
                .map_err(|error| format!("cannot write: {error}"))?;
        }
        Ok(())
    }
}

/// The bytes of a request for a new session.
pub fn connect_request(timeout_ms: u32) -> BytesMut {
    let mut out = BytesMut::new();
    let mark = frame::begin(&mut out);
    let request = ConnectRequest {
        protocol_version: 0,
        last_zxid_seen: Zxid(0),
        timeout_ms: timeout_ms.min(i32::MAX as u32) as i32,
        session_id: SessionId::NONE,
        password: Some(&[0; PASSWORD_LEN]),
        read_only: Some(false),
    };
    request.encode(&mut out);
    frame::end(&mut out, mark);
    out
}

/// Reads the answer to it: the session's timeout in ms.
pub fn timeout_of(payload: &[u8]) -> Result<u32, Fault> {
    let response = ConnectResponse::decode(&mut Reader::new(payload)).map_err(|error| error.to_string())?;
    match u32::try_from(response.timeout_ms) {
        Ok(timeout_ms @ 1..) => Ok(timeout_ms),
        _ => Err("the server refused a session".to_owned()),
    }
}

/// `None` when there is nothing to read now.
fn read_from(socket: &mut TcpStream, buffer: &mut [u8]) -> Result<Option<usize>, Fault> {
    loop {
        match socket.read(buffer) {
            Ok(0) => return Err("closed by the server".to_owned()),
            Ok(count) => return Ok(Some(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("cannot read: {error}")),
        }
    }
}
