//! What a proposer's configuration allows.

/// Switches of a gateway's configuration that decide what a command does when it is applied. A set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy(pub u8);

impl Policy {
    /// Nothing is switched on.
    pub const NONE: Self = Self(0);
    /// TTL znodes may be made (`extendedTypesEnabled`).
    pub const EXTENDED_TYPES: Self = Self(1);
    /// Hard quotas are enforced (`enforceQuota`).
    pub const ENFORCE_QUOTA: Self = Self(2);
    /// The ensemble may be reconfigured (`reconfigEnabled`).
    pub const RECONFIG_ENABLED: Self = Self(4);
    /// The server is one of an ensemble of members that clients connect to: `reconfig` makes sense.
    pub const ENSEMBLE: Self = Self(8);
    /// ACLs may name `sasl` identities: the provider is configured.
    pub const SASL: Self = Self(16);
    /// ACLs may name `x509` identities: the provider is configured.
    pub const X509: Self = Self(32);

    /// Everything that is on in either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `self`, and `other` too if `on`.
    #[must_use]
    pub const fn with_if(self, other: Self, on: bool) -> Self {
        if on { self.with(other) } else { self }
    }

    /// True if everything of `other` is on.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
