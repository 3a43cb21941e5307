//! Why a call of the API came to nothing.

use menagerie_jute::JuteError;
use menagerie_proto::ServiceError;
use menagerie_types::{ErrorCode, SessionId, Zxid};

/// A ZooKeeper error and where it arose. Becomes a status with details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// ZooKeeper's number.
    pub code: i32,
    /// Words for people; never empty.
    pub message: String,
    /// The znode concerned, if one is.
    pub path: String,
    /// Of a multi.
    pub operation: Option<i32>,
    /// Of the answer; 0 when the call was refused before it was made.
    pub zxid: Zxid,
}

impl Failure {
    /// An error of ours, in our words.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code: code.code(), message, path: String::new(), operation: None, zxid: Zxid(0) }
    }

    /// A call that is wrong in itself.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadArguments, message)
    }

    /// What a reply says, in ZooKeeper's words.
    pub fn reported(code: i32, path: &str, zxid: Zxid) -> Self {
        let name = ErrorCode::from_code(code).map_or("unknown error", ErrorCode::name);
        let message = if path.is_empty() { name.to_owned() } else { format!("{name} for {path}") };
        Self { code, message, path: path.to_owned(), operation: None, zxid }
    }

    /// Calls may name only sessions that this gateway holds for the API.
    pub fn not_held(session: SessionId) -> Self {
        let message = format!(
            "session {session} is not held by this gateway: it has ended or moved; keepalive with its password goes \
             on with it here, or says that it has ended"
        );
        Self::new(ErrorCode::SessionMoved, message)
    }

    /// Names the znode, unless one is named already.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        if self.path.is_empty() {
            path.clone_into(&mut self.path);
        }
        self
    }

    /// Names the operation of a multi.
    #[must_use]
    pub fn of_operation(mut self, index: usize) -> Self {
        self.operation = i32::try_from(index).ok();
        self
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let code = match &error {
            ServiceError::Overloaded(_) => ErrorCode::ThrottledOp,
            ServiceError::Deadline => ErrorCode::OperationTimeout,
            ServiceError::Invalid(_) => ErrorCode::BadArguments,
            ServiceError::Internal(_) => ErrorCode::SystemError,
            // ZooKeeper's word for an outcome that is not known.
            _ => ErrorCode::ConnectionLoss,
        };
        Self::new(code, error.to_string())
    }
}

impl From<JuteError> for Failure {
    /// Of a reply: requests are encoded here.
    fn from(error: JuteError) -> Self {
        Self::new(ErrorCode::SystemError, format!("the answer of the replica does not decode: {error}"))
    }
}
