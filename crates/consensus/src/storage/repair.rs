//! What [`crate::repair`] reads and writes of a log's records.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::Bytes;
use menagerie_log::{Found, MetaKind};
use menagerie_proto::consensus::Member;
use openraft::EntryPayload;

use super::encoding::{self, HardState};
use crate::types::{Membership, SnapshotMeta, StoredMembership, Vote, log_id, node};

/// The term of a log that begins anew.
pub(crate) const TERM: u64 = 1;

/// The last membership among what is found.
#[derive(Debug, Default)]
pub(crate) struct Memberships {
    /// With the position of the entry that made it.
    last: Option<(Option<u64>, Membership)>,
}

impl Memberships {
    pub(crate) fn look(&mut self, found: Found) {
        let seen = match found {
            Found::Entry(record) => {
                let at = record.index;
                match encoding::decode(record).map(|decoded| decoded.entry.payload) {
                    Ok(EntryPayload::Membership(membership)) => Some((Some(at), membership)),
                    _ => None,
                }
            }
            Found::Meta(MetaKind::Vote, bytes) => {
                let snapshot = HardState::decode(bytes).ok().and_then(|state| state.snapshot);
                snapshot.map(|(meta, _)| {
                    let at = meta.last_membership.log_id().as_ref().map(|id| id.index);
                    (at, meta.last_membership.membership().clone())
                })
            }
            Found::Meta(MetaKind::Committed, _) => None,
        };
        if let Some((at, membership)) = seen
            && self.last.as_ref().is_none_or(|(known, _)| *known <= at)
        {
            self.last = Some((at, membership));
        }
    }

    pub(crate) fn last(&self) -> Option<&Membership> {
        self.last.as_ref().map(|(_, membership)| membership)
    }
}

/// The values beside a log that begins behind `last` with one member.
pub(crate) fn lone_state(member: &Member, last: u64, time_ms: i64) -> io::Result<Bytes> {
    let nodes = BTreeMap::from([(member.id.0, node(member))]);
    let membership = Membership::new(vec![BTreeSet::from([member.id.0])], nodes).map_err(io::Error::other)?;
    let id = log_id(TERM, last);
    let last_membership = StoredMembership::new(Some(id), membership);
    let meta = SnapshotMeta { last_log_id: Some(id), last_membership };
    Ok(HardState { vote: Some(Vote::new(TERM, member.id.0)), snapshot: Some((meta, time_ms)) }.encode())
}
