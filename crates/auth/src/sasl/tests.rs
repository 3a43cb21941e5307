//! Logins, with a client made of the same hashes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::response::Proof;
use super::*;

const JAAS: &str = "Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n    user_super=\"adminpw\"\n    \
                    user_bob=\"pw\" \"user_jos\u{e9}\"=\"p\u{e4}\" \"user_a/h@\"=x \"user_a@R\"=x \"user_a@b@c\"=x;\n};\n\
                    Krb { com.sun.security.auth.module.Krb5LoginModule required; };\nOther { x.Y required; };\nEmpty { };";

fn properties(settings: &[(&str, &str)]) -> Properties {
    settings.iter().copied().collect()
}

fn server(settings: &[(&str, &str)]) -> Server {
    Server::configure(&properties(settings), Some(JAAS)).expect("valid").expect("a section")
}

/// What a client answers to the challenge.
fn response(exchange: &mut Exchange, server: &Server, user: &str, password: &str) -> String {
    let Step::Challenge(challenge) = exchange.step(server, &[]) else { panic!("no challenge") };
    let challenge = String::from_utf8(challenge).expect("text");
    let nonce = challenge.split('"').nth(3).expect("a nonce");
    let proof = Proof {
        username: user,
        realm: "zk-sasl-md5",
        password,
        nonce: nonce.as_bytes(),
        cnonce: b"c",
        digest_uri: "zookeeper/zk-sasl-md5",
        authzid: None,
    };
    format!(
        "charset=utf-8,username=\"{user}\",realm=\"zk-sasl-md5\",nonce=\"{nonce}\",nc=00000001,cnonce=\"c\",\
         digest-uri=\"zookeeper/zk-sasl-md5\",maxbuf=65536,response={},qop=auth",
        proof.of_client()
    )
}

fn login(server: &Server, user: &str, password: &str) -> Step {
    let mut exchange = Exchange::new([7; ENTROPY_LEN]);
    let response = response(&mut exchange, server, user, password);
    exchange.step(server, response.as_bytes())
}

fn id_of(step: Step) -> Option<String> {
    match step {
        Step::Done { authzid, token } => token.starts_with(b"rspauth=").then_some(authzid),
        Step::Challenge(_) | Step::Failed(_) => None,
    }
}

#[test]
fn the_challenge_is_javas() {
    let mut exchange = Exchange::new([0; ENTROPY_LEN]);
    let nonce = "A".repeat(40);
    let expected = format!("realm=\"zk-sasl-md5\",nonce=\"{nonce}\",charset=utf-8,algorithm=md5-sess");
    assert_eq!(exchange.step(&server(&[]), b"ignored"), Step::Challenge(expected.into_bytes()));
}

#[test]
fn a_login_of_javas_client_ends_as_with_javas_server() {
    let nonce = "J9xT2nYJHqIJqJ4nj7awRJ2MLyccyWH8Po2Zfhn2";
    let entropy = STANDARD.decode(nonce).expect("base64").try_into().expect("30 bytes");
    let mut exchange = Exchange::new(entropy);
    let server = server(&[]);
    exchange.step(&server, &[]);
    let token = format!(
        "charset=utf-8,username=\"bob\",realm=\"zk-sasl-md5\",nonce=\"{nonce}\",nc=00000001,\
         cnonce=\"VTW5H0tGVF93I3JIu69eTSa3ExP9I5hnBKQ06H2X\",digest-uri=\"zookeeper/zk-sasl-md5\",maxbuf=65536,\
         response=b6d57e8f9f87b069894f908973fb5396,qop=auth,authzid=\"super\""
    );
    let token = exchange.step(&server, token.as_bytes());
    let expected = b"rspauth=ffdf525b47ef39d92703c728dfffba12".to_vec();
    assert_eq!(token, Step::Done { authzid: "bob".to_owned(), token: expected });
}

#[test]
fn who_knows_the_password_gets_in() {
    let server = server(&[]);
    for (user, password, id) in [
        ("bob", "pw", Some("bob")),
        ("jos\u{e9}", "p\u{e4}", Some("jos\u{e9}")),
        ("a/h@", "x", Some("a/h@")),
        ("a@R", "x", Some("a@R")),
        ("bob", "pW", None),
        ("nobody", "pw", None),
        ("", "", None),
        ("a@b@c", "x", None),
    ] {
        assert_eq!(id_of(login(&server, user, password)).as_deref(), id, "{user}");
    }
}

#[test]
fn an_exchange_serves_one_login() {
    let server = server(&[]);
    let mut exchange = Exchange::new([1; ENTROPY_LEN]);
    let response = response(&mut exchange, &server, "bob", "pw");
    assert!(matches!(exchange.step(&server, response.as_bytes()), Step::Done { .. }));
    assert!(matches!(exchange.step(&server, response.as_bytes()), Step::Failed(_)));
    let mut other = Exchange::new([2; ENTROPY_LEN]);
    other.step(&server, &[]);
    assert!(matches!(other.step(&server, response.as_bytes()), Step::Failed("the nonce is another")));
    assert!(matches!(other.step(&server, &[]), Step::Failed("the login is over")));
}

