//! Single requests.

use menagerie_types::OpCode;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::{acls, data, multis, paths, text, version, watches};
use crate::case::{Body, Damage, Request, Text};
use crate::servers::Profile;

/// 2^40 - 1: the longest.
const TTL_MAX: i64 = (1 << 40) - 1;
/// A version that no znode reaches here: what is shared between cases is not to change.
const NEVER: i32 = 99;

/// Any request.
pub fn request(profile: Profile) -> BoxedStrategy<Request> {
    let xid = weighted(0.03, select(&[0, -2, -4, -8, -100, 1, i32::MIN, i32::MAX][..]));
    let any = (whole(profile), xid, damage());
    any.prop_map(|(request, xid, damage)| Request { xid, damage, ..request }).boxed()
}

fn whole(profile: Profile) -> BoxedStrategy<Request> {
    let writes = prop_oneof![
        22 => create(),
        8 => delete(),
        10 => set_data(),
        6 => set_acl(),
        8 => multis::multi(),
        1 => shared_write(),
    ];
    let reads = prop_oneof![
        7 => read(OpCode::Exists),
        8 => read(OpCode::GetData),
        5 => read(OpCode::GetChildren),
        5 => read(OpCode::GetChildren2),
        4 => path(OpCode::GetAcl),
        2 => path(OpCode::Sync),
        2 => path(OpCode::GetEphemerals),
        2 => path(OpCode::GetAllChildrenNumber),
        3 => multis::multi_read(),
        2 => bare(&[OpCode::WhoAmI]),
        2 => bare(&[OpCode::Ping]),
    ];
    let watches = prop_oneof![
        6 => watches::add_watch(),
        6 => watches::remove_watches(),
        4 => watches::set_watches(),
    ];
    prop_oneof![
        48 => writes,
        36 => reads,
        12 => watches,
        5 => acls::auth(profile),
        1 => rare(),
    ]
    .boxed()
}

/// All four kinds of create, mostly with flags that go with the kind.
// Boxed, as a tree of this many branches is large to have on the stack.
pub fn create() -> BoxedStrategy<Request> {
    let plain = select(&[OpCode::Create, OpCode::Create, OpCode::Create2][..]);
    let mode = select(&[0, 0, 0, 0, 0, 1, 1, 2, 2, 3][..]);
    let odd_mode = select(&[4, 5, 6, 7, -1, 8, i32::MAX, i32::MIN][..]);
    let any_mode = select(&[0, 1, 2, 3, 4, 5, 6, 7][..]);
    let ttl = select(&[600_000, 600_000, TTL_MAX, TTL_MAX + 1, 0, -1, i64::MAX, i64::MIN][..]);
    // createTTL with flags that have no TTL and -1 as TTL makes ZooKeeper fail while it applies the write.
    let ttl_for_any = select(&[600_000, 0, 1][..]);
    prop_oneof![
        40 => (plain.clone(), mode).prop_map(|(op, flags)| (op, flags, None)),
        3 => (plain, odd_mode.clone()).prop_map(|(op, flags)| (op, flags, None)),
        6 => Just((OpCode::CreateContainer, 4, None)),
        // Not the ephemeral ones: until it is applied, ZooKeeper takes such a container for an ephemeral.
        1 => select(&[0, 2, 4, 5, 6, 7][..]).prop_map(|flags| (OpCode::CreateContainer, flags, None)),
        6 => (select(&[5, 6][..]), ttl).prop_map(|(flags, ttl)| (OpCode::CreateTtl, flags, Some(ttl))),
        1 => (prop_oneof![any_mode, odd_mode], ttl_for_any)
            .prop_map(|(flags, ttl)| (OpCode::CreateTtl, flags, Some(ttl))),
    ]
    .prop_flat_map(|kind| (Just(kind), paths::write(), data(), acls::acl()))
    .prop_map(|((op, flags, ttl), path, data, acl)| {
        // Limits that go with a session: what ends with the same session counts or not, as the hash set has it.
        let flags = if is_quota(&path) && matches!(flags, 1 | 3) { flags - 1 } else { flags };
        let path = if is_sequential(flags) { sequence_base(path) } else { path };
        Request::new(op.code(), Body::Create { path, data, acl, flags, ttl })
    })
    .boxed()
}

fn is_sequential(flags: i32) -> bool {
    matches!(flags, 2 | 3 | 6)
}

// A number behind the case's own name would make it a sibling, which nobody would delete.
fn sequence_base(path: Text) -> Text {
    match path.0 {
        Some(mut bytes) if bytes.ends_with(b"$") => {
            bytes.push(b'/');
            Text(Some(bytes))
        }
        other => Text(other),
    }
}

/// delete.
pub fn delete() -> impl Strategy<Value = Request> {
    (prop_oneof![20 => paths::write(), 1 => paths::shared()], version())
        .prop_map(|(path, version)| Request::new(OpCode::Delete.code(), Body::Number(path, version)))
}

