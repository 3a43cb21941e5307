//! Entries, chunks and commands: what is new, who may, and the reply.

mod internal;
mod reconfig;
mod undecodable;

use bytes::Bytes;
use menagerie_jute::{
    Create2Response, CreateRequest, CreateTtlRequest, DeleteContainerRequest, DeleteRequest, PathResponse,
    Reader, SetAclRequest, SetDataRequest, begin_reply, end_reply, error_reply, repaired, write,
};
use menagerie_types::command::{ChunkHeader, Command, Commands, MalformedChunk, read_chunk};
use menagerie_types::{ErrorCode, IncarnationId, LogIndex, OpCode, SessionId, Stat};

use crate::checkpoint::RowKey;
use crate::exactly_once::{Admission, Incarnation};
use crate::ops::{ChangeKind, Create, Txn};
use crate::{ApplyError, Effects, State};

impl State {
    /// Applies one entry and reports to `effects`.
    ///
    /// Indexes must rise; entries without commands may be left out. On an error nothing was changed or reported.
    pub fn apply_entry<E: Effects>(
        &mut self,
        index: LogIndex,
        time_ms: i64,
        chunks: &[Bytes],
        effects: &mut E,
    ) -> Result<(), ApplyError> {
        if index <= self.index {
            return Err(ApplyError::OutOfOrder { index, applied: self.index });
        }
        for chunk in chunks {
            check_chunk(chunk).map_err(|source| ApplyError::Malformed { index, source })?;
        }
        self.index = index;
        self.time_ms = self.time_ms.max(time_ms);
        for chunk in chunks {
            let (header, commands) =
                read_chunk(chunk).map_err(|source| ApplyError::Malformed { index, source })?;
            self.look_ahead(commands.clone());
            self.apply_chunk(&header, commands, effects);
        }
        Ok(())
    }

    /// Looks up the znodes of many commands before any of them is run: so the processor waits for the memory of several at a time.
    fn look_ahead(&self, commands: Commands<'_>) {
        for command in commands.flatten() {
            if let OpCode::SetData | OpCode::Create | OpCode::Create2 | OpCode::Delete = command.op
                && let Ok(Some(path)) = Reader::new(command.body).string()
            {
                std::hint::black_box(self.tree.lookup(path));
            }
        }
    }

    fn apply_chunk<E: Effects>(&mut self, header: &ChunkHeader, commands: Commands<'_>, effects: &mut E) {
        let id = header.incarnation;
        let first_new = match self.incarnations.admit(header) {
            Admission::From(seq) => seq,
            Admission::Refused(expected_seq) => return effects.refused(id, expected_seq),
            Admission::Unknown => {
                self.make_room();
                1
            }
        };
        // Nothing is new of a chunk that ends before; `flatten` passes over nothing, the chunk was checked.
        let new = (header.first_seq..).zip(commands.flatten()).skip_while(|(seq, _)| *seq < first_new);
        let mut last_seq = first_new - 1;
        for (seq, command) in new {
            if seq == first_new {
                effects.chunk(header, first_new);
            }
            self.zxid = self.zxid.next();
            self.execute(header, &command, effects);
            effects.result(seq, self.zxid);
            effects.applied(seq, self);
            last_seq = seq;
        }
        if last_seq >= first_new {
            effects.chunk_end();
        }
        self.incarnations.set(id, Incarnation { last_seq, last_zxid: self.zxid });
        self.rows.mark(RowKey::Incarnation(id));
    }

    fn make_room(&mut self) {
        let sessions = &self.sessions;
        if let Some(victim) = self.incarnations.victim(|id| sessions.owned_by(id).next().is_some()) {
            self.incarnations.remove(victim);
            self.rows.mark(RowKey::Incarnation(victim));
        }
    }

    /// Runs one command: reports its events, then appends its reply.
    fn execute<E: Effects>(&mut self, origin: &ChunkHeader, command: &Command<'_>, effects: &mut E) {
        let txn = Txn {
            zxid: self.zxid,
            time_ms: self.time_ms,
            session: command.session,
            auth: command.auth,
            policy: origin.policy,
        };
        let mut result = if is_internal(command.op) {
            self.execute_internal(&txn, command, effects)
        } else {
            self.check_session(origin.incarnation, command)
                .and_then(|()| self.execute_client(&txn, command, effects))
        };
        if result == Err(ErrorCode::MarshallingError)
            && let Some(body) = repaired(command.op, command.body)
        {
            result = self.execute_client(&txn, &Command { body: &body, ..*command }, effects);
        }
        if let Err(error) = result {
            error_reply(effects.replies(), command.xid, self.zxid, error);
        }
    }

    fn check_session(&self, origin: IncarnationId, command: &Command<'_>) -> Result<(), ErrorCode> {
        if command.session == SessionId::NONE {
            return Ok(());
        }
        match self.sessions.get(command.session) {
            None => Err(ErrorCode::SessionExpired),
            Some(session) if session.owner != origin => Err(ErrorCode::SessionMoved),
            Some(_) => Ok(()),
        }
    }

