//! A borrowed list of access control entries.

use std::fmt;

use bytes::{BufMut, BytesMut};

use crate::{JuteError, Reader, write};

/// `world:anyone` with every permission, as most clients send it: perms, scheme, id.
const OPEN: &[u8; 23] = b"\0\0\0\x1f\0\0\0\x05world\0\0\0\x06anyone";
/// perms, and the lengths of two empty strings.
const ENTRY_LEN_MIN: usize = 12;

/// A list of access control entries still in its encoded form, checked when decoded. Nothing is copied, and the
/// commonest list is recognised by its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AclList<'a> {
    raw: &'a [u8],
    count: usize,
}

/// One entry of an [`AclList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AclRef<'a> {
    /// Permission bits.
    pub perms: i32,
    /// The scheme; clients may send null.
    pub scheme: Option<&'a str>,
    /// The id; clients may send null.
    pub id: Option<&'a str>,
}

impl<'a> AclList<'a> {
    /// The list of one entry, `world:anyone` with every permission (`OPEN_ACL_UNSAFE`).
    pub const fn open() -> AclList<'static> {
        AclList { raw: OPEN, count: 1 }
    }

    /// Reads a list, `None` if it is null, and checks every entry.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Option<Self>, JuteError> {
        let Some(count) = reader.count()? else { return Ok(None) };
        let start = reader.remaining();
        if count == 1 && start.starts_with(OPEN) {
            return Ok(Some(Self { raw: reader.take(OPEN.len())?, count }));
        }
        if count > start.len() / ENTRY_LEN_MIN {
            return Err(JuteError::UnexpectedEnd);
        }
        for _ in 0..count {
            AclRef::decode(reader)?;
        }
        let raw = &start[..start.len() - reader.remaining().len()];
        Ok(Some(Self { raw, count }))
    }

    /// Appends the list.
    pub fn encode(&self, out: &mut BytesMut) {
        write::count(out, self.count);
        out.put_slice(self.raw);
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True for exactly [`AclList::open`].
    pub fn is_open(&self) -> bool {
        self.count == 1 && self.raw == OPEN
    }

    /// The encoded entries, without the count: equal for equal lists.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The entries in order. None of them is an error: the list was checked when it was decoded.
    pub fn iter(&self) -> impl Iterator<Item = Result<AclRef<'a>, JuteError>> + use<'a> {
        let mut reader = Reader::new(self.raw);
        (0..self.count).map(move |_| AclRef::decode(&mut reader))
    }
}

impl<'a> AclRef<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, JuteError> {
        Ok(Self { perms: reader.i32()?, scheme: reader.string()?, id: reader.string()? })
    }
}

impl fmt::Debug for AclList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().flatten()).finish()
    }
}
