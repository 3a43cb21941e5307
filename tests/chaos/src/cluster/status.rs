//! What the admin port of a process says.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(2);

/// Gets `/status`.
pub async fn get(address: SocketAddr) -> anyhow::Result<Value> {
    timeout(WITHIN, async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /status HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let (_, body) = text.split_once("\r\n\r\n").context("no body")?;
        Ok(serde_json::from_str(body)?)
    })
    .await
    .context("no status in time")?
}

/// Whether all its components are ready.
pub fn is_ready(status: &Value) -> bool {
    status["ready"] == true
}

/// A field of one component's status.
pub fn field<'a>(status: &'a Value, component: &str, name: &str) -> &'a Value {
    &status["components"][component]["status"][name]
}

/// How far a tree store is, and the digest of its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// The last entry applied.
    pub index: u64,
    /// The tree as of that entry.
    pub digest: String,
}

/// The tree of a process that has one.
pub fn tree(status: &Value) -> Option<Tree> {
    let of = |name| field(status, "tree-store", name);
    Some(Tree { index: of("applied_index").as_u64()?, digest: of("digest").as_str()?.to_owned() })
}
