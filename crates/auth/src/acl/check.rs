//! Is a caller allowed to? (Reference 5.2; ZooKeeper's `ZooKeeperServer.checkACL`.)

use bytes::{BufMut, BytesMut};
use menagerie_jute::{AclList, AclRef, write};
use menagerie_types::command::identities;

use super::ip;
use crate::sasl::ANY_USER_SCHEME;

/// True if the list gives the caller one of the `wanted` permissions. An empty list lets everybody in.
///
/// `auth` holds the caller's identities as a command carries them, without those of schemes that have no provider.
pub fn permits(list: &AclList<'_>, auth: &[u8], wanted: i32) -> bool {
    if list.is_empty() || identities(auth).any(|(scheme, _)| scheme == "super") {
        return true;
    }
    list.iter().flatten().filter(|entry| entry.perms & wanted != 0).any(|entry| names_caller(&entry, auth))
}

fn names_caller(entry: &AclRef<'_>, auth: &[u8]) -> bool {
    let (Some(scheme), Some(id)) = (entry.scheme, entry.id) else { return false };
    match scheme {
        "world" => id == "anyone",
        "ip" => identities(auth).any(|(s, address)| s == "ip" && ip::matches(id, address)),
        // The name `super` opens every `sasl` entry, but no other.
        "sasl" => identities(auth).any(|(s, i)| match s {
            "sasl" => i == id || i == "super",
            ANY_USER_SCHEME => i == id,
            _ => false,
        }),
        _ => identities(auth).any(|(s, i)| s == scheme && i == id),
    }
}

