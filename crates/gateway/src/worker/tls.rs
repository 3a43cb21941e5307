//! A TLS connection over a socket that is ready to be read or written: no task, no copy that is not TLS's own.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use menagerie_host::Socket;
use rustls::{ServerConfig, ServerConnection};

/// Bytes that are encrypted at a time: what TLS takes before it must be sent.
const CHUNK: usize = 64 * 1024;
/// Bytes of a handshake read at a time.
const HANDSHAKE_READ: usize = 4096;
/// The first byte of a TLS connection: a handshake record. No length of a ZooKeeper frame begins so, and no word.
const HANDSHAKE_RECORD: u8 = 0x16;

/// A socket with TLS.
#[derive(Debug)]
pub struct TlsStream {
    tcp: Box<dyn Socket>,
    tls: RefCell<ServerConnection>,
    /// Bytes at the beginning of the connection's output that are encrypted and not all sent.
    in_flight: Cell<usize>,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Perhaps nothing; more may come.
    Open,
    /// The last.
    End,
}

impl TlsStream {
    /// Shakes hands, which the caller limits in time; the client may have sent more already.
    pub async fn accept(tcp: Box<dyn Socket>, config: Arc<ServerConfig>) -> io::Result<(Self, BytesMut)> {
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        let stream = Self { tcp, tls: RefCell::new(tls), in_flight: Cell::new(0) };
        let (mut scratch, mut early) = (vec![0; HANDSHAKE_READ], BytesMut::new());
        loop {
            while !stream.send()? {
                stream.tcp.writable().await?;
            }
            if !stream.tls.borrow().is_handshaking() {
                return Ok((stream, early));
            }
            stream.tcp.readable().await?;
            if stream.read(&mut scratch, &mut early)? == Received::End {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The socket.
    pub fn tcp(&self) -> &dyn Socket {
        &*self.tcp
    }

    /// The client's own certificate (DER), if it has shown one.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let tls = self.tls.borrow();
        tls.peer_certificates().and_then(|chain| chain.first()).map(|leaf| leaf.to_vec())
    }

    /// Reads what is there, through `scratch`, and appends what it says to `plain`. Fails on a TLS error too.
    pub fn read(&self, scratch: &mut [u8], plain: &mut BytesMut) -> io::Result<Received> {
        let len = match self.tcp.try_read(scratch) {
            Ok(0) => return Ok(Received::End),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Open),
            Err(error) => return Err(error),
        };
        let outcome = self.decrypt(&scratch[..len], plain);
        // An alert says why; so do answers to requests of TLS itself.
        let sent = self.send();
        let end = outcome?;
        sent.map(|_| end)
    }

    fn decrypt(&self, mut bytes: &[u8], plain: &mut BytesMut) -> io::Result<Received> {
        let mut tls = self.tls.borrow_mut();
        let mut end = Received::Open;
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes)?;
            let state = tls.process_new_packets().map_err(io::Error::other)?;
            let (at, more) = (plain.len(), state.plaintext_bytes_to_read());
            plain.resize(at + more, 0);
            tls.reader().read_exact(&mut plain[at..])?;
            if state.peer_has_closed() {
                end = Received::End;
                break;
            }
        }
        Ok(end)
    }

    /// Sends as much of `output` as the socket takes; what is left of it is not sent.
    pub fn write_out(&self, output: &mut BytesMut) -> io::Result<()> {
        while self.send()? {
            output.advance(self.in_flight.take().min(output.len()));
            if output.is_empty() {
                break;
            }
            let chunk = &output[..output.len().min(CHUNK)];
            self.in_flight.set(self.tls.borrow_mut().writer().write(chunk)?);
        }
        Ok(())
    }

    /// Something of TLS's own, or of the output, is encrypted and not sent.
    pub fn wants_write(&self) -> bool {
        self.tls.borrow().wants_write()
    }

    /// Says that nothing follows.
    pub fn close(&self) {
        self.tls.borrow_mut().send_close_notify();
        // If the socket takes no more, the client sees the end of the stream instead.
        let _ = self.send();
    }

    /// Sends what is encrypted; false if the socket takes no more now.
    fn send(&self) -> io::Result<bool> {
        let mut tls = self.tls.borrow_mut();
        while tls.wants_write() {
            match tls.write_tls(&mut Unbuffered(&*self.tcp)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// True if the client begins with TLS. Waits for its first byte, which is left where it is.
pub async fn speaks_tls(tcp: &dyn Socket) -> io::Result<bool> {
    let mut first = [0];
    match tcp.peek(&mut first).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0] == HANDSHAKE_RECORD),
    }
}

/// A socket as a writer that never waits.
struct Unbuffered<'a>(&'a dyn Socket);

impl Write for Unbuffered<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
