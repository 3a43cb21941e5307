//! Who a client is, and what an access control list lets it do (reference chapter 5).
//!
//! Pure: no I/O, no clock, no randomness. The tree judges ACLs with it when a command is applied, the same on every
//! replica; the gateway finds out with it who its clients are.

mod acl;
mod enforcement;
mod identities;
mod jaas;
mod order;
mod properties;
mod provider;
mod sasl;
mod text;
mod x509;

pub use acl::{FixedAcl, Schemes, fixup, masked, permits};
pub use enforcement::{Enforcement, enforce};
pub use identities::{Identities, TooManyIdentities};
pub use jaas::{Jaas, JaasError, Module};
pub use properties::{ConfigError, Properties};
pub use provider::{Algorithm, AuthFailed, Peer, Registry};
pub use sasl::{
    ENTROPY_LEN as SASL_ENTROPY_LEN, Exchange as SaslExchange, Server as SaslServer, Step as SaslStep,
};
pub use x509::{MalformedCertificate, subject};
