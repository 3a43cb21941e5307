//! Single behaviours; `tests/` holds the property test against a model.

use super::*;
use crate::faulty::{Crash, FaultyFs};
use std::io;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const DIR: &str = "/log";

fn options() -> LogOptions {
    LogOptions { segment_bytes: 16 << 10, background_fill: false, cache_bytes: 4 << 10, ..Default::default() }
}

fn open(fs: &FaultyFs) -> (Log, Recovered) {
    try_open(fs).expect("opens")
}

fn try_open(fs: &FaultyFs) -> Result<(Log, Recovered), LogError> {
    Log::open(Arc::new(fs.clone()), Path::new(DIR), options())
}

fn record(index: u64, term: u64, payload: &[u8]) -> Record {
    Record { index, term, payload: vec![Bytes::copy_from_slice(payload)] }
}

fn fill(log: &mut Log, range: Range<u64>, term: u64) {
    for index in range {
        log.append(vec![record(index, term, &[index as u8; 1000])], unobserved()).expect("appends");
    }
}

fn indexes(log: &Log, range: Range<u64>) -> Vec<u64> {
    log.read(range, usize::MAX).expect("reads").iter().map(|record| record.index).collect()
}

fn notify() -> (Durable, Receiver<io::Result<()>>) {
    let (sender, receiver) = channel();
    (Box::new(move |result| drop(sender.send(result))), receiver)
}

fn segments(fs: &FaultyFs) -> Vec<std::path::PathBuf> {
    fs.paths().into_iter().filter(|path| path.extension().is_some()).collect()
}

#[test]
fn inline_append_is_durable_when_it_returns() {
    let fs = FaultyFs::new(1);
    let (mut log, found) = open(&fs);
    assert_eq!(found, Recovered::default());
    let (done, result) = notify();
    let payload = vec![Bytes::from_static(b"a"), Bytes::new(), Bytes::from_static(b"bc")];
    let syncs = fs.syncs();
    log.append(vec![Record { index: 0, term: 1, payload }, record(1, 1, b"")], done).expect("appends");
    assert!(result.try_recv().expect("called before the return").is_ok());
    assert_eq!(fs.syncs(), syncs + 1);
    fs.crash(Crash::LoseAll);
    let (log, found) = open(&fs);
    assert_eq!((found.first_index, found.last), (Some(0), Some((1, 1))));
    assert_eq!(log.read(0..9, 100).expect("reads"), [record(0, 1, b"abc"), record(1, 1, b"")]);
}

#[test]
fn values_and_truncation_and_purge_survive() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 1..41, 1);
    log.save_meta(MetaKind::Vote, Bytes::from_static(b"v1"), unobserved()).expect("saves");
    log.save_meta(MetaKind::Vote, Bytes::from_static(b"v2"), unobserved()).expect("saves");
    log.defer_meta(MetaKind::Committed, Bytes::from_static(b"c")).expect("defers");
    log.truncate_after(Some(35), unobserved()).expect("truncates");
    fill(&mut log, 36..39, 2);
    log.purge(30, 1, unobserved()).expect("purges");
    let check = |log: &Log| {
        assert_eq!(indexes(log, 31..99), (31..39).collect::<Vec<_>>());
        assert_eq!(
            [29, 30, 35, 36, 39].map(|index| log.term_of(index)),
            [None, Some(1), Some(1), Some(2), None]
        );
        assert!(matches!(log.read(30..32, 1), Err(LogError::Purged { first_index: 31 })));
    };
    check(&log);
    fs.crash(Crash::LoseAll);
    let (log, found) = open(&fs);
    let expected = Recovered {
        first_index: Some(31),
        purged: Some((30, 1)),
        last: Some((38, 2)),
        vote: Some(Bytes::from_static(b"v2")),
        committed: Some(Bytes::from_static(b"c")),
        torn_bytes: 0,
    };
    assert_eq!(found, expected);
    check(&log);
}

