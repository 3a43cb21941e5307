//! Whose a certificate is.

use der::{AnyRef, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use super::{attribute, value};

/// A certificate that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed certificate: {0}")]
pub struct MalformedCertificate(der::Error);

impl From<der::Error> for MalformedCertificate {
    fn from(error: der::Error) -> Self {
        Self(error)
    }
}

/// The subject of a certificate (DER), the last of its parts first, as Java's `X500Principal.getName()` prints it.
/// Nothing else of the certificate is looked at.
pub fn subject(certificate: &[u8]) -> Result<String, MalformedCertificate> {
    let certificate = AnyRef::from_der(certificate)?;
    let signed = AnyRef::decode(&mut inside(certificate, Tag::Sequence)?)?;
    let mut fields = inside(signed, Tag::Sequence)?;
    let version = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
    if Tag::peek(&fields)? == version {
        AnyRef::decode(&mut fields)?;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        AnyRef::decode(&mut fields)?;
    }
    name(AnyRef::decode(&mut fields)?)
}

fn inside(value: AnyRef<'_>, tag: Tag) -> der::Result<SliceReader<'_>> {
    value.tag().assert_eq(tag)?;
    SliceReader::new(value.value())
}

fn name(name: AnyRef<'_>) -> Result<String, MalformedCertificate> {
    let mut parts = Vec::new();
    let mut relative = inside(name, Tag::Sequence)?;
    while !relative.is_finished() {
        let mut assertions = inside(AnyRef::decode(&mut relative)?, Tag::Set)?;
        let mut part = String::new();
        while !assertions.is_finished() {
            if !part.is_empty() {
                part.push('+');
            }
            put_assertion(&mut part, AnyRef::decode(&mut assertions)?)?;
        }
        parts.push(part);
    }
    parts.reverse();
    Ok(parts.join(","))
}

fn put_assertion(out: &mut String, assertion: AnyRef<'_>) -> der::Result<()> {
    let mut fields = inside(assertion, Tag::Sequence)?;
    let oid = AnyRef::decode(&mut fields)?;
    oid.tag().assert_eq(Tag::ObjectIdentifier)?;
    let keyword = attribute::keyword(oid.value());
    match keyword {
        Some(keyword) => out.push_str(keyword),
        None => {
            let numbers = attribute::dotted(oid.value());
            out.push_str(&numbers.ok_or_else(|| Tag::ObjectIdentifier.value_error())?);
        }
    }
    out.push('=');
    // The type of the value may be one that the library does not know.
    let value = fields.read_slice(fields.remaining_len())?;
    value::put(out, value, keyword.is_some());
    Ok(())
}
