//! One line on the terminal that says how far a measurement is.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(500);

/// Writes over its line on stderr; writes nothing where nobody watches.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    label: String,
    last: Instant,
}

impl Progress {
    /// Shown if `wanted` and stderr is a terminal.
    pub fn new(label: &str, wanted: bool) -> Self {
        Self { shown: wanted && stderr().is_terminal(), label: label.to_owned(), last: Instant::now() }
    }

    /// Whether it is time for a new line. Cheap enough to be asked at every turn.
    pub fn is_due(&self) -> bool {
        self.shown && self.last.elapsed() >= EVERY
    }

    /// Shows `text`, and says how long ago the last one was.
    pub fn show(&mut self, text: &str) {
        if self.shown {
            let colon = if self.label.is_empty() { "" } else { ": " };
            // Nobody is helped by a measurement that ends because its progress cannot be shown.
            let _ = write!(stderr(), "\r\x1b[K{}{colon}{text}", self.label);
            let _ = stderr().flush();
        }
        self.last = Instant::now();
    }

    /// Time since something was shown.
    pub fn since(&self) -> Duration {
        self.last.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
            let _ = stderr().flush();
        }
    }
}