#[test]
fn log_continues_behind_a_purge_beyond_its_end() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..5, 1);
    log.purge(99, 7, unobserved()).expect("purges");
    assert!(matches!(
        log.append(vec![record(5, 7, b"")], unobserved()),
        Err(LogError::Gap { expected: 100, .. })
    ));
    fill(&mut log, 100..102, 7);
    log.truncate_after(None, unobserved()).expect("truncates");
    drop(log);
    let (mut log, found) = open(&fs);
    assert_eq!((found.first_index, found.last), (None, Some((99, 7))));
    fill(&mut log, 100..101, 8);
    assert_eq!(indexes(&log, 100..999), [100]);
}

#[test]
fn refused_calls_change_nothing_and_tell_the_callback() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 5..8, 1);
    let (done, result) = notify();
    let gap = log.append(vec![record(8, 1, b""), record(10, 1, b"")], done);
    assert!(matches!(gap, Err(LogError::Gap { expected: 9, got: 10 })));
    assert_eq!(result.recv().expect("called").expect_err("refused").kind(), io::ErrorKind::InvalidInput);
    assert!(matches!(log.purge(3, 1, unobserved()), Err(LogError::Gap { .. })));
    let long = Bytes::from(vec![0; MAX_META_BYTES + 1]);
    assert!(matches!(log.save_meta(MetaKind::Vote, long, unobserved()), Err(LogError::TooLarge { .. })));
    fill(&mut log, 8..9, 1);
    assert_eq!(indexes(&log, 5..99), [5, 6, 7, 8]);
}

#[test]
fn writer_thread_groups_what_waits_and_keeps_order() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    log.set_inline(false).expect("switches");
    let (sender, order) = channel();
    for index in 0..500 {
        let sender = sender.clone();
        let done = Box::new(move |result: io::Result<()>| {
            sender.send((index, result.is_ok())).expect("is received")
        });
        log.append(vec![record(index, 1, &[1; 100])], done).expect("queues");
        assert_eq!(log.reader().last(), Some((index, 1)), "readable at once");
        assert_eq!(indexes(&log, index..index + 1), [index]);
    }
    log.flush().expect("flushes");
    assert_eq!(order.try_iter().collect::<Vec<_>>(), (0..500).map(|index| (index, true)).collect::<Vec<_>>());
    log.set_inline(true).expect("switches back");
    assert!(log.is_inline());
    fill(&mut log, 500..501, 1);
    fs.crash(Crash::LoseAll);
    assert_eq!(indexes(&open(&fs).0, 0..999), (0..501).collect::<Vec<_>>());
}

#[test]
fn group_of_many_records_takes_one_sync() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    let syncs = fs.syncs();
    // More slices than one write takes.
    log.append((0..200).map(|index| many_parts(index, 8)).collect(), unobserved()).expect("appends");
    assert_eq!(fs.syncs(), syncs + 1);
    fs.crash(Crash::LoseAll);
    assert_eq!(open(&fs).0.read(199..200, 99).expect("reads")[0].payload_len(), 8);
}

fn many_parts(index: u64, parts: usize) -> Record {
    Record { index, term: 1, payload: vec![Bytes::from_static(b"x"); parts] }
}

#[test]
fn cache_is_bounded_and_evicted_entries_are_read_from_disk() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..50, 1);
    assert!(log.shared.state.read().cache_bytes() <= options().cache_bytes);
    let records = log.read(0..50, usize::MAX).expect("reads");
    assert_eq!(records, (0..50).map(|index| record(index, 1, &[index as u8; 1000])).collect::<Vec<_>>());
    assert_eq!(log.read(0..50, 2500).expect("reads").len(), 2);
    assert_eq!(log.read(7..50, 1).expect("reads").len(), 1);
    assert_eq!(log.read(50..60, 1).expect("reads"), []);
}

#[test]
fn record_larger_than_a_segment_is_kept() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..2, 1);
    let large = record(2, 1, &[9; 100_000]);
    log.append(vec![large.clone(), record(3, 1, b"")], unobserved()).expect("appends");
    fs.crash(Crash::LoseAll);
    assert_eq!(open(&fs).0.read(2..3, 1).expect("reads"), [large]);
}

