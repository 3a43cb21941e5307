//! The test of the test that needs no server.

use bytes::BytesMut;

use crate::case::{Body, Damage, Request, Text};
use crate::compare::{differences, kind, report};
use crate::encode::{self, Context};
use crate::servers::Profile;
use crate::shrink;
use crate::transcript::{Item, Line, Token, Transcript};

fn item(client: usize, tokens: Vec<Token>) -> Item {
    Item { step: 1, client, tokens, event: None }
}

fn event(client: usize, path: &str, zxid: i64) -> Item {
    Item { event: Some(zxid), ..item(client, vec![Token::Text(path.to_owned()), Token::Exact(zxid)]) }
}

fn lines(items: Vec<Item>) -> Vec<Line> {
    Transcript { items, ..Transcript::default() }.lines("/d1")
}

fn texts(items: Vec<Item>) -> Vec<String> {
    lines(items).into_iter().map(|line| line.text).collect()
}

fn bytes(request: &Request) -> Vec<u8> {
    let mut out = BytesMut::new();
    encode::request(&mut out, request, 7, &Context { own: "/d1", last_seen: 0 });
    out.to_vec()
}

#[test]
fn a_number_of_a_seed_is_always_the_same_case() {
    let case = |seed, number| {
        let tree = shrink::tree(Profile::Default, seed, number).expect("a case");
        format!("{:?}", tree.current())
    };
    assert_eq!(case(1, 2), case(1, 2));
    assert_ne!(case(1, 2), case(1, 3));
    assert_ne!(case(1, 2), case(2, 2));
}

#[test]
fn zxids_are_compared_by_their_place_among_the_writes() {
    let play = |first: i64, second: i64, between: i64| {
        texts(vec![
            item(0, vec![Token::Write(first)]),
            item(0, vec![Token::Header(between)]),
            item(0, vec![Token::Write(second)]),
            item(0, vec![Token::Exact(first), Token::Exact(first - 1), Token::Exact(0)]),
        ])
    };
    assert_eq!(play(10, 11, 10), ["z0", "@0", "z1", "z0old0"]);
    // Another server's own writes lie between.
    assert_eq!(play(10, 11, 10), play(70, 90, 75));
    let unknown = texts(vec![item(0, vec![Token::Write(10)]), item(0, vec![Token::Exact(12)])]);
    assert_eq!(unknown, ["z0", "z0+"]);
}

#[test]
fn a_write_has_one_time() {
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("now").as_millis()).expect("now");
    let times = |a: i64, b: i64, c: i64| {
        let written = item(0, vec![Token::Write(1), Token::Write(2)]);
        texts(vec![
            written,
            item(0, vec![Token::Time(1, a)]),
            item(0, vec![Token::Time(1, b)]),
            item(0, vec![Token::Time(2, c)]),
        ])
        .split_off(1)
    };
    assert_eq!(times(now, now, now), ["t", "t", "t"]);
    assert_eq!(times(now, now + 1, now + 1), ["t", "another time", "t"]);
    assert_eq!(times(now, now, now - 1), ["t", "t", "earlier"]);
    assert_eq!(times(0, 0, now), ["not now", "not now", "t"]);
}

#[test]
fn what_the_end_of_a_session_deletes_has_no_order() {
    let events = |paths: [&str; 2], close: bool| {
        let items = paths.iter().map(|path| event(0, path, 5)).collect();
        let closes = if close { [5].into() } else { [].into() };
        Transcript { items, closes, ..Transcript::default() }.lines("/d1")
    };
    assert_eq!(events(["/d1/a", "/d1/b"], true), events(["/d1/b", "/d1/a"], true));
    assert_ne!(events(["/d1/a", "/d1/b"], false), events(["/d1/b", "/d1/a"], false));
}

#[test]
fn clients_are_compared_each_by_itself() {
    let line = |client, text: &str| Line { step: 1, client, text: text.to_owned() };
    let (a, b, c) = (line(0, "a"), line(1, "b"), line(0, "c"));
    let all = |lines: [&Line; 3]| lines.map(Line::clone).to_vec();
    assert!(differences(&all([&a, &b, &c]), &all([&b, &a, &c])).is_empty());
    assert_eq!(differences(&all([&a, &b, &c]), &all([&c, &b, &a])), [(Some(a.clone()), Some(c.clone()))]);
    assert_eq!(differences(&all([&a, &b, &c])[..2], &all([&a, &b, &c])), [(None, Some(c))]);
    assert_eq!(kind(&[a], std::slice::from_ref(&b)), "a | nothing");
    assert_eq!(kind(std::slice::from_ref(&b), std::slice::from_ref(&b)), "");
}

#[test]
fn reports_mark_what_differs() {
    let case = shrink::tree(Profile::Default, 1, 1).expect("a case").current();
    let line = |text: &str| Line { step: 1, client: 0, text: text.to_owned() };
    let told = report(&case, ["one", "two"], &[line("same"), line("this")], &[line("same"), line("that")]);
    for expected in ["- is one, + is two", "client 0: same", "- client 0: this", "+ client 0: that"] {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn damage_is_done_to_the_body_and_the_frame_stays_whole() {
    let whole = Request::new(2, Body::Number(Text::new("$/a"), -1));
    let damaged = |damage| bytes(&Request { damage, ..whole.clone() });
    let expected = b"\0\0\0\x15\0\0\0\x07\0\0\0\x02\0\0\0\x05/d1/a\xff\xff\xff\xff";
    assert_eq!(bytes(&whole), expected);
    assert_eq!(damaged(Damage::Cut(1)), b"\0\0\0\x14\0\0\0\x07\0\0\0\x02\0\0\0\x05/d1/a\xff\xff\xff");
    assert_eq!(damaged(Damage::Cut(100)), b"\0\0\0\x08\0\0\0\x07\0\0\0\x02");
    assert_eq!(damaged(Damage::Trailing(vec![9])), [b"\0\0\0\x16", &expected[4..], b"\x09"].concat());
    assert_eq!(damaged(Damage::Length(3, -2))[12..16], [0xff, 0xff, 0xff, 0xfe]);
}

#[test]
fn words_leave_out_the_requests_that_contain_them() {
    let case = (0..).map(|number| shrink::tree(Profile::Default, 3, number).expect("a case").current());
    let case =
        case.take(100).find(|case| format!("{:?}", case.steps).contains("SetAcl")).expect("one with setACL");
    let words = ["SetAcl".to_owned()];
    let shown = |case: &crate::case::Case| case.steps.iter().map(ToString::to_string).collect::<String>();
    assert!(shown(&case).contains("SetAcl"));
    assert!(!shown(&case.without(&words)).contains("SetAcl"));
}
