//! What can be done about a log while its member does not run: look at it, and begin another one in its place.

use std::io;
use std::path::Path;
use std::sync::Arc;

use menagerie_log::{Fs, Log, LogError, LogOptions, MetaKind, OsFs, unobserved};
use menagerie_proto::consensus::Member;
use menagerie_types::{LogIndex, NodeId};

use crate::ConsensusError;
use crate::storage::repair::{Memberships, lone_state};
use crate::types::{address, info, outer_index};

/// What the log of a member holds.
#[derive(Debug, Default)]
pub struct LogSurvey {
    /// Files with entries.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// First and last entry that can be read.
    pub entries: Option<(LogIndex, LogIndex)>,
    /// Why the log cannot be opened, with file and offset.
    pub damage: Option<String>,
    /// The log is of a newer version: nothing may be done to it.
    pub is_newer: bool,
    /// The last ensemble that can be read; empty if none can.
    pub members: Vec<Member>,
}

/// Looks at the log in `dir`. Nothing is changed.
pub fn survey(dir: &Path) -> Result<LogSurvey, ConsensusError> {
    let mut memberships = Memberships::default();
    let found = menagerie_log::survey(Arc::new(OsFs), dir, &mut |found| memberships.look(found))?;
    let entries = found.first_index.zip(found.last_index);
    let members = memberships.last().map(|membership| {
        let voters: Vec<u64> = membership.voter_ids().collect();
        let member = |(id, node): (&u64, _)| Member {
            id: NodeId(*id),
            address: address(node).to_owned(),
            voter: voters.contains(id),
            info: info(node).to_owned(),
        };
        membership.nodes().map(member).collect()
    });
    Ok(LogSurvey {
        segments: found.segments,
        bytes: found.bytes,
        entries: entries.map(|(first, last)| (outer_index(first), outer_index(last))),
        is_newer: matches!(found.damage, Some(LogError::NewerFormat { .. })),
        damage: found.damage.map(|error| error.to_string()),
        members: members.unwrap_or_default(),
    })
}

/// Begins a log in `dir`, where there must be none, that goes on behind `index` with `member` alone: for the only member,
/// whose log is lost and whose checkpoint covers `index`. What came after is lost. Durable on return.
pub fn begin_behind(
    dir: &Path,
    index: LogIndex,
    time_ms: i64,
    member: &Member,
) -> Result<(), ConsensusError> {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let options = LogOptions { background_fill: false, spare_segments: 0, ..LogOptions::default() };
    let (mut log, found) = Log::open(fs, dir, options)?;
    if found.last.is_some() || found.vote.is_some() {
        return Err(ConsensusError::Storage(format!("there is a log in {} already", dir.display())));
    }
    // The outside counts from 1.
    let Some(last) = index.0.checked_sub(1) else { return Ok(()) };
    let state = lone_state(member, last, time_ms).map_err(|error: io::Error| {
        ConsensusError::Storage(format!("the ensemble cannot be written: {error}"))
    })?;
    log.purge(last, crate::storage::repair::TERM, unobserved())?;
    log.save_meta(MetaKind::Vote, state, unobserved())?;
    log.flush()?;
    Ok(())
}
