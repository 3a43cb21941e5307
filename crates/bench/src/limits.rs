//! How many files this process may have open: each session is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{BenchError, Result};

/// What is open apart from sessions.
const SPARE: u64 = 64;

/// Makes room for `sessions` connections. Raises the soft limit as far as needed, and the hard one where that is
/// permitted.
pub fn make_room(sessions: usize) -> Result<()> {
    let wanted = sessions as u64 + SPARE;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).map_err(|_| {
        let problem = format!(
            "{sessions} sessions need {wanted} open files, and {} are permitted: raise the limit (ulimit -n {wanted})",
            limit.maximum.unwrap_or_default()
        );
        BenchError::Usage(problem)
    })
}
