//! Clients that show who they are, and clients that do not.

use menagerie_auth::{Enforcement, Properties, Registry, SaslServer};
use menagerie_jute::{AuthPacket, GetSaslRequest};
use menagerie_types::command::identities;

use super::*;

const AUTH_FAILED: i32 = -115;
const MUST_AUTHENTICATE: i32 = -124;
const SASL_PROVIDER: (&str, &str) =
    ("authProvider.1", "org.apache.zookeeper.server.auth.SASLAuthenticationProvider");
const JAAS: &str =
    r#"Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="secret"; };"#;

fn auth(xid: i32, scheme: Option<&str>, auth: Option<&[u8]>) -> BytesMut {
    frame_of(OpCode::Auth, xid, |out| AuthPacket { auth_type: 0, scheme, auth }.encode(out))
}

fn sasl(xid: i32, token: Option<&[u8]>) -> BytesMut {
    frame_of(OpCode::Sasl, xid, |out| GetSaslRequest { token }.encode(out))
}

fn who_am_i(bench: &mut Bench) -> Vec<(String, String)> {
    bench.feed(&frame_of(OpCode::WhoAmI, 99, |_| {}));
    let output = bench.output();
    let mut reader = Reader::new(&output[20..]);
    let response = menagerie_jute::WhoAmIResponse::decode(&mut reader).expect("a list");
    let infos = response.client_infos.iter();
    infos
        .map(|info| (info.auth_scheme.unwrap_or("null").into(), info.user.unwrap_or("null").into()))
        .collect()
}

fn configured(settings: &[(&str, &str)], jaas: Option<&str>) -> GatewayOptions {
    let properties: Properties = settings.iter().copied().collect();
    let registry = Registry::configure(&properties, false).expect("valid");
    GatewayOptions {
        sasl: SaslServer::configure(&properties, jaas).expect("valid"),
        enforcement: Enforcement::configure(&properties, &registry).expect("valid"),
        registry,
        ..GatewayOptions::default()
    }
}

/// xid, zxid, error and body of the only frame.
fn only_reply(bench: &mut Bench) -> (i32, i64, i32, Bytes) {
    let output = bench.output();
    let header = ReplyHeader::decode(&mut Reader::new(&output[4..])).expect("a header");
    assert_eq!(frame::peek(&output, usize::MAX), Ok(Some(output.len())), "one frame");
    (header.xid, header.zxid, header.err, output.slice(20..))
}

#[test]
fn identities_add_up_and_go_with_what_is_asked_afterwards() {
    let mut bench = Bench::new(true);
    bench.feed(&auth(-4, Some("digest"), Some(b"user1:12345")));
    assert_eq!(only_reply(&mut bench), (-4, 0, 0, Bytes::new()));
    bench.feed(&auth(7, Some("ip"), None));
    assert_eq!(only_reply(&mut bench), (7, 0, 0, Bytes::new()));
    let known: Vec<_> =
        identities(bench.conn().identities.encoded()).map(|(s, i)| format!("{s}:{i}")).collect();
    assert_eq!(known, ["ip:127.0.0.1", "digest:user1:+owfoSBn/am19roBPzR1/MfCblE="]);
    let users = [("ip", "127.0.0.1"), ("digest", "user1")].map(|(s, u)| (s.to_owned(), u.to_owned()));
    assert_eq!(who_am_i(&mut bench), users);
}

#[test]
fn an_auth_packet_is_answered_in_its_place() {
    let mut bench = Bench::new(true);
    bench.request(OpCode::SetData, 1);
    bench.feed(&auth(-4, Some("digest"), Some(b"u:p")));
    bench.request(OpCode::SetData, 2);
    assert!(bench.replies().is_empty());
    bench.results(1, &[(1, 0)]);
    assert_eq!(bench.replies(), [(1, 0), (-4, 0)]);
    bench.results(2, &[(2, 0)]);
    assert_eq!(bench.replies(), [(2, 0)]);
}

