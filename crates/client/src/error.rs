//! What can go wrong.

use std::io;
use std::sync::Arc;

use menagerie_jute::JuteError;
use menagerie_jute::frame::FrameError;
use menagerie_types::ErrorCode;

/// Why an operation has no result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The server refused; nothing was changed.
    #[error("server error: {0}")]
    Server(ErrorCode),
    /// The server refused with a code that ZooKeeper does not have.
    #[error("unknown server error {0}")]
    UnknownCode(i32),
    /// The connection went away. Whether the operation took effect is unknown. [`Client::reconnect`] may help.
    ///
    /// [`Client::reconnect`]: crate::Client::reconnect
    #[error("connection lost")]
    ConnectionLoss,
    /// The server says that the session is gone, with its ephemerals.
    #[error("session expired")]
    SessionExpired,
    /// No server let this client in before the time to connect was over.
    #[error("no server could be connected to")]
    NoServer {
        /// What the last attempt came to.
        #[source]
        last: Option<Box<ClientError>>,
    },
    /// The socket failed while connecting, or under a raw connection.
    #[error("socket error")]
    Io(#[source] Arc<io::Error>),
    /// More watch events came than were taken.
    #[error("watch events are not being taken")]
    EventsOverflow,
    /// The server broke the protocol.
    #[error("protocol violation: {0}")]
    Protocol(&'static str),
    /// The server sent a record that does not decode.
    #[error("malformed reply")]
    Malformed(#[from] JuteError),
    /// The server sent a frame with an impossible length.
    #[error("malformed frame")]
    Frame(#[from] FrameError),
}

impl ClientError {
    /// The error that a reply's code stands for, if it stands for one.
    pub fn from_code(code: i32) -> Result<(), Self> {
        match code {
            0 => Ok(()),
            _ => Err(ErrorCode::from_code(code).map_or(Self::UnknownCode(code), Self::Server)),
        }
    }

    /// The server's code, if it refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Server(code) => Some(*code),
            _ => None,
        }
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}
