//! Who belongs to the cluster besides the log's members: a directory in the replicated state, which components keep by
//! registering themselves. Big-endian, no padding.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::MalformedChunk;
use crate::{IncarnationId, LogIndex, NodeId};

/// Far above any host name and port.
pub const ADDRESS_LEN_MAX: usize = 512;

/// What a registered component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Role {
    /// A replica of the tree; its checkpoint counts for the truncation of the log.
    TreeStore = 1,
    /// A session tracker.
    SessionTracker = 2,
    /// A gateway.
    Gateway = 3,
}

impl Role {
    /// The number in the log.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The role with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::TreeStore,
            2 => Self::SessionTracker,
            3 => Self::Gateway,
            _ => return None,
        })
    }

    /// As in command lines and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::TreeStore => "tree-store",
            Self::SessionTracker => "session-tracker",
            Self::Gateway => "gateway",
        }
    }
}

/// Enters a component into the directory, or says that it is still there. Without `join` the result is `NoNode` unless
/// it is there and of the same life: whoever was removed does not come back with a late command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// What it is.
    pub role: Role,
    /// Its configured id.
    pub id: NodeId,
    /// Random at each start of the process.
    pub life: IncarnationId,
    /// Enters it whether or not it is there.
    pub join: bool,
    /// Index covered by a store's checkpoint that is on stable storage; 0 for none.
    pub checkpoint: LogIndex,
    /// `host:port` where the other components call it; empty if they cannot.
    pub address: String,
}

/// Takes a component out of the directory, of whatever life. The result is `NoNode` if it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unregister {
    /// What it is.
    pub role: Role,
    /// Its configured id.
    pub id: NodeId,
}

const REGISTER_LEN: usize = 1 + 8 + 8 + 1 + 8;
const UNREGISTER_LEN: usize = 1 + 8;

impl Register {
    /// The command's body.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(REGISTER_LEN + self.address.len());
        out.put_u8(self.role.code());
        out.put_u64(self.id.0);
        out.put_u64(self.life.0);
        out.put_u8(u8::from(self.join));
        out.put_u64(self.checkpoint.0);
        out.put_slice(self.address.as_bytes());
        out.freeze()
    }

    /// Reads a body.
    pub fn decode(mut body: &[u8]) -> Result<Self, MalformedChunk> {
        let malformed = MalformedChunk("Register is malformed");
        if body.len() < REGISTER_LEN || body.len() > REGISTER_LEN + ADDRESS_LEN_MAX {
            return Err(malformed);
        }
        let role = Role::from_code(body.get_u8()).ok_or(malformed)?;
        let (id, life) = (NodeId(body.get_u64()), IncarnationId(body.get_u64()));
        let (join, checkpoint) = (body.get_u8() == 1, LogIndex(body.get_u64()));
        let address = std::str::from_utf8(body).map_err(|_| malformed)?.to_owned();
        Ok(Self { role, id, life, join, checkpoint, address })
    }
}

impl Unregister {
    /// The command's body.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(UNREGISTER_LEN);
        out.put_u8(self.role.code());
        out.put_u64(self.id.0);
        out.freeze()
    }

    /// Reads a body.
    pub fn decode(mut body: &[u8]) -> Result<Self, MalformedChunk> {
        let malformed = MalformedChunk("Unregister is malformed");
        if body.len() != UNREGISTER_LEN {
            return Err(malformed);
        }
        let role = Role::from_code(body.get_u8()).ok_or(malformed)?;
        Ok(Self { role, id: NodeId(body.get_u64()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_and_malformed_ones_are_refused() {
        let register = Register {
            role: Role::SessionTracker,
            id: NodeId(7),
            life: IncarnationId(8),
            join: true,
            checkpoint: LogIndex(9),
            address: "a.b:2888".into(),
        };
        assert_eq!(Register::decode(&register.encode()), Ok(register.clone()));
        let unregister = Unregister { role: Role::Gateway, id: NodeId(7) };
        assert_eq!(Unregister::decode(&unregister.encode()), Ok(unregister));
        assert!(Register::decode(&register.encode()[..REGISTER_LEN - 1]).is_err());
        let long = Register { address: "a".repeat(ADDRESS_LEN_MAX + 1), ..register };
        assert!(Register::decode(&long.encode()).is_err());
        assert!(Unregister::decode(&[0; UNREGISTER_LEN]).is_err(), "no role has the number 0");
        assert!(Unregister::decode(&[1; UNREGISTER_LEN + 1]).is_err());
    }
}
