//! What went wrong during a measurement: how often, and the first few in words.

use serde::Serialize;

const KEPT: usize = 5;

/// Counted; any makes the figures void.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// How many.
    pub errors: u64,
    /// The first ones.
    pub first_errors: Vec<String>,
}

impl Faults {
    /// Counts one; its text is made only if it will be kept.
    pub fn add(&mut self, text: impl FnOnce() -> String) {
        self.errors += 1;
        if self.first_errors.len() < KEPT {
            self.first_errors.push(text());
        }
    }

    /// Counts those of another.
    pub fn extend(&mut self, other: Self) {
        self.errors += other.errors;
        let room = KEPT - self.first_errors.len().min(KEPT);
        self.first_errors.extend(other.first_errors.into_iter().take(room));
    }

    /// True if nothing went wrong.
    pub fn is_empty(&self) -> bool {
        self.errors == 0
    }
}
