//! The `x509` scheme: names of certificates' subjects, and which names ACLs may hold, as Java's `X500Principal` has it.

mod attribute;
mod certificate;
mod name;
mod value;

#[cfg(test)]
mod tests;

pub use certificate::{MalformedCertificate, subject};
pub(crate) use name::is_name;
