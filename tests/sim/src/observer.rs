//! Hands events to the invariants, keeps a hash of all of them, and shows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};

use crate::event::Event;
use crate::invariants::{self, Invariant};
use crate::tally::Tally;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// How.
    pub message: String,
    /// When, in virtual ms.
    pub at_ms: u64,
}

/// See the module.
pub struct Observer {
    invariants: Vec<Box<dyn Invariant>>,
    violation: Option<Violation>,
    hash: DefaultHasher,
    /// The last entry that each store has applied.
    applied: BTreeMap<u64, u64>,
    /// What happened so far.
    pub tally: Tally,
    /// Events so far.
    pub events: u64,
    print: bool,
}

impl Observer {
    /// With all invariants; `print` shows every event.
    pub fn new(print: bool) -> Self {
        let invariants = invariants::all();
        Self {
            invariants,
            violation: None,
            hash: DefaultHasher::new(),
            applied: BTreeMap::new(),
            tally: Tally::default(),
            events: 0,
            print,
        }
    }

    /// Takes an event.
    pub fn observe(&mut self, at_ms: u64, event: &Event) {
        let mut line = String::new();
        let _ = write!(line, "{at_ms:>6} {event:?}");
        self.hash.write(line.as_bytes());
        self.events += 1;
        self.tally.observe(event);
        if let Event::Applied { store, index, .. } = event {
            self.applied.insert(*store, *index);
        }
        if self.print {
            eprintln!("{line}");
        }
        for invariant in &mut self.invariants {
            if let Err(message) = invariant.observe(at_ms, event) {
                let violation = Violation { invariant: invariant.name(), message, at_ms };
                self.violation.get_or_insert(violation);
            }
        }
    }

    /// How many stores have applied the entry at `index`.
    pub fn stores_at(&self, index: u64) -> usize {
        self.applied.values().filter(|applied| **applied >= index).count()
    }

    /// Nothing more comes.
    pub fn finish(&mut self, at_ms: u64) {
        for invariant in &mut self.invariants {
            if let Err(message) = invariant.finish() {
                let violation = Violation { invariant: invariant.name(), message, at_ms };
                self.violation.get_or_insert(violation);
            }
        }
    }

    /// Something that no invariant has said is wrong.
    pub fn fail(&mut self, invariant: &'static str, message: String, at_ms: u64) {
        self.violation.get_or_insert(Violation { invariant, message, at_ms });
    }

    /// The first thing that was wrong.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Of all events and their times.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }
}
