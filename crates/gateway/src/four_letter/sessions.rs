//! `dump`: sessions, their ephemerals, their connections.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::date::java_date;
use crate::worker::Part;

/// The sessions of this gateway's clients, as a follower lists them; each connection at the time when it would be given
/// up if nothing more were heard.
pub fn dump(parts: &[Part]) -> String {
    let connections: Vec<_> = parts.iter().flat_map(|part| &part.connections).collect();
    let sessions: Vec<_> = connections.iter().filter_map(|line| line.session.as_ref()).collect();
    let mut text = format!("SessionTracker dump:\nGlobal Sessions({}):\n", sessions.len());
    for session in &sessions {
        text += &format!("0x{:x}\t{}ms\n", session.id.0, session.timeout_ms);
    }
    let ephemerals: Vec<_> =
        parts.iter().flat_map(|part| &part.ephemerals).filter(|(_, paths)| !paths.is_empty()).collect();
    text += &format!("ephemeral nodes dump:\nSessions with Ephemerals ({}):\n", ephemerals.len());
    for (session, paths) in ephemerals {
        text += &format!("0x{:x}:\n", session.0);
        paths.iter().for_each(|path| text += &format!("\t{path}\n"));
    }
    let mut by_timeout: BTreeMap<u32, String> = BTreeMap::new();
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for line in &connections {
        let (id, timeout) =
            line.session.as_ref().map_or((0, 0), |session| (session.id.0, session.timeout_ms));
        *by_timeout.entry(timeout).or_default() += &format!("\tip: /{} sessionId: 0x{id:x}\n", line.address);
        *counts.entry(timeout).or_default() += 1;
    }
    text += &format!("Connections dump:\nConnections Sets ({})/({}):\n", by_timeout.len(), connections.len());
    for (timeout, lines) in by_timeout {
        let at = java_date(SystemTime::now() + Duration::from_millis(timeout.into()));
        text += &format!("{} expire at {at}:\n{lines}", counts[&timeout]);
    }
    text
}
