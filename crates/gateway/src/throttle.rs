//! How fast sessions may be asked for: a bucket of tokens, and dice while it stays empty (ZooKeeper's `BlueThrottle`,
//! after Feng and others, "The BLUE active queue management algorithms").

use std::time::Instant;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The settings `connection_throttle_*`; [`ConnectionThrottle::default`] throttles nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionThrottle {
    /// What the bucket holds; 0 for no limit, the default.
    pub tokens: u32,
    /// Every so many milliseconds (1)
    pub fill_time_ms: u32,
    /// as many tokens come back (1).
    pub fill_count: u32,
    /// How often the chance of a refusal is adapted; never by default.
    pub freeze_time_ms: Option<u32>,
    /// By how much it grows while the bucket is empty (0.02).
    pub drop_increase: f64,
    /// By how much it shrinks while the bucket is full enough (0.002):
    pub drop_decrease: f64,
    /// while no larger part of its tokens is gone (0).
    pub decrease_ratio: f64,
    /// Sessions cost different numbers of tokens. Default false: each costs one.
    pub weighted: bool,
    /// Tokens for a new session (3); the bucket and its refills then count in these.
    pub new_session_weight: u32,
    /// Tokens for coming back to a session (2).
    pub renewed_session_weight: u32,
    /// Tokens for a session that only this gateway knows (1). The others cost no less.
    pub local_session_weight: u32,
}

impl Default for ConnectionThrottle {
    fn default() -> Self {
        Self {
            tokens: 0,
            fill_time_ms: 1,
            fill_count: 1,
            freeze_time_ms: None,
            drop_increase: 0.02,
            drop_decrease: 0.002,
            decrease_ratio: 0.0,
            weighted: false,
            new_session_weight: 3,
            renewed_session_weight: 2,
            local_session_weight: 1,
        }
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A new session.
    New,
    /// To come back to a session.
    Renew,
    /// A session that only this gateway knows.
    Local,
}

impl ConnectionThrottle {
    fn weight(&self, wish: Wish) -> u64 {
        let weight = match wish {
            _ if !self.weighted => 1,
            Wish::New => self.new_session_weight.max(self.local_session_weight),
            Wish::Renew => self.renewed_session_weight.max(self.local_session_weight),
            Wish::Local => self.local_session_weight,
        };
        weight.into()
    }

    /// In weighted mode, what is set is meant for new sessions.
    fn scaled(&self, count: u32) -> u64 {
        u64::from(count) * if self.weighted { self.weight(Wish::New) } else { 1 }
    }
}

/// The bucket. Time is in milliseconds of any clock that does not go back.
#[derive(Debug)]
pub struct Throttle {
    settings: ConnectionThrottle,
    tokens: u64,
    filled_ms: u64,
    adapted_ms: u64,
    chance: f64,
    dice: StdRng,
}

impl Throttle {
    /// A full bucket.
    pub fn new(settings: ConnectionThrottle, now_ms: u64, dice: StdRng) -> Self {
        let tokens = settings.scaled(settings.tokens);
        Self { settings, tokens, filled_ms: now_ms, adapted_ms: now_ms, chance: 0.0, dice }
    }

    /// Takes the tokens for the wish; false if the client is to be let go instead.
    pub fn admit(&mut self, wish: Wish, now_ms: u64) -> bool {
        let most = self.settings.scaled(self.settings.tokens);
        if most == 0 {
            return true;
        }
        let fill_time = u64::from(self.settings.fill_time_ms.max(1));
        let since = now_ms.saturating_sub(self.filled_ms);
        if since > fill_time {
            let refill = since.saturating_mul(self.settings.scaled(self.settings.fill_count)) / fill_time;
            self.tokens = self.tokens.saturating_add(refill).min(most);
            self.filled_ms = now_ms;
        }
        let need = self.settings.weight(wish);
        if !self.is_lucky(most, now_ms) || self.tokens < need {
            return false;
        }
        self.tokens -= need;
        true
    }

    fn is_lucky(&mut self, most: u64, now_ms: u64) -> bool {
        let Some(freeze_ms) = self.settings.freeze_time_ms else { return true };
        if now_ms.saturating_sub(self.adapted_ms) > freeze_ms.into() {
            let gone = most - self.tokens;
            if gone == most {
                self.chance = (self.chance + self.settings.drop_increase).min(1.0);
            } else if gone <= (most as f64 * self.settings.decrease_ratio).round() as u64 {
                self.chance = (self.chance - self.settings.drop_decrease).max(0.0);
            }
            self.adapted_ms = now_ms;
        }
        self.dice.random::<f64>() >= self.chance
    }
}

/// The bucket that the workers of a gateway share.
#[derive(Debug)]
pub struct SessionThrottle {
    began: Instant,
    throttles: bool,
    bucket: Mutex<Throttle>,
}

impl SessionThrottle {
    /// A full bucket.
    pub fn new(settings: ConnectionThrottle) -> Self {
        let throttles = settings.tokens > 0;
        let bucket = Mutex::new(Throttle::new(settings, 0, StdRng::from_os_rng()));
        Self { began: Instant::now(), throttles, bucket }
    }

    /// The chance that a wish is refused whatever the bucket holds.
    pub fn chance(&self) -> f64 {
        self.bucket.lock().chance
    }

    /// See [`Throttle::admit`].
    pub fn admit(&self, wish: Wish, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.began).as_millis();
        !self.throttles || self.bucket.lock().admit(wish, elapsed as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(settings: ConnectionThrottle) -> Throttle {
        Throttle::new(settings, 0, StdRng::seed_from_u64(1))
    }

    #[test]
    fn nothing_is_throttled_unless_asked_for() {
        let mut throttle = throttle(ConnectionThrottle::default());
        assert!((0..10_000).all(|_| throttle.admit(Wish::New, 0)));
    }

    #[test]
    fn a_bucket_empties_and_fills() {
        let settings = ConnectionThrottle { tokens: 3, fill_time_ms: 100, ..ConnectionThrottle::default() };
        let mut throttle = throttle(settings);
        let mut admitted = |now_ms| (0..10).filter(|_| throttle.admit(Wish::New, now_ms)).count();
        assert_eq!(
            [admitted(0), admitted(100), admitted(101), admitted(250), admitted(350)],
            [3, 0, 1, 1, 0]
        );
        assert_eq!(admitted(1_000_000), 3);
    }

    #[test]
    fn weights_count_in_new_sessions() {
        let settings = ConnectionThrottle { tokens: 2, weighted: true, ..ConnectionThrottle::default() };
        let admitted = |wish| {
            let mut throttle = throttle(settings.clone());
            (0..10).filter(|_| throttle.admit(wish, 0)).count()
        };
        assert_eq!([Wish::New, Wish::Renew, Wish::Local].map(admitted), [2, 3, 6]);
    }

    #[test]
    fn an_empty_bucket_makes_refusals_likelier_until_it_fills() {
        let settings = ConnectionThrottle {
            tokens: 1,
            fill_time_ms: 1000,
            freeze_time_ms: Some(0),
            drop_increase: 0.5,
            drop_decrease: 1.0,
            ..ConnectionThrottle::default()
        };
        let mut throttle = throttle(settings);
        assert!(throttle.admit(Wish::New, 0));
        assert!((1..=4).all(|now_ms| !throttle.admit(Wish::New, now_ms)));
        // The bucket is full again, and so the chance goes back at once.
        assert!(throttle.admit(Wish::New, 2000));
    }
}
