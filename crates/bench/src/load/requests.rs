//! The requests of a load, ready to be patched and sent.

use bytes::BytesMut;
use menagerie_jute::{
    AclList, CreateRequest, DeleteRequest, MultiHeader, PathRequest, PathWatchRequest, RequestHeader,
    SetDataRequest, frame,
};
use menagerie_types::{CreateMode, OpCode};

use super::plan::Plan;
use crate::wire::{DIGITS, Output, Template, digits};

/// One template for each kind.
#[derive(Clone, Debug)]
pub struct Requests {
    pub get: Template,
    pub set: Template,
    pub exists: Template,
    pub children: Template,
    pub sync: Template,
    /// Of a persistent and of an ephemeral znode.
    pub create: [Template; 2],
    pub delete: [Template; 2],
    pub multi: Multi,
}

impl Requests {
    /// Those of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let key = plan.key(0);
        let (len, payload_len) = (Some(key.len()), Some(plan.payload.len()));
        let parent = plan.parent();
        let read = |op, path: &str, len| {
            Template::new(op, len, None, |out| PathWatchRequest { path, watch: false }.encode(out))
        };
        let create = |ephemeral| {
            let path = plan.made(ephemeral, 0);
            let flags = if ephemeral { CreateMode::Ephemeral } else { CreateMode::Persistent } as i32;
            Template::new(OpCode::Create, Some(path.len()), payload_len, |out| {
                let (data, acl) = (Some(&plan.payload[..]), Some(AclList::open()));
                CreateRequest { path: &path, data, acl, flags }.encode(out);
            })
        };
        let delete = |ephemeral| {
            let path = plan.made(ephemeral, 0);
            let request = DeleteRequest { path: &path, version: -1 };
            Template::new(OpCode::Delete, Some(path.len()), None, |out| request.encode(out))
        };
        let set = SetDataRequest { path: &key, data: Some(&plan.payload), version: -1 };
        Self {
            get: read(OpCode::GetData, &key, len),
            set: Template::new(OpCode::SetData, len, payload_len, |out| set.encode(out)),
            exists: read(OpCode::Exists, &key, len),
            children: read(OpCode::GetChildren, &parent, None),
            sync: Template::new(OpCode::Sync, None, None, |out| {
                PathRequest { path: &plan.target.prefix }.encode(out);
            }),
            create: [create(false), create(true)],
            delete: [delete(false), delete(true)],
            multi: Multi::new(&set),
        }
    }
}

/// A multi of several setData, each of a znode of its own.
#[derive(Clone, Debug)]
pub struct Multi {
    head: Vec<u8>,
    set: Vec<u8>,
    /// End of the path in `set`.
    path_end: usize,
    end: Vec<u8>,
}

impl Multi {
    fn new(set: &SetDataRequest<'_>) -> Self {
        let bytes = |write: &dyn Fn(&mut BytesMut)| {
            let mut out = BytesMut::new();
            write(&mut out);
            out.to_vec()
        };
        let op = MultiHeader { op: OpCode::SetData.code(), done: false, err: -1 };
        let header = bytes(&|out| op.encode(out)).len();
        Self {
            head: bytes(&|out| {
                let _ = frame::begin(out);
                RequestHeader { xid: 0, op: OpCode::Multi.code() }.encode(out);
            }),
            set: bytes(&|out| {
                op.encode(out);
                set.encode(out);
            }),
            path_end: header + 4 + set.path.len(),
            end: bytes(&|out| MultiHeader::END.encode(out)),
        }
    }

    /// Bytes of a request of `ops` operations.
    pub fn frame_len(&self, ops: usize) -> usize {
        self.head.len() + ops * self.set.len() + self.end.len()
    }

    /// Appends a request of `ops` operations.
    pub fn put(&self, out: &mut Output, xid: i32, ops: usize, mut number: impl FnMut() -> u64) {
        out.append(&self.head);
        let payload_len = (self.frame_len(ops) - frame::PREFIX_LEN) as u32;
        out.patch(self.head.len(), &payload_len.to_be_bytes());
        out.patch(self.head.len() - frame::PREFIX_LEN, &xid.to_be_bytes());
        for _ in 0..ops {
            out.append(&self.set);
            out.patch(self.set.len() - self.path_end + DIGITS, &digits(number()));
        }
        out.append(&self.end);
    }
}

#[cfg(test)]
mod tests {
    use menagerie_jute::{MultiOp, Reader, multi_ops};

    use super::*;

    #[test]
    fn a_multi_is_what_a_server_decodes() {
        let set = SetDataRequest { path: "/p/k0000000000", data: Some(b"data"), version: -1 };
        let multi = Multi::new(&set);
        let mut out = Output::default();
        let mut next = 41;
        multi.put(&mut out, 5, 3, || {
            next += 1;
            next
        });
        let mut bytes = Vec::new();
        out.write_to(&mut bytes, b"").expect("a vector takes everything");
        assert_eq!(frame::peek(&bytes, 1 << 20).expect("a frame"), Some(bytes.len()));
        assert_eq!(bytes.len(), multi.frame_len(3));
        let mut reader = Reader::new(&bytes[frame::PREFIX_LEN..]);
        let header = RequestHeader::decode(&mut reader).expect("a header");
        assert_eq!((header.xid, header.op), (5, OpCode::Multi.code()));
        let ops: Result<Vec<_>, _> = multi_ops(reader.remaining()).collect();
        let paths = ops.expect("operations").into_iter().map(|(_, op)| match op {
            MultiOp::SetData(set) => (set.path.to_owned(), set.data.map(<[u8]>::to_vec)),
            other => panic!("{other:?}"),
        });
        let paths = paths.collect::<Vec<_>>();
        assert_eq!(paths.len(), 3);
        assert_eq!(paths[2], ("/p/k0000000044".to_owned(), Some(b"data".to_vec())));
    }
}
