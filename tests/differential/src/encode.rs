//! Requests as bytes. By hand, for much of this no well-behaved encoder can write.

use bytes::{BufMut, BytesMut};
use menagerie_jute::{MultiHeader, RequestHeader, frame, write};

use crate::case::{Body, Damage, Entry, Relative, Request, Text};

/// What a request's bytes depend on beside the request.
pub struct Context<'a> {
    /// The case's own znode.
    pub own: &'a str,
    /// The last zxid that the client saw.
    pub last_seen: i64,
}

/// Appends the whole frame of `request`.
pub fn request(out: &mut BytesMut, request: &Request, xid: i32, context: &Context<'_>) {
    let mut encoder = Encoder { out: BytesMut::new(), lengths: Vec::new(), context };
    encoder.body(&request.body);
    let Encoder { out: mut body, lengths, .. } = encoder;
    match &request.damage {
        Damage::None => (),
        Damage::Cut(bytes) => body.truncate(body.len().saturating_sub(*bytes)),
        Damage::Trailing(bytes) => body.extend_from_slice(bytes),
        Damage::Pad(len) => body.resize((*len).max(RequestHeader::LEN + body.len()) - RequestHeader::LEN, 0),
        Damage::Length(field, value) => {
            if let Some(&at) = lengths.get(field % lengths.len().max(1)) {
                body[at..at + 4].copy_from_slice(&value.to_be_bytes());
            }
        }
    }
    let mark = frame::begin(out);
    RequestHeader { xid, op: request.op }.encode(out);
    out.extend_from_slice(&body);
    frame::end(out, mark);
}

struct Encoder<'a> {
    out: BytesMut,
    // Where the lengths and counts are.
    lengths: Vec<usize>,
    context: &'a Context<'a>,
}

impl Encoder<'_> {
    fn body(&mut self, body: &Body) {
        match body {
            Body::Empty => (),
            Body::Create { path, data, acl, flags, ttl } => {
                self.text(path);
                self.buffer(data.as_deref());
                self.acl(acl.as_deref());
                self.out.put_i32(*flags);
                if let Some(ttl) = ttl {
                    self.out.put_i64(*ttl);
                }
            }
            Body::Path(path) => self.text(path),
            Body::Read(path, watch) => {
                self.text(path);
                self.out.put_u8(*watch);
            }
            Body::Number(path, number) => {
                self.text(path);
                self.out.put_i32(*number);
            }
            Body::SetData { path, data, version } => {
                self.text(path);
                self.buffer(data.as_deref());
                self.out.put_i32(*version);
            }
            Body::SetAcl { path, acl, version } => {
                self.text(path);
                self.acl(acl.as_deref());
                self.out.put_i32(*version);
            }
            Body::Multi(ops) => self.multi(ops),
            Body::SetWatches(relative, lists) => self.set_watches(*relative, lists),
            Body::Auth(scheme, auth) => {
                self.out.put_i32(0);
                self.text(scheme);
                self.buffer(auth.as_deref());
            }
            Body::Token(token) => self.buffer(token.as_deref()),
            Body::Reconfig(servers, config) => {
                servers.iter().for_each(|text| self.text(text));
                self.out.put_i64(*config);
            }
        }
    }

    fn multi(&mut self, ops: &[(i32, Body)]) {
        for (op, body) in ops {
            MultiHeader { op: *op, done: false, err: -1 }.encode(&mut self.out);
            self.body(body);
        }
        MultiHeader::END.encode(&mut self.out);
    }

    fn set_watches(&mut self, relative: Relative, lists: &[Vec<Text>]) {
        self.out.put_i64(match relative {
            Relative::LastSeen => self.context.last_seen,
            Relative::Fixed(zxid) => zxid,
        });
        for paths in lists {
            self.count(paths.len());
            paths.iter().for_each(|path| self.text(path));
        }
    }

    fn acl(&mut self, acl: Option<&[Entry]>) {
        let Some(entries) = acl else {
            self.lengths.push(self.out.len());
            return self.out.put_i32(-1);
        };
        self.count(entries.len());
        for entry in entries {
            self.out.put_i32(entry.perms);
            self.text(&entry.scheme);
            self.text(&entry.id);
        }
    }

    fn count(&mut self, count: usize) {
        self.lengths.push(self.out.len());
        write::count(&mut self.out, count);
    }

    fn text(&mut self, text: &Text) {
        let bytes = text.expand(self.context.own);
        self.buffer(bytes.as_deref());
    }

    fn buffer(&mut self, bytes: Option<&[u8]>) {
        self.lengths.push(self.out.len());
        write::buffer(&mut self.out, bytes);
    }
}
