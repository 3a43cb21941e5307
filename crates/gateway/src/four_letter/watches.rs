//! Who watches what: `wchs`, `wchc`, `wchp`. As in ZooKeeper, watches on children alone are not counted.

use std::collections::{BTreeMap, BTreeSet};

use menagerie_types::SessionId;

use crate::worker::Part;

fn watches(parts: &[Part]) -> impl Iterator<Item = (SessionId, &str)> {
    parts.iter().flat_map(|part| part.watches.iter().map(|(session, path)| (*session, &path[..])))
}

/// How many there are.
pub fn summary(parts: &[Part]) -> String {
    let sessions: BTreeSet<_> = watches(parts).map(|(session, _)| session).collect();
    let paths: BTreeSet<_> = watches(parts).map(|(_, path)| path).collect();
    let total = watches(parts).count();
    format!("{} connections watching {} paths\nTotal watches:{total}\n", sessions.len(), paths.len())
}

/// The paths of each session.
pub fn by_session(parts: &[Part]) -> String {
    let mut paths: BTreeMap<_, Vec<_>> = BTreeMap::new();
    watches(parts).for_each(|(session, path)| paths.entry(session).or_default().push(format!("\t{path}\n")));
    let text: String =
        paths.iter().map(|(session, paths)| format!("0x{:x}\n{}", session.0, paths.concat())).collect();
    text + "\n"
}

/// The sessions at each path.
pub fn by_path(parts: &[Part]) -> String {
    let mut sessions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    watches(parts)
        .for_each(|(session, path)| sessions.entry(path).or_default().push(format!("\t0x{:x}\n", session.0)));
    let text: String =
        sessions.iter().map(|(path, sessions)| format!("{path}\n{}", sessions.concat())).collect();
    text + "\n"
}
