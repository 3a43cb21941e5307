//! Replies as tokens.

use std::fmt::Write as _;

use menagerie_jute::{JuteError, MultiHeader, Reader};
use menagerie_types::{ErrorCode, OpCode, Stat};

use crate::case::{Body, op_name, readable_reply};
use crate::transcript::Token;

/// Znodes that all cases share: what cases leave behind shows there.
const SHARED: &[&str] = &["/", "", "/zookeeper", "/zookeeper/quota"];
/// What every server has.
const BUILT_IN: &[&str] = &["zookeeper", "quota", "config"];

type Decoded = Result<(), JuteError>;

/// Collects the tokens of one item.
#[derive(Debug, Default)]
pub struct Tokens {
    tokens: Vec<Token>,
    // Which of the request's operations are about a znode that all cases share.
    shared: Vec<bool>,
    // Which operation is being read.
    at: usize,
}

impl Tokens {
    /// Of a reply to this.
    pub fn about(request: &Body) -> Self {
        let shared = match request {
            Body::Multi(ops) => ops.iter().map(|(_, body)| is_shared(body)).collect(),
            single => vec![is_shared(single)],
        };
        Self { shared, ..Self::default() }
    }

    fn shared(&self) -> bool {
        self.shared.get(self.at).is_some_and(|shared| *shared)
    }

    /// What was collected.
    pub fn into_inner(self) -> Vec<Token> {
        self.tokens
    }

    /// Adds a token.
    pub fn push(&mut self, token: Token) {
        self.tokens.push(token);
    }

    /// Adds text.
    pub fn text(&mut self, text: impl Into<String>) {
        self.push(Token::Text(text.into()));
    }

    /// Adds the body of a reply; what cannot be read, or is left over, as hexadecimal digits.
    pub fn body(&mut self, op: i32, err: i32, body: &[u8], own: &str) {
        let mark = self.tokens.len();
        let mut reader = Reader::new(body);
        // What there is of a multiRead that fails midway comes behind the error.
        let has_result = err == 0 || op == OpCode::MultiRead.code() && !body.is_empty();
        if has_result && self.result(op, &mut reader, own).is_err() {
            self.tokens.truncate(mark);
            reader = Reader::new(body);
        }
        if !reader.is_empty() {
            let mut digits = String::from(" bytes ");
            for byte in reader.remaining() {
                let _ = write!(digits, "{byte:02x}");
            }
            self.text(digits);
        }
    }

    fn result(&mut self, op: i32, reader: &mut Reader<'_>, own: &str) -> Decoded {
        match OpCode::from_code(op) {
            Some(OpCode::Create | OpCode::Sync) => self.string(reader),
            Some(OpCode::Create2 | OpCode::CreateContainer | OpCode::CreateTtl) => {
                self.string(reader)?;
                self.stat(reader)
            }
            Some(OpCode::Exists | OpCode::SetData | OpCode::SetAcl) => self.stat(reader),
            Some(OpCode::GetData | OpCode::Reconfig) => {
                self.string(reader)?;
                self.stat(reader)
            }
            Some(OpCode::GetAcl) => {
                self.acl(reader)?;
                self.stat(reader)
            }
            Some(OpCode::GetChildren | OpCode::GetEphemerals) => self.names(reader, own),
            Some(OpCode::GetChildren2) => {
                self.names(reader, own)?;
                self.stat(reader)
            }
            Some(OpCode::Multi | OpCode::MultiRead) => self.multi(reader, own),
            Some(OpCode::GetAllChildrenNumber) => {
                let number = reader.i32()?;
                self.text(if self.shared() { " some".to_owned() } else { format!(" {number}") });
                Ok(())
            }
            Some(OpCode::AddWatch) => {
                let err = reader.i32()?;
                self.text(format!(" {err}"));
                Ok(())
            }
            Some(OpCode::WhoAmI) => self.identities(reader),
            Some(OpCode::Sasl) => self.string(reader),
            _ => Ok(()),
        }
    }

    fn multi(&mut self, reader: &mut Reader<'_>, own: &str) -> Decoded {
        loop {
            let header = MultiHeader::decode(reader)?;
            if header.done {
                self.text(format!(" [end {} {}]", header.op, header.err));
                return Ok(());
            }
            self.text(format!(
                " [{} {}",
                if header.op == -1 { "error".into() } else { op_name(header.op) },
                header.err
            ));
            if header.op == -1 {
                self.text(format!(" {}", error_name(reader.i32()?)));
            } else {
                self.result(header.op, reader, own)?;
            }
            self.text("]");
            self.at += 1;
        }
    }

    fn string(&mut self, reader: &mut Reader<'_>) -> Decoded {
        let bytes = reader.buffer()?;
        self.text(format!(" {}", readable_reply(bytes)));
        Ok(())
    }

    // In no order; and of shared znodes only what this case knows of.
    fn names(&mut self, reader: &mut Reader<'_>, own: &str) -> Decoded {
        let count = reader.i32()?;
        let mut names = Vec::new();
        for _ in 0..count.max(0) {
            names.push(readable_reply(reader.buffer()?));
        }
        if self.shared() {
            let known = |name: &str| name == &own[1..] || BUILT_IN.contains(&name);
            names.retain(|name| known(name.trim_matches('\'')));
        }
        names.sort_unstable();
        self.text(format!(" {}[{}]", if count < 0 { "null" } else { "" }, names.join(" ")));
        Ok(())
    }

    fn acl(&mut self, reader: &mut Reader<'_>) -> Decoded {
        for _ in 0..reader.i32()? {
            let (perms, scheme, id) = (reader.i32()?, reader.buffer()?, reader.buffer()?);
            self.text(format!(" {perms}:{}:{}", readable_reply(scheme), readable_reply(id)));
        }
        Ok(())
    }

    fn identities(&mut self, reader: &mut Reader<'_>) -> Decoded {
        let mut identities = Vec::new();
        for _ in 0..reader.i32()? {
            let (scheme, user) = (reader.buffer()?, reader.buffer()?);
            identities.push(format!("{}:{}", readable_reply(scheme), readable_reply(user)));
        }
        self.text(format!(" [{}]", identities.join(" ")));
        Ok(())
    }

    fn stat(&mut self, reader: &mut Reader<'_>) -> Decoded {
        let stat = reader.stat()?;
        let Stat { czxid, mzxid, pzxid, .. } = stat;
        self.text(" Stat{c=");
        self.push(Token::Exact(czxid.0));
        self.text(" ");
        self.push(Token::Time(czxid.0, stat.ctime));
        self.text(" m=");
        self.push(Token::Exact(mzxid.0));
        self.text(" ");
        self.push(Token::Time(mzxid.0, stat.mtime));
        self.text(format!(" version={} aversion={} owner=", stat.version, stat.aversion));
        self.push(Token::Session(stat.ephemeral_owner.0));
        self.text(format!(" length={}", stat.data_length));
        if !self.shared() {
            self.text(format!(" cversion={} children={} p=", stat.cversion, stat.num_children));
            self.push(Token::Exact(pzxid.0));
        }
        self.text("}");
        Ok(())
    }
}

fn is_shared(body: &Body) -> bool {
    match body {
        Body::Path(path) | Body::Read(path, _) => {
            SHARED.iter().any(|shared| path.0.as_deref() == Some(shared.as_bytes()))
        }
        _ => false,
    }
}

/// The name of an error code.
pub fn error_name(code: i32) -> String {
    match ErrorCode::from_code(code) {
        _ if code == 0 => "ok".to_owned(),
        Some(known) => format!("{known:?}"),
        None => format!("error {code}"),
    }
}
