//! Data directories of every format that was ever written, kept and opened: `testdata/format-N`.
//!
//! For a new format: raise `FORMAT` here, run `cargo test -p menagerie-tree-store --test replica golden -- --ignored` once,
//! and commit what it writes. Those of older formats stay as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use menagerie_types::LogIndex;

use crate::bench::{Bench, Gateway};
use crate::checkpoints::{copy, temporary, write};
use crate::log::FakeLog;

const FORMAT: u32 = 2;
const ENTRIES: usize = 60;

fn testdata(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/format-{format}"))
}

/// The same history every time.
fn history(log: &Arc<FakeLog>) {
    write(&mut Gateway::new(log, 9), ENTRIES, 11);
}

/// Loads what the format's version wrote, goes on from there, and loads what has come of it.
async fn loaded_and_gone_on_from(format: u32) {
    let dir = temporary();
    copy(&testdata(format), dir.path());
    let log = FakeLog::new();
    history(&log);
    let loaded = Bench::start_in(&log, dir, vec![]).await;
    let status = loaded.status().await;
    assert!(status.checkpoint_index >= LogIndex(ENTRIES as u64), "loaded, not replayed: {status:?}");
    assert_eq!((status.znode_count, status.session_count), (19, 0), "as it was when it was written");
    write(&mut Gateway::new(&log, 10), ENTRIES, 12);
    let znodes = loaded.reach(log.last()).await.znode_count;
    let dir = loaded.stop().await;
    let manifest = fs::read_to_string(dir.path().join("MANIFEST")).expect("readable");
    assert!(manifest.contains(&format!(" format={FORMAT} ")), "{manifest}");
    let again = Bench::start_in(&FakeLog::new(), dir, vec![]).await;
    assert_eq!(again.status().await.znode_count, znodes);
    assert!(!again.dir.path().join("checkpoint.bad-1").exists());
}

#[tokio::test]
async fn what_format_1_wrote_is_loaded_and_gone_on_from() {
    loaded_and_gone_on_from(1).await;
}

#[tokio::test]
async fn what_format_2_wrote_is_loaded_and_gone_on_from() {
    loaded_and_gone_on_from(2).await;
}

#[tokio::test]
#[ignore = "writes testdata"]
async fn write_testdata() {
    let kept = testdata(FORMAT);
    assert!(!kept.exists(), "files of a format are written once");
    let log = FakeLog::new();
    history(&log);
    let bench = Bench::start(&log).await;
    bench.reach(log.last()).await;
    println!("{:?}", bench.status().await);
    let dir = bench.stop().await;
    fs::remove_file(dir.path().join("LOCK")).expect("removed");
    copy(dir.path(), &kept);
}
