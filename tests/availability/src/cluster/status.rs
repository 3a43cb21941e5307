//! What components say of themselves: Menagerie over its admin port, ZooKeeper by a four-letter word.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Component, Role};

const ANSWER: Duration = Duration::from_secs(1);

/// The term of each member of the log that answered, by name.
pub type Terms = BTreeMap<String, u64>;

impl Component {
    /// Whether it holds the log.
    pub fn is_apart(&self) -> bool {
        matches!(self.role, Role::Server | Role::Consensus)
    }

    /// Whether it does its work.
    pub(super) async fn is_ready(&self) -> bool {
        match (&self.admin, &self.client) {
            (Some(admin), _) => get(admin, "/readyz").await.is_some_and(|(code, _)| code == 200),
            (None, Some(client)) => mode(client).await.is_some(),
            (None, None) => false,
        }
    }

    /// Whether it leads the log.
    pub(super) async fn leads(&self) -> bool {
        match (&self.admin, &self.client) {
            (Some(_), _) => self.status("consensus").await.is_some_and(|status| status["state"] == "leader"),
            (None, Some(client)) => mode(client).await.is_some_and(|mode| mode == "leader"),
            (None, None) => false,
        }
    }

    /// Whether its session tracker is the active one.
    pub(super) async fn tracks(&self) -> bool {
        self.status("session-tracker").await.is_some_and(|status| status["active"] == true)
    }

    pub(super) async fn add_term(&self, terms: &mut Terms) {
        if let Some(term) = self.status("consensus").await.and_then(|status| status["term"].as_u64()) {
            terms.insert(self.name.clone(), term);
        }
    }

    /// The status of one of the components in the process.
    async fn status(&self, name: &str) -> Option<Value> {
        let (_, body) = get(self.admin.as_deref()?, "/status").await?;
        let all: Value = serde_json::from_str(&body).ok()?;
        all["components"].get(name).map(|component| component["status"].clone())
    }
}

/// Status code and body; none without an answer in time.
async fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let text = ask(address, &format!("GET {path} HTTP/1.0\r\n\r\n")).await?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
}

async fn mode(address: &str) -> Option<String> {
    let text = ask(address, "srvr").await?;
    text.lines().find_map(|line| line.strip_prefix("Mode: ")).map(str::to_owned)
}

async fn ask(address: &str, words: &str) -> Option<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(words.as_bytes()).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text)
    };
    timeout(ANSWER, exchange).await.ok().flatten()
}
