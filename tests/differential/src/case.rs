//! What a case is made of: plain values that the generator makes, the runner plays and a person reads.

use std::fmt;

/// Clients of a case.
pub const CLIENTS: usize = 4;

/// Steps in order. Every step is over, on every connection that it waits for, before the next one begins.
#[derive(Clone, Debug)]
pub struct Case {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Case {
    /// Leaves out the requests that have one of these words in what a person is shown of them.
    #[must_use]
    pub fn without(mut self, words: &[String]) -> Self {
        let is_kept = |shown: String| !words.iter().any(|word| shown.contains(word.as_str()));
        for step in &mut self.steps {
            if let Action::Send(requests) = &mut step.action {
                requests.retain(|request| is_kept(request.to_string()));
            }
        }
        self.steps.retain(|step| is_kept(step.to_string()));
        self
    }
}

/// What one client does.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which client, below [`CLIENTS`].
    pub client: usize,
    /// What it does.
    pub action: Action,
}

/// What a client does. One without a connection first connects: to its session if it has one, else to a new one.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sends all requests in one write, then reads all replies.
    Send(Vec<Request>),
    /// Opens a connection; an earlier one stays open meanwhile.
    Connect(Connect),
    /// Closes the socket and leaves the session be.
    Drop,
    /// Closes the socket, comes back to the session, and sends this.
    Rejoin(Request),
    /// Sends a frame with this length prefix, whatever follows it.
    Frame(i32, Vec<u8>),
}

/// How a client connects.
#[derive(Clone, Copy, Debug)]
pub enum Connect {
    /// To its session.
    Attach,
    /// To a new session; `None` leaves the `readOnly` byte away.
    New {
        /// The timeout asked for, in ms.
        timeout_ms: i32,
        /// The `readOnly` byte.
        read_only: Option<bool>,
    },
    /// To its session with a wrong password, after its own connection has ended.
    WrongPassword,
    /// To its session with a password of another length, or none.
    OddPassword(Option<usize>),
    /// To a session that never was.
    Unknown,
    /// To the session that it closed last, or to one that never was.
    Ended,
    /// Having seen a later zxid than there is.
    Ahead,
    /// With a request that is cut off after so many bytes.
    Cut(usize),
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number; `None` is the client's next.
    pub xid: Option<i32>,
    /// The operation's number.
    pub op: i32,
    /// The record.
    pub body: Body,
    /// What is wrong with its bytes.
    pub damage: Damage,
}

/// What is done to the bytes of a record.
#[derive(Clone, Debug)]
pub enum Damage {
    /// Nothing.
    None,
    /// So many bytes are missing at the end (at most all).
    Cut(usize),
    /// These follow.
    Trailing(Vec<u8>),
    /// Zeros follow, up to this length of the frame's payload.
    Pad(usize),
    /// The length or count of this number (modulo their number) is replaced.
    Length(usize, i32),
}

/// A string of a request: null or bytes. `$` stands for the case's own znode.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(pub Option<Vec<u8>>);

/// One entry of an ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Permission bits.
    pub perms: i32,
    /// The scheme.
    pub scheme: Text,
    /// The id.
    pub id: Text,
}

/// The zxid that setWatches is relative to.
#[derive(Clone, Copy, Debug)]
pub enum Relative {
    /// The last that the client saw in a reply.
    LastSeen,
    /// This.
    Fixed(i64),
}

/// The records, by their layout.
#[derive(Clone, Debug)]
pub enum Body {
    /// No bytes.
    Empty,
    /// All kinds of create; `ttl` is there for createTTL alone.
    Create {
        /// Where.
        path: Text,
        /// The data.
        data: Option<Vec<u8>>,
        /// The ACL; `None` is null.
        acl: Option<Vec<Entry>>,
        /// The flags.
        flags: i32,
        /// The last field of createTTL.
        ttl: Option<i64>,
    },
    /// A path and nothing else; getEphemerals' prefix too.
    Path(Text),
    /// A path and the byte that asks for a watch.
    Read(Text, u8),
    /// A path and a version, a watch mode or a watcher type.
    Number(Text, i32),
    /// setData.
    SetData {
        /// Which znode.
        path: Text,
        /// The data.
        data: Option<Vec<u8>>,
        /// The version.
        version: i32,
    },
    /// setACL.
    SetAcl {
        /// Which znode.
        path: Text,
        /// The ACL; `None` is null.
        acl: Option<Vec<Entry>>,
        /// The version.
        version: i32,
    },
    /// multi and multiRead: operations with their bodies.
    Multi(Vec<(i32, Body)>),
    /// setWatches with three lists, setWatches2 with five.
    SetWatches(Relative, Vec<Vec<Text>>),
    /// auth.
    Auth(Text, Option<Vec<u8>>),
    /// A buffer, as sasl has it.
    Token(Option<Vec<u8>>),
    /// reconfig.
    Reconfig([Text; 3], i64),
}

impl Text {
    /// A string.
    pub fn new(text: &str) -> Self {
        Self(Some(text.as_bytes().to_vec()))
    }

