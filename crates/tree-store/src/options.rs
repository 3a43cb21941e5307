//! What can be set about a replica.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use menagerie_host::Host;
use menagerie_types::NodeId;

use crate::checkpoint::{CheckpointStorage, SledStorage};

/// Settings of one replica.
#[derive(Clone, Debug)]
pub struct TreeStoreOptions {
    /// Its configured id, unique among the replicas.
    pub id: NodeId,
    /// `host:port` where the other components call it, for the directory; empty if they cannot.
    pub address: String,
    /// Where its checkpoint lives. Made if it is not there.
    pub data_dir: PathBuf,
    /// A checkpoint is taken this long after the last one, if anything was applied.
    pub checkpoint_interval: Duration,
    /// A checkpoint is taken when this many bytes of log were applied since the last one.
    pub checkpoint_bytes: u64,
    /// But not sooner than this after the last one began: under load the log grows faster than checkpoints are worth it.
    pub checkpoint_pause: Duration,
    /// A checkpoint that takes this many times what its records hold, and at least [`Self::checkpoint_disk_min`], is
    /// written again into an empty directory: sled gives little of what it no longer needs back.
    pub checkpoint_disk_factor: u64,
    /// Bytes on disk below which a checkpoint is left as it is.
    pub checkpoint_disk_min: u64,
    /// sled's page cache. With less than the data sled takes ever more memory all the same, and is opened anew in time.
    pub checkpoint_cache_bytes: u64,
    /// Results kept for each proposer until it says that it has them.
    pub result_bytes_max: usize,
    /// Memory for the last changes of znodes: a link that comes from another replica gets from there exactly the events
    /// that its watches have missed. 0 for none.
    pub event_history_bytes: usize,
    /// How long a new link waits for the zxid its caller has seen.
    pub link_wait: Duration,
    /// How often the digest is compared with the peers'.
    pub digest_interval: Duration,
    /// Entries left in the log behind the safe point, so that a peer a little behind need not fetch a checkpoint.
    pub truncate_margin: u64,
    /// The log is truncated in steps of at least this many entries.
    pub truncate_step: u64,
    /// The log is kept for replicas whose checkpoints are old until it has this many bytes. Beyond, it is truncated behind the
    /// newest durable checkpoint, whoever has it; the others fetch a checkpoint from there when they come back.
    pub log_bytes_max: u64,
    /// What checkpoints are kept in.
    pub checkpoints: Arc<dyn CheckpointStorage>,
    /// Where the checkpoint thread runs.
    pub host: Arc<dyn Host>,
}

impl TreeStoreOptions {
    /// The defaults, for replica `id` with its data under `data_dir`.
    pub fn new(id: NodeId, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            id,
            address: String::new(),
            data_dir: data_dir.into(),
            checkpoint_interval: Duration::from_secs(30),
            checkpoint_bytes: 16 * 1024 * 1024,
            checkpoint_pause: Duration::from_secs(1),
            checkpoint_disk_factor: 6,
            checkpoint_disk_min: 128 * 1024 * 1024,
            checkpoint_cache_bytes: 16 * 1024 * 1024,
            result_bytes_max: 32 * 1024 * 1024,
            event_history_bytes: 16 * 1024 * 1024,
            link_wait: Duration::from_secs(2),
            digest_interval: Duration::from_secs(10),
            truncate_margin: 1000,
            truncate_step: 1000,
            log_bytes_max: 4 * 1024 * 1024 * 1024,
            checkpoints: Arc::new(SledStorage),
            host: menagerie_host::system(),
        }
    }
}
