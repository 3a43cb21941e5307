//! Staying awake for what is about to come.
//!
//! A thread that sleeps takes tens of microseconds to wake, longer than a read takes to be served. So a worker with little to do
//! looks for more for a moment before it sleeps, as long as there mostly is more: a client that waits for each reply sends its next
//! request right away, and the result of a lone write comes after a sync. Where nothing came, the next looks are left out,
//! more of them each time, so that clients who pause cost next to nothing. (As Linux's `haltpoll` governor does it.)

use std::time::{Duration, Instant};

use tokio::task::yield_now;

use super::Worker;

/// With more commands under way there is enough to do, and what comes is better served together.
pub(super) const OUTSTANDING_MAX: usize = 4;
/// The same for what comes between two looks.
const AT_ONCE_MAX: u64 = 2;
/// Occasions left out then.
const BUSY_OCCASIONS: u32 = 100;
/// Up to 2 to the power of this many occasions are left out after looks in vain.
const IN_VAIN_MAX: u32 = 10;

/// Whether it is worth staying awake.
#[derive(Debug, Default)]
pub struct Attention {
    /// Looks in vain, less those that found something: each of them makes up for half of one in vain.
    in_vain: u32,
    /// Occasions left out before the next look.
    left_out: u32,
}

impl Attention {
    /// Something was worked on: is there to be a look for more?
    fn is_worth_it(&mut self) -> bool {
        let worth_it = self.left_out == 0;
        self.left_out = self.left_out.saturating_sub(1);
        worth_it
    }

    /// There was more.
    fn found(&mut self) {
        self.in_vain = self.in_vain.saturating_sub(1);
    }

    /// There was so much that nobody would have slept.
    fn found_plenty(&mut self) {
        (self.in_vain, self.left_out) = (0, BUSY_OCCASIONS);
    }

    /// There was no more.
    fn found_nothing(&mut self) {
        self.in_vain = (self.in_vain + 2).min(IN_VAIN_MAX);
        self.left_out = (1 << self.in_vain) - 1;
    }
}

impl Worker {
    /// Keeps the thread awake when something was worked on and more is likely to come at once.
    pub async fn attend(self) {
        let span = self.shared.options.attention;
        if span.is_zero() {
            return;
        }
        let signals = self.with_core(|core| std::rc::Rc::clone(&core.signals));
        let mut attention = Attention::default();
        loop {
            signals.worked.notified().await;
            if attention.is_worth_it() && !self.is_busy() {
                self.look(span, &mut attention).await;
            }
        }
    }

    fn is_busy(&self) -> bool {
        self.core.borrow().outstanding.len() > OUTSTANDING_MAX
    }

    /// Looks for more until nothing has come for `span`, or too much.
    async fn look(&self, span: Duration, attention: &mut Attention) {
        let mut seen = self.core.borrow().worked;
        let mut since = Instant::now();
        loop {
            yield_now().await;
            let (now, worked) = (Instant::now(), self.core.borrow().worked);
            if worked > seen + AT_ONCE_MAX || self.is_busy() {
                return attention.found_plenty();
            } else if worked > seen {
                (seen, since) = (worked, now);
                attention.found();
            } else if now.duration_since(since) > span {
                return attention.found_nothing();
            } else {
                // Whoever was woken on this processor runs now: it may be whom this waits for.
                std::thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks there are on so many occasions; `finds` tells how many things each look finds before it finds nothing.
    fn looks(attention: &mut Attention, occasions: u32, finds: u32) -> u32 {
        (0..occasions)
            .filter(|_| {
                let looks = attention.is_worth_it();
                if looks {
                    (0..finds).for_each(|_| attention.found());
                    attention.found_nothing();
                }
                looks
            })
            .count() as u32
    }

    #[test]
    fn looks_in_vain_become_rare() {
        let mut attention = Attention::default();
        assert!(looks(&mut attention, 100_000, 0) < 110);
        // A paced write: its result is found, and then nothing.
        assert!(looks(&mut attention, 100_000, 1) < 110);
    }

    #[test]
    fn looks_that_find_much_become_frequent() {
        let mut attention = Attention::default();
        looks(&mut attention, 100_000, 0);
        looks(&mut attention, 2_000, 100);
        assert!(looks(&mut attention, 100, 100) >= 25);
    }

    #[test]
    fn plenty_is_left_alone_for_a_while() {
        let mut attention = Attention::default();
        attention.found_plenty();
        assert!((0..BUSY_OCCASIONS).all(|_| !attention.is_worth_it()) && attention.is_worth_it());
    }
}
