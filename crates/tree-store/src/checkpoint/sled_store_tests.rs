//! Checkpoints in sled against a map.

use std::collections::BTreeMap;

use menagerie_types::{LogIndex, Zxid};
use proptest::prelude::*;

use super::*;
use crate::checkpoint::store::no_changes;

const CACHE_BYTES: u64 = 1 << 20;
/// So that several runs need not be large.
const SORT_BYTES_HERE: usize = 1 << 20;

type Content = BTreeMap<Vec<u8>, Vec<u8>>;

fn meta(index: u64) -> Meta {
    Meta {
        index: LogIndex(index),
        time_ms: 0,
        zxid: Zxid(0),
        digest: 0,
        znodes: 0,
        sessions: 0,
        incarnations: 0,
        replicas: 0,
    }
}

fn key(n: usize) -> Vec<u8> {
    format!("n/{n:06}").into_bytes()
}

fn once(changes: Vec<Record>) -> impl FnMut() -> Result<Option<Vec<Record>>, TreeStoreError> {
    let mut changes = Some(changes);
    move || Ok(changes.take())
}

fn opened(dir: &Path) -> SledCheckpoint {
    let mut store = SledCheckpoint::open(dir, CACHE_BYTES).expect("opened");
    store.unsorted = Unsorted::new(SORT_BYTES_HERE);
    store
}

fn content(store: &SledCheckpoint) -> Content {
    let mut all = Content::new();
    let mut last = Vec::new();
    store
        .for_each(&mut |key, value| {
            assert!(last.as_slice() < key, "in order");
            last = key.to_vec();
            all.insert(key.to_vec(), value.to_vec());
            Ok(())
        })
        .expect("readable");
    all
}

/// What lies in the directory that does not count: files, and records in sled.
fn leftovers(store: &SledCheckpoint) -> (usize, usize) {
    let listed = |id: &u64| store.parts.runs.iter().any(|run| run.id == *id);
    let files = run_file::list(store.db.path()).expect("listed");
    let [from, to] = layer_range(store.parts.layer);
    let counts = |key: &[u8]| *from <= *key && *key < *to;
    let records = store.db.range(LAYERS[0], LAYERS[1]).expect("open");
    let records = records.filter(|record| !counts(&record.as_ref().expect("read").0));
    (files.iter().filter(|id| !listed(id)).count(), records.count())
}

#[test]
fn more_changes_than_are_sorted_at_a_time_are_committed_like_few() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut store = opened(dir.path());
    store.commit(&mut once(vec![(key(0), Some(b"old".to_vec()))]), &meta(1)).expect("few");
    let many = SORT_BYTES_HERE / 1000 * 3;
    let slice = |value: u8| (0..many).rev().map(|n| (key(n), (n > 0).then(|| vec![value; 1000]))).collect();
    let mut slices = vec![slice(2), slice(1)];
    store.commit(&mut || Ok(slices.pop()), &meta(2)).expect("many");
    let expected: Content = (1..many).map(|n| (key(n), vec![2; 1000])).collect();
    assert!(store.parts.runs.len() > 4, "{:?}", store.parts);
    assert!(content(&store) == expected);
    store.tidy(1 << 30).expect("tidied");
    assert!(content(&store) == expected);
    drop(store);
    let store = opened(dir.path());
    assert!(content(&store) == expected);
    assert_eq!(store.meta().expect("readable"), Some(meta(2)));
}

#[test]
fn what_is_filled_in_in_order_is_one_run_and_in_any_order_the_same() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let expected: Content = (0..3000).map(|n| (key(n), vec![7; n % 100 + 1])).collect();
    for (step, runs) in [(1, 1), (7, 2)] {
        let path = dir.path().join(step.to_string());
        let mut store = opened(&path);
        for n in (0..3000).map(|n| n * step % 3000) {
            store.fill(&key(n), &vec![7; n % 100 + 1]).expect("filled");
        }
        store.commit(&mut no_changes, &meta(1)).expect("committed");
        assert_eq!(store.parts.runs.len(), runs);
        assert_eq!(content(&store), expected);
        drop(store);
        assert_eq!(content(&opened(&path)), expected);
    }
}

