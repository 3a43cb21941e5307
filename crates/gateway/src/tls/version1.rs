//! Certificates of X.509 version 1, which `openssl x509 -req` issues unless told otherwise and Java takes, and rustls does
//! not: they have no extensions, and so say nothing of what they are for.
//!
//! One is trusted if a certificate of the trust store has issued it itself and it has not expired.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use webpki::RawPublicKeyEntity;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;

/// What of a certificate of version 1 decides whether it is trusted.
#[derive(Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// What is signed.
    signed: &'a [u8],
    /// How: contents of the algorithm identifier.
    algorithm: &'a [u8],
    signature: &'a [u8],
    /// Contents of the issuer's name.
    issuer: &'a [u8],
    /// The first and the last second, since 1970.
    valid: (u64, u64),
    /// The whole public key.
    public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate (DER); `None` if it is of another version, or no certificate.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(der);
        let mut certificate = Reader(outer.only(SEQUENCE)?);
        let (signed, contents) = certificate.take(SEQUENCE)?;
        let (_, algorithm) = certificate.take(SEQUENCE)?;
        let signature = certificate.only(BIT_STRING)?;
        let mut body = Reader(contents);
        // Later versions begin with their number.
        body.take(INTEGER)?;
        let (_, inner_algorithm) = body.take(SEQUENCE)?;
        let (_, issuer) = body.take(SEQUENCE)?;
        let mut validity = Reader(body.take(SEQUENCE)?.1);
        let valid = (validity.time()?, validity.time()?);
        body.take(SEQUENCE)?;
        let (public_key, _) = body.take(SEQUENCE)?;
        // Extensions, and unique ids, are of later versions.
        let complete = body.0.is_empty() && validity.0.is_empty() && inner_algorithm == algorithm;
        // No bit of the last byte may be unused.
        let signature = signature.strip_prefix(&[0])?;
        complete.then_some(Self { signed, algorithm, signature, issuer, valid, public_key })
    }

    /// True if one of the anchors has issued it, and it is valid now.
    pub fn is_trusted(
        &self,
        anchors: &[TrustAnchor<'_>],
        now: UnixTime,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> bool {
        let now = now.as_secs();
        self.valid.0 <= now
            && now <= self.valid.1
            && anchors.iter().any(|anchor| self.is_of(anchor, algorithms))
    }

    fn is_of(&self, anchor: &TrustAnchor<'_>, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        // What restricts the names that an anchor may issue cannot be checked for such certificates.
        if anchor.subject.as_ref() != self.issuer || anchor.name_constraints.is_some() {
            return false;
        }
        let key = SubjectPublicKeyInfoDer::from(sequence(anchor.subject_public_key_info.as_ref()));
        let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
        let fitting =
            algorithms.all.iter().filter(|known| known.signature_alg_id().as_ref() == self.algorithm);
        fitting.into_iter().any(|known| key.verify_signature(*known, self.signed, self.signature).is_ok())
    }

    /// The public key, as of a client without a certificate.
    pub fn public_key(&self) -> SubjectPublicKeyInfoDer<'a> {
        SubjectPublicKeyInfoDer::from(self.public_key)
    }
}

/// A sequence around its contents.
fn sequence(contents: &[u8]) -> Vec<u8> {
    let len = contents.len().to_be_bytes();
    let len = &len[len.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![SEQUENCE];
    if contents.len() >= 0x80 {
        der.push(0x80 | len.len() as u8);
        der.extend_from_slice(len);
    } else {
        der.push(contents.len() as u8);
    }
    der.extend_from_slice(contents);
    der
}

/// The rest of something in DER.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next element, which must have the tag: all of it, and its contents.
    fn take(&mut self, wanted: u8) -> Option<(&'a [u8], &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (len, header) = match first {
            ..=0x7f => (usize::from(first), 2),
            0x81..=0x83 => {
                let count = usize::from(first - 0x80);
                let bytes = rest.get(..count)?;
                let len = bytes.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
                // The shortest form is the only one.
                if len < 0x80 || bytes[0] == 0 {
                    return None;
                }
                (len, 2 + count)
            }
            _ => return None,
        };
        let whole = self.0.get(..header + len)?;
        self.0 = &self.0[whole.len()..];
        (tag == wanted).then_some((whole, &whole[header..]))
    }

    /// As [`Self::take`], and nothing follows: the contents.
    fn only(&mut self, wanted: u8) -> Option<&'a [u8]> {
        let (_, contents) = self.take(wanted)?;
        self.0.is_empty().then_some(contents)
    }

    /// A point in time, in seconds since 1970.
    fn time(&mut self) -> Option<u64> {
        let (digits, century) = match self.0.first()? {
            &UTC_TIME => (self.take(UTC_TIME)?.1, None),
            _ => self.take(GENERALIZED_TIME)?.1.split_at_checked(2).map(|(c, rest)| (rest, Some(c)))?,
        };
        let digits = digits.strip_suffix(b"Z")?;
        let two = |at: usize| number(digits.get(at..at + 2)?);
        let (year, month, day) = (two(0)?, two(2)?, two(4)?);
        let year = match century {
            Some(century) => number(century)? * 100 + year,
            None => year + if year < 50 { 2000 } else { 1900 },
        };
        let fits = digits.len() == 12 && year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
        let seconds = two(6)? * 3600 + two(8)? * 60 + two(10)?;
        fits.then(|| days(year, month, day) * 86_400 + seconds)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().all(u8::is_ascii_digit).then_some(())?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Days since 1970 of a day of the Gregorian calendar, years being counted from March on.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests;
