//! Listening sockets: all are bound before any component starts, so that a taken port costs nothing.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::{Error, Result};

const BACKLOG: i32 = 1024;

/// A bound socket that no runtime has taken yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    /// With the real port.
    pub address: SocketAddr,
}

/// Listens on `address` for `purpose`.
pub fn bind(address: SocketAddr, purpose: &'static str) -> Result<Bound> {
    let bind = || -> std::io::Result<Bound> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted process must not wait for the old one's connections to time out.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from(socket);
        Ok(Bound { address: listener.local_addr()?, listener })
    };
    bind().map_err(|source| Error::Bind { address: address.to_string(), purpose, source })
}

/// The first address that `host:port` resolves to; `place` names the setting in the error.
pub fn resolve(place: &str, address: &str) -> Result<SocketAddr> {
    let resolved = address.to_socket_addrs().map(|mut all| all.next());
    match resolved {
        Ok(Some(resolved)) => Ok(resolved),
        Ok(None) => Err(Error::config(place, format!("{address} resolves to no address"))),
        Err(error) => Err(Error::config(place, format!("{address} does not resolve: {error}"))),
    }
}

impl Bound {
    /// Hands the socket to the runtime that calls.
    pub fn into_tokio(self) -> Result<tokio::net::TcpListener> {
        tokio::net::TcpListener::from_std(self.listener)
            .map_err(|source| Error::System { what: "a listening socket", source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_gets_a_real_port_and_a_taken_one_is_named() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = bind(any, "clients").expect("a free port");
        assert_ne!(bound.address.port(), 0);
        let error = bind(bound.address, "clients").expect_err("taken").to_string();
        assert!(error.starts_with(&format!("cannot listen on {} for clients: ", bound.address)), "{error}");
    }

    #[test]
    fn names_resolve_and_nonsense_is_placed() {
        assert!(resolve("clientPortAddress", "localhost:2181").is_ok());
        let error = resolve("zoo.cfg:3", "no.such.host.invalid:1").expect_err("unknown").to_string();
        assert!(error.starts_with("zoo.cfg:3: no.such.host.invalid:1"), "{error}");
    }
}
