//! Progress of long commands, on stderr.

use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

/// Says now and then how far something is.
#[derive(Debug)]
pub struct Meter {
    what: &'static str,
    began: Instant,
    said: Instant,
}

impl Meter {
    /// Begins now.
    pub fn new(what: &'static str) -> Self {
        let now = Instant::now();
        Self { what, began: now, said: now }
    }

    /// Says `far()` of `bytes` so far, if it is time.
    pub fn tick(&mut self, bytes: u64, far: impl FnOnce() -> String) {
        if self.said.elapsed() >= INTERVAL {
            self.said = Instant::now();
            self.say(bytes, &far());
        }
    }

    /// Says the last of it.
    pub fn done(&self, bytes: u64, far: &str) {
        self.say(bytes, far);
    }

    /// Since it began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn say(&self, bytes: u64, far: &str) {
        let rate = bytes as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let elapsed = self.began.elapsed().as_secs_f64();
        eprintln!("{}: {far}, {}, {}/s, {elapsed:.1} s", self.what, size(bytes as f64), size(rate));
    }
}

/// Bytes for people.
pub fn size(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut at) = (bytes, 0);
    while value >= 1024.0 && at + 1 < units.len() {
        (value, at) = (value / 1024.0, at + 1);
    }
    if at == 0 { format!("{value:.0} B") } else { format!("{value:.1} {}", units[at]) }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!([size(0.0), size(1023.0), size(1536.0)], ["0 B", "1023 B", "1.5 KiB"]);
        assert_eq!(size(3.0 * 1024.0 * 1024.0 * 1024.0), "3.0 GiB");
    }
}
