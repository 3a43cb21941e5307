//! The last component of a znode's path.

use std::fmt;

const INLINE_MAX: usize = 22;

/// A name, kept in place when it is short: most are, and an allocation of their own would cost more than they do.
#[derive(Clone)]
pub(crate) enum Name {
    Inline(u8, [u8; INLINE_MAX]),
    Heap(Box<str>),
}

impl Name {
    pub(crate) fn new(name: &str) -> Self {
        let bytes = name.as_bytes();
        if bytes.len() > INLINE_MAX {
            return Self::Heap(name.into());
        }
        let mut inline = [0; INLINE_MAX];
        inline[..bytes.len()].copy_from_slice(bytes);
        Self::Inline(bytes.len() as u8, inline)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline(len, bytes) => &bytes[..usize::from(*len)],
            Self::Heap(name) => name.as_bytes(),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(self.as_bytes()))
    }
}
