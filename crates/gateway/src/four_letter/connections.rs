//! One line for each connection: `stat` and `cons`.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use menagerie_types::{OpCode, SessionId, Zxid};

use crate::worker::Part;

/// What is told of a connection.
#[derive(Clone, Debug)]
pub struct ConnectionLine {
    /// The client's end.
    pub address: SocketAddr,
    /// Requests without an answer.
    pub queued: u32,
    /// Requests.
    pub received: u64,
    /// Replies and events.
    pub sent: u64,
    /// The session, once there is one.
    pub session: Option<SessionLine>,
}

/// What is told of a connection's session.
#[derive(Clone, Debug)]
pub struct SessionLine {
    /// Its id.
    pub id: SessionId,
    /// Negotiated.
    pub timeout_ms: u32,
    /// The last request, in four letters.
    pub operation: &'static str,
    /// The number of the last request, unless it is negative.
    pub xid: i32,
    /// The last transaction that the client may know of.
    pub zxid: Zxid,
    /// When the connection was established, since 1970.
    pub established: Duration,
    /// When it was last sent anything, since the gateway began.
    pub responded: Duration,
    /// Of writes, in milliseconds: last, least, average, most.
    pub latency_ms: [u64; 4],
}

/// The part that `stat` shows.
impl fmt::Display for ConnectionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, queued, received, sent, .. } = self;
        write!(f, " /{address}[1](queued={queued},recved={received},sent={sent}")
    }
}

impl fmt::Display for SessionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, timeout_ms, operation, .. } = self;
        write!(f, ",sid=0x{:x},lop={operation},est={},to={timeout_ms}", id.0, self.established.as_millis())?;
        if self.xid >= 0 {
            write!(f, ",lcxid=0x{:x}", self.xid)?;
        }
        let [last, least, average, most] = self.latency_ms;
        let responded = self.responded.as_millis();
        write!(f, ",lzxid=0x{:x},lresp={responded},", self.zxid.0)?;
        write!(f, "llat={last},minlat={least},avglat={average},maxlat={most}")
    }
}

fn lines(parts: &[Part]) -> impl Iterator<Item = &ConnectionLine> {
    parts.iter().flat_map(|part| &part.connections)
}

/// The clients in the answer to `stat`.
pub fn brief(parts: &[Part]) -> String {
    let lines: String = lines(parts).map(|line| format!("{line})\n")).collect();
    format!("Clients:\n{lines}\n")
}

/// The answer to `cons`.
pub fn full(parts: &[Part]) -> String {
    let line = |line: &ConnectionLine| match &line.session {
        Some(session) => format!("{line}{session})\n"),
        None => format!("{line})\n"),
    };
    let lines: String = lines(parts).map(line).collect();
    lines + "\n"
}

/// ZooKeeper's four letters (or six) for an operation.
pub fn operation(op: Option<OpCode>) -> &'static str {
    use OpCode::*;
    match op {
        Some(Ping) => "PING",
        Some(Multi) => "MULT",
        Some(MultiRead) => "MLTR",
        Some(Create | Create2 | CreateContainer | CreateTtl) => "CREA",
        Some(Delete | DeleteContainer) => "DELE",
        Some(SetData) => "SETD",
        Some(Reconfig) => "RECO",
        Some(SetAcl) => "SETA",
        Some(CloseSession) => "CLOS",
        Some(Sync) => "SYNC",
        Some(Check) => "CHEC",
        Some(Exists) => "EXIS",
        Some(GetData) => "GETD",
        Some(SetWatches) => "SETW",
        Some(SetWatches2) => "STW2",
        Some(AddWatch) => "ADDW",
        Some(GetAcl) => "GETA",
        Some(GetChildren | GetChildren2) => "GETC",
        Some(GetAllChildrenNumber) => "GETACN",
        Some(CheckWatches) => "CHKW",
        Some(RemoveWatches) => "REMW",
        Some(WhoAmI) => "HOMI",
        Some(GetEphemerals) => "GETE",
        _ => "NA",
    }
}
