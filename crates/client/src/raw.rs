//! A connection without a session layer: bytes out, frames in.

use bytes::{Bytes, BytesMut};
use menagerie_jute::{ConnectRequest, ConnectResponse, Reader, ReplyHeader, RequestHeader, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

use crate::ClientError;

/// Sends whatever it is given and reads frames, in either role. Nothing happens unasked.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    input: BytesMut,
    frame_len_max: usize,
}

impl RawConnection {
    /// Connects, and sends nothing.
    pub async fn connect(addr: impl ToSocketAddrs) -> Result<Self, ClientError> {
        Self::from_stream(TcpStream::connect(addr).await?)
    }

    /// Takes over a connected stream, a client's or a server's.
    pub fn from_stream(stream: TcpStream) -> Result<Self, ClientError> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: BytesMut::new(), frame_len_max: 64 << 20 })
    }

    /// Accepts frames up to this payload length.
    #[must_use]
    pub fn with_frame_len_max(mut self, frame_len_max: usize) -> Self {
        self.frame_len_max = frame_len_max;
        self
    }

    /// Sends a connect request and reads the answer.
    ///
    /// # Errors
    /// [`ClientError::ConnectionLoss`] if the server closes instead. A refused session is an answer like another.
    pub async fn handshake(&mut self, request: &ConnectRequest<'_>) -> Result<ConnectResponse, ClientError> {
        self.write_frame(|out| request.encode(out)).await?;
        let answer = self.read_frame().await?.ok_or(ClientError::ConnectionLoss)?;
        Ok(ConnectResponse::decode(&mut Reader::new(&answer))?)
    }

    /// Sends bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Sends one frame.
    pub async fn write_frame(&mut self, payload: impl FnOnce(&mut BytesMut)) -> Result<(), ClientError> {
        let mut out = BytesMut::new();
        let mark = frame::begin(&mut out);
        payload(&mut out);
        frame::end(&mut out, mark);
        self.write(&out).await
    }

    /// Sends one request with any number, operation and body.
    pub async fn request(&mut self, xid: i32, op: i32, body: &[u8]) -> Result<(), ClientError> {
        self.write_frame(|out| {
            RequestHeader { xid, op }.encode(out);
            out.extend_from_slice(body);
        })
        .await
    }

    /// Reads one frame's payload, or `None` at the end of the stream.
    ///
    /// # Errors
    /// An end within a frame is [`ClientError::ConnectionLoss`]. May be cancelled and called again.
    pub async fn read_frame(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(payload) = next_frame(&mut self.input, self.frame_len_max)? {
                return Ok(Some(payload));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return if self.input.is_empty() { Ok(None) } else { Err(ClientError::ConnectionLoss) };
            }
        }
    }

    /// Reads one frame as a reply: its header and what follows.
    pub async fn read_reply(&mut self) -> Result<Option<(ReplyHeader, Bytes)>, ClientError> {
        match self.read_frame().await? {
            Some(payload) => split_reply(payload).map(Some),
            None => Ok(None),
        }
    }

    /// Reads everything up to the end of the stream: the answer to a four-letter word.
    pub async fn read_to_end(&mut self) -> Result<Bytes, ClientError> {
        loop {
            if self.input.len() > self.frame_len_max {
                return Err(ClientError::Protocol("an answer without end"));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(self.input.split().freeze());
            }
        }
    }

    /// Ends the outgoing half.
    pub async fn shutdown(&mut self) -> Result<(), ClientError> {
        Ok(self.stream.shutdown().await?)
    }

    /// The stream, and what was read from it but not consumed.
    pub fn into_parts(self) -> (TcpStream, BytesMut) {
        (self.stream, self.input)
    }
}

/// Splits the payload of the first frame off `input`, if it is complete.
pub(crate) fn next_frame(input: &mut BytesMut, len_max: usize) -> Result<Option<Bytes>, ClientError> {
    match frame::peek(input, len_max)? {
        Some(whole) => Ok(Some(input.split_to(whole).freeze().slice(frame::PREFIX_LEN..))),
        None => Ok(None),
    }
}

/// Splits a reply into header and body.
pub(crate) fn split_reply(payload: Bytes) -> Result<(ReplyHeader, Bytes), ClientError> {
    let header = ReplyHeader::decode(&mut Reader::new(&payload))?;
    Ok((header, payload.slice(ReplyHeader::LEN..)))
}