    /// An error has no reply written yet.
    fn execute_client<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        command: &Command<'_>,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        if self.restore.is_some() {
            return Err(ErrorCode::SystemError);
        }
        let body = &mut Reader::new(command.body);
        let undecodable = |error| undecodable::error_of(txn, command, &error);
        match command.op {
            OpCode::Create | OpCode::Create2 | OpCode::CreateContainer => {
                let request = CreateRequest::decode(body).map_err(undecodable)?;
                self.create(txn, command, &Create::new(request, command.op), effects)
            }
            OpCode::CreateTtl => {
                let request = CreateTtlRequest::decode(body).map_err(undecodable)?;
                self.create(txn, command, &Create::with_ttl(request), effects)
            }
            OpCode::Delete => {
                let request = DeleteRequest::decode(body).map_err(undecodable)?;
                let change = self.tree.delete(txn, request.path, request.version)?;
                self.report(txn.zxid, &change, effects);
                self.reply(command, effects);
                Ok(())
            }
            OpCode::SetData => {
                let request = SetDataRequest::decode(body).map_err(undecodable)?;
                let id = self.tree.set_data(txn, &request)?;
                let change = self.tree.change(ChangeKind::DataSet, id, request.path.into());
                self.report(txn.zxid, &change, effects);
                self.reply_stat(command, &self.tree.get(id).stat(), effects);
                Ok(())
            }
            OpCode::SetAcl => {
                let request = SetAclRequest::decode(body).map_err(undecodable)?;
                let id = self.tree.set_acl(txn, &request)?;
                self.reply_stat(command, &self.tree.get(id).stat(), effects);
                Ok(())
            }
            OpCode::Multi => self.multi(txn, command, effects),
            OpCode::Reconfig => self.begin_reconfig(txn, command, effects),
            OpCode::CloseSession if command.session == SessionId::NONE => Err(ErrorCode::SessionExpired),
            OpCode::CloseSession => {
                self.end_session(txn, command.session, false, effects);
                self.reply(command, effects);
                Ok(())
            }
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    fn create<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        command: &Command<'_>,
        request: &Create<'_>,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        let (id, path) = self.tree.create(txn, request)?;
        let change = self.tree.change(ChangeKind::Created, id, path);
        self.report(txn.zxid, &change, effects);
        let path = &*change.path;
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, txn.zxid, 0);
        if command.op == OpCode::Create {
            PathResponse { path }.encode(out);
        } else {
            Create2Response { path, stat: request.stat(self.tree.get(id)) }.encode(out);
        }
        end_reply(out, mark);
        Ok(())
    }

    fn multi<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        command: &Command<'_>,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        let multi = self.tree.multi(txn, command.body)?;
        for change in &multi.changes {
            self.report(txn.zxid, change, effects);
        }
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, txn.zxid, 0);
        out.extend_from_slice(&multi.body);
        end_reply(out, mark);
        Ok(())
    }

    /// Deletes the session's ephemerals and the session.
    fn end_session<E: Effects>(&mut self, txn: &Txn<'_>, id: SessionId, expired: bool, effects: &mut E) {
        for change in self.tree.delete_ephemerals(txn, id) {
            self.report(txn.zxid, &change, effects);
        }
        if let Some(session) = self.sessions.remove(id) {
            self.rows.mark(RowKey::Session(id));
            effects.session_closed(id, session.owner, expired);
        }
    }

    /// A header and nothing else.
    pub(crate) fn reply<E: Effects>(&self, command: &Command<'_>, effects: &mut E) {
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, self.zxid, 0);
        end_reply(out, mark);
    }

    fn reply_stat<E: Effects>(&self, command: &Command<'_>, stat: &Stat, effects: &mut E) {
        let out = effects.replies();
        let mark = begin_reply(out, command.xid, self.zxid, 0);
        write::stat(out, stat);
        end_reply(out, mark);
    }

    /// Deletes a container or TTL znode for the reaper; clients may not ask for that.
    fn reap<E: Effects>(
        &mut self,
        txn: &Txn<'_>,
        command: &Command<'_>,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        if command.session != SessionId::NONE {
            return Err(ErrorCode::NoAuth);
        }
        let request = DeleteContainerRequest::decode(&mut Reader::new(command.body));
        let path = request.map_err(|_| ErrorCode::MarshallingError)?.path;
        let change = self.tree.delete_container(txn, path)?;
        self.report(txn.zxid, &change, effects);
        self.reply(command, effects);
        Ok(())
    }
}

/// Those that only Menagerie's own components propose.
fn is_internal(op: OpCode) -> bool {
    op.code() >= OpCode::Noop.code() || matches!(op, OpCode::CreateSession | OpCode::DeleteContainer)
}

fn check_chunk(chunk: &Bytes) -> Result<(), MalformedChunk> {
    let (header, mut commands) = read_chunk(chunk)?;
    if header.first_seq == 0 || header.first_seq.checked_add(u64::from(header.count)).is_none() {
        return Err(MalformedChunk("sequence numbers out of range"));
    }
    commands.try_for_each(|command| command.map(drop))
}
