//! The directory of components, between its service and its callers.

use menagerie_types::command::registration::Role;
use menagerie_types::{IncarnationId, LogIndex, NodeId};

use crate::ServiceError;
use crate::pb::tree_store as pb;

/// A component as the directory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// What it is.
    pub role: Role,
    /// Its configured id.
    pub id: NodeId,
    /// `host:port` where the other components call it; empty if they cannot.
    pub address: String,
    /// Random at each start of its process.
    pub life: IncarnationId,
    /// When it last said that it is there, by the log's clock.
    pub seen_ms: i64,
    /// Index covered by a store's durable checkpoint.
    pub checkpoint: LogIndex,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// By role and id.
    pub components: Vec<Registered>,
    /// The log's clock, ms since 1970.
    pub time_ms: i64,
}

impl Directory {
    /// Those of a role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Registered> {
        self.components.iter().filter(move |component| component.role == role)
    }
}

impl From<Directory> for pb::DirectoryResponse {
    fn from(directory: Directory) -> Self {
        let registration = |c: Registered| pb::Registration {
            role: role_to_pb(c.role).into(),
            id: c.id.0,
            address: c.address,
            life: c.life.0,
            seen_ms: c.seen_ms,
            checkpoint_index: c.checkpoint.0,
        };
        let registrations = directory.components.into_iter().map(registration).collect();
        Self { registrations, time_ms: directory.time_ms }
    }
}

impl From<pb::DirectoryResponse> for Directory {
    /// Without components of roles that this version does not know.
    fn from(response: pb::DirectoryResponse) -> Self {
        let registered = |c: pb::Registration| {
            Some(Registered {
                role: role_from_pb(c.role()).ok()?,
                id: NodeId(c.id),
                address: c.address,
                life: IncarnationId(c.life),
                seen_ms: c.seen_ms,
                checkpoint: LogIndex(c.checkpoint_index),
            })
        };
        let components = response.registrations.into_iter().filter_map(registered).collect();
        Self { components, time_ms: response.time_ms }
    }
}

pub(super) fn role_to_pb(role: Role) -> pb::Role {
    match role {
        Role::TreeStore => pb::Role::TreeStore,
        Role::SessionTracker => pb::Role::SessionTracker,
        Role::Gateway => pb::Role::Gateway,
    }
}

pub(super) fn role_from_pb(role: pb::Role) -> Result<Role, ServiceError> {
    match role {
        pb::Role::TreeStore => Ok(Role::TreeStore),
        pb::Role::SessionTracker => Ok(Role::SessionTracker),
        pb::Role::Gateway => Ok(Role::Gateway),
        pb::Role::Unspecified => Err(ServiceError::Invalid("unknown role".into())),
    }
}
