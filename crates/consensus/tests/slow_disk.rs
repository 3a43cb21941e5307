//! Disks on which a sync takes about as long as an election does elsewhere.

mod support;

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use menagerie_log::{Fs, FsFile, OsFs};
use support::{Ensemble, read_to, send};

/// Longer than the shortest election timeout here.
const SYNC: Duration = Duration::from_millis(300);

struct SlowFs;

struct SlowFile(Box<dyn FsFile>);

impl Fs for SlowFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        OsFs.create_dir_all(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        OsFs.list(dir)
    }
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(SlowFile(OsFs.open(path, create)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsFs.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        OsFs.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        OsFs.sync_dir(dir)
    }
}

impl FsFile for SlowFile {
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        self.0.write_vectored_at(bufs, offset)
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    fn sync_data(&self) -> io::Result<()> {
        std::thread::sleep(SYNC);
        self.0.sync_data()
    }
    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[tokio::test]
async fn a_leader_is_elected_however_long_a_vote_takes_to_be_durable() {
    let mut ensemble = Ensemble::start_tuned(3, |options| options.fs = Arc::new(SlowFs));
    for round in 0..2 {
        let (leader, proposals) = ensemble.propose().await;
        send(&proposals, format!("round {round}")).await;
        read_to(&ensemble.member(leader).consensus, 1, &format!("round {round}")).await;
        ensemble.stop(leader);
        let (other, proposals) = ensemble.propose().await;
        assert_ne!(other, leader);
        send(&proposals, format!("after {round}")).await;
        read_to(&ensemble.member(other).consensus, 1, &format!("after {round}")).await;
        ensemble.restart(leader).await;
    }
}