#[test]
fn a_commit_that_fails_leaves_the_checkpoint_as_it_was_and_nothing_behind() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut store = opened(dir.path());
    store.commit(&mut once(vec![(key(1), Some(b"1".to_vec()))]), &meta(1)).expect("committed");
    let before = content(&store);
    let mut slices = 0;
    let failed = store.commit(
        &mut || {
            slices += 1;
            let slice = (0..SORT_BYTES_HERE / 500).map(|n| (key(n), Some(vec![9; 1000]))).collect();
            if slices < 3 { Ok(Some(slice)) } else { Err(TreeStoreError::Restoring) }
        },
        &meta(2),
    );
    assert!(matches!(failed, Err(TreeStoreError::Restoring)));
    assert_eq!((content(&store), store.meta().expect("readable")), (before, Some(meta(1))));
    assert_eq!(leftovers(&store), (0, 0));
    store.commit(&mut once(vec![(key(1), Some(b"2".to_vec()))]), &meta(3)).expect("committed");
    assert_eq!(content(&store), Content::from([(key(1), b"2".to_vec())]));
}

#[test]
fn what_a_crash_left_is_removed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut store = opened(dir.path());
    store.commit(&mut once(vec![(key(1), Some(b"1".to_vec()))]), &meta(1)).expect("committed");
    let before = content(&store);
    (0..2000).for_each(|n| store.put_unsorted(&key(n), &[3; 100]).expect("put"));
    store.sort().expect("written");
    let mut batch = sled::Batch::default();
    batch.insert(layer_key(store.parts.layer + 1, &key(1)), b"3");
    store.db.apply(batch, 0).expect("applied");
    assert_eq!(leftovers(&store), (1, 1));
    drop(store);
    let mut store = opened(dir.path());
    assert_eq!((content(&store), leftovers(&store)), (before, (0, 0)));
    store.commit(&mut once(vec![(key(1), None)]), &meta(2)).expect("committed");
    assert_eq!(content(&store), Content::new());
}

#[test]
fn runs_that_cannot_be_merged_stay_as_they_are_for_a_while() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut store = opened(dir.path());
    for index in 1..=8 {
        let changes = (0..COMMIT_MAX.records + 1).map(|n| (key(n), Some(vec![index; 10]))).collect();
        store.commit(&mut once(changes), &meta(index.into())).expect("committed");
    }
    let before = content(&store);
    // Where the merged run would be there is a directory.
    let obstacle = run_file::path_of(dir.path(), store.next_id);
    std::fs::create_dir(&obstacle).expect("made");
    store.merge_runs(0).expect_err("the obstacle is no file to be removed");
    std::fs::remove_dir(&obstacle).expect("removed");
    assert_eq!((store.parts.runs.len(), store.merges_put_off), (8, PUT_OFF));
    for _ in 0..PUT_OFF {
        store.tidy(1 << 30).expect("put off");
        assert_eq!(store.parts.runs.len(), 8);
    }
    store.tidy(1 << 30).expect("merged");
    assert_eq!((store.parts.runs.len(), content(&store)), (1, before));
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(usize, Option<usize>)>),
    Tidy,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0..40_usize, prop::option::of(1..300_usize));
    prop_oneof![
        8 => prop::collection::vec(change, 0..20).prop_map(Step::Commit),
        4 => Just(Step::Tidy),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn it_holds_what_a_map_would(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (mut store, mut expected) = (opened(dir.path()), Content::new());
        for (index, step) in (1..).zip(steps) {
            match step {
                Step::Commit(changes) => {
                    let mut records = Vec::new();
                    for (n, len) in changes {
                        let value = len.map(|len| vec![index as u8; len]);
                        match &value {
                            Some(value) => drop(expected.insert(key(n), value.clone())),
                            None => drop(expected.remove(&key(n))),
                        }
                        records.push((key(n), value));
                    }
                    store.commit(&mut once(records), &meta(index)).expect("committed");
                }
                Step::Tidy => {
                    store.tidy(1 << 30).expect("tidied");
                    prop_assert!(store.parts.worth_merging(1 << 30).is_none());
                }
                Step::Reopen => {
                    drop(store);
                    store = opened(dir.path());
                }
            }
        }
        prop_assert_eq!(leftovers(&store), (0, 0));
        prop_assert_eq!(&content(&store), &expected);
    }
}
