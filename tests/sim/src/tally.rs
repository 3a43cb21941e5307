//! Counts what happened, so that it can be seen that it does happen.

use std::collections::BTreeMap;

use crate::event::{Answer, Event, Op};

/// How often what happened, by name.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// Takes an event.
    pub fn observe(&mut self, event: &Event) {
        let name = match event {
            Event::Crashed { .. } => "crashes",
            Event::Ended { .. } => "members-that-left",
            Event::Wiped { .. } => "disks-lost",
            Event::Fault { what } if what.starts_with("PowerCut") => "power-cuts",
            Event::Fault { what } if what.starts_with("Partition") => "partitions",
            Event::Fault { what } if what.starts_with("Pause") => "pauses",
            Event::Fault { .. } => "other-faults",
            Event::Leads { .. } => "elections",
            Event::LogBegins { first, .. } if *first > 1 => "truncations",
            Event::Rebuilt { .. } => "replicas-rebuilt",
            Event::ExpiryInLog { .. } => "expiries-in-logs",
            Event::Expired { .. } => "clients-told-of-expiry",
            Event::Attached { is_new: false, .. } => "sessions-brought-along",
            Event::Sent { op: Op::SetWatches { .. }, .. } => "watches-set-again",
            Event::Sent { .. } => "requests",
            Event::Notified { .. } => "watch-events",
            Event::Replied { answer: Ok(Answer::Stat(_)), .. } => "acknowledged-sets",
            Event::Lost { .. } => "connections-lost",
            _ => return,
        };
        *self.0.entry(name).or_default() += 1;
    }

    /// `name=count` words.
    pub fn words(&self) -> String {
        self.0.iter().map(|(name, count)| format!("{name}={count}")).collect::<Vec<_>>().join(" ")
    }
}
