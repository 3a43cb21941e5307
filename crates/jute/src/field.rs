//! How the fields of records are read and written, and the macro that makes records of them.

use bytes::BytesMut;
use menagerie_types::{SessionId, Stat, Zxid};

use crate::{AclList, JuteError, Reader, write};

/// A value that can be a field of a record.
pub(crate) trait Field<'a>: Sized {
    fn get(reader: &mut Reader<'a>) -> Result<Self, JuteError>;
    fn put(&self, out: &mut BytesMut);
}

macro_rules! fields {
    ($($type:ty: |$reader:ident| $get:expr, |$value:ident, $out:ident| $put:expr;)*) => {$(
        impl<'a> Field<'a> for $type {
            fn get($reader: &mut Reader<'a>) -> Result<Self, JuteError> { $get }
            fn put(&self, $out: &mut BytesMut) { let $value = self; $put }
        }
    )*};
}

fields! {
    i32: |reader| reader.i32(), |value, out| write::i32(out, *value);
    i64: |reader| reader.i64(), |value, out| write::i64(out, *value);
    bool: |reader| reader.bool(), |value, out| write::bool(out, *value);
    Zxid: |reader| reader.i64().map(Zxid), |value, out| write::i64(out, value.0);
    SessionId: |reader| reader.i64().map(SessionId), |value, out| write::i64(out, value.0);
    Stat: |reader| reader.stat(), |value, out| write::stat(out, value);
    &'a str: |reader| reader.string()?.ok_or(JuteError::NullPath), |value, out| write::string(out, Some(value));
    Option<&'a str>: |reader| reader.string(), |value, out| write::string(out, *value);
    Option<&'a [u8]>: |reader| reader.buffer(), |value, out| write::buffer(out, *value);
    // ZooKeeper's own server fails on a null list of strings, too.
    Vec<&'a str>: |reader| reader.string_vec()?.ok_or(JuteError::NullElement), |value, out| write::string_vec(out, value);
    Option<AclList<'a>>: |reader| AclList::decode(reader), |value, out| match value {
        Some(list) => list.encode(out),
        None => write::i32(out, -1),
    };
}

/// Defines records: a struct, and its fields read and written in declared order. Trailing bytes are left alone.
macro_rules! records {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name<'a> { $($(#[$field_meta])* pub $field: $type,)* }

        impl<'a> $name<'a> {
            /// Reads the record.
            pub fn decode(reader: &mut $crate::Reader<'a>) -> Result<Self, $crate::JuteError> {
                Ok(Self { $($field: $crate::field::Field::get(reader)?,)* })
            }

            /// Appends the record.
            pub fn encode(&self, out: &mut bytes::BytesMut) {
                $($crate::field::Field::put(&self.$field, out);)*
            }
        }
    )*};
}

pub(crate) use records;
