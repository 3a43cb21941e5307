//! Why bytes are not the record they should be.

/// A record that does not decode. A gateway answers a request with MARSHALLINGERROR; a connect request, header,
/// auth or SASL packet makes it close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JuteError {
    /// The input ends inside the record.
    #[error("unexpected end of input")]
    UnexpectedEnd,
    /// A string or buffer length below -1.
    #[error("negative length {0}")]
    NegativeLength(i32),
    /// A string or buffer length beyond the input.
    #[error("length {len} with {left} bytes left")]
    LengthOutOfRange {
        /// What the prefix says.
        len: i32,
        /// What there is.
        left: usize,
    },
    /// A string that is not UTF-8.
    #[error("string is not valid utf-8")]
    InvalidUtf8,
    /// A null path where the operation needs one.
    #[error("path is null")]
    NullPath,
    /// A null path of a write in a multi. ZooKeeper answers that of a read, in a multiRead, otherwise.
    #[error("path of a write is null")]
    NullPathOfWrite,
    /// A null list of strings, or a null string in one.
    #[error("list is null or has a null element")]
    NullElement,
    /// A password that is neither null nor 16 bytes.
    #[error("password of {0} bytes")]
    PasswordLength(usize),
    /// An operation that may not stand in a multi, or not with the reads or writes before it.
    #[error("operation {0} is not allowed in this multi")]
    MultiOpNotAllowed(i32),
    /// Flags without a meaning, or that ask for a TTL, in a multi's create that has none.
    #[error("create flags {0} are not allowed in a multi")]
    MultiCreateFlags(i32),
    /// A mode that addWatch does not have.
    #[error("unknown watch mode {0}")]
    WatchMode(i32),
    /// A null ACL in a multi's create.
    #[error("acl is null")]
    NullAcl,
}
