//! Frames over a simulated socket.

use std::io;

use bytes::{Bytes, BytesMut};
use menagerie_jute::frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::TcpStream;

const FRAME_LEN_MAX: usize = 4 << 20;

/// A connection of a client.
pub struct Connection {
    stream: TcpStream,
    input: BytesMut,
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(address: &str) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect(address).await?, input: BytesMut::new() })
    }

    /// Sends one frame.
    pub async fn send(&mut self, payload: impl FnOnce(&mut BytesMut)) -> io::Result<()> {
        let mut out = BytesMut::new();
        let mark = frame::begin(&mut out);
        payload(&mut out);
        frame::end(&mut out, mark);
        self.stream.write_all(&out).await
    }

    /// The payload of the next frame; an error at the end of the stream. May be cancelled.
    pub async fn receive(&mut self) -> io::Result<Bytes> {
        loop {
            let whole = frame::peek(&self.input, FRAME_LEN_MAX).map_err(io::Error::other)?;
            if let Some(whole) = whole {
                return Ok(self.input.split_to(whole).freeze().slice(frame::PREFIX_LEN..));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
