//! Access control entries and the identities they are checked against.

/// Permission bits.
pub mod perms {
    /// getData, getChildren, exists.
    pub const READ: i32 = 1;
    /// setData.
    pub const WRITE: i32 = 2;
    /// create, on the parent.
    pub const CREATE: i32 = 4;
    /// delete, on the parent.
    pub const DELETE: i32 = 8;
    /// setACL.
    pub const ADMIN: i32 = 16;
    /// All of them.
    pub const ALL: i32 = 31;
}

/// Who a client is under one scheme, or whom an ACL entry names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// `world`, `auth`, `digest`, `ip`, `x509`, `sasl`, `super`.
    pub scheme: String,
    /// What the scheme makes of it.
    pub id: String,
}

/// One access control entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Acl {
    /// Bits of [`perms`].
    pub perms: i32,
    /// Whom it names.
    pub identity: Identity,
}

impl Identity {
    /// An identity of `scheme` with `id`.
    pub fn new(scheme: impl Into<String>, id: impl Into<String>) -> Self {
        Self { scheme: scheme.into(), id: id.into() }
    }
}

impl Acl {
    /// `world:anyone` with all permissions: ZooKeeper's `OPEN_ACL_UNSAFE`.
    pub fn open() -> Self {
        Self { perms: perms::ALL, identity: Identity::new("world", "anyone") }
    }

    /// `world:anyone` with READ: ZooKeeper's `READ_ACL_UNSAFE`.
    pub fn read_only() -> Self {
        Self { perms: perms::READ, identity: Identity::new("world", "anyone") }
    }
}
