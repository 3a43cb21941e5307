//! Many connections that speak the ZooKeeper protocol, on one thread.
//!
//! [`Fleet`] owns the sockets and does the I/O; what is sent and what replies mean is its [`Handler`]'s business, which
//! sees frames and fills output buffers, and can be tested without a socket.

mod bulk;
mod connection;
mod fleet;
mod output;
mod template;
mod timer;

pub use bulk::{Bulk, SILENCE_MAX, call, close_all, run_bulk};
pub use connection::{connect_request, timeout_of};
pub use fleet::{Fleet, Handler, Opened, Opening};
pub use output::Output;
pub use template::{DIGITS, Template, digits, path};

/// What is wrong with a connection or a reply.
pub type Fault = String;
