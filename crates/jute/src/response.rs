//! The bodies of replies.

use bytes::BytesMut;
use menagerie_types::Stat;

use crate::field::{Field, records};
use crate::{AclList, JuteError, Reader, write};

records! {
    /// create and sync.
    #[derive(Copy)]
    PathResponse {
        /// The znode's whole path.
        path: &'a str,
    }

    /// create2, createContainer and createTTL.
    #[derive(Copy)]
    Create2Response {
        /// The znode's whole path.
        path: &'a str,
        /// Its Stat.
        stat: Stat,
    }

    /// getData and reconfig.
    #[derive(Copy)]
    GetDataResponse {
        /// The data; null and empty differ.
        data: Option<&'a [u8]>,
        /// The Stat.
        stat: Stat,
    }

    /// getACL.
    #[derive(Copy)]
    GetAclResponse {
        /// The ACL.
        acl: Option<AclList<'a>>,
        /// The Stat.
        stat: Stat,
    }

    /// getChildren.
    GetChildrenResponse {
        /// Names, in no order.
        children: Vec<&'a str>,
    }

    /// getChildren2.
    GetChildren2Response {
        /// Names, in no order.
        children: Vec<&'a str>,
        /// The Stat.
        stat: Stat,
    }

    /// getEphemerals.
    GetEphemeralsResponse {
        /// Paths.
        ephemerals: Vec<&'a str>,
    }

    /// sasl.
    #[derive(Copy)]
    SetSaslResponse {
        /// The server's token.
        token: Option<&'a [u8]>,
    }

    /// One identity of a connection.
    #[derive(Copy)]
    ClientInfo {
        /// The scheme.
        auth_scheme: Option<&'a str>,
        /// The user that the scheme makes of it.
        user: Option<&'a str>,
    }

    /// whoAmI.
    WhoAmIResponse {
        /// Who the server thinks the client is.
        client_infos: Vec<ClientInfo<'a>>,
    }
}

/// exists, setData and setACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatResponse {
    /// The Stat.
    pub stat: Stat,
}

impl StatResponse {
    /// Reads the record.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, JuteError> {
        Ok(Self { stat: reader.stat()? })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut BytesMut) {
        write::stat(out, &self.stat);
    }
}

/// getAllChildrenNumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetAllChildrenNumberResponse {
    /// Number of descendants.
    pub total_number: i32,
}

impl GetAllChildrenNumberResponse {
    /// Reads the record.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, JuteError> {
        Ok(Self { total_number: reader.i32()? })
    }

    /// Appends the record.
    pub fn encode(&self, out: &mut BytesMut) {
        write::i32(out, self.total_number);
    }
}

impl<'a> Field<'a> for Vec<ClientInfo<'a>> {
    fn get(reader: &mut Reader<'a>) -> Result<Self, JuteError> {
        let count = reader.count()?.unwrap_or(0);
        let mut infos = Vec::with_capacity(reader.capacity(count, 8));
        for _ in 0..count {
            infos.push(ClientInfo::decode(reader)?);
        }
        Ok(infos)
    }

    fn put(&self, out: &mut BytesMut) {
        write::count(out, self.len());
        for info in self {
            info.encode(out);
        }
    }
}
