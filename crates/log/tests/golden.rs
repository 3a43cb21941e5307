//! Files of every format that was ever written, kept and opened: `testdata/format-N`.
//!
//! For a new format: raise `FORMAT` here, run `cargo test -p menagerie-log --test golden -- --ignored` once, and commit
//! what it writes. Files of older formats stay as they are.

use bytes::Bytes;
use menagerie_log::faulty::FaultyFs;
use menagerie_log::{Log, LogError, LogOptions, MetaKind, OsFs, Record, unobserved};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The format that is written today.
const FORMAT: u32 = 1;
const DIR: &str = "/golden";

fn testdata(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/format-{format}"))
}

fn options() -> LogOptions {
    LogOptions { segment_bytes: 1024, spare_segments: 0, background_fill: false, ..LogOptions::default() }
}

fn record(index: u64, term: u64) -> Record {
    Record { index, term, payload: vec![Bytes::from(vec![index as u8; 100 + index as usize])] }
}

/// A log with every kind of record, in several segments.
fn write(fs: &FaultyFs) {
    let (mut log, _) = Log::open(Arc::new(fs.clone()), Path::new(DIR), options()).expect("empty");
    log.save_meta(MetaKind::Vote, Bytes::from_static(b"vote 1"), unobserved()).expect("saved");
    for index in 0..12 {
        log.append(vec![record(index, 1)], unobserved()).expect("appended");
    }
    log.truncate_after(Some(9), unobserved()).expect("truncated");
    log.save_meta(MetaKind::Vote, Bytes::from_static(b"vote 2"), unobserved()).expect("saved");
    log.append((10..20).map(|index| record(index, 2)).collect(), unobserved()).expect("appended");
    log.purge(4, 1, unobserved()).expect("purged");
    log.defer_meta(MetaKind::Committed, Bytes::from_static(b"committed")).expect("deferred");
    log.append((20..23).map(|index| record(index, 2)).collect(), unobserved()).expect("appended");
    log.flush().expect("durable");
}

#[test]
fn what_format_1_wrote_is_read() {
    let kept = testdata(1);
    let dir = tempfile::tempdir().expect("a directory");
    for file in std::fs::read_dir(&kept).expect("testdata") {
        let file = file.expect("a file");
        std::fs::copy(file.path(), dir.path().join(file.file_name())).expect("copied");
    }
    let (log, found) = Log::open(Arc::new(OsFs), dir.path(), options()).expect("opens");
    assert_eq!((found.purged, found.first_index, found.last), (Some((4, 1)), Some(5), Some((22, 2))));
    assert_eq!(found.vote.as_deref(), Some(&b"vote 2"[..]));
    assert_eq!(found.committed.as_deref(), Some(&b"committed"[..]));
    let read = log.read(5..23, usize::MAX).expect("read");
    let expected: Vec<_> = (5..23).map(|index| record(index, if index < 10 { 1 } else { 2 })).collect();
    assert_eq!(read, expected);
}

#[test]
fn what_is_written_today_is_byte_for_byte_what_was_written() {
    let fs = FaultyFs::new(1);
    write(&fs);
    let mut names = Vec::new();
    for path in fs.paths() {
        let name = path.file_name().expect("a name").to_owned();
        let kept = std::fs::read(testdata(FORMAT).join(&name)).expect("kept");
        assert_eq!(fs.content(&path).expect("content"), kept, "{}", path.display());
        names.push(name);
    }
    assert_eq!(std::fs::read_dir(testdata(FORMAT)).expect("testdata").count(), names.len());
    assert!(names.len() > 2, "several segments");
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_touched() {
    let fs = FaultyFs::new(1);
    write(&fs);
    let last = fs.paths().pop().expect("a segment");
    let mut content = fs.content(&last).expect("content");
    content[8..12].copy_from_slice(&(FORMAT + 1).to_le_bytes());
    fs.set_content(&last, content);
    let before: Vec<_> = fs.paths().iter().map(|path| fs.content(path).expect("content")).collect();
    let error = Log::open(Arc::new(fs.clone()), Path::new(DIR), options()).map(drop).expect_err("newer");
    assert!(matches!(error, LogError::NewerFormat { found, .. } if found == FORMAT + 1), "{error}");
    let after: Vec<_> = fs.paths().iter().map(|path| fs.content(path).expect("content")).collect();
    assert_eq!(before, after);
}

#[test]
#[ignore = "writes testdata"]
fn write_testdata() {
    let fs = FaultyFs::new(1);
    write(&fs);
    let kept = testdata(FORMAT);
    assert!(!kept.exists(), "files of a format are written once");
    std::fs::create_dir_all(&kept).expect("made");
    for path in fs.paths() {
        let content = fs.content(&path).expect("content");
        std::fs::write(kept.join(path.file_name().expect("a name")), content).expect("written");
    }
}