/// setData.
pub fn set_data() -> impl Strategy<Value = Request> {
    // What is in zookeeper_stats must parse: ZooKeeper fails while it applies the next write below.
    let path = paths::write().prop_filter("statistics", |path| !is_quota(path));
    (path, data(), version()).prop_map(|(path, data, version)| {
        Request::new(OpCode::SetData.code(), Body::SetData { path, data, version })
    })
}

fn is_quota(path: &Text) -> bool {
    path.0.as_ref().is_some_and(|path| path.starts_with(b"/zookeeper/quota"))
}

/// setACL.
pub fn set_acl() -> impl Strategy<Value = Request> {
    (paths::write(), acls::acl(), version()).prop_map(|(path, acl, version)| {
        Request::new(OpCode::SetAcl.code(), Body::SetAcl { path, acl, version })
    })
}

/// check, which only a multi may contain.
pub fn check() -> impl Strategy<Value = Request> {
    (prop_oneof![12 => paths::write(), 1 => paths::shared()], version())
        .prop_map(|(path, version)| Request::new(OpCode::Check.code(), Body::Number(path, version)))
}

fn read(op: OpCode) -> impl Strategy<Value = Request> {
    let watch = select(&[0, 0, 1, 1, 1, 2, 255][..]);
    (paths::read(), watch).prop_map(move |(path, watch)| Request::new(op.code(), Body::Read(path, watch)))
}

fn path(op: OpCode) -> impl Strategy<Value = Request> {
    paths::read().prop_map(move |path| Request::new(op.code(), Body::Path(path)))
}

fn bare(ops: &'static [OpCode]) -> impl Strategy<Value = Request> {
    select(ops).prop_map(|op| Request::new(op.code(), Body::Empty))
}

// Writes to what all cases share, which must fail.
fn shared_write() -> impl Strategy<Value = Request> {
    let create = (paths::shared(), acls::acl(), select(&[0, 1, 7][..])).prop_map(|(path, acl, flags)| {
        Request::new(OpCode::Create.code(), Body::Create { path, data: None, acl, flags, ttl: None })
    });
    let set_data = paths::shared().prop_map(|path| {
        Request::new(OpCode::SetData.code(), Body::SetData { path, data: None, version: NEVER })
    });
    let set_acl = (paths::shared(), acls::acl()).prop_map(|(path, acl)| {
        Request::new(OpCode::SetAcl.code(), Body::SetAcl { path, acl, version: NEVER })
    });
    prop_oneof![create, set_data, set_acl]
}

// Most of these end the connection.
fn rare() -> impl Strategy<Value = Request> {
    let null = || Text(None);
    prop_oneof![
        4 => bare(&[OpCode::CloseSession]),
        1 => check(),
        1 => select(&[0, 10, -1, 23, 99, 108, 1000, 1004, i32::MAX, i32::MIN][..])
            .prop_map(|op| Request::new(op, Body::Path(Text::new("$/a")))),
        1 => Just(Request::new(OpCode::Reconfig.code(), Body::Reconfig([null(), null(), null()], -1))),
        1 => weighted(0.7, vec(any::<u8>(), 0..20))
            .prop_map(|token| Request::new(OpCode::Sasl.code(), Body::Token(token))),
    ]
}

fn damage() -> impl Strategy<Value = Damage> {
    let length = select(&[i32::MAX, -2, i32::MIN, 2_000_000, 3_000_000, 70_000][..]);
    prop_oneof![
        940 => Just(Damage::None),
        20 => (1..12usize).prop_map(Damage::Cut),
        20 => vec(any::<u8>(), 1..9).prop_map(Damage::Trailing),
        // jute.maxbuffer, and one more.
        1 => select(&[0xf_ffff, 0x10_0000][..]).prop_map(Damage::Pad),
        20 => (0..8usize, length).prop_map(|(field, value)| Damage::Length(field, value)),
    ]
}

/// Limits for the case's own znode or one below, set in one write.
pub fn quota() -> impl Strategy<Value = Vec<Request>> {
    let limits = select(
        &[
            "count=5,bytes=-1",
            "count=-1,bytes=20",
            "count=2,bytes=5",
            "count=-1,bytes=-1=;byteHardLimit=15;countHardLimit=-1",
            "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3",
            "count=1,bytes=1=;byteHardLimit=30;countHardLimit=4",
            "count=3,bytes=10=;byteHardLimit=0;countHardLimit=0",
        ][..],
    );
    (limits, select(&[false, false, true][..])).prop_map(|(limits, below)| {
        let own = "/zookeeper/quota$";
        let root = if below { "/zookeeper/quota$/a" } else { own };
        let mut requests = vec![plain_create(own, ""), plain_create(root, "")];
        requests.push(plain_create(&format!("{root}/zookeeper_limits"), limits));
        requests.push(plain_create(&format!("{root}/zookeeper_stats"), "count=0,bytes=0"));
        requests
    })
}

/// A znode for everybody.
pub fn plain_create(path: &str, data: &str) -> Request {
    let open = crate::case::Entry { perms: 31, scheme: text("world"), id: text("anyone") };
    let (path, data, acl) = (text(path), Some(data.as_bytes().to_vec()), Some(vec![open]));
    Request::new(OpCode::Create.code(), Body::Create { path, data, acl, flags: 0, ttl: None })
}
