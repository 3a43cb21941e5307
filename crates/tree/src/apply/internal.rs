//! Commands of Menagerie's own components: sessions, the tracker lease, replicas, the reaper.

use bytes::BufMut;
use menagerie_jute::{begin_reply, end_reply};
use menagerie_types::command::internal::{
    AttachSession, ChallengeLease, CreateSession, ExpireSession, PublishConfig, RegisterReplica, TrackerLease,
};
use menagerie_types::command::registration::{Register, Unregister};
use menagerie_types::command::{Command, MalformedChunk};
use menagerie_types::{ErrorCode, OpCode, SessionId};

use crate::checkpoint::RowKey;
use crate::lease::Grant;
use crate::ops::Txn;
use crate::{Effects, Session, State};

/// Replicas that may register; a ten-thousandth of that is a large installation.
const REPLICAS_MAX: usize = 10_000;

impl State {
    /// An error has no reply written yet.
    pub(super) fn execute_internal<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        command: &Command<'_>,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        if self.restore.is_some() && is_for_clients(command.op) {
            return Err(ErrorCode::SystemError);
        }
        match command.op {
            OpCode::CreateSession => {
                let request = decoded(CreateSession::decode(command.body))?;
                self.create_session(command, &request, effects)
            }
            OpCode::AttachSession => {
                let request = decoded(AttachSession::decode(command.body))?;
                self.attach_session(command, &request, effects)
            }
            OpCode::ExpireSession => {
                let request = decoded(ExpireSession::decode(command.body))?;
                self.check_epoch(request.epoch)?;
                self.sessions.get(request.session).ok_or(ErrorCode::SessionExpired)?;
                self.end_session(txn, request.session, true, effects);
                self.reply(command, effects);
                Ok(())
            }
            OpCode::TrackerLease => {
                self.tracker_lease(command, &decoded(TrackerLease::decode(command.body))?, effects)
            }
            OpCode::ChallengeLease => {
                let request = decoded(ChallengeLease::decode(command.body))?;
                if self.lease.challenge(request.epoch, self.time_ms) {
                    self.rows.mark(RowKey::Lease);
                    effects.lease(&self.lease.lease);
                }
                self.reply(command, effects);
                Ok(())
            }
            OpCode::RegisterReplica => {
                let RegisterReplica { replica, checkpoint } = decoded(RegisterReplica::decode(command.body))?;
                if !self.replicas.contains_key(&replica) && self.replicas.len() >= REPLICAS_MAX {
                    return Err(ErrorCode::BadArguments);
                }
                self.set_replica(replica, checkpoint);
                effects.replica(replica, checkpoint);
                self.reply(command, effects);
                Ok(())
            }
            OpCode::Register => self.register(command, decoded(Register::decode(command.body))?, effects),
            OpCode::Unregister => {
                self.unregister(command, decoded(Unregister::decode(command.body))?, effects)
            }
            OpCode::PublishConfig | OpCode::FinishReconfig => {
                self.publish_config(txn, command, &decoded(PublishConfig::decode(command.body))?, effects)
            }
            OpCode::RestoreBegin | OpCode::RestoreRecords | OpCode::RestoreEnd | OpCode::RestoreAbort => {
                self.restore(command)?;
                self.reply(command, effects);
                Ok(())
            }
            OpCode::DeleteContainer => self.reap(txn, command, effects),
            OpCode::Noop => {
                self.reply(command, effects);
                Ok(())
            }
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    fn check_epoch(&self, epoch: u64) -> Result<(), ErrorCode> {
        match self.lease.is_current(epoch) {
            true => Ok(()),
            false => Err(ErrorCode::BadVersion),
        }
    }

    fn create_session<E: Effects>(
        &mut self,
        command: &Command<'_>,
        request: &CreateSession,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        self.check_epoch(request.epoch)?;
        if !request.session.is_assignable() {
            return Err(ErrorCode::BadArguments);
        }
        if self.sessions.get(request.session).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        let CreateSession { timeout_ms, password, owner, .. } = *request;
        let session = Session { timeout_ms, password, owner };
        self.put_session(command, request.session, &session, effects);
        Ok(())
    }

    fn attach_session<E: Effects>(
        &mut self,
        command: &Command<'_>,
        request: &AttachSession,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        self.check_epoch(request.epoch)?;
        let session = *self.sessions.get(request.session).ok_or(ErrorCode::SessionExpired)?;
        let session = Session { timeout_ms: request.timeout_ms, owner: request.owner, ..session };
        self.put_session(command, request.session, &session, effects);
        Ok(())
    }

    fn put_session<E: Effects>(
        &mut self,
        command: &Command<'_>,
        id: SessionId,
        session: &Session,
        effects: &mut E,
    ) {
        let previous = self.sessions.insert(id, *session);
        self.rows.mark(RowKey::Session(id));
        effects.session_attached(self.zxid, id, session, previous.map(|session| session.owner));
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, self.zxid, 0);
        out.put_slice(&session.password);
        out.put_i32(i32::try_from(session.timeout_ms).unwrap_or(i32::MAX));
        end_reply(out, mark);
    }

    fn tracker_lease<E: Effects>(
        &mut self,
        command: &Command<'_>,
        request: &TrackerLease,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        let grant = self.lease.grant(request, self.time_ms);
        if grant == Grant::Refused {
            return Err(ErrorCode::BadVersion);
        }
        self.rows.mark(RowKey::Lease);
        if grant == Grant::Acquired {
            effects.lease(&self.lease.lease);
        }
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, self.zxid, 0);
        out.put_u64(self.lease.lease.epoch);
        end_reply(out, mark);
        Ok(())
    }
}

/// Those that make no sense while there is no tree to speak of.
fn is_for_clients(op: OpCode) -> bool {
    matches!(
        op,
        OpCode::CreateSession | OpCode::AttachSession | OpCode::ExpireSession | OpCode::DeleteContainer
    )
}

fn decoded<T>(body: Result<T, MalformedChunk>) -> Result<T, ErrorCode> {
    body.map_err(|_| ErrorCode::MarshallingError)
}
