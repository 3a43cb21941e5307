//! What happened, as JSON lines: every operation of every client, what they were told, and every fault.
//!
//! Times are nanoseconds since the run began, by this process's monotonic clock. `check/` reads this.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use serde::Serialize;
use tokio::time::Instant;

/// What is known of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// The server refused it, and did nothing.
    Refused,
    /// The answer was lost: it may have been done, or may be done at any later time.
    Unknown,
}

/// One operation. What an operation does not have is left out.
#[derive(Clone, Debug, Serialize)]
pub struct Operation {
    /// Which client.
    pub client: usize,
    /// What the client is there for.
    pub work: &'static str,
    /// Its session.
    pub session: String,
    /// What was asked.
    pub op: &'static str,
    /// Of which znode.
    pub path: String,
    /// When it was sent.
    pub call: u64,
    /// When the answer was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ret: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// The error of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The data written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The version asked for; -1 is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<i32>,
    /// Whether a sync went before, so that the read must see all that was written by then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub synced: bool,
    /// Whether it set a watch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub watch: bool,
    /// The place of the answer among all that the client received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrival: Option<u64>,
    /// The zxid in the answer's header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zxid: Option<i64>,
    /// The data read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// The path that a create was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// From the Stat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// From the Stat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mzxid: Option<i64>,
    /// From the Stat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub czxid: Option<i64>,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "line", rename_all = "lowercase")]
pub enum Line {
    /// An operation.
    Op(Operation),
    /// A watch fired.
    Event {
        /// Which client was told.
        client: usize,
        /// In which session.
        session: String,
        /// What happened.
        kind: String,
        /// Where.
        path: String,
        /// The place among all that the client received.
        arrival: u64,
        /// When it was taken.
        at: u64,
    },
    /// The life of a session.
    Session {
        /// Whose.
        client: usize,
        /// Which.
        session: String,
        /// `opened`, `resumed`, `lost` (the connection), `away` (it is given up on purpose, for a while), `expired` (as
        /// told), `closed`, `closing` (outcome unknown), `left` (never to come back).
        what: &'static str,
        /// When.
        at: u64,
        /// When the last request was sent that was answered.
        heard: u64,
        /// The timeout granted.
        timeout_ms: u64,
    },
    /// A client believed that it held the lock, from when to when.
    Lock {
        /// Which client.
        client: usize,
        /// In which session.
        session: String,
        /// The sequence number of its znode.
        token: i64,
        /// From the answer that showed it first in line.
        from: u64,
        /// Until it asked for the release, or its connection was lost.
        until: u64,
        /// Why it ended.
        why: &'static str,
    },
    /// A fault begins or ends, or something else of note.
    Fault {
        /// When.
        at: u64,
        /// In which cycle.
        cycle: u64,
        /// What.
        what: String,
        /// `inject`, `heal` or `note`.
        step: &'static str,
    },
    /// There can be no majority from when to when.
    NoQuorum {
        /// From.
        from: u64,
        /// Until.
        until: u64,
    },
    /// A znode at the end of the run.
    Final {
        /// Its path.
        path: String,
        /// Its data.
        data: String,
        /// The transaction that created it.
        czxid: i64,
        /// Its version.
        version: i32,
    },
    /// What was listed at the end: every child is in a line of its own.
    Listed {
        /// Of which znode.
        path: String,
        /// How many there are.
        count: usize,
    },
}

/// The file of a run.
#[derive(Debug)]
pub struct History {
    began: Instant,
    file: Mutex<BufWriter<File>>,
}

impl History {
    /// A new file.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        Ok(Self { began: Instant::now(), file: Mutex::new(BufWriter::new(file)) })
    }

    /// Nanoseconds since the run began.
    pub fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// The same of another moment.
    pub fn at(&self, moment: Instant) -> u64 {
        u64::try_from(moment.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Appends a line.
    ///
    /// # Panics
    /// If it cannot be written: a history with holes proves nothing.
    pub fn write(&self, line: &Line) {
        let mut text = serde_json::to_string(line).expect("lines are plain data");
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(text.as_bytes()).expect("the history can be written");
    }

    /// Writes out what is buffered.
    pub fn flush(&self) -> anyhow::Result<()> {
        Ok(self.file.lock().unwrap_or_else(PoisonError::into_inner).flush()?)
    }
}
