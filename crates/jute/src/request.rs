//! The records of requests, other than those of watches and multis.
//!
//! A null path is an error ([`JuteError::NullPath`](crate::JuteError::NullPath)). ZooKeeper answers it with
//! BADARGUMENTS in setData and setACL, and with MARSHALLINGERROR elsewhere, other than in multis; the caller can tell.
//! Whether a path is valid is not judged here, and what is no UTF-8 may be [`repaired`](crate::repaired).

use crate::AclList;
use crate::field::records;

records! {
    /// create, create2 and createContainer.
    #[derive(Copy)]
    CreateRequest {
        /// Where.
        path: &'a str,
        /// The data; null and empty differ.
        data: Option<&'a [u8]>,
        /// The ACL.
        acl: Option<AclList<'a>>,
        /// A `CreateMode`.
        flags: i32,
    }

    /// createTTL.
    #[derive(Copy)]
    CreateTtlRequest {
        /// Where.
        path: &'a str,
        /// The data; null and empty differ.
        data: Option<&'a [u8]>,
        /// The ACL.
        acl: Option<AclList<'a>>,
        /// A `CreateMode`.
        flags: i32,
        /// Time to live, in ms.
        ttl: i64,
    }

    /// delete.
    #[derive(Copy)]
    DeleteRequest {
        /// Which znode.
        path: &'a str,
        /// The version it must have, or -1.
        version: i32,
    }

    /// setData.
    #[derive(Copy)]
    SetDataRequest {
        /// Which znode.
        path: &'a str,
        /// The data; null and empty differ.
        data: Option<&'a [u8]>,
        /// The version it must have, or -1.
        version: i32,
    }

    /// setACL.
    #[derive(Copy)]
    SetAclRequest {
        /// Which znode.
        path: &'a str,
        /// The ACL.
        acl: Option<AclList<'a>>,
        /// The ACL version it must have, or -1.
        version: i32,
    }

    /// check, in a multi.
    #[derive(Copy)]
    CheckVersionRequest {
        /// Which znode.
        path: &'a str,
        /// The version it must have, or -1 for any.
        version: i32,
    }

    /// exists, getData, getChildren and getChildren2.
    #[derive(Copy)]
    PathWatchRequest {
        /// Which znode.
        path: &'a str,
        /// Whether to set a watch.
        watch: bool,
    }

    /// getACL, sync and getAllChildrenNumber.
    #[derive(Copy)]
    PathRequest {
        /// Which znode.
        path: &'a str,
    }

    /// getEphemerals.
    #[derive(Copy)]
    GetEphemeralsRequest {
        /// What the paths must start with; null is everything.
        prefix: Option<&'a str>,
    }

    /// deleteContainer. Declared as a buffer, which looks the same.
    #[derive(Copy)]
    DeleteContainerRequest {
        /// Which znode.
        path: &'a str,
    }

    /// reconfig.
    #[derive(Copy)]
    ReconfigRequest {
        /// Servers to add or change, comma-separated.
        joining: Option<&'a str>,
        /// Ids of servers to remove, comma-separated.
        leaving: Option<&'a str>,
        /// The whole membership instead.
        new_members: Option<&'a str>,
        /// The configuration it must replace, or -1.
        config_id: i64,
    }

    /// auth.
    #[derive(Copy)]
    AuthPacket {
        /// 0; servers ignore it.
        auth_type: i32,
        /// The scheme; clients may send null.
        scheme: Option<&'a str>,
        /// The credentials.
        auth: Option<&'a [u8]>,
    }

    /// sasl.
    #[derive(Copy)]
    GetSaslRequest {
        /// The client's token.
        token: Option<&'a [u8]>,
    }
}
