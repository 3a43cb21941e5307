//! What is stored for the ACL of a request (reference 5.3; ZooKeeper's `PrepRequestProcessor.fixupACL`).

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::{BufMut, BytesMut};
use menagerie_jute::{AclList, AclRef, write};
use menagerie_types::ErrorCode;
use menagerie_types::command::identities;

use super::ip;
use crate::sasl::Principal;
use crate::x509;

/// `auth` entries multiply by the caller's identities; no list that a frame can carry comes near this.
const EXPANDED_LEN_MAX: usize = 1 << 20;

/// The schemes, of those that a configuration decides on, that have a provider: ACLs may name their identities.
/// `world`, `auth` and `ip` always exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes {
    /// `digest`; on unless switched off.
    pub digest: bool,
    /// `sasl`.
    pub sasl: bool,
    /// `x509`.
    pub x509: bool,
}

impl Schemes {
    /// Every scheme there is.
    pub const ALL: Self = Self { digest: true, sasl: true, x509: true };

    /// True if identities of the scheme are proof of who somebody is, and a provider for it is configured: `auth`
    /// expands to them.
    fn authenticates(self, scheme: &str) -> bool {
        match scheme {
            "digest" => self.digest,
            "sasl" => self.sasl,
            "x509" => self.x509,
            _ => false,
        }
    }
}

impl Default for Schemes {
    /// What ZooKeeper has without further configuration.
    fn default() -> Self {
        Self { digest: true, sasl: false, x509: false }
    }
}

/// A list fit to be stored, encoded without its count.
#[derive(Clone, Debug)]
pub struct FixedAcl<'a> {
    raw: Cow<'a, [u8]>,
    count: usize,
}

impl<'a> FixedAcl<'a> {
    /// A list that was stored before, and so needs no fixing.
    pub fn stored(list: &AclList<'a>) -> Self {
        Self { raw: list.raw().into(), count: list.len() }
    }

    /// The encoded entries, without the count.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Number of entries.
    pub fn count(&self) -> usize {
        self.count
    }
}

/// Drops duplicates, expands `auth` to the caller's identities (encoded, as a command carries them), and refuses with
/// `InvalidAcl` what no provider accepts. Null ids are `MarshallingError` where ZooKeeper stumbles over them.
pub fn fixup<'a>(
    list: Option<AclList<'a>>,
    auth: &[u8],
    schemes: Schemes,
) -> Result<FixedAcl<'a>, ErrorCode> {
    let list = list.filter(|list| !list.is_empty()).ok_or(ErrorCode::InvalidAcl)?;
    if list.is_open() {
        return Ok(FixedAcl { raw: Cow::Borrowed(list.raw()), count: 1 });
    }
    if nulls_meet(&list) {
        return Err(ErrorCode::MarshallingError);
    }
    let mut seen = BTreeSet::new();
    let mut raw = BytesMut::with_capacity(list.raw().len());
    let mut count = 0;
    for entry in list.iter() {
        let entry = entry.map_err(|_| ErrorCode::InvalidAcl)?;
        let scheme = entry.scheme.ok_or(ErrorCode::InvalidAcl)?;
        if !seen.insert((entry.perms, scheme, entry.id)) {
            continue;
        }
        if scheme == "auth" {
            count += expand(&entry, auth, schemes, &mut raw)?;
            continue;
        }
        let id = entry.id.ok_or(if exists(scheme, schemes) {
            ErrorCode::MarshallingError
        } else {
            ErrorCode::InvalidAcl
        })?;
        if !is_valid(scheme, id, schemes) {
            return Err(ErrorCode::InvalidAcl);
        }
        put(&mut raw, entry.perms, scheme, id);
        count += 1;
    }
    Ok(FixedAcl { raw: Cow::Owned(raw.to_vec()), count })
}

/// ZooKeeper, looking for duplicates, asks a null whether it equals what stands in the same place of an earlier entry
/// that has been equal so far.
fn nulls_meet(list: &AclList<'_>) -> bool {
    if list.iter().flatten().all(|entry| entry.scheme.is_some() && entry.id.is_some()) {
        return false;
    }
    let mut seen = BTreeSet::new();
    list.iter().flatten().any(|entry| {
        let meets = match entry.scheme {
            None => seen.contains(&(entry.perms, None)),
            scheme => entry.id.is_none() && seen.contains(&(entry.perms, scheme)),
        };
        // Without a scheme: any entry with these permissions.
        seen.extend([(entry.perms, None), (entry.perms, entry.scheme)]);
        meets
    })
}

fn expand(entry: &AclRef<'_>, auth: &[u8], schemes: Schemes, raw: &mut BytesMut) -> Result<usize, ErrorCode> {
    let mut count = 0;
    for (scheme, id) in identities(auth).filter(|(scheme, _)| schemes.authenticates(scheme)) {
        put(raw, entry.perms, scheme, id);
        count += 1;
        if raw.len() > EXPANDED_LEN_MAX {
            return Err(ErrorCode::InvalidAcl);
        }
    }
    if count == 0 { Err(ErrorCode::InvalidAcl) } else { Ok(count) }
}

fn put(raw: &mut BytesMut, perms: i32, scheme: &str, id: &str) {
    raw.put_i32(perms);
    write::string(raw, Some(scheme));
    write::string(raw, Some(id));
}

