//! A request takes effect once, or not at all if its client does not know: no value is created twice, no two changes
//! have the same version, and versions count exactly the changes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invariant, Verdict, ensure};
use crate::client::SEQUENTIAL;
use crate::event::{Answer, Event, Op};
use crate::requests::{Outcome, Requests};

/// See the module.
#[derive(Default)]
pub struct ExactlyOnce {
    requests: Requests,
    sets: BTreeMap<String, Sets>,
}

#[derive(Default)]
struct Sets {
    versions: BTreeSet<i32>,
    unknown: usize,
    /// Sent and not settled.
    open: usize,
}

impl Invariant for ExactlyOnce {
    fn name(&self) -> &'static str {
        "exactly once"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        if let Event::Sent { op: Op::Set { path, .. }, .. } = event {
            self.sets.entry(path.clone()).or_default().open += 1;
        }
        for settled in self.requests.settle(event) {
            let Op::Set { path, .. } = settled.op else { continue };
            let sets = self.sets.entry(path.clone()).or_default();
            sets.open -= 1;
            match settled.outcome {
                Outcome::Answered { answer: Ok(Answer::Stat(stat)), .. } => {
                    ensure!(sets.versions.insert(stat.version), "{path} got version {} twice", stat.version);
                    sets.judge(&path, stat.version)?;
                }
                Outcome::Answered { .. } => {}
                Outcome::Unknown => sets.unknown += 1,
            }
        }
        if let Event::LastLook { path, answer: Ok(answer), .. } = event {
            match answer {
                Answer::Data { stat, .. } => {
                    if let Some(sets) = self.sets.get(path) {
                        sets.judge(path, stat.version)?;
                        let least = sets.versions.len();
                        let version = stat.version;
                        ensure!(
                            version as usize >= least,
                            "{path} has version {version} after {least} changes"
                        );
                    }
                }
                Answer::Names(names) if path == SEQUENTIAL => unique(names)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Sets {
    /// There can be no more changes than requests that may have succeeded.
    fn judge(&self, path: &str, version: i32) -> Verdict {
        let most = self.versions.len() + self.unknown + self.open;
        ensure!(version as usize <= most, "{path} has version {version} after at most {most} changes");
        Ok(())
    }
}

/// Each name is a value that was used once, and ten digits.
fn unique(names: &[String]) -> Verdict {
    let mut values = BTreeSet::new();
    for name in names {
        let value = name.rsplit_once('-').map_or(name.as_str(), |(value, _)| value);
        ensure!(values.insert(value), "{value} was created twice");
    }
    Ok(())
}
