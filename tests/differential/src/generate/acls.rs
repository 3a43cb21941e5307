//! ACLs, and the credentials that go with them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::text;
use crate::case::{Body, Entry, Request, Text};
use crate::servers::Profile;
use menagerie_types::OpCode;

const ALL: i32 = 31;

/// Digest ids of `u1:p1` and `u2:p2`.
const DIGESTS: &[&str] = &["u1:fpT/y03U+EjItKZOSLGvjnJlyng=", "u2:o9NxcCGDPOlcV7JVhmKHOf5ctVE="];

/// Schemes and ids that are valid, if not for everybody.
const VALID: &[(&str, &str)] = &[
    ("world", "anyone"),
    ("world", "anyone"),
    ("digest", DIGESTS[0]),
    ("digest", DIGESTS[0]),
    ("digest", DIGESTS[1]),
    ("auth", ""),
    ("auth", "ignored"),
    ("ip", "127.0.0.1"),
    ("ip", "127.0.0.2"),
    ("ip", "127.0.0.0/8"),
    ("ip", "127.0.0.2/32"),
    ("ip", "127.0.0.3/31"),
    ("ip", "10.1.2.3/0"),
    ("ip", "10.0.0.0/8"),
    ("digest", "nobody:x"),
];

const DOUBTFUL: &[(&str, &str)] = &[
    ("world", "other"),
    ("world", ""),
    ("digest", ""),
    ("digest", "u1"),
    ("digest", ":"),
    ("digest", "u1:"),
    ("digest", ":x"),
    ("digest", "a:b:c"),
    ("digest", "a:b:"),
    ("ip", ""),
    ("ip", "127.0.0"),
    ("ip", "127.0.0.1.2"),
    ("ip", "256.0.0.1"),
    ("ip", "-1.0.0.1"),
    ("ip", "+1.0.0.1"),
    ("ip", "01.02.03.04"),
    ("ip", "1.2.3.x"),
    ("ip", " 1.2.3.4"),
    ("ip", "1..2.3"),
    ("ip", "1.2.3.4."),
    ("ip", "1.2.3.4/33"),
    ("ip", "1.2.3.4/32"),
    ("ip", "1.2.3.4/-1"),
    ("ip", "1.2.3.4/"),
    ("ip", "1.2.3.4/x"),
    ("ip", "1.2.3.4/8/8"),
    ("ip", "/8"),
    ("ip", "localhost"),
    ("ip", "::1"),
    ("ip", "::"),
    ("ip", "::1/64"),
    ("ip", "::1/129"),
    ("ip", "fe80::/10"),
    ("ip", "1:2:3:4:5:6:7:8"),
    ("ip", "1:2:3:4:5:6:7"),
    ("ip", "1::2::3"),
    ("ip", "::ffff:127.0.0.1"),
    ("ip", "fe80::1%lo"),
    ("ip", "g::1"),
    ("sasl", "user"),
    ("sasl", "user/host@REALM"),
    ("x509", "CN=someone"),
    ("super", ""),
    ("ensemble", "name"),
    ("key", "1"),
    ("foo", "bar"),
    ("World", "anyone"),
    ("", ""),
    ("", "anyone"),
];

/// An ACL; mostly one that lets everybody in.
pub fn acl() -> BoxedStrategy<Option<Vec<Entry>>> {
    let open = || vec![Entry { perms: ALL, scheme: text("world"), id: text("anyone") }];
    let twice = |entries: Vec<Entry>| entries.iter().chain(&entries).cloned().collect::<Vec<_>>();
    prop_oneof![
        60 => Just(Some(open())),
        28 => vec(entry(valid()), 1..4).prop_map(Some),
        2 => vec(entry(valid()), 1..3).prop_map(move |entries| Some(twice(entries))),
        4 => vec(entry(prop_oneof![valid(), doubtful(), doubtful()]), 1..3).prop_map(Some),
        1 => Just(Some(Vec::new())),
        1 => Just(None),
    ]
    .boxed()
}

fn entry(identity: impl Strategy<Value = (Text, Text)>) -> impl Strategy<Value = Entry> {
    let perms =
        select(&[ALL, ALL, ALL, ALL, 1, 1, 2, 4, 8, 16, 30, 29, 27, 23, 15, 0, -1, 32, 0x4000_0001][..]);
    (perms, identity).prop_map(|(perms, (scheme, id))| Entry { perms, scheme, id })
}

fn valid() -> impl Strategy<Value = (Text, Text)> {
    select(VALID).prop_map(|(scheme, id)| (text(scheme), text(id)))
}

fn doubtful() -> impl Strategy<Value = (Text, Text)> {
    prop_oneof![
        20 => select(DOUBTFUL).prop_map(|(scheme, id)| (text(scheme), text(id))),
        1 => Just((Text(None), Text(None))),
        1 => select(&["world", "auth", "digest", "ip", "foo"][..]).prop_map(|scheme| (text(scheme), Text(None))),
        1 => Just((Text(None), text("anyone"))),
        1 => Just((text("digest"), Text(Some(b"\xff:x".to_vec())))),
    ]
}

/// An auth packet; mostly one that is accepted.
pub fn auth(profile: Profile) -> impl Strategy<Value = Request> {
    let users: &[&str] = if profile == Profile::Strict {
        &["u1:p1", "u2:p2", "super:test"]
    } else {
        &["u1:p1", "u2:p2", "u1:p1", "super:test"]
    };
    let good = select(users).prop_map(|auth| (text("digest"), Some(auth.as_bytes().to_vec())));
    let odd = select(&["u1:wrong", "u1", "", ":", ":p", "u1:", "u:p:q", "é:p", "super:wrong", "super"][..])
        .prop_map(|auth| (text("digest"), Some(auth.as_bytes().to_vec())));
    let schemes =
        select(&["ip", "world", "auth", "sasl", "x509", "super", "foo", "", "Digest", "ensemble"][..]);
    let scheme =
        (schemes, option::of(Just(b"u1:p1".to_vec()))).prop_map(|(scheme, auth)| (text(scheme), auth));
    let null = prop_oneof![Just((Text(None), None)), Just((text("digest"), None))];
    let bytes = Just((text("digest"), Some(b"\xff:\xfe".to_vec())));
    prop_oneof![16 => good, 4 => odd, 1 => scheme, 1 => null, 1 => bytes]
        .prop_map(|(scheme, auth)| Request::new(OpCode::Auth.code(), Body::Auth(scheme, auth)))
}
