//! What is said about putting a backup into a cluster.

use bytes::Bytes;
use futures::stream::BoxStream;
use menagerie_types::{NodeId, Zxid};

use crate::ServiceResult;
use crate::pb::tree_store as pb;

/// How a restore begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreBegin {
    /// What the records add up to: a checkpoint's meta, encoded by the crate `tree`.
    pub meta: Bytes,
    /// Take the place of an unfinished restore.
    pub start_over: bool,
}

/// How far a restore is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreStep {
    /// So many bytes of records have been applied.
    Applied(u64),
    /// It is done. The last step.
    Done(RestoreOutcome),
}

/// Pieces of whole records, in the order of their keys.
pub type BackupRecords = BoxStream<'static, ServiceResult<Bytes>>;

/// The steps of a restore, as they happen.
pub type RestoreSteps = BoxStream<'static, ServiceResult<RestoreStep>>;

/// How a restore ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreOutcome {
    /// Which one.
    pub id: u64,
    /// Transactions go on from here.
    pub zxid: Zxid,
    /// The digest of what was restored, equal to the backup's.
    pub digest: u64,
    /// Every replica known to the one that was asked, itself first.
    pub replicas: Vec<RestoredReplica>,
}

/// What one replica has of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoredReplica {
    /// The replica; 0 for one that did not say.
    pub id: NodeId,
    /// It has what was restored, and found the digest to be right.
    pub verified: bool,
    /// Why it is not known to have it.
    pub problem: String,
}

impl From<RestoreStep> for pb::RestoreResponse {
    fn from(step: RestoreStep) -> Self {
        match step {
            RestoreStep::Applied(bytes) => Self { bytes, outcome: None },
            RestoreStep::Done(outcome) => {
                let replica = |r: RestoredReplica| pb::RestoredReplica {
                    id: r.id.0,
                    verified: r.verified,
                    problem: r.problem,
                };
                let outcome = pb::RestoreOutcome {
                    id: outcome.id,
                    zxid: outcome.zxid.0,
                    digest: outcome.digest,
                    replicas: outcome.replicas.into_iter().map(replica).collect(),
                };
                Self { bytes: 0, outcome: Some(outcome) }
            }
        }
    }
}

impl From<pb::RestoreResponse> for RestoreStep {
    fn from(response: pb::RestoreResponse) -> Self {
        let Some(outcome) = response.outcome else { return Self::Applied(response.bytes) };
        let replica = |r: pb::RestoredReplica| RestoredReplica {
            id: NodeId(r.id),
            verified: r.verified,
            problem: r.problem,
        };
        Self::Done(RestoreOutcome {
            id: outcome.id,
            zxid: Zxid(outcome.zxid),
            digest: outcome.digest,
            replicas: outcome.replicas.into_iter().map(replica).collect(),
        })
    }
}