#[test]
fn terms_other_than_those_offered_are_refused() {
    let server = server(&[]);
    for (from, to) in [
        ("charset=utf-8", "charset=iso-8859-1"),
        ("realm=\"zk-sasl-md5\"", "realm=\"other\""),
        ("realm=\"zk-sasl-md5\",", ""),
        ("zookeeper/zk-sasl-md5", "zookeeper/elsewhere"),
        ("maxbuf=65536", "maxbuf=x"),
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nonce-count=00000002"),
        ("username=\"bob\",", ""),
        ("cnonce=\"c\",", ""),
        (",qop=auth", ",qop=auth,qop=auth"),
    ] {
        let mut exchange = Exchange::new([3; ENTROPY_LEN]);
        let response = response(&mut exchange, &server, "bob", "pw").replace(from, to);
        let step = exchange.step(&server, response.as_bytes());
        assert!(matches!(step, Step::Failed(_)), "{to} instead of {from}: {step:?}");
    }
    for (from, to) in
        [("nc=00000001", "nonce-count=1"), (",qop=auth", ""), ("charset=utf-8,", ""), (",", " , ")]
    {
        let mut exchange = Exchange::new([3; ENTROPY_LEN]);
        let response = response(&mut exchange, &server, "bob", "pw").replace(from, to);
        assert!(
            matches!(exchange.step(&server, response.as_bytes()), Step::Done { .. }),
            "{to} instead of {from}"
        );
    }
    let long = vec![b' '; 4097];
    assert!(matches!(Exchange::new([4; ENTROPY_LEN]).step(&server, &long), Step::Failed(_)));
}

#[test]
fn the_super_password_replaces_that_of_the_file() {
    let server = server(&[("zookeeper.SASLAuthenticationProvider.superPassword", "secret")]);
    assert!(id_of(login(&server, "super", "secret")).is_some());
    assert!(id_of(login(&server, "super", "adminpw")).is_none());
    assert!(id_of(login(&server, "bob", "secret")).is_none());
}

#[test]
fn settings_make_super_users_and_shorten_names() {
    let identity = Identity::new;
    let with = server(&[
        ("superUser.1", "bob"),
        ("superUser", "x"),
        ("superUsers", "y"),
        ("letAnySaslUserDoX", "r"),
    ]);
    let any = identity(ANY_USER_SCHEME, "r");
    assert_eq!(with.identities("bob"), [identity("sasl", "bob"), identity("super", ""), any.clone()]);
    assert_eq!(with.identities("y"), [identity("sasl", "y"), any]);
    let short = server(&[
        ("kerberos.removeHostFromPrincipal", "true"),
        ("kerberos.removeRealmFromPrincipal", "true"),
    ]);
    assert_eq!(id_of(login(&short, "a/h@", "x")).as_deref(), Some("a"));
}

#[test]
fn sections_are_chosen_by_name_and_checked() {
    let configure = |settings: &[(&str, &str)], jaas| Server::configure(&properties(settings), jaas);
    assert_eq!(configure(&[], None), Ok(None));
    assert_eq!(configure(&[], Some("Client { x.Y required; };")), Ok(None));
    for (section, hint) in
        [("Krb", "Kerberos"), ("Other", "x.Y"), ("Empty", "no section"), ("Nix", "no section")]
    {
        let error = configure(&[("zookeeper.sasl.serverconfig", section)], Some(JAAS)).expect_err(section);
        assert!(error.to_string().contains(hint), "{error}");
    }
    let error = configure(&[], Some("Server {\n x.Y required\n a;\n};")).expect_err("malformed");
    assert_eq!(error.to_string(), "java.security.auth.login.config: line 3: expected `=`, found `;`");
}

#[test]
fn passwords_stay_out_of_logs() {
    let shown = format!("{:?}", server(&[("SASLAuthenticationProvider.superPassword", "secret")]));
    assert!(shown.contains("bob") && !shown.contains("pw") && !shown.contains("secret"), "{shown}");
}

proptest! {
    #[test]
    fn no_token_is_too_strange(token in proptest::collection::vec(any::<u8>(), 0..100), text in "[a-z=,\"\\\\ -]{0,60}") {
        let server = server(&[]);
        for token in [&token[..], text.as_bytes()] {
            let mut exchange = Exchange::new([5; ENTROPY_LEN]);
            exchange.step(&server, &[]);
            let refused = matches!(exchange.step(&server, token), Step::Failed(_));
            prop_assert!(refused);
        }
    }
}
