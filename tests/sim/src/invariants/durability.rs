//! What was acknowledged is there in the end, whatever happened in between.

use std::collections::{BTreeMap, BTreeSet};

use super::{Invariant, Verdict, ensure};
use crate::client::is_register;
use crate::event::{Answer, Event, Op};
use crate::requests::{Outcome, Requests};

/// See the module.
#[derive(Default)]
pub struct Durability {
    requests: Requests,
    /// The newest acknowledged value of each register, with its zxid.
    registers: BTreeMap<String, (i64, String)>,
    /// Values whose outcome is unknown, by register.
    unknown: BTreeMap<String, BTreeSet<String>>,
    /// The newest acknowledged change of each znode.
    changes: BTreeMap<String, (i64, i32)>,
    created: BTreeSet<String>,
}

impl Invariant for Durability {
    fn name(&self) -> &'static str {
        "durability"
    }

    fn observe(&mut self, _at_ms: u64, event: &Event) -> Verdict {
        for settled in self.requests.settle(event) {
            match (settled.op, settled.outcome) {
                (Op::Set { path, value }, Outcome::Answered { zxid, answer: Ok(Answer::Stat(stat)) }) => {
                    let newest = self.changes.entry(path.clone()).or_default();
                    *newest = (*newest).max((zxid, stat.version));
                    self.registers.insert(path, (zxid, value));
                }
                (Op::Set { path, value }, Outcome::Unknown) => {
                    self.unknown.entry(path).or_default().insert(value);
                }
                (Op::CreateSequential { .. }, Outcome::Answered { answer: Ok(Answer::Path(path)), .. }) => {
                    self.created.insert(path);
                }
                _ => {}
            }
        }
        if let Event::LastLook { path, answer, .. } = event {
            self.judge(path, answer)?;
        }
        Ok(())
    }
}

impl Durability {
    fn judge(&self, path: &str, answer: &Result<Answer, i32>) -> Verdict {
        match answer {
            Ok(Answer::Data { value, stat }) => {
                let Some((zxid, version)) = self.changes.get(path) else { return Ok(()) };
                let (now, is) = (stat.mzxid.0, stat.version);
                ensure!(now >= *zxid, "{path} was changed at {zxid} and is back at {now}");
                ensure!(is >= *version, "{path} had version {version} and is back at {is}");
                let Some((_, acknowledged)) = self.registers.get(path).filter(|_| is_register(path)) else {
                    return Ok(());
                };
                let unknown = self.unknown.get(path).is_some_and(|values| values.contains(value));
                ensure!(
                    value == acknowledged || unknown,
                    "{path} was set to {acknowledged} and holds {value}"
                );
            }
            Ok(Answer::Names(names)) if path == crate::client::SEQUENTIAL => {
                let names: BTreeSet<_> = names.iter().map(|name| format!("{path}/{name}")).collect();
                if let Some(lost) = self.created.difference(&names).next() {
                    return Err(format!("{lost} was created and is not there"));
                }
            }
            Ok(_) => {}
            Err(code) => return Err(format!("{path} cannot be read in the end: error {code}")),
        }
        Ok(())
    }
}
