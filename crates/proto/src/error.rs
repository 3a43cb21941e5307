//! Errors of component calls, the same whether the callee is local or remote.

use menagerie_types::{LogIndex, NodeId, Zxid};
use prost::Message;
use tonic::{Code, Status};

use crate::pb::common::{ErrorDetail, error_detail::Reason};

/// Result of a component call.
pub type ServiceResult<T> = Result<T, ServiceError>;

/// Why a component did not serve a call. What a command came to (NoNode, BadVersion) is not an error here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// Only the leader serves this.
    #[error("not the leader{}", hint(leader))]
    NotLeader {
        /// Who is, if known.
        leader: Option<NodeId>,
    },
    /// Only the active session tracker serves this.
    #[error("not the active session tracker{}", hint(active))]
    NotActive {
        /// Who is, if known.
        active: Option<NodeId>,
    },
    /// Out of reach or shutting down; nothing was done, or (for a write) the outcome is unknown.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// No answer in time; the outcome is unknown.
    #[error("deadline exceeded")]
    Deadline,
    /// A bounded queue is full; nothing was done.
    #[error("overloaded: {0}")]
    Overloaded(String),
    /// The replica has not reached the zxid asked for.
    #[error("replica has only reached zxid {applied}")]
    Behind {
        /// What it has reached.
        applied: Zxid,
    },
    /// The replica no longer holds what a link needs to resume without a gap.
    #[error("history gone: {0}")]
    HistoryGone(String),
    /// The log begins later than asked for.
    #[error("the log begins at index {first}")]
    Truncated {
        /// The first index that is there.
        first: LogIndex,
    },
    /// Another change of the ensemble came first; nothing was done.
    #[error("the ensemble is changing: {0}")]
    InProgress(String),
    /// New members of the ensemble could not be brought up to date; nothing was changed.
    #[error("not in sync: {0}")]
    NotInSync(String),
    /// The call itself is wrong.
    #[error("invalid call: {0}")]
    Invalid(String),
    /// A fault of the callee.
    #[error("internal error: {0}")]
    Internal(String),
}

fn hint(id: &Option<NodeId>) -> String {
    id.map(|id| format!(", try member {id}")).unwrap_or_default()
}

impl ServiceError {
    /// True when trying again, here or elsewhere, may help and cannot do harm: nothing was executed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::NotLeader { .. }
                | Self::NotActive { .. }
                | Self::Unavailable(_)
                | Self::Overloaded(_)
                | Self::Behind { .. }
        )
    }

    fn detail(&self) -> (Code, ErrorDetail) {
        let (code, reason, id) = match self {
            Self::NotLeader { leader } => {
                (Code::FailedPrecondition, Reason::NotLeader, leader.map_or(0, |l| l.0))
            }
            Self::NotActive { active } => {
                (Code::FailedPrecondition, Reason::NotActive, active.map_or(0, |a| a.0))
            }
            Self::Unavailable(_) => (Code::Unavailable, Reason::Unavailable, 0),
            Self::Deadline => (Code::DeadlineExceeded, Reason::Deadline, 0),
            Self::Overloaded(_) => (Code::ResourceExhausted, Reason::Overloaded, 0),
            Self::Behind { applied } => (Code::Unavailable, Reason::Behind, applied.0 as u64),
            Self::HistoryGone(_) => (Code::OutOfRange, Reason::HistoryGone, 0),
            Self::Truncated { first } => (Code::OutOfRange, Reason::Truncated, first.0),
            Self::Invalid(_) => (Code::InvalidArgument, Reason::Invalid, 0),
            Self::InProgress(_) => (Code::Aborted, Reason::InProgress, 0),
            Self::NotInSync(_) => (Code::FailedPrecondition, Reason::NotInSync, 0),
            Self::Internal(_) => (Code::Internal, Reason::Internal, 0),
        };
        let message = match self {
            Self::Unavailable(m)
            | Self::Overloaded(m)
            | Self::HistoryGone(m)
            | Self::InProgress(m)
            | Self::NotInSync(m)
            | Self::Invalid(m)
            | Self::Internal(m) => m.clone(),
            _ => String::new(),
        };
        (code, ErrorDetail { reason: reason.into(), id, message })
    }
}

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        let (code, detail) = error.detail();
        Self::with_details(code, error.to_string(), detail.encode_to_vec().into())
    }
}

impl From<Status> for ServiceError {
    fn from(status: Status) -> Self {
        let Ok(detail) = ErrorDetail::decode(status.details()) else {
            return from_code(&status);
        };
        let id = (detail.id != 0).then_some(NodeId(detail.id));
        match detail.reason() {
            Reason::Unspecified => from_code(&status),
            Reason::NotLeader => Self::NotLeader { leader: id },
            Reason::NotActive => Self::NotActive { active: id },
            Reason::Unavailable => Self::Unavailable(detail.message),
            Reason::Deadline => Self::Deadline,
            Reason::Overloaded => Self::Overloaded(detail.message),
            Reason::Behind => Self::Behind { applied: Zxid(detail.id as i64) },
            Reason::HistoryGone => Self::HistoryGone(detail.message),
            Reason::Truncated => Self::Truncated { first: LogIndex(detail.id) },
            Reason::Invalid => Self::Invalid(detail.message),
            Reason::InProgress => Self::InProgress(detail.message),
            Reason::NotInSync => Self::NotInSync(detail.message),
            Reason::Internal => Self::Internal(detail.message),
        }
    }
}

/// A status that no component of ours made: the transport's own.
fn from_code(status: &Status) -> ServiceError {
    let message = status.message().to_owned();
    match status.code() {
        Code::DeadlineExceeded => ServiceError::Deadline,
        Code::ResourceExhausted => ServiceError::Overloaded(message),
        Code::InvalidArgument | Code::Unimplemented => ServiceError::Invalid(message),
        Code::Internal | Code::DataLoss => ServiceError::Internal(message),
        _ => ServiceError::Unavailable(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_a_status_unchanged() {
        let errors = [
            ServiceError::NotLeader { leader: Some(NodeId(2)) },
            ServiceError::NotLeader { leader: None },
            ServiceError::NotActive { active: Some(NodeId(1)) },
            ServiceError::Unavailable("gone".into()),
            ServiceError::Deadline,
            ServiceError::Overloaded("full".into()),
            ServiceError::Behind { applied: Zxid(7) },
            ServiceError::HistoryGone("results".into()),
            ServiceError::Truncated { first: LogIndex(9) },
            ServiceError::Invalid("what".into()),
            ServiceError::InProgress("other".into()),
            ServiceError::NotInSync("new".into()),
            ServiceError::Internal("why".into()),
        ];
        for error in errors {
            assert_eq!(ServiceError::from(Status::from(error.clone())), error);
        }
    }
}
