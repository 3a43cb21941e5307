//! The `digest` scheme: users and passwords (ZooKeeper's `DigestAuthenticationProvider`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use menagerie_types::Identity;
use sha1::Digest as _;

use crate::{ConfigError, Properties, text};

const ALGORITHM: &str = "DigestAuthenticationProvider.digestAlg";

/// How passwords are hashed. All servers of an ensemble must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// What ZooKeeper does unless told otherwise.
    #[default]
    Sha1,
    /// MD5.
    Md5,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-512/224.
    Sha512_224,
    /// SHA-512/256.
    Sha512_256,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl Algorithm {
    /// The algorithm that Java's `MessageDigest` knows by this name; case does not matter.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match &name.to_ascii_uppercase()[..] {
            "SHA" | "SHA1" | "SHA-1" => Self::Sha1,
            "MD5" => Self::Md5,
            "SHA-224" | "SHA224" => Self::Sha224,
            "SHA-256" | "SHA256" => Self::Sha256,
            "SHA-384" | "SHA384" => Self::Sha384,
            "SHA-512" | "SHA512" => Self::Sha512,
            "SHA-512/224" | "SHA512/224" => Self::Sha512_224,
            "SHA-512/256" | "SHA512/256" => Self::Sha512_256,
            "SHA3-224" => Self::Sha3_224,
            "SHA3-256" => Self::Sha3_256,
            "SHA3-384" => Self::Sha3_384,
            "SHA3-512" => Self::Sha3_512,
            _ => return None,
        })
    }

    fn base64(self, text: &str) -> String {
        let text = text.as_bytes();
        match self {
            Self::Sha1 => STANDARD.encode(sha1::Sha1::digest(text)),
            Self::Md5 => STANDARD.encode(md5::Md5::digest(text)),
            Self::Sha224 => STANDARD.encode(sha2::Sha224::digest(text)),
            Self::Sha256 => STANDARD.encode(sha2::Sha256::digest(text)),
            Self::Sha384 => STANDARD.encode(sha2::Sha384::digest(text)),
            Self::Sha512 => STANDARD.encode(sha2::Sha512::digest(text)),
            Self::Sha512_224 => STANDARD.encode(sha2::Sha512_224::digest(text)),
            Self::Sha512_256 => STANDARD.encode(sha2::Sha512_256::digest(text)),
            Self::Sha3_224 => STANDARD.encode(sha3::Sha3_224::digest(text)),
            Self::Sha3_256 => STANDARD.encode(sha3::Sha3_256::digest(text)),
            Self::Sha3_384 => STANDARD.encode(sha3::Sha3_384::digest(text)),
            Self::Sha3_512 => STANDARD.encode(sha3::Sha3_512::digest(text)),
        }
    }
}

/// The provider of the `digest` scheme.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    algorithm: Algorithm,
    super_digest: Option<String>,
}

impl Digest {
    pub(super) fn configure(properties: &Properties) -> Result<Self, ConfigError> {
        let algorithm = match properties.get(ALGORITHM) {
            None => Algorithm::default(),
            Some(name) => Algorithm::from_name(name).ok_or_else(|| {
                ConfigError::new(ALGORITHM, format!("there is no digest algorithm `{name}`"))
            })?,
        };
        let super_digest = properties.get("DigestAuthenticationProvider.superDigest").map(str::to_owned);
        Ok(Self { algorithm, super_digest })
    }

    /// The id of `user:password`: the user, a colon, and the hash of the whole. Without a colon all of it is the user.
    pub fn id(&self, user_and_password: &str) -> String {
        let user = user_and_password.split(':').next().unwrap_or_default();
        format!("{user}:{}", self.algorithm.base64(user_and_password))
    }

    /// Whoever knows a password is somebody: this never fails. Bytes that are not UTF-8 become U+FFFD.
    pub(super) fn authenticate(&self, auth: &[u8]) -> Vec<Identity> {
        let id = self.id(&text::decode(auth));
        let is_super = self.super_digest.as_deref() == Some(&id[..]);
        is_super
            .then(|| Identity::new("super", ""))
            .into_iter()
            .chain([Identity::new("digest", id)])
            .collect()
    }
}

/// The user of an id, for `whoAmI`.
pub(super) fn user(id: &str) -> &str {
    id.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(settings: &[(&str, &str)]) -> Result<Digest, ConfigError> {
        Digest::configure(&settings.iter().copied().collect())
    }

    #[test]
    fn ids_are_those_of_zookeeper() {
        let digest = Digest::default();
        assert_eq!(digest.id("super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
        assert_eq!(digest.id("user1:12345"), "user1:+owfoSBn/am19roBPzR1/MfCblE=");
        let algorithm =
            |name: &str| Algorithm::from_name(name).map(|algorithm| algorithm.base64("super:test"));
        assert_eq!(algorithm("SHA-512/224").as_deref(), Some("Jbob8j2c9tikAuLuqxcIJr3TG4aS6fcELZsiHw=="));
        let sha3 = configured(&[("zookeeper.DigestAuthenticationProvider.digestAlg", "sha3-256")]);
        assert_eq!(
            sha3.map(|digest| digest.id("super:test")),
            Ok("super:cRy/KPYuDpW/dtsepniTMpuiuupnWgdU9txltIfv3hA=".into())
        );
    }

    #[test]
    fn what_is_not_user_and_password_is_somebody_too() {
        let digest = Digest::default();
        for (auth, id) in [
            (&b"bob"[..], "bob:SBgazSKz7a68ikR4aKfffOYpkgo="),
            (b"", ":2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
            (b"bob:", "bob:tK1fpNO1hB0F++FhHpSq0Fa4tv0="),
            (b":pw", ":krPDEYdCl854cFNT6IXnoMv+VVA="),
            (b"a:b:c", "a:cLzgnoJ6mP5qz3w+mwvPE2vDgu0="),
            (b"a:\xff", "a:QA/+SscEiwfqDoEuMvY+lJpHH5Q="),
        ] {
            assert_eq!(digest.authenticate(auth), [Identity::new("digest", id)]);
        }
    }

    #[test]
    fn the_super_digest_makes_a_super_user() {
        let name = "DigestAuthenticationProvider.superDigest";
        let digest = configured(&[(name, "super:D/InIHSb7yEEbrWz8b9l71RjZJU=")]).expect("valid");
        let ids = digest.authenticate(b"super:test");
        let id = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
        assert_eq!(ids, [Identity::new("super", ""), Identity::new("digest", id)]);
        assert_eq!(digest.authenticate(b"super:other").len(), 1);
    }

    #[test]
    fn unknown_algorithms_are_refused() {
        let error = configured(&[(ALGORITHM, "SHA0")]).expect_err("unknown");
        assert_eq!(error.property, ALGORITHM);
    }
}
