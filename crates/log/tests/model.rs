//! The log against a naive model, on a disk that crashes.
//!
//! After every crash the log must equal the model after some prefix of the operations that includes all that
//! were reported durable.

use bytes::Bytes;
use menagerie_log::faulty::{Crash, FaultyFs};
use menagerie_log::{Durable, Log, LogError, LogOptions, MetaKind, Record, Recovered, unobserved};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug, Clone)]
enum Step {
    Append { count: u64, len: usize, parts: usize },
    Meta { vote: bool, value: u8 },
    Truncate { back: u64 },
    Purge { ahead: u64 },
    Read { back: u64, max_bytes: usize },
    Inline(bool),
    Flush,
    FailSyncs { after: u64 },
    Crash(Crash),
}

fn step() -> impl Strategy<Value = Step> {
    let crash = prop_oneof![Just(Crash::KeepAll), Just(Crash::LoseAll), Just(Crash::Tear), Just(Crash::Tear)];
    prop_oneof![
        12 => (1u64..6, 0usize..900, 0usize..4).prop_map(|(count, len, parts)| Step::Append { count, len, parts }),
        2 => (any::<bool>(), any::<u8>()).prop_map(|(vote, value)| Step::Meta { vote, value }),
        2 => (0u64..12).prop_map(|back| Step::Truncate { back }),
        2 => (0u64..12).prop_map(|ahead| Step::Purge { ahead }),
        4 => (0u64..40, 0usize..4000).prop_map(|(back, max_bytes)| Step::Read { back, max_bytes }),
        1 => any::<bool>().prop_map(Step::Inline),
        1 => Just(Step::Flush),
        1 => (0u64..4).prop_map(|after| Step::FailSyncs { after }),
        3 => crash.prop_map(Step::Crash),
    ]
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    /// (index, term, payload)
    entries: Vec<(u64, u64, Vec<u8>)>,
    purged: Option<(u64, u64)>,
    vote: Option<Bytes>,
    committed: Option<Bytes>,
}

impl Model {
    fn last(&self) -> Option<(u64, u64)> {
        self.entries.last().map(|entry| (entry.0, entry.1)).or(self.purged)
    }

    fn next(&self) -> u64 {
        self.last().map_or(0, |(index, _)| index + 1)
    }

    fn of(log: &Log, found: &Recovered) -> Model {
        let start = found.first_index.unwrap_or(0);
        let records = match found.first_index {
            Some(_) => log.read(start..u64::MAX, usize::MAX).expect("reads all"),
            None => Vec::new(),
        };
        let entries =
            records.iter().map(|record| (record.index, record.term, record.payload.concat())).collect();
        let model = Model {
            entries,
            purged: found.purged,
            vote: found.vote.clone(),
            committed: found.committed.clone(),
        };
        assert_eq!(model.last(), found.last);
        model
    }
}

