//! Checked reading of jute values from a byte slice.

use menagerie_types::{Acl, Identity, SessionId, Stat, Zxid};

use crate::{AclList, JuteError};

/// A cursor over encoded bytes. Strings and buffers borrow from the input; a failed read leaves the position
/// undefined but never panics.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// True once everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes the next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], JuteError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(JuteError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(*head)
    }

    /// Takes the next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], JuteError> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(JuteError::UnexpectedEnd)?;
        self.rest = rest;
        Ok(head)
    }

    /// A byte.
    pub fn i8(&mut self) -> Result<i8, JuteError> {
        self.array().map(i8::from_be_bytes)
    }

    /// A boolean; any byte but 0 is true.
    pub fn bool(&mut self) -> Result<bool, JuteError> {
        Ok(self.i8()? != 0)
    }

    /// An int.
    pub fn i32(&mut self) -> Result<i32, JuteError> {
        self.array().map(i32::from_be_bytes)
    }

    /// A long.
    pub fn i64(&mut self) -> Result<i64, JuteError> {
        self.array().map(i64::from_be_bytes)
    }

    /// A buffer; a length of -1 is null.
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, JuteError> {
        let len = self.i32()?;
        match usize::try_from(len) {
            Ok(n) => match self.rest.split_at_checked(n) {
                Some((head, rest)) => {
                    self.rest = rest;
                    Ok(Some(head))
                }
                None => Err(JuteError::LengthOutOfRange { len, left: self.rest.len() }),
            },
            Err(_) if len == -1 => Ok(None),
            Err(_) => Err(JuteError::NegativeLength(len)),
        }
    }

    /// A string; a length of -1 is null.
    pub fn string(&mut self) -> Result<Option<&'a str>, JuteError> {
        match self.buffer()? {
            None => Ok(None),
            Some(bytes) => std::str::from_utf8(bytes).map(Some).map_err(|_| JuteError::InvalidUtf8),
        }
    }

    /// The number of elements of a list; -1 is null, and ZooKeeper takes any other negative count as empty.
    pub(crate) fn count(&mut self) -> Result<Option<usize>, JuteError> {
        let count = self.i32()?;
        Ok(if count == -1 { None } else { Some(usize::try_from(count).unwrap_or(0)) })
    }

    /// Room to make for `count` elements of at least `element_len` bytes: never more than the input can hold.
    pub(crate) fn capacity(&self, count: usize, element_len: usize) -> usize {
        count.min(self.rest.len() / element_len)
    }

    /// A list of strings, none of them null.
    pub fn string_vec(&mut self) -> Result<Option<Vec<&'a str>>, JuteError> {
        let Some(count) = self.count()? else { return Ok(None) };
        let mut strings = Vec::with_capacity(self.capacity(count, 4));
        for _ in 0..count {
            strings.push(self.string()?.ok_or(JuteError::NullElement)?);
        }
        Ok(Some(strings))
    }

    /// A list of access control entries, copied. A null scheme or id becomes an empty one, which no ACL may have.
    pub fn acl_vec(&mut self) -> Result<Option<Vec<Acl>>, JuteError> {
        let Some(list) = AclList::decode(self)? else { return Ok(None) };
        let mut acls = Vec::with_capacity(list.len());
        for entry in list.iter() {
            let entry = entry?;
            let identity = Identity::new(entry.scheme.unwrap_or_default(), entry.id.unwrap_or_default());
            acls.push(Acl { perms: entry.perms, identity });
        }
        Ok(Some(acls))
    }

    /// A `Stat`.
    pub fn stat(&mut self) -> Result<Stat, JuteError> {
        Ok(Stat {
            czxid: Zxid(self.i64()?),
            mzxid: Zxid(self.i64()?),
            ctime: self.i64()?,
            mtime: self.i64()?,
            version: self.i32()?,
            cversion: self.i32()?,
            aversion: self.i32()?,
            ephemeral_owner: SessionId(self.i64()?),
            data_length: self.i32()?,
            num_children: self.i32()?,
            pzxid: Zxid(self.i64()?),
        })
    }
}
