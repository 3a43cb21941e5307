//! What is stored for the ACL of a request (reference 5.3; ZooKeeper's `PrepRequestProcessor.fixupACL`).

use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::{BufMut, BytesMut};
use menagerie_jute::{AclList, AclRef, write};
use menagerie_types::ErrorCode;
use menagerie_types::command::identities;

use super::ip;

/// `auth` entries multiply by the caller's identities; no list that a frame can carry comes near this.
const EXPANDED_LEN_MAX: usize = 1 << 20;

/// A list fit to be stored, encoded without its count.
#[derive(Clone, Debug)]
pub(crate) struct FixedAcl<'a> {
    pub(super) raw: Cow<'a, [u8]>,
    pub(super) count: usize,
}

/// Drops duplicates, expands `auth` to the caller's identities, and refuses what no provider accepts.
pub(crate) fn fixup<'a>(list: Option<AclList<'a>>, auth: &[u8]) -> Result<FixedAcl<'a>, ErrorCode> {
    let list = list.filter(|list| !list.is_empty()).ok_or(ErrorCode::InvalidAcl)?;
    if list.is_open() {
        return Ok(FixedAcl { raw: Cow::Borrowed(list.raw()), count: 1 });
    }
    let mut seen = BTreeSet::new();
    let mut raw = BytesMut::with_capacity(list.raw().len());
    let mut count = 0;
    for entry in list.iter() {
        let entry = entry.map_err(|_| ErrorCode::InvalidAcl)?;
        let (Some(scheme), Some(id)) = (entry.scheme, entry.id) else { return Err(ErrorCode::InvalidAcl) };
        if !seen.insert((entry.perms, scheme, id)) {
            continue;
        }
        if scheme == "auth" {
            count += expand(&entry, auth, &mut raw)?;
        } else if is_valid(scheme, id) {
            put(&mut raw, entry.perms, scheme, id);
            count += 1;
        } else {
            return Err(ErrorCode::InvalidAcl);
        }
    }
    Ok(FixedAcl { raw: Cow::Owned(raw.to_vec()), count })
}

fn expand(entry: &AclRef<'_>, auth: &[u8], raw: &mut BytesMut) -> Result<usize, ErrorCode> {
    let mut count = 0;
    for (scheme, id) in identities(auth).filter(|(scheme, _)| matches!(*scheme, "digest" | "sasl" | "x509")) {
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

fn is_valid(scheme: &str, id: &str) -> bool {
    match scheme {
        "world" => id == "anyone",
        // Java's split drops trailing empty parts, and two must be left.
        "digest" => {
            let id = id.trim_end_matches(':');
            id.split(':').count() == 2
        }
        "ip" => ip::is_valid(id),
        "sasl" | "x509" => !id.is_empty(),
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
        let fixed = fixup(list, &encode_identities(auth))?;
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
    fn entries_that_no_provider_accepts_are_refused() {
        for (scheme, id) in [
            ("world", "x"),
            ("digest", "a"),
            ("digest", "a:"),
            ("digest", "a:b:c"),
            ("ip", "x"),
            ("super", ""),
            ("sasl", ""),
        ] {
            assert_eq!(fixed(&[acl(1, scheme, id)], &[]), Err(ErrorCode::InvalidAcl), "{scheme}:{id}");
        }
        for (scheme, id) in [("digest", ":b"), ("digest", "a:b::"), ("ip", "::1/64"), ("x509", "CN=a")] {
            assert!(fixed(&[acl(1, scheme, id)], &[]).is_ok(), "{scheme}:{id}");
        }
        assert_eq!(fixed(&[], &[]), Err(ErrorCode::InvalidAcl));
    }
}
