//! The log on the real file system.

use bytes::Bytes;
use menagerie_log::{Log, LogError, LogOptions, LogReader, MetaKind, OsFs, Record, Recovered, unobserved};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

fn open(dir: &Path, options: LogOptions) -> (Log, Recovered) {
    Log::open(Arc::new(OsFs), dir, options).expect("opens")
}

fn small(inline: bool) -> LogOptions {
    LogOptions { segment_bytes: MIB, cache_bytes: 100_000, inline, ..Default::default() }
}

fn record(index: u64) -> Record {
    let part = Bytes::from(vec![index as u8; 5000]);
    Record { index, term: 1, payload: vec![part.clone(), Bytes::from_static(b"-"), part] }
}

fn fill(log: &mut Log, indexes: std::ops::Range<u64>) {
    for index in indexes {
        log.append(vec![record(index)], unobserved()).expect("appends");
    }
}

fn check(reader: &LogReader, index: u64) {
    let read = reader.read(index..index + 1, usize::MAX).expect("reads");
    assert_eq!(read[0].payload.concat(), record(index).payload.concat());
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

fn spares(dir: &Path, bytes: u64) -> usize {
    let entries = fs::read_dir(dir).expect("lists");
    entries
        .filter(|entry| {
            let entry = entry.as_ref().expect("lists");
            let full = entry.metadata().is_ok_and(|metadata| metadata.len() == bytes);
            full && entry.file_name().to_string_lossy().starts_with("spare-")
        })
        .count()
}

#[test]
fn log_survives_reopening_in_either_mode() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let path = dir.path().join("a/b");
    let mut next = 0u64;
    for inline in [true, false, true] {
        let (mut log, found) = open(&path, small(inline));
        assert_eq!(found.last, next.checked_sub(1).map(|last| (last, 1)));
        fill(&mut log, next..next + 300);
        next += 300;
        let value = Bytes::from(next.to_string());
        log.save_meta(MetaKind::Vote, value, unobserved()).expect("saves");
    }
    let (log, found) = open(&path, small(true));
    assert_eq!(found.vote.as_deref(), Some(&b"900"[..]));
    (0..900).for_each(|index| check(&log.reader(), index));
}

#[test]
fn new_log_starts_small_and_makes_its_spares_in_the_background() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (log, _) = open(dir.path(), LogOptions::default());
    let files: Vec<_> = fs::read_dir(dir.path()).expect("lists").collect();
    assert_eq!(files.len(), 1);
    let first = files[0].as_ref().expect("lists").metadata().expect("is there");
    assert_eq!(first.len(), 4 * MIB);
    drop(log);
    let dir = tempfile::tempdir().expect("makes a directory");
    let (mut log, _) = open(dir.path(), small(true));
    fill(&mut log, 0..60);
    wait_for("a spare", || spares(dir.path(), MIB) == 1);
    fill(&mut log, 60..180);
    wait_for("the use of the spare and another one", || {
        dir.path().join("0000000000000002.log").exists() && spares(dir.path(), MIB) == 1
    });
}

/// The end of a segment of an odd size is refused by what goes past the cache, as a file system may refuse everything.
#[test]
fn spares_are_made_where_nothing_goes_past_the_cache() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let options = LogOptions { segment_bytes: MIB + 8, ..small(true) };
    let (mut log, _) = open(dir.path(), options);
    fill(&mut log, 0..60);
    wait_for("a spare", || spares(dir.path(), MIB + 8) == 1);
    fill(&mut log, 60..180);
    (0..180).for_each(|index| check(&log.reader(), index));
}

#[test]
fn purged_segments_become_spares_and_space_is_bounded() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (mut log, _) = open(dir.path(), small(false));
    for round in 0..20 {
        fill(&mut log, round * 200..round * 200 + 200);
        log.purge(round * 200 + 150, 1, unobserved()).expect("purges");
    }
    drop(log);
    let files = fs::read_dir(dir.path()).expect("lists").count();
    assert!(files <= 6, "{files} files");
    let (log, found) = open(dir.path(), small(true));
    assert_eq!((found.first_index, found.last), (Some(3951), Some((3999, 1))));
    (3951..4000).for_each(|index| check(&log.reader(), index));
}

#[test]
fn readers_see_right_records_while_the_log_is_written_and_purged() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let (mut log, _) = open(dir.path(), small(false));
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2).map(|_| (log.reader(), done.clone())).collect();
    let readers: Vec<_> = readers
        .into_iter()
        .map(|(reader, done)| {
            std::thread::spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    sweep(&reader)
                }
            })
        })
        .collect();
    for index in 0..3000 {
        fill(&mut log, index..index + 1);
        if index % 100 == 99 {
            log.purge(index - 60, 1, unobserved()).expect("purges");
        }
    }
    log.flush().expect("flushes");
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.join().expect("every read was right");
    }
}

fn sweep(reader: &LogReader) {
    let Some(first) = reader.first_index() else { return };
    match reader.read(first..u64::MAX, 500_000) {
        Ok(records) => records.iter().enumerate().for_each(|(at, found)| {
            assert_eq!(found.index, first + at as u64);
            assert_eq!(found.payload.concat(), record(found.index).payload.concat());
        }),
        Err(LogError::Purged { first_index }) => assert!(first_index > first),
        Err(error) => panic!("{error}"),
    }
}
