//! The server's side of one DIGEST-MD5 login (RFC 2831), as the one in Java that ZooKeeper uses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::directives::Directives;
use super::response::Proof;
use super::{SERVER_NAME, Server};

/// Bytes of randomness that a login needs.
pub const ENTROPY_LEN: usize = 30;
/// Longest message of a client.
const TOKEN_LEN_MAX: usize = 4096;
/// Protocol and server name.
const DIGEST_URI: &str = "zookeeper/zk-sasl-md5";

/// One login: made when a connection's first token arrives, asked once for each token.
#[derive(Clone, Debug)]
pub struct Exchange {
    nonce: String,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Challenged,
    Over,
}

/// What a client's token leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client must answer this.
    Challenge(Vec<u8>),
    /// The client is who it says.
    Done {
        /// Its id in the scheme `sasl`; [`Server::identities`] makes identities of it.
        authzid: String,
        /// The last token, which proves the server to the client.
        token: Vec<u8>,
    },
    /// It is not, or makes no sense; the text is for the log. Every further token fails too.
    Failed(&'static str),
}

impl Exchange {
    /// A login whose nonce is made of these bytes, which nobody may be able to foresee.
    pub fn new(entropy: [u8; ENTROPY_LEN]) -> Self {
        Self { nonce: STANDARD.encode(entropy), state: State::New }
    }

    /// Takes the client's next token. The first is empty, and is not looked at.
    pub fn step(&mut self, server: &Server, token: &[u8]) -> Step {
        if token.len() > TOKEN_LEN_MAX {
            return Step::Failed("the token is too long");
        }
        match self.state {
            State::New => {
                self.state = State::Challenged;
                Step::Challenge(self.challenge().into_bytes())
            }
            State::Challenged => {
                self.state = State::Over;
                self.check(server, token).unwrap_or_else(Step::Failed)
            }
            State::Over => Step::Failed("the login is over"),
        }
    }

    fn challenge(&self) -> String {
        format!("realm=\"{SERVER_NAME}\",nonce=\"{}\",charset=utf-8,algorithm=md5-sess", self.nonce)
    }

    fn check(&self, server: &Server, token: &[u8]) -> Result<Step, &'static str> {
        let response = Directives::parse(token)?;
        check_terms(&response)?;
        if response.get("nonce").ok_or("no nonce")? != self.nonce.as_bytes() {
            return Err("the nonce is another");
        }
        let username = response.text("username").ok_or("no user name")?;
        let digest_uri = response.text("digest-uri").unwrap_or_default();
        let proof = Proof {
            username: &username,
            realm: SERVER_NAME,
            password: server.password(&username).ok_or("no such user")?,
            nonce: self.nonce.as_bytes(),
            cnonce: response.get("cnonce").ok_or("no cnonce")?,
            digest_uri: &digest_uri,
            authzid: response.get("authzid"),
        };
        let claimed = response.get("response").ok_or("no response")?;
        if !same(claimed, proof.of_client().as_bytes()) {
            return Err("wrong password");
        }
        let authzid = server.authorized_id(&username).ok_or("the user name is no principal")?;
        let token = format!("rspauth={}", proof.of_server()).into_bytes();
        Ok(Step::Done { authzid, token })
    }
}

/// Everything that must be as the challenge offered it.
fn check_terms(response: &Directives) -> Result<(), &'static str> {
    if response.get("charset").is_some_and(|charset| charset != b"utf-8") {
        return Err("charset is not utf-8");
    }
    if response.text("maxbuf").is_some_and(|len| len.parse::<i32>().is_err()) {
        return Err("maxbuf is not a number");
    }
    if response.get("realm") != Some(SERVER_NAME.as_bytes()) {
        return Err("no such realm");
    }
    // Java knows the count of nonces by this name only, and so skips the RFC's `nc`.
    if response.text("nonce-count").is_some_and(|count| i32::from_str_radix(&count, 16) != Ok(1)) {
        return Err("the nonce is counted wrong");
    }
    if response.get("qop").is_some_and(|qop| qop != b"auth") {
        return Err("qop is not auth");
    }
    match response.text("digest-uri") {
        Some(uri) if uri.eq_ignore_ascii_case(DIGEST_URI) => Ok(()),
        _ => Err("the digest-uri names another service"),
    }
}

/// Takes as long whatever the difference.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
