//! Random histories: against the model, over differently cut entries, and through checkpoints.

use std::collections::BTreeMap;

use bytes::Bytes;
use menagerie_tree::{Meta, Record, State};
use menagerie_types::Zxid;
use proptest::prelude::*;

use crate::model::Event;
use crate::pair::{POLICY, Pair, told};
use crate::steps::{busy_steps, furniture, steps};
use crate::world::*;

/// The events of the history: a suffix of all, and the longest that may be asked for.
fn remembered(state: &State, since: Zxid) -> Option<Vec<Event>> {
    let events = state.events_since(since)?;
    Some(events.map(|(zxid, event, path, acl)| told(zxid, event, path, acl)).collect())
}

/// A key-value store that checkpoints are written to.
#[derive(Default)]
struct Store {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    meta: Option<Meta>,
    /// The checkpoint being made.
    batch: Option<(Meta, Vec<Record>)>,
}

impl Store {
    fn load(&self) -> Option<State> {
        let mut loader = State::loader();
        for (key, value) in &self.records {
            loader.record(key, value).expect("a good record");
        }
        Some(loader.finish(&self.meta?).expect("they add up"))
    }

    /// Moves a checkpoint on, in one of the ways there are.
    fn work(&mut self, state: &mut State, choice: u8) {
        match (choice % 4, self.batch.take()) {
            (0, None) => self.batch = Some((state.begin_checkpoint(), Vec::new())),
            (_, None) => {}
            (0, Some(_)) if choice.is_multiple_of(8) => state.abort_checkpoint(),
            (0, Some(_)) => self.batch = Some((state.begin_checkpoint(), Vec::new())),
            (_, Some((meta, mut records))) => {
                if state.checkpoint_slice(usize::from(choice % 5), &mut records) {
                    self.batch = Some((meta, records));
                } else if choice.is_multiple_of(7) {
                    state.abort_checkpoint();
                } else {
                    self.store(meta, records);
                    if choice.is_multiple_of(3) {
                        state.checkpoint_stored();
                    }
                }
            }
        }
    }

    fn store(&mut self, meta: Meta, records: Vec<Record>) {
        for (key, value) in records {
            match value {
                Some(value) => self.records.insert(key, value),
                None => self.records.remove(&key),
            };
        }
        self.meta = Some(Meta::decode(&meta.encode()).expect("just encoded"));
    }
}

fn choices(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

/// The same commands in entries and chunks cut by `cuts`, all at one time. Gives the digest.
fn replay(history: &[(bool, Owned)], cuts: &[u8]) -> u64 {
    let mut world = World::new();
    world.lease();
    let now = world.time_ms + 1;
    let mut chunks = Vec::new();
    let mut rest = history;
    let mut cuts = cuts.iter().cycle();
    while let Some((by_tracker, _)) = rest.first() {
        let cut = usize::from(*cuts.next().expect("endless"));
        let same = rest.iter().take_while(|(other, _)| other == by_tracker).count().min(1 + cut % 7);
        let commands: Vec<_> = rest[..same].iter().map(|(_, command)| command.clone()).collect();
        let incarnation = if *by_tracker { TRACKER } else { GATEWAY };
        let before =
            history[..history.len() - rest.len()].iter().filter(|(other, _)| other == by_tracker).count();
        let first_seq = 1 + u64::from(*by_tracker) + before as u64;
        chunks.push(chunk_with(POLICY, incarnation, first_seq, &commands));
        rest = &rest[same..];
        if cut % 3 == 0 || rest.is_empty() {
            world.time_ms = now - 1;
            world.apply(&std::mem::take(&mut chunks));
        }
    }
    world.state.digest()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_as_the_model_says(steps in prop::collection::vec(steps(), 1..120)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
        }
        pair.agree();
    }

    #[test]
    fn any_history_under_quotas_ends_as_the_model_says(steps in prop::collection::vec(busy_steps(), 1..60)) {
        let mut pair = Pair::new();
        furniture().iter().chain(&steps).for_each(|step| pair.step(step));
        pair.agree();
    }

    #[test]
    fn how_commands_are_cut_into_chunks_and_entries_makes_no_difference(
        steps in prop::collection::vec(steps(), 1..80),
        cuts in choices(16),
        other_cuts in choices(16),
    ) {
        let mut pair = Pair::new();
        steps.iter().for_each(|step| pair.step(step));
        prop_assert_eq!(replay(&pair.history, &cuts), replay(&pair.history, &other_cuts));
    }

    #[test]
    fn the_event_history_is_a_suffix_of_all_events(
        steps in prop::collection::vec(steps(), 1..120),
        len_max in 0usize..2000,
        restart in 0usize..120,
    ) {
        let mut pair = Pair::new();
        pair.world.state.set_event_history_bytes(len_max);
        let mut start = pair.world.state.zxid();
        for (at, step) in steps.iter().enumerate() {
            if at == restart {
                pair.world.state = pair.world.state.clone();
                start = pair.world.state.zxid();
            }
            pair.step(step);
        }
        let state = &pair.world.state;
        let mut reached = false;
        for since in (0..=state.zxid().0).map(Zxid) {
            let all: Vec<_> = pair.events.iter().filter(|(zxid, ..)| *zxid > since).cloned().collect();
            match remembered(state, since) {
                Some(events) => prop_assert_eq!(events, all),
                None => prop_assert!(!reached, "nothing is missing in between"),
            }
            reached = remembered(state, since).is_some();
        }
        prop_assert_eq!(reached, len_max > 0);
        if len_max > 1900 {
            prop_assert!(remembered(state, start).is_some() || pair.events.len() > 40);
        }
    }

    #[test]
    fn checkpoints_taken_at_any_moment_hold_the_state_of_their_begin(
        (is_busy, steps) in any::<bool>().prop_flat_map(|is_busy| {
            let steps = if is_busy { busy_steps().boxed() } else { steps().boxed() };
            (Just(is_busy), prop::collection::vec(steps, 1..120))
        }),
        work in choices(120),
    ) {
        let (mut pair, mut store) = (Pair::new(), Store::default());
        if is_busy {
            furniture().iter().for_each(|step| pair.step(step));
        }
        let mut last = None;
        for (step, choice) in steps.iter().zip(&work) {
            pair.step(step);
            store.work(&mut pair.world.state, *choice);
            pair.step(step);
            store.work(&mut pair.world.state, choice.rotate_left(3));
            let meta = store.meta.map(|meta| meta.index);
            if meta != last {
                last = meta;
                let mut state = store.load().expect("there is a meta");
                catch_up(&mut state, &pair.world.log);
                prop_assert_eq!(state.digest(), pair.world.state.digest());
                if choice % 2 == 0 {
                    // From here on the loaded state runs instead: it must go on in the same way.
                    pair.world.state = state;
                    store.batch = None;
                }
            }
        }
        pair.agree();
    }
}

/// Applies what came after.
fn catch_up(state: &mut State, log: &[(i64, Vec<Bytes>)]) {
    for (time_ms, chunks) in &log[state.index().0 as usize..] {
        let index = state.index().next();
        state.apply_entry(index, *time_ms, chunks, &mut Recorder::default()).expect("well-formed");
    }
}
