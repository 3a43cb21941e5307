//! Requests by which a client shows who it is, and what happens to clients that do not.

use std::borrow::Cow;

use menagerie_auth::{AuthFailed, SaslExchange, SaslServer, SaslStep};
use menagerie_jute::{
    ClientInfo, GetSaslRequest, JuteError, Reader, SetSaslResponse, WhoAmIResponse, begin_reply, end_reply,
};
use menagerie_types::{ErrorCode, OpCode, Zxid};
use tracing::{debug, info};

use super::conn::{Conn, Peer};
use super::core::Core;
use super::requests::Taken;

/// Answers about identities are as of no transaction.
const NO_ZXID: Zxid = Zxid(0);

impl Core {
    /// Where the configuration demands it, whoever has not shown who it is gets one answer, whatever it asks.
    pub fn is_let_in(&mut self, conn: &mut Conn, op: Option<OpCode>, xid: i32) -> bool {
        let shows = matches!(op, Some(OpCode::Auth | OpCode::Sasl));
        if shows || self.options.enforcement.allows(conn.identities.shown().iter()) {
            return true;
        }
        info!(session = %conn.session, "closing a connection that has not authenticated as it must");
        self.refuse_and_close(conn, xid, NO_ZXID, ErrorCode::SessionClosedRequireSaslAuth);
        false
    }

    /// An auth packet. Its answer keeps its place: some clients match answers by their order alone.
    pub fn auth(&mut self, conn: &mut Conn, xid: i32, body: &[u8]) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        let Ok((scheme, credentials)) = decode(body) else {
            conn.kill();
            return Taken::Yes;
        };
        match self.authenticate(conn, &scheme, credentials) {
            Ok(()) => self.answer_as_of(conn, xid, NO_ZXID, Ok(())),
            Err(AuthFailed::WrongEnsemble) => conn.drain(),
            Err(error) => {
                info!(session = %conn.session, %error, "closing a connection that failed to authenticate");
                self.refuse_and_close(conn, xid, NO_ZXID, ErrorCode::AuthFailed);
            }
        }
        Taken::Yes
    }

    fn authenticate(
        &self,
        conn: &mut Conn,
        scheme: &str,
        credentials: Option<&[u8]>,
    ) -> Result<(), AuthFailed> {
        let Peer::Socket(address) = conn.peer else { return Ok(()) };
        let registry = &self.options.registry;
        let peer = menagerie_auth::Peer { address, certificate: conn.identities.certificate() };
        let new = registry.authenticate(scheme, credentials, &peer)?;
        let too_many = |error: menagerie_auth::TooManyIdentities| AuthFailed::Refused {
            scheme: "auth",
            reason: error.to_string(),
        };
        conn.identities.add(new, registry).map_err(too_many)
    }

    /// One step of a login by SASL.
    pub fn sasl(&mut self, conn: &mut Conn, xid: i32, body: &[u8]) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        let request = GetSaslRequest::decode(&mut Reader::new(body));
        let Some(token) = request.ok().and_then(|request| request.token) else {
            conn.kill();
            return Taken::Yes;
        };
        let options = std::sync::Arc::clone(&self.options);
        match options.sasl.as_ref().map(|server| self.login(conn, server, token)) {
            // ZooKeeper without SASL says nothing at all, in a reply that looks like success.
            None => self.sasl_reply(conn, xid, None, None),
            Some(Ok(token)) => self.sasl_reply(conn, xid, token.as_deref(), None),
            Some(Err(reason)) if options.enforcement.keeps_failed_sasl() => {
                debug!(session = %conn.session, reason, "keeping a connection that failed to log in");
                self.sasl_reply(conn, xid, None, None);
            }
            Some(Err(reason)) => {
                info!(session = %conn.session, reason, "closing a connection that failed to log in");
                let required = options.enforcement.requires_sasl();
                let error =
                    if required { ErrorCode::SessionClosedRequireSaslAuth } else { ErrorCode::AuthFailed };
                self.sasl_reply(conn, xid, None, Some(error));
                conn.drain();
            }
        }
        Taken::Yes
    }

    /// The token to answer with, or why the login failed.
    fn login(&self, conn: &mut Conn, server: &SaslServer, token: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let exchange = conn.sasl.get_or_insert_with(|| Box::new(SaslExchange::new(rand::random())));
        match exchange.step(server, token) {
            SaslStep::Challenge(token) => Ok(Some(token)),
            SaslStep::Done { authzid, token } => {
                let added = conn.identities.add(server.identities(&authzid), &self.options.registry);
                added.map_err(|error| error.to_string())?;
                info!(session = %conn.session, authzid, "logged in by SASL");
                Ok(Some(token))
            }
            SaslStep::Failed(why) => Err(why.to_string()),
        }
    }

    /// Unlike other errors, that of a login has a body.
    fn sasl_reply(&mut self, conn: &mut Conn, xid: i32, token: Option<&[u8]>, error: Option<ErrorCode>) {
        let mark = begin_reply(&mut conn.output, xid, NO_ZXID, error.map_or(0, ErrorCode::code));
        SetSaslResponse { token }.encode(&mut conn.output);
        end_reply(&mut conn.output, mark);
        self.answered(conn);
    }

    /// Everybody whom the connection is known as.
    pub fn who_am_i(&mut self, conn: &mut Conn, xid: i32) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        let users = conn.identities.shown().users(&self.options.registry);
        let infos = users.map(|(scheme, user)| ClientInfo { auth_scheme: Some(scheme), user: Some(user) });
        let response = WhoAmIResponse { client_infos: infos.collect() };
        let mark = begin_reply(&mut conn.output, xid, self.zxid, 0);
        response.encode(&mut conn.output);
        end_reply(&mut conn.output, mark);
        self.answered(conn);
        Taken::Yes
    }
}

/// Scheme and credentials of an auth packet. No scheme, and one that is no text, are ones that nobody knows.
fn decode(body: &[u8]) -> Result<(Cow<'_, str>, Option<&[u8]>), JuteError> {
    let mut reader = Reader::new(body);
    reader.i32()?;
    let scheme = reader.buffer()?.unwrap_or_default();
    Ok((String::from_utf8_lossy(scheme), reader.buffer()?))
}
