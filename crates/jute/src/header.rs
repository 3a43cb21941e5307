//! The headers of requests and replies.

use bytes::{BufMut, BytesMut};

use crate::{JuteError, Reader};

/// Request numbers with a meaning of their own.
pub mod xid {
    /// A watch event, from the server.
    pub const NOTIFICATION: i32 = -1;
    /// A ping.
    pub const PING: i32 = -2;
    /// An auth packet of most clients (go-zookeeper uses an ordinary number).
    pub const AUTH: i32 = -4;
    /// setWatches of the C client.
    pub const SET_WATCHES: i32 = -8;
}

/// What precedes every request but the connect request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The client's number for the request, echoed in the reply.
    pub xid: i32,
    /// The operation's number, which may be unknown.
    pub op: i32,
}

impl RequestHeader {
    /// Bytes of the header.
    pub const LEN: usize = 8;

    /// Reads the header.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, JuteError> {
        Ok(Self { xid: reader.i32()?, op: reader.i32()? })
    }

    /// Appends the header.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_i32(self.xid);
        out.put_i32(self.op);
    }
}

/// What precedes every reply but the connect response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyHeader {
    /// The request's number.
    pub xid: i32,
    /// The write's zxid, or the zxid that a read was made at.
    pub zxid: i64,
    /// 0, or an error code; a body follows only 0.
    pub err: i32,
}

impl ReplyHeader {
    /// Bytes of the header.
    pub const LEN: usize = 16;

    /// Reads the header.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, JuteError> {
        Ok(Self { xid: reader.i32()?, zxid: reader.i64()?, err: reader.i32()? })
    }

    /// Appends the header.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_i32(self.xid);
        out.put_i64(self.zxid);
        out.put_i32(self.err);
    }
}