/// May entries name this scheme?
fn exists(scheme: &str, schemes: Schemes) -> bool {
    matches!(scheme, "world" | "ip") || schemes.authenticates(scheme)
}

fn is_valid(scheme: &str, id: &str, schemes: Schemes) -> bool {
    exists(scheme, schemes)
        && match scheme {
            "world" => id == "anyone",
            // Java's split drops trailing empty parts, and two must be left.
            "digest" => id.trim_end_matches(':').split(':').count() == 2,
            "ip" => ip::is_valid(id),
            "sasl" => Principal::parse(id).is_some(),
            "x509" => x509::is_name(id),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use menagerie_jute::Reader;
    use menagerie_types::command::encode_identities;
    use menagerie_types::{Acl, Identity, perms};

    use super::*;

    fn fixed(acls: &[Acl], auth: &[Identity]) -> Result<Vec<Acl>, ErrorCode> {
        let mut encoded = BytesMut::new();
        write::acl_vec(&mut encoded, acls);
        let list = AclList::decode(&mut Reader::new(&encoded)).expect("just encoded");
        let fixed = fixup(list, &encode_identities(auth), Schemes::ALL)?;
        let mut bytes = BytesMut::new();
        write::count(&mut bytes, fixed.count);
        bytes.put_slice(&fixed.raw);
        Ok(Reader::new(&bytes).acl_vec().expect("encoded by fixup").expect("not null"))
    }

    fn acl(perms: i32, scheme: &str, id: &str) -> Acl {
        Acl { perms, identity: Identity::new(scheme, id) }
    }

    #[test]
    fn duplicates_go_and_auth_becomes_the_callers_identities() {
        let callers =
            [Identity::new("ip", "1.2.3.4"), Identity::new("digest", "u:h"), Identity::new("super", "")];
        let asked = [
            acl(perms::ALL, "auth", "whatever"),
            acl(perms::READ, "world", "anyone"),
            acl(1, "world", "anyone"),
        ];
        let stored = [acl(perms::ALL, "digest", "u:h"), acl(perms::READ, "world", "anyone")];
        assert_eq!(fixed(&asked, &callers), Ok(stored.to_vec()));
        assert_eq!(fixed(&asked, &callers[..1]), Err(ErrorCode::InvalidAcl));
    }

    #[test]
    fn nulls_are_refused_as_by_zookeeper() {
        let judge = |entries: &[(i32, Option<&str>, Option<&str>)]| {
            let mut encoded = BytesMut::new();
            write::count(&mut encoded, entries.len());
            for (perms, scheme, id) in entries {
                encoded.put_i32(*perms);
                write::string(&mut encoded, *scheme);
                write::string(&mut encoded, *id);
            }
            let list = AclList::decode(&mut Reader::new(&encoded)).expect("just encoded");
            let caller = encode_identities(&[Identity::new("digest", "u:h")]);
            fixup(list, &caller, Schemes::ALL).map(|acl| acl.count()).map_err(ErrorCode::code)
        };
        let (marshalling, invalid) = (ErrorCode::MarshallingError.code(), ErrorCode::InvalidAcl.code());
        for scheme in ["world", "digest", "ip", "sasl", "x509"] {
            assert_eq!(judge(&[(1, Some(scheme), None)]), Err(marshalling), "{scheme}");
        }
        assert_eq!(judge(&[(1, None, Some("a"))]), Err(invalid));
        assert_eq!(judge(&[(1, None, None)]), Err(invalid));
        assert_eq!(judge(&[(1, Some("nope"), None)]), Err(invalid));
        assert_eq!(judge(&[(1, Some("auth"), None)]), Ok(1));
        assert_eq!(judge(&[(1, Some("auth"), None), (2, Some("auth"), None)]), Ok(2));
        assert_eq!(judge(&[(1, Some("auth"), None), (1, Some("auth"), None)]), Err(marshalling));
        assert_eq!(judge(&[(1, None, None), (1, None, None)]), Err(marshalling));
        assert_eq!(judge(&[(1, None, None), (2, None, None)]), Err(invalid));
        assert_eq!(judge(&[(1, Some("nope"), Some("x")), (1, Some("digest"), None)]), Err(invalid));
    }

    #[test]
    fn entries_that_no_provider_accepts_are_refused() {
        for (scheme, id) in [
            ("world", "x"),
            ("digest", "a"),
            ("digest", "a:"),
            ("digest", "a:b:c"),
            ("ip", "x"),
            ("super", ""),
            ("sasl", "a@b@c"),
            ("x509", "nobody"),
        ] {
            assert_eq!(fixed(&[acl(1, scheme, id)], &[]), Err(ErrorCode::InvalidAcl), "{scheme}:{id}");
        }
        for (scheme, id) in
            [("digest", ":b"), ("digest", "a:b::"), ("ip", "::1/64"), ("x509", "CN=a"), ("sasl", "a/b@C")]
        {
            assert!(fixed(&[acl(1, scheme, id)], &[]).is_ok(), "{scheme}:{id}");
        }
        assert_eq!(fixed(&[], &[]), Err(ErrorCode::InvalidAcl));
    }
}