    /// The bytes, with the case's own znode in place of `$`.
    pub fn expand(&self, own: &str) -> Option<Vec<u8>> {
        let template = self.0.as_deref()?;
        let mut bytes = Vec::with_capacity(template.len() + own.len());
        for &byte in template {
            match byte {
                b'$' => bytes.extend_from_slice(own.as_bytes()),
                _ => bytes.push(byte),
            }
        }
        Some(bytes)
    }
}

impl Request {
    /// An ordinary one.
    pub fn new(op: i32, body: Body) -> Self {
        Self { xid: None, op, body, damage: Damage::None }
    }
}

/// Bytes as a person reads them; long ones by their length.
pub fn readable(bytes: Option<&[u8]>) -> String {
    const SHOWN: usize = 80;
    match bytes {
        None => "null".to_owned(),
        Some(bytes) if bytes.len() > SHOWN => {
            format!("'{}…' ({} bytes)", bytes[..16].escape_ascii(), bytes.len())
        }
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => format!("'{}'", text.escape_debug()),
            Err(_) => format!("'{}'", bytes.escape_ascii()),
        },
    }
}

/// The same for what a server says. ZooKeeper writes a character beyond the Basic Multilingual Plane as two surrogates of
/// three bytes each.
pub fn readable_reply(bytes: Option<&[u8]>) -> String {
    let text = bytes.and_then(from_surrogates);
    readable(text.as_ref().map(String::as_bytes).or(bytes))
}

fn from_surrogates(bytes: &[u8]) -> Option<String> {
    let mut units = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        if let [0xed, a @ 0xa0..=0xff, b, tail @ ..] = rest {
            units.push(0xd000 | u16::from(a & 0x3f) << 6 | u16::from(b & 0x3f));
            rest = tail;
            continue;
        }
        let len = rest.iter().position(|byte| *byte == 0xed).unwrap_or(rest.len()).max(1).min(rest.len());
        units.extend(std::str::from_utf8(&rest[..len]).ok()?.encode_utf16());
        rest = &rest[len..];
    }
    String::from_utf16(&units).ok()
}

/// The name of an operation.
pub fn op_name(op: i32) -> String {
    let name = menagerie_types::OpCode::from_code(op).filter(|op| op.code() < 1000);
    name.map_or_else(|| format!("op {op}"), |op| format!("{op:?}"))
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&readable(self.0.as_deref()))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} ", self.client)?;
        match &self.action {
            Action::Send(requests) => {
                for (at, request) in requests.iter().enumerate() {
                    write!(f, "{}{request}", if at == 0 { "" } else { "; in the same write " })?;
                }
                Ok(())
            }
            Action::Connect(how) => write!(f, "connects: {how:?}"),
            Action::Drop => f.write_str("drops its connection"),
            Action::Rejoin(request) => write!(f, "drops its connection, comes back, {request}"),
            Action::Frame(len, payload) => write!(f, "sends a frame of length {len} and {payload:02x?}"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&op_name(self.op))?;
        if let Some(xid) = self.xid {
            write!(f, " (xid {xid})")?;
        }
        write!(f, " {}", self.body)?;
        match &self.damage {
            Damage::None => Ok(()),
            Damage::Cut(bytes) => write!(f, " [without its last {bytes} bytes]"),
            Damage::Trailing(bytes) => write!(f, " [and {} bytes behind it]", bytes.len()),
            Damage::Pad(len) => write!(f, " [and zeros up to {len} bytes]"),
            Damage::Length(field, value) => write!(f, " [length no. {field} is {value}]"),
        }
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::Create { path, data, acl, flags, ttl } => {
                write!(f, "{path:?} data={} {} flags={flags}", readable(data.as_deref()), ShownAcl(acl))?;
                ttl.map_or(Ok(()), |ttl| write!(f, " ttl={ttl}"))
            }
            Self::Path(path) => write!(f, "{path:?}"),
            Self::Read(path, 0) => write!(f, "{path:?}"),
            Self::Read(path, watch) => write!(f, "{path:?} watch={watch}"),
            Self::Number(path, number) => write!(f, "{path:?} {number}"),
            Self::SetData { path, data, version } => {
                write!(f, "{path:?} data={} version={version}", readable(data.as_deref()))
            }
            Self::SetAcl { path, acl, version } => write!(f, "{path:?} {} version={version}", ShownAcl(acl)),
            Self::Multi(ops) => {
                let ops: Vec<_> = ops.iter().map(|(op, body)| format!("{} {body}", op_name(*op))).collect();
                write!(f, "[{}]", ops.join(", "))
            }
            Self::SetWatches(relative, lists) => write!(f, "{relative:?} {lists:?}"),
            Self::Auth(scheme, auth) => write!(f, "{scheme:?} {}", readable(auth.as_deref())),
            Self::Token(token) => f.write_str(&readable(token.as_deref())),
            Self::Reconfig(servers, config) => write!(f, "{servers:?} {config}"),
        }
    }
}

struct ShownAcl<'a>(&'a Option<Vec<Entry>>);

impl fmt::Display for ShownAcl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(entries) = self.0 else { return f.write_str("acl=null") };
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| format!("{}:{:?}:{:?}", entry.perms, entry.scheme, entry.id))
            .collect();
        write!(f, "acl=[{}]", entries.join(" "))
    }
}
