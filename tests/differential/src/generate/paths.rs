//! Paths: few, and of every kind that is treated in a way of its own.

use proptest::prelude::*;
use proptest::sample::select;

use crate::case::Text;

/// More often the ones that come more often.
const OWN: &[&str] = &[
    "$/a",
    "$/a",
    "$/a",
    "$/a",
    "$/a",
    "$/a",
    "$/b",
    "$/b",
    "$/b",
    "$/b",
    "$/c",
    "$/a/a",
    "$/a/a",
    "$/a/a",
    "$/a/b",
    "$/a/b",
    "$/b/a",
    "$/b/a",
    "$/a/a/a",
    "$/a/a/b",
    "$",
    "$",
    "$",
    "$/ab",
    "$/a0000000000",
    "$/a0000000001",
    "$/a0000000002",
    "$/b0000000001",
    "$/a/a0000000000",
    "$/a/0000000000",
];

const SHARED: &[&str] = &["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

const QUOTA: &[&str] = &[
    "/zookeeper/quota$/zookeeper_limits",
    "/zookeeper/quota$/zookeeper_stats",
    "/zookeeper/quota$",
    "/zookeeper/quota$/a",
    "/zookeeper/quota$/a/zookeeper_limits",
    "/zookeeper/quota$/a/zookeeper_stats",
];

/// Invalid ones, and valid ones at the edge.
const ODD: &[&[u8]] = &[
    b"",
    b"a",
    b"a/b",
    b"$/",
    b"$/a/",
    b"$//a",
    b"$/a//b",
    b"//",
    b"$/.",
    b"$/..",
    b"$/./a",
    b"$/../a",
    b"$/a/..",
    b"$/...",
    b"$/.a",
    b"$/a.",
    b"$/a b",
    b"$/\0",
    b"$/a\x01",
    b"$/\x1f",
    b"$/\x7f",
    "$/\u{80}".as_bytes(),
    "$/\u{9f}".as_bytes(),
    "$/\u{a0}".as_bytes(),
    "$/é".as_bytes(),
    "$/\u{d7ff}".as_bytes(),
    "$/\u{e000}".as_bytes(),
    "$/\u{f8ff}".as_bytes(),
    "$/\u{f900}".as_bytes(),
    "$/\u{ffef}".as_bytes(),
    "$/\u{fff0}".as_bytes(),
    "$/\u{fffd}".as_bytes(),
    "$/\u{ffff}".as_bytes(),
    "$/\u{1f600}".as_bytes(),
    // A surrogate pair and a lone surrogate, encoded one by one.
    b"$/\xed\xa0\xbd\xed\xb8\x80",
    b"$/\xed\xa0\x80",
    // No UTF-8: a stray byte, a cut sequence, an overlong one.
    b"$/\xff",
    b"$/\xc3",
    b"$/\xc0\x80",
];

fn texts(paths: &'static [&'static str]) -> impl Strategy<Value = Text> {
    select(paths).prop_map(Text::new)
}

/// A valid path below the case's own znode, or that.
pub fn own() -> impl Strategy<Value = Text> {
    texts(OWN)
}

/// A path that exists before the case, and stays.
pub fn shared() -> impl Strategy<Value = Text> {
    texts(SHARED)
}

/// A path of quotas of the case's own znode.
pub fn quota() -> impl Strategy<Value = Text> {
    texts(QUOTA)
}

/// A path that is wrong, or nearly.
pub fn odd() -> BoxedStrategy<Text> {
    prop_oneof![
        30 => select(ODD).prop_map(|bytes| Text(Some(bytes.to_vec()))),
        2 => Just(Text(None)),
        1 => Just(Text(Some([b"$/".as_slice(), &[b'l'; 3_000]].concat()))),
    ]
    .boxed()
}

/// For what only looks.
pub fn read() -> BoxedStrategy<Text> {
    prop_oneof![85 => own(), 5 => odd(), 6 => shared(), 4 => quota()].boxed()
}

/// For what changes something, if it may.
pub fn write() -> BoxedStrategy<Text> {
    prop_oneof![90 => own(), 6 => odd(), 4 => quota()].boxed()
}
