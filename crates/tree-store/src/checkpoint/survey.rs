//! Looking at a replica's data while it does not run.

use menagerie_types::LogIndex;

use super::store::CheckpointStorage;
use super::thread::open_checkpoint;
use crate::{TreeStoreError, TreeStoreOptions};

/// What a replica's data directory holds.
#[derive(Debug, Default)]
pub struct TreeSurvey {
    /// What the checkpoint covers, if it can be used: the entry, the log's time there in ms, and the number of znodes.
    pub checkpoint: Option<(LogIndex, i64, u64)>,
    /// Why the checkpoint cannot be used.
    pub damage: Option<String>,
}

/// Looks at the data that `options` name. The directory must be there; the checkpoint is loaded and verified as at a start,
/// on the calling thread, whose panics (sled's) must not end the process. An error if the data is of a newer version or
/// somebody uses it.
pub fn survey(options: &TreeStoreOptions) -> Result<TreeSurvey, TreeStoreError> {
    let mut directory = super::SledStorage.open(options)?;
    let opened = open_checkpoint(&mut *directory);
    directory.end_loading()?;
    match opened {
        Ok((_, state)) => Ok(TreeSurvey {
            checkpoint: state.map(|state| (state.index(), state.time_ms(), state.znode_count())),
            damage: None,
        }),
        Err(TreeStoreError::Corrupt(damage)) => Ok(TreeSurvey { checkpoint: None, damage: Some(damage) }),
        Err(error) => Err(error),
    }
}
