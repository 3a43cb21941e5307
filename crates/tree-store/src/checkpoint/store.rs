//! What a replica asks of the library that keeps its checkpoint.

use bytes::Bytes;
use menagerie_tree::{Meta, Record};

use crate::TreeStoreError;

/// Takes the records of a checkpoint, key and value.
pub(crate) type RecordVisitor<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), TreeStoreError> + 'a;

/// One checkpoint on disk. Used by one thread; every call may block. The records are those of the crate `tree`
/// and carry their own checksums; the meta record is the store's own affair.
pub(crate) trait CheckpointStore: Send {
    /// What the checkpoint covers; None before the first commit.
    fn meta(&self) -> Result<Option<Meta>, TreeStoreError>;

    /// Visits every record but the meta record, in key order. Checksums are the visitor's affair.
    fn for_each(&self, visit: &mut RecordVisitor<'_>) -> Result<(), TreeStoreError>;

    /// Adds records to a checkpoint that has never been committed. Not durable before a commit.
    fn fill(&mut self, records: Vec<(Bytes, Bytes)>) -> Result<(), TreeStoreError>;

    /// Applies all changes and the meta record, atomically. On return they are on stable storage.
    fn commit(&mut self, changes: Vec<Record>, meta: &Meta) -> Result<(), TreeStoreError>;
}
