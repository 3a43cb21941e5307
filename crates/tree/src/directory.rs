//! The directory: which tree stores, session trackers and gateways there are, as they have registered themselves.

use std::collections::BTreeMap;

use menagerie_types::command::Command;
use menagerie_types::command::registration::{Register, Role, Unregister};
use menagerie_types::{ErrorCode, IncarnationId, NodeId};
use xxhash_rust::xxh3::xxh3_64;

use crate::checkpoint::RowKey;
use crate::row_hash::row_hash;
use crate::{Effects, State};

/// Far above any sensible installation.
const ENTRIES_MAX: usize = 10_000;
/// A store that has said nothing for an hour of the log's time no longer holds the log's truncation back. It comes
/// back with a peer's checkpoint.
pub const STORE_FORGOTTEN_MS: i64 = 60 * 60 * 1000;
/// Trackers and gateways hold nothing, and may come back under another id.
const OTHERS_FORGOTTEN_MS: i64 = 5 * 60 * 1000;

/// A component that has registered itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its process's life: random at each start.
    pub life: IncarnationId,
    /// When it last said that it is there, by the log's clock.
    pub seen_ms: i64,
    /// Where the other components call it; empty if they cannot.
    pub address: String,
}

/// All of them, by role and id.
pub(crate) type Directory = BTreeMap<(Role, NodeId), Registration>;

fn forgotten_after_ms(role: Role) -> i64 {
    match role {
        Role::TreeStore => STORE_FORGOTTEN_MS,
        Role::SessionTracker | Role::Gateway => OTHERS_FORGOTTEN_MS,
    }
}

impl Registration {
    pub(crate) fn digest(&self, role: Role, id: NodeId) -> u64 {
        let address = xxh3_64(self.address.as_bytes());
        row_hash(b'd', &[u64::from(role.code()), id.0, self.life.0, self.seen_ms as u64, address])
    }
}

impl State {
    /// Registered components, by role and id.
    pub fn directory(&self) -> impl Iterator<Item = (Role, NodeId, &Registration)> {
        self.directory.iter().map(|((role, id), registration)| (*role, *id, registration))
    }

    /// A registered component.
    pub fn registration(&self, role: Role, id: NodeId) -> Option<&Registration> {
        self.directory.get(&(role, id))
    }

    pub(crate) fn register<E: Effects>(
        &mut self,
        command: &Command<'_>,
        request: Register,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        let key = (request.role, request.id);
        match self.directory.get(&key) {
            _ if request.join => {}
            Some(known) if known.life == request.life => {}
            _ => return Err(ErrorCode::NoNode),
        }
        self.forget(key);
        if !self.directory.contains_key(&key) && self.directory.len() >= ENTRIES_MAX {
            return Err(ErrorCode::BadArguments);
        }
        let Register { role, id, life, checkpoint, address, .. } = request;
        self.directory.insert(key, Registration { life, seen_ms: self.time_ms, address });
        self.rows.mark(RowKey::Registration(role, id));
        if role == Role::TreeStore {
            self.set_replica(id, checkpoint);
            effects.replica(id, checkpoint);
        }
        self.reply(command, effects);
        Ok(())
    }

    pub(crate) fn unregister<E: Effects>(
        &mut self,
        command: &Command<'_>,
        request: Unregister,
        effects: &mut E,
    ) -> Result<(), ErrorCode> {
        match self.take_out(request.role, request.id) {
            true => self.reply(command, effects),
            false => return Err(ErrorCode::NoNode),
        }
        Ok(())
    }

    /// Forgets whoever has been silent for too long, but for the one that speaks and the active tracker.
    fn forget(&mut self, speaker: (Role, NodeId)) {
        let now_ms = self.time_ms;
        let holder = self.lease.lease.holder.map(|id| (Role::SessionTracker, id));
        let silent = self.directory.iter().filter(|(key, registration)| {
            let silent_ms = now_ms.saturating_sub(registration.seen_ms);
            **key != speaker && Some(**key) != holder && silent_ms > forgotten_after_ms(key.0)
        });
        for (role, id) in silent.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.take_out(role, id);
        }
    }

    /// A store's checkpoint goes with it, also one that registered before there was a directory.
    fn take_out(&mut self, role: Role, id: NodeId) -> bool {
        let mut found = self.directory.remove(&(role, id)).is_some();
        if found {
            self.rows.mark(RowKey::Registration(role, id));
        }
        if role == Role::TreeStore && self.replicas.remove(&id).is_some() {
            self.rows.mark(RowKey::Replica(id));
            found = true;
        }
        found
    }
}
