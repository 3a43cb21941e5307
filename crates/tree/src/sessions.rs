//! The session table.

use std::collections::{BTreeMap, BTreeSet};

use menagerie_types::command::internal::Password;
use menagerie_types::{IncarnationId, SessionId};

use crate::row_hash::row_hash;

/// A row of the session table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Negotiated timeout.
    pub timeout_ms: u32,
    /// Re-attaches it.
    pub password: Password,
    /// The gateway worker that holds its connection.
    pub owner: IncarnationId,
}

/// All sessions, by id and by owner.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    rows: BTreeMap<SessionId, Session>,
    by_owner: BTreeSet<(IncarnationId, SessionId)>,
    digest: u64,
}

impl Sessions {
    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.rows.get(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionId, Session)> {
        self.rows.iter().map(|(id, session)| (*id, *session))
    }

    pub(crate) fn owned_by(&self, owner: IncarnationId) -> impl Iterator<Item = SessionId> {
        self.by_owner.range((owner, SessionId(i64::MIN))..=(owner, SessionId(i64::MAX))).map(|(_, id)| *id)
    }

    /// Adds or replaces a row; returns the old one.
    pub(crate) fn insert(&mut self, id: SessionId, session: Session) -> Option<Session> {
        let old = self.remove(id);
        self.digest = self.digest.wrapping_add(hash(id, &session));
        self.by_owner.insert((session.owner, id));
        self.rows.insert(id, session);
        old
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let old = self.rows.remove(&id)?;
        self.digest = self.digest.wrapping_sub(hash(id, &old));
        self.by_owner.remove(&(old.owner, id));
        Some(old)
    }
}

pub(crate) fn hash(id: SessionId, session: &Session) -> u64 {
    let password = u128::from_be_bytes(session.password);
    let fields = [
        id.0 as u64,
        u64::from(session.timeout_ms),
        (password >> 64) as u64,
        password as u64,
        session.owner.0,
    ];
    row_hash(b's', &fields)
}