/// The log under test, and every state it may be in after a crash.
struct Run {
    fs: FaultyFs,
    log: Option<Log>,
    /// The model after each operation since the last crash; the first is what the crash left.
    states: Vec<Model>,
    /// How many of those operations were reported durable.
    durable: Arc<AtomicUsize>,
    inline: bool,
    failing: bool,
    term: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let fs = FaultyFs::new(seed);
        let log = open(&fs, true).map(|(log, _)| log).expect("opens empty");
        let states = vec![Model::default()];
        Run { fs, log: Some(log), states, durable: Arc::default(), inline: true, failing: false, term: 1 }
    }

    fn model(&self) -> Model {
        self.states.last().cloned().expect("never empty")
    }

    fn log(&mut self) -> &mut Log {
        self.log.as_mut().expect("open between steps")
    }

    fn note(&mut self, next: Model) -> Durable {
        self.states.push(next);
        let (durable, position) = (self.durable.clone(), self.states.len() - 1);
        Box::new(move |result| {
            if result.is_ok() {
                durable.fetch_max(position, Ordering::SeqCst);
            }
        })
    }

    fn check(&self, result: Result<(), LogError>) {
        assert!(result.is_ok() || self.failing, "failed without a fault: {result:?}");
    }

    fn step(&mut self, step: Step) {
        let mut model = self.model();
        match step {
            Step::Append { count, len, parts } => self.append(model, count, (len, parts)),
            Step::Meta { vote, value } => {
                let bytes = Bytes::from(vec![value; usize::from(value % 20)]);
                *(if vote { &mut model.vote } else { &mut model.committed }) = Some(bytes.clone());
                let kind = if vote { MetaKind::Vote } else { MetaKind::Committed };
                let done = self.note(model);
                let result = self.log().save_meta(kind, bytes, done);
                self.check(result);
            }
            Step::Truncate { back } => {
                let keep = model.next().checked_sub(back + 1);
                model.entries.retain(|entry| keep.is_some_and(|keep| entry.0 <= keep));
                self.term += 1;
                let done = self.note(model);
                let result = self.log().truncate_after(keep, done);
                self.check(result);
            }
            Step::Purge { ahead } => {
                let first = model.entries.first().map_or(model.next(), |entry| entry.0);
                let index = first + ahead;
                let term =
                    model.entries.iter().find(|entry| entry.0 == index).map_or(self.term, |entry| entry.1);
                model.entries.retain(|entry| entry.0 > index);
                model.purged = Some((index, term));
                let done = self.note(model);
                let result = self.log().purge(index, term, done);
                self.check(result);
            }
            Step::Read { back, max_bytes } => self.read(&model, back, max_bytes),
            Step::Inline(inline) => {
                self.inline = inline;
                let result = self.log().set_inline(inline);
                self.check(result);
            }
            Step::Flush => {
                let position = self.states.len() - 1;
                let result = self.log().flush();
                assert!(result.is_err() || self.durable.load(Ordering::SeqCst) == position);
                self.check(result);
            }
            Step::FailSyncs { after } => {
                self.failing = true;
                self.fs.fail_syncs_after(after);
            }
            Step::Crash(crash) => self.crash(crash),
        }
    }

    fn append(&mut self, mut model: Model, count: u64, (len, parts): (usize, usize)) {
        let first = model.next();
        let term = self.term;
        let records: Vec<Record> = (first..first + count)
            .map(|index| {
                let part = Bytes::from(vec![(index ^ term) as u8; len / parts.max(1)]);
                Record { index, term, payload: vec![part; parts] }
            })
            .collect();
        // Not atomic: a crash may keep some of the records, from the first on.
        for record in &records {
            model.entries.push((record.index, term, record.payload.concat()));
            self.states.push(model.clone());
        }
        let done = self.note(model);
        let result = self.log().append(records, done);
        self.check(result);
    }

    fn read(&mut self, model: &Model, back: u64, max_bytes: usize) {
        let start = model.next().saturating_sub(back);
        let expected: Vec<_> = model.entries.iter().filter(|entry| entry.0 >= start).cloned().collect();
        match self.log().read(start..model.next(), max_bytes) {
            Ok(records) => {
                let read: Vec<_> = records
                    .iter()
                    .map(|record| (record.index, record.term, record.payload.concat()))
                    .collect();
                assert!(!read.is_empty() || expected.is_empty());
                assert_eq!(read, expected[..read.len()]);
                let bytes: usize = read.iter().map(|entry| entry.2.len()).sum();
                assert!(bytes <= max_bytes || read.len() == 1);
            }
            Err(LogError::Purged { first_index }) => {
                assert!(start < first_index && model.purged.map(|(index, _)| index + 1) == Some(first_index));
            }
            Err(error) => assert!(self.failing, "{error}"),
        }
    }

    fn crash(&mut self, crash: Crash) {
        // The machine stops first: whatever the old log still tries fails.
        self.fs.crash(crash);
        self.log = None;
        let durable = self.durable.load(Ordering::SeqCst);
        let (log, found) = open(&self.fs, self.inline).expect("a crash is never taken for damage");
        let model = Model::of(&log, &found);
        assert!(
            self.states[durable..].contains(&model),
            "{durable} of {} durable, found {found:?}",
            self.states.len() - 1
        );
        self.log = Some(log);
        self.states = vec![model];
        self.durable = Arc::default();
        self.failing = false;
        self.term += 1;
    }
}

fn open(fs: &FaultyFs, inline: bool) -> Result<(Log, Recovered), LogError> {
    let options = LogOptions {
        segment_bytes: 8 << 10,
        spare_segments: 2,
        background_fill: false,
        cache_bytes: 3000,
        inline,
    };
    Log::open(Arc::new(fs.clone()), Path::new("/log"), options)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_durable_is_lost_and_nothing_else_appears(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut run = Run::new(seed);
        for step in steps {
            run.step(step);
        }
        run.step(Step::Crash(Crash::Tear));
        run.step(Step::Crash(Crash::LoseAll));
    }

    /// Damage to durable bytes is refused or harmless, never a different log, except that the last group
    /// cannot be told from one that was torn.
    #[test]
    fn flipped_bit_never_changes_what_is_read(
        counts in prop::collection::vec(1u64..4, 3..40),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let mut run = Run::new(1);
        let mut before_last = 0;
        for count in counts {
            before_last = run.model().entries.len();
            run.step(Step::Append { count, len: 300, parts: 1 });
        }
        run.log = None;
        let path = at.get(&run.fs.paths()).clone();
        let len = run.fs.content(&path).expect("is there").len();
        run.fs.flip_bit(&path, at.index(len) as u64, bit).expect("flips");
        match open(&run.fs, true) {
            Ok((log, found)) => {
                let whole = run.model();
                let model = Model::of(&log, &found);
                prop_assert!(whole.entries.starts_with(&model.entries));
                prop_assert!(model.entries.len() >= before_last);
            }
            Err(LogError::Corrupt { file, .. } | LogError::NewerFormat { file, .. }) => {
                prop_assert_eq!(file, path)
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}

#[test]
fn poisoned_log_of_a_stopped_machine_reports_nothing_durable() {
    let mut run = Run::new(3);
    run.step(Step::Append { count: 2, len: 10, parts: 1 });
    run.fs.crash(Crash::LoseAll);
    let result = run.log().append(vec![Record { index: 2, term: 1, payload: vec![] }], unobserved());
    assert!(matches!(result, Err(LogError::Io { .. })));
}
