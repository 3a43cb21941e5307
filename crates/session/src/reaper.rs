//! The reaper's core: when to look for containers and TTL znodes that are due, and when to propose their end.

use std::collections::VecDeque;
use std::mem;

/// Candidates held at a time; more wait for the next look.
const CANDIDATES_MAX: u32 = 10_000;
/// Proposals without an answer; a log that is slower than the pace slows the reaper down.
const UNANSWERED_MAX: usize = 256;

/// How often the reaper looks, and how fast it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaperConfig {
    /// From the beginning of one look to that of the next; 0 for never.
    pub check_interval_ms: u64,
    /// Between two proposals.
    pub pace_ms: u64,
}

/// What the reaper wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reap {
    /// Ask a replica what is due; answered by [`Reaper::candidates`] or [`Reaper::question_lost`].
    Ask {
        /// Names the question.
        round: u64,
        /// As many paths at most.
        limit: u32,
    },
    /// Propose to delete this; answered by [`Reaper::answered`] or [`Reaper::proposals_lost`].
    Delete(Box<str>),
}

/// Looks for what is due once in an interval, while its tracker acts, and proposes its deletion at a steady pace.
///
/// It never insists: whatever becomes of a proposal, a znode that is still due is found again by the next look. The
/// first look comes one interval after the tracker has become active, as ZooKeeper's does.
#[derive(Clone, Debug)]
pub struct Reaper {
    config: ReaperConfig,
    /// The lease it last worked under.
    epoch: Option<u64>,
    round: u64,
    asked: bool,
    next_round_ms: u64,
    candidates: VecDeque<Box<str>>,
    next_delete_ms: u64,
    unanswered: usize,
    /// The last answer was as long as it may be.
    full: bool,
    /// Deleted since.
    deleted: usize,
}

impl Reaper {
    /// A reaper that has not looked yet.
    pub fn new(config: ReaperConfig) -> Self {
        Self {
            config,
            epoch: None,
            round: 0,
            asked: false,
            next_round_ms: 0,
            candidates: VecDeque::new(),
            next_delete_ms: 0,
            unanswered: 0,
            full: false,
            deleted: 0,
        }
    }

    /// What is due now, for a tracker that acts under the lease `acting`, or does not.
    pub fn tick(&mut self, now_ms: u64, acting: Option<u64>) -> Vec<Reap> {
        if acting.is_none() || acting != self.epoch {
            // What was found under another lease, or before a pause, may have been dealt with.
            self.candidates.clear();
            self.asked = false;
        }
        let Some(epoch) = acting.filter(|_| self.config.check_interval_ms > 0) else { return Vec::new() };
        if self.epoch.replace(epoch) != Some(epoch) {
            self.next_round_ms = now_ms + self.config.check_interval_ms;
        }
        let mut effects = Vec::new();
        if self.next_ask_ms().is_some_and(|at| at <= now_ms) {
            effects.push(self.ask(now_ms));
        }
        while self.next_proposal_ms().is_some_and(|at| at <= now_ms)
            && let Some(path) = self.candidates.pop_front()
        {
            self.unanswered += 1;
            self.next_delete_ms = now_ms + self.config.pace_ms;
            effects.push(Reap::Delete(path));
        }
        effects
    }

    fn ask(&mut self, now_ms: u64) -> Reap {
        self.round += 1;
        self.asked = true;
        self.next_round_ms = now_ms + self.config.check_interval_ms;
        self.deleted = 0;
        Reap::Ask { round: self.round, limit: CANDIDATES_MAX }
    }

    /// The answer to a question. One that is no longer asked is passed over.
    pub fn candidates(&mut self, round: u64, paths: Vec<Box<str>>) {
        if self.asked && round == self.round {
            self.asked = false;
            self.full = paths.len() >= CANDIDATES_MAX as usize;
            self.candidates = paths.into();
            self.candidates.truncate(CANDIDATES_MAX as usize);
        }
    }

    /// The question will not be answered; it is asked again at the next tick.
    pub fn question_lost(&mut self, now_ms: u64) {
        if mem::take(&mut self.asked) {
            self.next_round_ms = now_ms;
        }
    }

