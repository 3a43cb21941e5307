//! Is a caller allowed to? (Reference 5.2; ZooKeeper's `ZooKeeperServer.checkACL`.)

use bytes::{BufMut, BytesMut};
use menagerie_jute::{AclList, AclRef, write};
use menagerie_types::command::identities;

use super::ip;

/// True if the list gives the caller one of the `wanted` permissions.
pub fn permits(list: &AclList<'_>, auth: &[u8], wanted: i32) -> bool {
    if identities(auth).any(|(scheme, _)| scheme == "super") {
        return true;
    }
    list.iter().flatten().filter(|entry| entry.perms & wanted != 0).any(|entry| names_caller(&entry, auth))
}

fn names_caller(entry: &AclRef<'_>, auth: &[u8]) -> bool {
    let (Some(scheme), Some(id)) = (entry.scheme, entry.id) else { return false };
    match scheme {
        "world" => id == "anyone",
        "ip" => identities(auth).any(|(s, address)| s == "ip" && ip::matches(id, address)),
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
