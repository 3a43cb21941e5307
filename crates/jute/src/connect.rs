//! The handshake. Neither record has a header; they are the first frame in their direction.

use bytes::{BufMut, BytesMut};
use menagerie_types::{SessionId, Zxid};

use crate::{JuteError, Reader, frame, write};

/// Bytes of a session's password.
pub const PASSWORD_LEN: usize = 16;

/// A client's wish for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRequest<'a> {
    /// 0; servers ignore it.
    pub protocol_version: i32,
    /// The highest zxid the client has seen: a server that is behind must refuse.
    pub last_zxid_seen: Zxid,
    /// The session timeout it would like, in ms.
    pub timeout_ms: i32,
    /// The session to come back to, or [`SessionId::NONE`] for a new one.
    pub session_id: SessionId,
    /// The session's password; null is tolerated, and so is any length (which is then a wrong password).
    pub password: Option<&'a [u8]>,
    /// Whether a read-only server will do; clients up to 3.3 and go-zookeeper leave the byte away (`None`).
    pub read_only: Option<bool>,
}

impl<'a> ConnectRequest<'a> {
    /// Reads the record; the last byte may be missing.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, JuteError> {
        Ok(Self {
            protocol_version: reader.i32()?,
            last_zxid_seen: Zxid(reader.i64()?),
            timeout_ms: reader.i32()?,
            session_id: SessionId(reader.i64()?),
            password: reader.buffer()?,
            read_only: optional_bool(reader)?,
        })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_i32(self.protocol_version);
        out.put_i64(self.last_zxid_seen.0);
        out.put_i32(self.timeout_ms);
        out.put_i64(self.session_id.0);
        write::buffer(out, self.password);
        if let Some(read_only) = self.read_only {
            write::bool(out, read_only);
        }
    }
}

/// The server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectResponse {
    /// 0.
    pub protocol_version: i32,
    /// The timeout granted, in ms; 0 says that the session is gone.
    pub timeout_ms: i32,
    /// The session.
    pub session_id: SessionId,
    /// Its password. The C client expects exactly 16 bytes.
    pub password: [u8; PASSWORD_LEN],
    /// Whether the server is read-only; to be left away (`None`) if the request's byte was missing.
    pub read_only: Option<bool>,
}

impl ConnectResponse {
    /// "This session is gone": timeout, id and password are zero. `read_only` is that of the request: the byte is
    /// sent (as false) only to a client that sent it.
    pub fn invalid(read_only: Option<bool>) -> Self {
        Self {
            protocol_version: 0,
            timeout_ms: 0,
            session_id: SessionId::NONE,
            password: [0; PASSWORD_LEN],
            read_only: read_only.map(|_| false),
        }
    }

    /// Reads the record; the last byte may be missing.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, JuteError> {
        Ok(Self {
            protocol_version: reader.i32()?,
            timeout_ms: reader.i32()?,
            session_id: SessionId(reader.i64()?),
            password: password(reader)?,
            read_only: optional_bool(reader)?,
        })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_i32(self.protocol_version);
        out.put_i32(self.timeout_ms);
        out.put_i64(self.session_id.0);
        write::buffer(out, Some(&self.password));
        if let Some(read_only) = self.read_only {
            write::bool(out, read_only);
        }
    }

    /// Appends the record as a whole frame.
    pub fn encode_frame(&self, out: &mut BytesMut) {
        let mark = frame::begin(out);
        self.encode(out);
        frame::end(out, mark);
    }
}

fn optional_bool(reader: &mut Reader<'_>) -> Result<Option<bool>, JuteError> {
    if reader.is_empty() { Ok(None) } else { reader.bool().map(Some) }
}

fn password(reader: &mut Reader<'_>) -> Result<[u8; PASSWORD_LEN], JuteError> {
    let bytes = reader.buffer()?.unwrap_or(&[0; PASSWORD_LEN]);
    bytes.try_into().map_err(|_| JuteError::PasswordLength(bytes.len()))
}