    /// A proposal was answered. A refused one is a race with a client, or is found again.
    pub fn answered(&mut self, now_ms: u64, deleted: bool) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.deleted += usize::from(deleted);
        if self.full && self.deleted > 0 && self.candidates.is_empty() && self.unanswered == 0 {
            // There is more, and there is progress.
            self.full = false;
            self.next_round_ms = now_ms;
        }
    }

    /// No proposal made so far will be answered any more.
    pub fn proposals_lost(&mut self, now_ms: u64) {
        self.unanswered = 0;
        self.question_lost(now_ms);
    }

    /// When [`Self::tick`] will next have something to do if no event comes before; None for never.
    pub fn next_wake_ms(&self, acting: Option<u64>) -> Option<u64> {
        acting.filter(|epoch| Some(*epoch) == self.epoch)?;
        self.next_ask_ms().into_iter().chain(self.next_proposal_ms()).min()
    }

    /// The answers of what was proposed come first: only then the next look does not find the same again.
    fn next_ask_ms(&self) -> Option<u64> {
        let idle = !self.asked && self.candidates.is_empty() && self.unanswered == 0;
        idle.then_some(self.next_round_ms)
    }

    fn next_proposal_ms(&self) -> Option<u64> {
        (!self.candidates.is_empty() && self.unanswered < UNANSWERED_MAX).then_some(self.next_delete_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: ReaperConfig = ReaperConfig { check_interval_ms: 1_000, pace_ms: 6 };

    fn paths(count: usize) -> Vec<Box<str>> {
        (0..count).map(|n| format!("/{n}").into()).collect()
    }

    /// Ticks at every millisecond of the range; what was wanted, and when.
    fn run(reaper: &mut Reaper, ms: std::ops::Range<u64>, acting: Option<u64>) -> Vec<(u64, Reap)> {
        ms.flat_map(|now| reaper.tick(now, acting).into_iter().map(move |effect| (now, effect))).collect()
    }

    fn ask(round: u64) -> Reap {
        Reap::Ask { round, limit: CANDIDATES_MAX }
    }

    fn delete(path: &str) -> Reap {
        Reap::Delete(path.into())
    }

    #[test]
    fn the_first_look_comes_after_an_interval_and_the_work_is_paced() {
        let mut reaper = Reaper::new(CONFIG);
        assert_eq!(run(&mut reaper, 0..500, None), []);
        assert_eq!(run(&mut reaper, 500..1_501, Some(1)), [(1_500, ask(1))]);
        assert_eq!(reaper.next_wake_ms(Some(1)), None, "the answer is awaited");
        reaper.candidates(1, paths(3));
        assert_eq!(reaper.next_wake_ms(Some(1)), Some(0));
        let work = run(&mut reaper, 1_510..1_600, Some(1));
        assert_eq!(work, [(1_510, delete("/0")), (1_516, delete("/1")), (1_522, delete("/2"))]);
        for deleted in [true, false, true] {
            assert_eq!(run(&mut reaper, 2_500..2_600, Some(1)), [], "answers are awaited");
            reaper.answered(2_600, deleted);
        }
        assert_eq!(reaper.next_wake_ms(Some(1)), Some(2_500));
        assert_eq!(run(&mut reaper, 2_600..2_700, Some(1)), [(2_600, ask(2))]);
    }

    #[test]
    fn a_standby_does_nothing_and_what_another_lease_found_is_forgotten() {
        let mut reaper = Reaper::new(CONFIG);
        run(&mut reaper, 0..1_001, Some(1));
        reaper.candidates(1, paths(3));
        assert_eq!(run(&mut reaper, 1_001..1_002, Some(1)).len(), 1);
        assert_eq!(run(&mut reaper, 1_010..9_000, None), []);
        assert_eq!(reaper.next_wake_ms(None), None);
        reaper.answered(9_000, true);
        assert_eq!(
            run(&mut reaper, 9_000..10_001, Some(3)),
            [(10_000, ask(2))],
            "an interval from the takeover"
        );
        reaper.candidates(1, paths(3));
        assert_eq!(run(&mut reaper, 10_001..10_100, Some(3)), [], "an answer to the question before");
    }

    #[test]
    fn a_lapse_of_the_same_lease_drops_the_candidates_and_keeps_the_time() {
        let mut reaper = Reaper::new(CONFIG);
        run(&mut reaper, 0..1_001, Some(1));
        reaper.candidates(1, paths(3));
        run(&mut reaper, 1_500..1_501, None);
        assert_eq!(run(&mut reaper, 1_501..2_100, Some(1)), [(2_000, ask(2))]);
    }

    #[test]
    fn a_lost_question_is_asked_again_and_lost_proposals_do_not_count() {
        let mut reaper = Reaper::new(CONFIG);
        run(&mut reaper, 0..1_001, Some(1));
        reaper.question_lost(1_100);
        assert_eq!(run(&mut reaper, 1_100..1_200, Some(1)), [(1_100, ask(2))]);
        reaper.candidates(2, paths(1));
        assert_eq!(run(&mut reaper, 1_200..1_300, Some(1)), [(1_200, delete("/0"))]);
        reaper.proposals_lost(1_300);
        assert_eq!(run(&mut reaper, 1_300..2_200, Some(1)), [(2_100, ask(3))]);
    }

    #[test]
    fn a_slow_log_slows_the_reaper_down() {
        let mut reaper = Reaper::new(ReaperConfig { pace_ms: 0, ..CONFIG });
        run(&mut reaper, 0..1_001, Some(1));
        reaper.candidates(1, paths(2 * UNANSWERED_MAX));
        assert_eq!(run(&mut reaper, 1_001..1_010, Some(1)).len(), UNANSWERED_MAX);
        assert_eq!(reaper.next_wake_ms(Some(1)), None);
        reaper.answered(1_010, true);
        assert_eq!(run(&mut reaper, 1_010..1_020, Some(1)).len(), 1);
    }

    #[test]
    fn the_next_look_is_at_once_only_when_there_is_more_and_there_is_progress() {
        let mut reaper = Reaper::new(ReaperConfig { pace_ms: 0, ..CONFIG });
        run(&mut reaper, 0..1_001, Some(1));
        for (round, deleted, next) in [(1, true, vec![ask(2)]), (2, false, vec![])] {
            reaper.candidates(round, paths(CANDIDATES_MAX as usize));
            let mut left = CANDIDATES_MAX as usize;
            while left > 0 {
                let proposed = reaper.tick(1_020, Some(1)).len();
                (0..proposed).for_each(|_| reaper.answered(1_020, deleted));
                left -= proposed;
            }
            assert_eq!(reaper.tick(1_020, Some(1)), next);
        }
        assert_eq!(reaper.next_wake_ms(Some(1)), Some(2_020));
    }

    #[test]
    fn it_can_be_switched_off() {
        let mut reaper = Reaper::new(ReaperConfig { check_interval_ms: 0, ..CONFIG });
        assert_eq!(run(&mut reaper, 0..5_000, Some(1)), []);
        assert_eq!(reaper.next_wake_ms(Some(1)), None);
    }
}
