//! The replica's own entry in the directory.

use std::time::{Duration, Instant};

use menagerie_tree::STORE_FORGOTTEN_MS;
use menagerie_types::LogIndex;
use menagerie_types::command::registration::{Register, Role};

use super::Context;

/// How often a replica says that it is still there, if its checkpoint has not moved meanwhile.
const REFRESH: Duration = Duration::from_secs(60);

/// What has become of it so far.
#[derive(Default)]
pub(super) struct Registration {
    /// What was proposed last, and when.
    proposed: Option<(LogIndex, Instant)>,
    /// The directory has had this life of the replica.
    joined: bool,
    /// When it was last seen there, by the log's clock.
    seen_ms: i64,
}

impl Registration {
    /// The directory has the replica, as far as is known here.
    pub(super) fn is_made(&self) -> bool {
        self.joined
    }

    /// Registers the replica once it has caught up, and tells the log how far its durable checkpoint reaches. At most
    /// one such command is on its way. Says why the replica must end when the directory has it no more.
    pub(super) fn keep(&mut self, context: &Context) -> Result<(), String> {
        let replica = &context.replica;
        let (id, life) = (replica.options.id, replica.proposer.incarnation());
        let (found, now_ms) = {
            let state = replica.state.read();
            let row = state.registration(Role::TreeStore, id).map(|row| (row.life, row.seen_ms));
            (row, state.time_ms())
        };
        // A clock that leapt made it look silent: it was forgotten and not removed, and registers again.
        if found.is_none() && self.joined && now_ms.saturating_sub(self.seen_ms) > STORE_FORGOTTEN_MS {
            *self = Self::default();
        }
        match found {
            Some((known, seen_ms)) if known == life => (self.joined, self.seen_ms) = (true, seen_ms),
            Some(_) if self.joined => {
                return Err(format!(
                    "another process has registered as tree-store {id}; give each an id of its own"
                ));
            }
            None if self.joined => {
                return Err(format!(
                    "tree-store {id} was removed from the cluster; to bring it back, start it again"
                ));
            }
            _ => {}
        }
        let checkpoint = replica.checkpoint_index();
        let told = self.joined
            && self.proposed.is_some_and(|(told, at)| told == checkpoint && at.elapsed() < REFRESH);
        if told || !replica.is_caught_up() || replica.proposer.has_unacknowledged() {
            return Ok(());
        }
        let (role, address) = (Role::TreeStore, replica.options.address.clone());
        replica.propose(&Register { role, id, life, join: !self.joined, checkpoint, address });
        self.proposed = Some((checkpoint, Instant::now()));
        Ok(())
    }
}