#[test]
fn who_fails_to_authenticate_is_told_and_closed() {
    for (scheme, credentials) in [
        (Some("nobody"), Some(&b"x"[..])),
        (None, Some(b"x")),
        (Some("digest"), None),
        (Some("sasl"), Some(b"x")),
        (Some("world"), Some(b"anyone")),
    ] {
        let mut bench = Bench::new(true);
        bench.feed(&auth(-4, scheme, credentials));
        bench.request(OpCode::GetData, 1);
        assert_eq!(only_reply(&mut bench), (-4, 0, AUTH_FAILED, Bytes::new()), "{scheme:?}");
        assert!(bench.conn().draining);
    }
    let mut bench = Bench::new(true);
    let no_text = |out: &mut BytesMut| out.extend_from_slice(b"\0\0\0\0\0\0\0\x01\xff\0\0\0\0");
    bench.feed(&frame_of(OpCode::Auth, 5, no_text));
    assert_eq!(only_reply(&mut bench), (5, 0, AUTH_FAILED, Bytes::new()));
    for op in [OpCode::Auth, OpCode::Sasl] {
        let mut bench = Bench::new(true);
        bench.feed(&frame_of(op, 1, |out| write::i32(out, 7)));
        assert!(bench.conn().dead && bench.output().is_empty(), "{op:?}");
    }
}

#[test]
fn there_is_an_end_to_identities() {
    let mut bench = Bench::new(true);
    for n in 0..20 {
        bench.feed(&auth(-4, Some("digest"), Some(format!("{n}{}:", "x".repeat(10_000)).as_bytes())));
    }
    let replies = bench.replies();
    assert_eq!(replies.last(), Some(&(-4, AUTH_FAILED)));
    assert!((3..8).contains(&replies.len()) && bench.conn().draining);
}

#[test]
fn whoever_must_authenticate_and_does_not_is_told_so_whatever_it_asks() {
    let settings = [("enforce.auth.enabled", "true"), ("enforce.auth.schemes", "digest")];
    for op in [OpCode::Ping.code(), OpCode::CloseSession.code(), OpCode::GetData.code(), 12345] {
        let mut bench = Bench::with_options(true, configured(&settings, None));
        bench.feed(&request(op, 3, false));
        assert_eq!(only_reply(&mut bench), (3, 0, MUST_AUTHENTICATE, Bytes::new()), "{op}");
        assert!(bench.conn().draining && bench.core.outstanding.is_empty());
        let mut bench = Bench::with_options(true, configured(&settings, None));
        bench.feed(&auth(-4, Some("digest"), Some(b"u:p")));
        bench.feed(&request(op, 3, false));
        assert!(!bench.replies().contains(&(3, MUST_AUTHENTICATE)), "{op}");
    }
}

#[test]
fn without_sasl_a_token_is_answered_with_nothing() {
    let mut bench = Bench::new(true);
    bench.feed(&sasl(1, Some(b"")));
    assert_eq!(only_reply(&mut bench), (1, 0, 0, Bytes::from_static(&[0xff; 4])));
    assert!(!bench.conn().draining);
}

#[test]
fn who_fails_to_log_in_is_closed_with_a_token_that_is_null_unless_it_may_stay() {
    let null = Bytes::from_static(&[0xff; 4]);
    for (setting, err) in [
        (("sasl.ignored", ""), AUTH_FAILED),
        (("sessionRequireClientSASLAuth", "true"), MUST_AUTHENTICATE),
        (("allowSaslFailedClients", "true"), 0),
    ] {
        let mut bench = Bench::with_options(true, configured(&[SASL_PROVIDER, setting], Some(JAAS)));
        bench.feed(&sasl(1, Some(b"")));
        let (xid, zxid, challenge_err, challenge) = only_reply(&mut bench);
        assert_eq!((xid, zxid, challenge_err), (1, 0, 0));
        assert!(challenge.len() > 4);
        bench.feed(&sasl(2, Some(b"username=\"bob\",response=nonsense")));
        assert_eq!(only_reply(&mut bench), (2, 0, err, null.clone()), "{setting:?}");
        assert_eq!(bench.conn().draining, err != 0);
    }
}