#[test]
fn sync_error_poisons_for_good() {
    for inline in [true, false] {
        let fs = FaultyFs::new(1);
        let (mut log, _) = open(&fs);
        log.set_inline(inline).expect("switches");
        fill(&mut log, 0..1, 1);
        log.flush().expect("flushes");
        fs.fail_syncs_after(0);
        let (done, result) = notify();
        let returned = log.append(vec![record(1, 1, b"x")], done);
        assert_eq!(returned.is_err(), inline);
        assert!(result.recv_timeout(Duration::from_secs(10)).expect("called").is_err());
        let (done, result) = notify();
        assert!(matches!(log.save_meta(MetaKind::Vote, Bytes::new(), done), Err(LogError::Poisoned(_))));
        assert!(result.recv().expect("called").is_err());
        assert!(matches!(log.read(0..1, 1), Err(LogError::Poisoned(_))));
        assert!(log.flush().is_err() && log.set_inline(!inline).is_err());
    }
}

#[test]
fn where_nothing_may_be_written_past_the_cache_the_log_is_the_same() {
    let [refusing, other] = [FaultyFs::new(1), FaultyFs::new(1)];
    for fs in [&refusing, &other] {
        let (mut log, _) = open(fs);
        fill(&mut log, 0..2, 1);
        if std::ptr::eq(fs, &refusing) {
            fs.refuse_direct();
        }
        fill(&mut log, 2..20, 1);
        drop(log);
        fs.crash(Crash::LoseAll);
        let (mut log, found) = open(fs);
        assert_eq!((found.last, found.torn_bytes), (Some((19, 1)), 0));
        fill(&mut log, 20..40, 1);
    }
    let content =
        |fs: &FaultyFs| segments(fs).iter().map(|path| fs.content(path).expect("there")).collect::<Vec<_>>();
    assert!(content(&refusing) == content(&other));
}

#[test]
fn full_disk_poisons_and_a_restart_with_room_goes_on() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..3, 1);
    // The page that the record begins in is written again from its start.
    fs.set_space(Some(3_700));
    assert!(matches!(log.append(vec![record(3, 1, &[5; 1000])], unobserved()), Err(LogError::Io { .. })));
    assert!(matches!(log.append(vec![record(4, 1, b"")], unobserved()), Err(LogError::Poisoned(_))));
    drop(log);
    fs.set_space(None);
    let (mut log, found) = open(&fs);
    assert_eq!(found.last, Some((2, 1)));
    assert!(found.torn_bytes > 0);
    fill(&mut log, 3..4, 1);
}

#[test]
fn flipped_byte_amid_durable_records_is_refused_with_file_and_offset() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..33, 1);
    drop(log);
    let files = segments(&fs);
    assert_eq!(files.len(), 3);
    for (file, at) in [(&files[0], 64 + 40 + 10), (&files[1], 64 + 3 * 1040 + 4), (&files[2], 64 + 10)] {
        fs.flip_bit(file, at, 3).expect("flips");
        match try_open(&fs).map(drop) {
            Err(LogError::Corrupt { file: named, offset, .. }) => {
                assert_eq!((&named, offset), (file, 64 + (at - 64) / 1040 * 1040));
            }
            other => panic!("opened or failed otherwise: {other:?}"),
        }
        fs.flip_bit(file, at, 3).expect("flips back");
    }
    // The last record of a full segment: nothing follows it there, but the next segment knows where it ended.
    fs.flip_bit(&files[0], 64 + 14 * 1040 + 50, 0).expect("flips");
    assert!(matches!(try_open(&fs), Err(LogError::Corrupt { offset: 14_624, .. })));
}

