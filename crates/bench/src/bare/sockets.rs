//! Pairs of connected sockets on loopback.

use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the system completes before they are accepted.
const BACKLOG: i32 = 1024;

/// A listener on a free port.
pub fn listener() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Two ends of a connection, neither of which waits before it sends.
pub fn pair(listener: &TcpListener) -> io::Result<(TcpStream, TcpStream)> {
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

/// Reads a message of known length; false if the other end is closed, whether or not it has read all it was sent.
pub fn receive(socket: &mut impl Read, message: &mut [u8]) -> io::Result<bool> {
    match socket.read_exact(message) {
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
            Ok(false)
        }
        outcome => outcome.map(|()| true),
    }
}
