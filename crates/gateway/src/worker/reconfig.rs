//! reconfig: the log judges the request, the leader changes the ensemble, the log publishes what came of it.
//!
//! The ensemble is the log's own membership, so the change cannot be one command. What is judged says which ensemble
//! it is based on; the leader changes that one or none. A gateway that ends in between leaves an ensemble that its
//! members publish themselves.

use std::time::Duration;

use bytes::Buf;
use menagerie_jute::Reader;
use menagerie_proto::consensus::Member;
use menagerie_proto::{ServiceError, ServiceResult};
use menagerie_types::command::Command;
use menagerie_types::command::internal::PublishConfig;
use menagerie_types::server::Server;
use menagerie_types::{ErrorCode, LogIndex, NodeId, OpCode};
use tracing::{info, warn};

use super::Worker;
use super::conn::{Conn, ConnToken};
use super::core::{Core, Target};
use super::requests::Taken;

/// New members may have to be sent the whole log first.
const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes before the body of a reply frame: length, xid, zxid, err.
const HEADER_LEN: usize = 20;

/// A reconfiguration that the log has let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconfiguration {
    conn: ConnToken,
    xid: i32,
    /// The ensemble that it changes.
    base: LogIndex,
    /// The new servers' lines.
    text: String,
}

impl Core {
    /// Has the log judge the request. Nothing of the connection passes it.
    pub fn reconfig(&mut self, conn: &mut Conn, xid: i32, body: &[u8]) -> Taken {
        if !conn.is_idle() {
            return Taken::Wait;
        }
        conn.exclusive = true;
        let auth = conn.identities.encoded().clone();
        let command = Command { op: OpCode::Reconfig, session: conn.session, xid, auth: &auth, body };
        self.propose(&command, Target::Reconfig(conn.token, xid));
        Taken::Yes
    }

    /// The log's judgement: an error is the answer.
    pub fn reconfig_judged(&mut self, token: ConnToken, xid: i32, frame: &[u8]) {
        let body = frame.get(HEADER_LEN..).filter(|body| body.len() > 8);
        let allowed = body.and_then(|mut body| {
            let base = LogIndex(body.get_u64());
            let text = Reader::new(body).string().ok().flatten()?.to_owned();
            Some(Reconfiguration { conn: token, xid, base, text })
        });
        match allowed {
            Some(reconfiguration) => {
                self.reconfigurations.push(reconfiguration);
                self.signals.reconfigure.notify_one();
            }
            None => {
                self.with_conn(token, |core, conn| {
                    conn.exclusive = false;
                    conn.writes += 1;
                    core.write_answered(conn, frame);
                });
            }
        }
    }

    /// What the leader made of it.
    fn reconfigured(&mut self, reconfiguration: Reconfiguration, outcome: ServiceResult<LogIndex>) {
        let Reconfiguration { conn: token, xid, text, .. } = reconfiguration;
        self.with_conn(token, |core, conn| {
            conn.exclusive = false;
            match outcome {
                Ok(membership_index) => {
                    let body = PublishConfig { membership_index, text }.encode();
                    let auth = conn.identities.encoded().clone();
                    let (op, session) = (OpCode::FinishReconfig, conn.session);
                    core.propose_for(conn, &Command { op, session, xid, auth: &auth, body: &body });
                }
                Err(error) => match error_code(&error) {
                    Some(code) => core.answer(conn, xid, Err(code)),
                    // It may come about yet.
                    None => conn.kill(),
                },
            }
            core.mark_ready(conn);
        });
    }
}

impl Worker {
    /// Has the leader change the ensemble, one reconfiguration after the other.
    pub async fn reconfigure(self) {
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        loop {
            signals.reconfigure.notified().await;
            for reconfiguration in self.with_core(|core| std::mem::take(&mut core.reconfigurations)) {
                let outcome = self.change(&reconfiguration).await;
                match &outcome {
                    Ok(index) => info!(%index, servers = reconfiguration.text, "reconfigured"),
                    Err(error) => warn!(%error, servers = reconfiguration.text, "not reconfigured"),
                }
                self.with_core(|core| core.reconfigured(reconfiguration, outcome));
            }
        }
    }

    async fn change(&self, reconfiguration: &Reconfiguration) -> ServiceResult<LogIndex> {
        let members = members(&reconfiguration.text)?;
        self.shared.ensemble.change_membership(reconfiguration.base, &members, DEADLINE).await
    }
}

/// The log's members among the servers: all of them.
fn members(text: &str) -> ServiceResult<Vec<Member>> {
    let member = |line: &str| {
        let (key, value) = line.split_once('=')?;
        let server = Server::parse(key.strip_prefix("server.")?.parse().ok()?, value).ok()?;
        let (address, voter, info) = (server.quorum_address(), server.votes, server.to_string());
        Some(Member { id: NodeId(server.id), address, voter, info })
    };
    let members: Option<Vec<_>> = text.lines().map(member).collect();
    members.ok_or_else(|| ServiceError::Invalid("a server line that was just written".into()))
}

/// What ZooKeeper answers, where nothing has been done.
fn error_code(error: &ServiceError) -> Option<ErrorCode> {
    match error {
        ServiceError::InProgress(_) => Some(ErrorCode::ReconfigInProgress),
        ServiceError::NotInSync(_) => Some(ErrorCode::NewConfigNoQuorum),
        ServiceError::Invalid(_) => Some(ErrorCode::BadArguments),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_become_members_of_the_log() {
        let text = "server.1=a:1:2:participant;0.0.0.0:3\nserver.2=b:1:2:observer";
        let made = members(text).expect("well-formed");
        assert_eq!((made[0].id, &*made[0].address, made[0].voter), (NodeId(1), "a:1", true));
        assert_eq!(made[0].info, "server.1=a:1:2:participant;0.0.0.0:3");
        assert!(!made[1].voter);
        assert!(members("nonsense").is_err());
    }
}
