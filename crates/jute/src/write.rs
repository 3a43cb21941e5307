//! Writing jute values.
//!
//! Lengths are ints: nothing here may be given a string, buffer or list of 2 GiB or more. Frames are far smaller.

use bytes::{BufMut, BytesMut};
use menagerie_types::{Acl, Stat};

use crate::STAT_LEN;

/// Null, as the length of a string, buffer or list.
const NULL: i32 = -1;

/// A boolean.
pub fn bool(out: &mut BytesMut, value: bool) {
    out.put_u8(u8::from(value));
}

/// An int.
pub fn i32(out: &mut BytesMut, value: i32) {
    out.put_i32(value);
}

/// A long.
pub fn i64(out: &mut BytesMut, value: i64) {
    out.put_i64(value);
}

/// A buffer, `None` as null.
pub fn buffer(out: &mut BytesMut, value: Option<&[u8]>) {
    match value {
        None => out.put_i32(NULL),
        Some(bytes) => {
            out.reserve(4 + bytes.len());
            out.put_i32(bytes.len() as i32);
            out.put_slice(bytes);
        }
    }
}

/// A string, `None` as null.
pub fn string(out: &mut BytesMut, value: Option<&str>) {
    buffer(out, value.map(str::as_bytes));
}

/// The head of a list of `count` elements, which the caller writes next.
pub fn count(out: &mut BytesMut, count: usize) {
    out.put_i32(count as i32);
}

/// A list of strings.
pub fn string_vec<S: AsRef<str>>(out: &mut BytesMut, values: &[S]) {
    count(out, values.len());
    for value in values {
        string(out, Some(value.as_ref()));
    }
}

/// A list of access control entries.
pub fn acl_vec(out: &mut BytesMut, acls: &[Acl]) {
    count(out, acls.len());
    for acl in acls {
        out.put_i32(acl.perms);
        string(out, Some(&acl.identity.scheme));
        string(out, Some(&acl.identity.id));
    }
}

/// A `Stat`: [`STAT_LEN`] bytes.
pub fn stat(out: &mut BytesMut, stat: &Stat) {
    let mut bytes = [0; STAT_LEN];
    let mut at = &mut bytes[..];
    at.put_i64(stat.czxid.0);
    at.put_i64(stat.mzxid.0);
    at.put_i64(stat.ctime);
    at.put_i64(stat.mtime);
    at.put_i32(stat.version);
    at.put_i32(stat.cversion);
    at.put_i32(stat.aversion);
    at.put_i64(stat.ephemeral_owner.0);
    at.put_i32(stat.data_length);
    at.put_i32(stat.num_children);
    at.put_i64(stat.pzxid.0);
    out.put_slice(&bytes);
}
