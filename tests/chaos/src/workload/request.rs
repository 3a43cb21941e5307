//! Requests as they go out, and answers as they come.

use bytes::BytesMut;
use menagerie_client::{Client, ClientError, PendingReply, Reply};
use menagerie_jute::multi_reply::{self, MultiResult};
use menagerie_jute::{
    AclList, CheckVersionRequest, Create2Response, CreateRequest, DeleteRequest, GetChildren2Response,
    GetDataResponse, JuteError, MultiOp, PathRequest, PathWatchRequest, Reader, SetDataRequest, encode_multi,
};
use menagerie_types::{CreateMode, OpCode, Stat};

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// sync.
    Sync(String),
    /// getData.
    Get {
        /// Which znode.
        path: String,
        /// Whether to watch it.
        watch: bool,
    },
    /// setData.
    Set {
        /// Which znode.
        path: String,
        /// The data.
        value: String,
        /// Which version.
        version: i32,
    },
    /// create2.
    Create {
        /// Which znode.
        path: String,
        /// The data.
        value: String,
        /// Which kind.
        mode: CreateMode,
    },
    /// delete.
    Delete {
        /// Which znode.
        path: String,
        /// Which version.
        version: i32,
    },
    /// getChildren2.
    Children(String),
    /// A multi: sets the data of one znode if another one exists.
    SetIf {
        /// What must exist.
        exists: String,
        /// Which znode.
        path: String,
        /// The data.
        value: String,
    },
}

/// An answer, good or bad.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// 0, or why it was refused.
    pub code: i32,
    /// From the header.
    pub zxid: i64,
    /// Its place among all that came.
    pub arrival: u64,
    /// The data read.
    pub got: Option<String>,
    /// The path created.
    pub name: Option<String>,
    /// The Stat.
    pub stat: Option<Stat>,
    /// The children listed.
    pub children: Vec<String>,
}

impl Request {
    /// Its name in the history.
    pub fn op(&self) -> &'static str {
        match self {
            Self::Sync(_) => "sync",
            Self::Get { .. } => "get",
            Self::Set { .. } => "set",
            Self::Create { .. } => "create",
            Self::Delete { .. } => "delete",
            Self::Children(_) => "children",
            Self::SetIf { .. } => "setif",
        }
    }

    /// Which znode it is about.
    pub fn path(&self) -> &str {
        match self {
            Self::Sync(path)
            | Self::Children(path)
            | Self::Get { path, .. }
            | Self::Set { path, .. }
            | Self::Create { path, .. }
            | Self::Delete { path, .. }
            | Self::SetIf { path, .. } => path,
        }
    }

    /// The data that it writes.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Set { value, .. } | Self::Create { value, .. } | Self::SetIf { value, .. } => Some(value),
            _ => None,
        }
    }

    /// The version that it asks for.
    pub fn expect(&self) -> Option<i32> {
        match self {
            Self::Set { version, .. } | Self::Delete { version, .. } => Some(*version),
            _ => None,
        }
    }

    /// Whether it sets a watch.
    pub fn watches(&self) -> bool {
        matches!(self, Self::Get { watch: true, .. })
    }

    /// Sends it. When it fails nothing was sent.
    pub async fn send(&self, client: &Client) -> Result<PendingReply, ClientError> {
        client.send_with(self.code(), |out| self.encode(out)).await
    }

    fn code(&self) -> OpCode {
        match self {
            Self::Sync(_) => OpCode::Sync,
            Self::Get { .. } => OpCode::GetData,
            Self::Set { .. } => OpCode::SetData,
            Self::Create { .. } => OpCode::Create2,
            Self::Delete { .. } => OpCode::Delete,
            Self::Children(_) => OpCode::GetChildren2,
            Self::SetIf { .. } => OpCode::Multi,
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Sync(path) => PathRequest { path }.encode(out),
            Self::Get { path, watch } => PathWatchRequest { path, watch: *watch }.encode(out),
            Self::Children(path) => PathWatchRequest { path, watch: false }.encode(out),
            Self::Set { path, value, version } => set(path, value, *version).encode(out),
            Self::Delete { path, version } => DeleteRequest { path, version: *version }.encode(out),
            Self::Create { path, value, mode } => {
                let data = Some(value.as_bytes());
                CreateRequest { path, data, acl: Some(AclList::open()), flags: *mode as i32 }.encode(out);
            }
            Self::SetIf { exists, path, value } => {
                let check = MultiOp::Check(CheckVersionRequest { path: exists, version: -1 });
                encode_multi(out, &[check, MultiOp::SetData(set(path, value, -1))]);
            }
        }
    }

    /// Reads the answer to it.
    pub fn answer(&self, reply: &Reply) -> Result<Answer, JuteError> {
        let header = reply.header;
        let mut answer =
            Answer { code: header.err, zxid: header.zxid, arrival: reply.arrival, ..Answer::default() };
        if header.err == 0 {
            self.body(&mut Reader::new(&reply.body), &mut answer)?;
        }
        Ok(answer)
    }

    fn body(&self, reader: &mut Reader<'_>, answer: &mut Answer) -> Result<(), JuteError> {
        match self {
            Self::Sync(_) | Self::Delete { .. } => {}
            Self::Get { .. } => {
                let response = GetDataResponse::decode(reader)?;
                answer.got = Some(text(response.data.unwrap_or_default()));
                answer.stat = Some(response.stat);
            }
            Self::Set { .. } => answer.stat = Some(reader.stat()?),
            Self::Create { .. } => {
                let response = Create2Response::decode(reader)?;
                answer.name = Some(response.path.to_owned());
                answer.stat = Some(response.stat);
            }
            Self::Children(_) => {
                let response = GetChildren2Response::decode(reader)?;
                answer.children = response.children.into_iter().map(str::to_owned).collect();
                answer.children.sort_unstable();
                answer.stat = Some(response.stat);
            }
            Self::SetIf { .. } => {
                for result in multi_reply::decode(reader)? {
                    match result {
                        MultiResult::SetData(stat) => answer.stat = Some(stat),
                        MultiResult::Error(code) if answer.code == 0 => answer.code = code,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}

fn set<'a>(path: &'a str, value: &'a str, version: i32) -> SetDataRequest<'a> {
    SetDataRequest { path, data: Some(value.as_bytes()), version }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
