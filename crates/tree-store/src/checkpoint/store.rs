//! What a replica asks of whatever keeps its checkpoints.

use std::fmt::Debug;

use bytes::Bytes;
use menagerie_tree::{Meta, Record};
use menagerie_types::LogIndex;

use crate::{TreeStoreError, TreeStoreOptions};

/// Takes the records of a checkpoint, key and value.
pub type RecordVisitor<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), TreeStoreError> + 'a;

/// Records one after the other, as [`menagerie_tree::checkpoint::put_record`] writes them.
pub type Pieces<'a> = Box<dyn Iterator<Item = Result<Bytes, TreeStoreError>> + 'a>;

/// Yields the changes since the last checkpoint, a slice at a time; none at the end.
pub type ChangeSource<'a> = dyn FnMut() -> Result<Option<Vec<Record>>, TreeStoreError> + 'a;

/// Opens the directory that a replica's options name, or whatever stands in for it.
pub trait CheckpointStorage: Debug + Send + Sync {
    /// Takes possession of it; it is made if it is not there.
    fn open(&self, options: &TreeStoreOptions) -> Result<Box<dyn CheckpointDirectory>, TreeStoreError>;
}

/// A replica's checkpoints: the current one, and at most one that is being built. Used by one thread; every call may
/// block.
pub trait CheckpointDirectory: Send {
    /// Opens the current checkpoint, or makes an empty one.
    fn current(&mut self) -> Result<Box<dyn CheckpointStore>, TreeStoreError>;

    /// Makes an empty checkpoint out of the way of the current one, in place of any other.
    fn next(&mut self) -> Result<Box<dyn CheckpointStore>, TreeStoreError>;

    /// Makes the next checkpoint, which covers `index`, the current one, durably, and removes what was current.
    fn adopt_next(&mut self, index: LogIndex) -> Result<(), TreeStoreError>;

    /// The index that the current checkpoint must cover at least.
    fn index(&self) -> LogIndex;

    /// The current checkpoint covers `index` now.
    fn set_index(&mut self, index: LogIndex) -> Result<(), TreeStoreError>;

    /// Puts the current checkpoint where nobody uses it and somebody can look at it. The next current one is empty.
    fn set_aside(&mut self, reason: &str) -> Result<(), TreeStoreError>;

    /// Notes that the checkpoint is about to be opened; false if that went wrong too often.
    fn begin_loading(&self) -> Result<bool, TreeStoreError>;

    /// The checkpoint was opened, or found to be bad.
    fn end_loading(&self) -> Result<(), TreeStoreError>;
}

/// For a commit of nothing but what was filled in.
pub(crate) fn no_changes() -> Result<Option<Vec<Record>>, TreeStoreError> {
    Ok(None)
}

/// One checkpoint on disk. Used by one thread; every call may block. The records are those of the crate `tree`
/// and carry their own checksums; the meta record is the store's own affair.
pub trait CheckpointStore: Send {
    /// What the checkpoint covers; None before the first commit.
    fn meta(&self) -> Result<Option<Meta>, TreeStoreError>;

    /// Every record but the meta record, in key order, in pieces of about so many bytes. Checksums of records are the
    /// reader's affair.
    fn pieces(&self, bytes: usize) -> Result<Pieces<'_>, TreeStoreError>;

    /// Visits all of them.
    fn for_each(&self, visit: &mut RecordVisitor<'_>) -> Result<(), TreeStoreError>;

    /// What the checkpoint takes on disk, in bytes; 0 where that does not matter.
    fn disk_bytes(&self) -> Result<u64, TreeStoreError> {
        Ok(0)
    }

    /// Adds a record to a checkpoint that has never been committed; each key once, best in order. Not durable before a
    /// commit.
    fn fill(&mut self, key: &[u8], value: &[u8]) -> Result<(), TreeStoreError>;

    /// Applies all changes and the meta record, atomically. On return they are on stable storage. An error of `changes` is
    /// passed on, and leaves the checkpoint as it was.
    fn commit(&mut self, changes: &mut ChangeSource<'_>, meta: &Meta) -> Result<(), TreeStoreError>;

    /// Work that can wait until a commit counts. Of all that was committed, records of about so many bytes are not superseded.
    fn tidy(&mut self, _needed: u64) -> Result<(), TreeStoreError> {
        Ok(())
    }
}