/// The encoded list as a caller without ADMIN gets to see it: no digests.
pub fn masked(list: &AclList<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    write::count(&mut out, list.len());
    for entry in list.iter().flatten() {
        out.put_i32(entry.perms);
        write::string(&mut out, entry.scheme);
        match entry.id.and_then(|id| id.split_once(':')) {
            Some((user, _)) if entry.scheme == Some("digest") => {
                write::string(&mut out, Some(&format!("{user}:x")));
            }
            _ => write::string(&mut out, entry.id),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use menagerie_jute::Reader;
    use menagerie_types::command::encode_identities;
    use menagerie_types::{Acl, Identity, perms};
    use proptest::prelude::*;

    use super::*;
    use crate::{Schemes, fixup};

    fn lets(acl: &[(i32, &str, &str)], caller: &[(&str, &str)], wanted: i32) -> bool {
        let entry =
            |&(perms, scheme, id): &(i32, &str, &str)| Acl { perms, identity: Identity::new(scheme, id) };
        let acl: Vec<_> = acl.iter().map(entry).collect();
        let mut encoded = BytesMut::new();
        write::acl_vec(&mut encoded, &acl);
        let list = AclList::decode(&mut Reader::new(&encoded)).expect("just encoded").expect("not null");
        let caller: Vec<_> = caller.iter().map(|(scheme, id)| Identity::new(*scheme, *id)).collect();
        permits(&list, &encode_identities(&caller), wanted)
    }

    #[test]
    fn entries_are_ored_and_super_users_are_not_asked() {
        let acl = [(perms::READ, "world", "anyone"), (perms::WRITE, "digest", "u:h")];
        assert!(lets(&acl, &[], perms::READ));
        assert!(!lets(&acl, &[("digest", "u:x"), ("x509", "u:h")], perms::WRITE));
        assert!(lets(&acl, &[("digest", "u:x"), ("digest", "u:h")], perms::WRITE));
        assert!(lets(&acl, &[("digest", "u:h")], perms::READ | perms::ADMIN));
        assert!(!lets(&acl, &[("digest", "u:h")], perms::ADMIN));
        assert!(lets(&acl, &[("super", "CN=a")], perms::ADMIN));
        assert!(lets(&[], &[], perms::ADMIN));
    }

    #[test]
    fn sasl_entries_know_a_super_and_whoever_logged_in() {
        let acl = [(perms::READ, "sasl", "bob")];
        assert!(lets(&acl, &[("sasl", "bob")], perms::READ));
        assert!(lets(&acl, &[("sasl", "super")], perms::READ));
        assert!(!lets(&acl, &[("sasl", "alice")], perms::READ));
        assert!(!lets(&acl, &[("digest", "super")], perms::READ));
        assert!(lets(&acl, &[("sasl", "alice"), (ANY_USER_SCHEME, "bob")], perms::READ));
        assert!(!lets(&[(perms::READ, "digest", "bob")], &[(ANY_USER_SCHEME, "bob")], perms::READ));
    }

    #[test]
    fn hashes_of_digests_are_hidden() {
        let acl = [
            Acl { perms: 1, identity: Identity::new("digest", "u:h") },
            Acl { perms: 2, identity: Identity::new("sasl", "a:b") },
        ];
        let mut encoded = BytesMut::new();
        write::acl_vec(&mut encoded, &acl);
        let list = AclList::decode(&mut Reader::new(&encoded)).expect("just encoded").expect("not null");
        let shown = Reader::new(&masked(&list)).acl_vec().expect("encoded").expect("not null");
        assert_eq!(shown, [Acl { perms: 1, identity: Identity::new("digest", "u:x") }, acl[1].clone()]);
    }

    proptest! {
        /// Whatever the texts: no panic, and what is let in by a list is let in by a longer one.
        #[test]
        fn entries_only_ever_add(
            acl in proptest::collection::vec(entry(), 1..6),
            more in entry(),
            caller in proptest::collection::vec((scheme(), id()), 0..4),
            wanted in 0..32,
        ) {
            let as_ref = |(perms, scheme, id): &(i32, String, String)| (*perms, scheme.clone(), id.clone());
            let longer: Vec<_> = acl.iter().map(as_ref).chain([as_ref(&more)]).collect();
            let borrowed: Vec<_> = longer.iter().map(|(perms, scheme, id)| (*perms, &scheme[..], &id[..])).collect();
            let caller: Vec<_> = caller.iter().map(|(scheme, id)| (&scheme[..], &id[..])).collect();
            let before = lets(&borrowed[..acl.len()], &caller, wanted);
            let after = lets(&borrowed, &caller, wanted);
            prop_assert!(after || !before);
        }

        /// What is stored judges as what was asked for, but for `auth`, and is stored again as it is.
        #[test]
        fn what_is_stored_is_fit_to_be_stored(acl in proptest::collection::vec(entry(), 1..6)) {
            let acl: Vec<_> =
                acl.into_iter().map(|(perms, scheme, id)| Acl { perms, identity: Identity::new(scheme, id) }).collect();
            let mut encoded = BytesMut::new();
            write::acl_vec(&mut encoded, &acl);
            let list = AclList::decode(&mut Reader::new(&encoded)).expect("just encoded");
            let caller = encode_identities(&[Identity::new("digest", "u:h"), Identity::new("ip", "::1")]);
            if let Ok(stored) = fixup(list, &caller, Schemes::ALL) {
                let mut again = BytesMut::new();
                write::count(&mut again, stored.count());
                again.extend_from_slice(stored.raw());
                let list = AclList::decode(&mut Reader::new(&again)).expect("a list");
                let twice = fixup(list, &[], Schemes::ALL);
                prop_assert!(twice.is_ok_and(|twice| twice.count() <= stored.count()));
            }
        }
    }

    fn scheme() -> impl Strategy<Value = String> {
        "world|auth|digest|ip|sasl|x509|super|[a-z]{0,3}"
    }

    fn id() -> impl Strategy<Value = String> {
        "anyone|u:h|10[.]0[.]0[.][0-9]{1,3}(/[0-9]{1,2})?|[0-9a-f]{0,4}::[0-9a-f]{0,5}(/[0-9]{1,3})?|a/b@C|CN=[a-z,=]{0,4}|.{0,6}"
    }

    fn entry() -> impl Strategy<Value = (i32, String, String)> {
        (0..32, scheme(), id())
    }
}