#[test]
fn reader_notices_a_byte_flipped_while_open() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..30, 1);
    fs.flip_bit(&segments(&fs)[0], 64 + 100, 3).expect("flips");
    assert!(matches!(log.read(0..2, 9999), Err(LogError::Corrupt { offset: 64, .. })));
    assert_eq!(indexes(&log, 1..3), [1, 2]);
}

#[test]
fn torn_group_is_cut_and_cannot_come_back() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..2, 1);
    let before = fs.content(&segments(&fs)[0]).expect("is there");
    // A group of three whose middle never reached the disk.
    log.append((2..5).map(|index| record(index, 1, &[7; 100])).collect(), unobserved()).expect("appends");
    drop(log);
    let mut torn = fs.content(&segments(&fs)[0]).expect("is there");
    let hole = 64 + 2 * 1040 + 144;
    torn[hole..hole + 144].copy_from_slice(&before[hole..hole + 144]);
    fs.set_content(&segments(&fs)[0], torn);
    let (mut log, found) = open(&fs);
    assert_eq!((found.last, found.torn_bytes), (Some((2, 1)), 2 * 144));
    // A record of the same length in the hole must not bring the one behind it back.
    log.append(vec![record(3, 2, &[8; 100])], unobserved()).expect("appends");
    drop(log);
    assert_eq!(open(&fs).1.last, Some((3, 2)));
}

#[test]
fn recycled_segment_never_yields_its_old_records() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    log.save_meta(MetaKind::Vote, Bytes::from_static(b"v"), unobserved()).expect("saves");
    let mut recycled = 0;
    for round in 0..20u64 {
        let last = round * 40 + 39;
        fill(&mut log, round * 40..last + 1, 1);
        log.purge(last - 5, 1, unobserved()).expect("purges");
        recycled += fs.paths().len() - segments(&fs).len();
        if round % 3 == 0 {
            fs.crash(Crash::LoseAll);
            let (again, found) = open(&fs);
            assert_eq!((found.first_index, found.last), (Some(last - 4), Some((last, 1))));
            assert_eq!((found.vote.as_deref(), found.torn_bytes), (Some(&b"v"[..]), 0));
            assert_eq!(indexes(&again, last - 4..9999), (last - 4..last + 1).collect::<Vec<_>>());
            log = again;
        }
    }
    assert!(recycled > 20, "spares were kept: {recycled}");
    assert!(fs.paths().len() <= 5, "space is bounded: {:?}", fs.paths());
}

#[test]
fn newer_format_missing_segment_and_bad_option_are_refused() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    fill(&mut log, 0..40, 1);
    drop(log);
    let files = segments(&fs);
    let content = fs.content(&files[1]).expect("is there");
    let mut newer = content.clone();
    newer[8] = 9;
    fs.set_content(&files[1], newer);
    let error = try_open(&fs).map(drop).expect_err("refuses");
    assert_eq!(
        error.to_string(),
        "log file /log/0000000000000002.log has format 9, this version reads up to 1"
    );
    fs.set_content(&files[1], content);
    Fs::remove(&fs, &files[1]).expect("removes");
    assert!(matches!(try_open(&fs), Err(LogError::Corrupt { file, .. }) if file == files[1]));
    Fs::remove(&fs, &files[0]).expect("removes");
    assert!(matches!(try_open(&fs), Err(LogError::Corrupt { .. })));
    let small = LogOptions { segment_bytes: 100, ..options() };
    assert!(matches!(Log::open(Arc::new(fs), Path::new(DIR), small), Err(LogError::Options(_))));
}

#[test]
fn dropped_log_writes_what_was_deferred_and_queued() {
    let fs = FaultyFs::new(1);
    let (mut log, _) = open(&fs);
    log.set_inline(false).expect("switches");
    fill(&mut log, 0..20, 1);
    log.defer_meta(MetaKind::Committed, Bytes::from_static(b"19")).expect("defers");
    drop(log);
    fs.crash(Crash::LoseAll);
    let (_, found) = open(&fs);
    assert_eq!((found.last, found.committed.as_deref()), (Some((19, 1)), Some(&b"19"[..])));
}
