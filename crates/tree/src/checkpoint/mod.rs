//! Checkpoints: the state as records under keys that sort parents before children, changed records only.

use menagerie_types::{LogIndex, Zxid};

use crate::State;

/// A key and its value; `None` deletes the key.
pub type Record = (Vec<u8>, Option<Vec<u8>>);

/// What a checkpoint as a whole stands for. To be stored atomically with its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Last entry applied.
    pub index: LogIndex,
    /// The log's clock then.
    pub time_ms: i64,
    /// Last transaction.
    pub zxid: Zxid,
    /// The state's digest.
    pub digest: u64,
    /// Znodes.
    pub znodes: u64,
    /// Rows of the session table.
    pub sessions: u64,
    /// Rows of the incarnation table.
    pub incarnations: u64,
    /// Registered replicas.
    pub replicas: u64,
}

impl Meta {
    /// The bytes to store.
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads them back.
    pub fn decode(_bytes: &[u8]) -> Result<Self, CheckpointError> {
        Err(CheckpointError::Meta("too short"))
    }
}

/// A checkpoint that cannot be used: it must be thrown away and rebuilt from a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The meta record is damaged or of another format.
    #[error("bad checkpoint meta: {0}")]
    Meta(&'static str),
    /// A record is damaged or of another format.
    #[error("bad checkpoint record {key}: {reason}")]
    Record {
        /// The key, printable.
        key: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The records do not add up to what the meta says.
    #[error("checkpoint does not add up: {0}")]
    Mismatch(&'static str),
}

/// Rebuilds a state from the records of a checkpoint, given in key order.
#[derive(Debug)]
pub struct Loader {
    state: State,
}

impl Loader {
    pub(crate) fn new() -> Self {
        Self { state: State::new() }
    }

    /// Takes one record.
    pub fn record(&mut self, _key: &[u8], _value: &[u8]) -> Result<(), CheckpointError> {
        Ok(())
    }

    /// The state, if the records add up to `meta`.
    pub fn finish(self, _meta: &Meta) -> Result<State, CheckpointError> {
        Ok(self.state)
    }
}
