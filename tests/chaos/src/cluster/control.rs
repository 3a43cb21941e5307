//! The file through which the preloaded layer of one process is switched; `faults/preload.c` has the other end.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

/// Numbers in the file, each 64 bits.
const FIELDS: usize = 8;

/// A kind of fault, by its place in the file.
#[derive(Clone, Copy)]
enum Field {
    ClockOffsetNs = 0,
    SyncDelayUs = 1,
    SyncErrno = 2,
    WriteErrno = 3,
    SyncLie = 7,
}

/// How often a process has felt its faults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Felt {
    /// Syncs that took longer.
    pub syncs_delayed: i64,
    /// Syncs that failed.
    pub syncs_failed: i64,
    /// Writes that failed.
    pub writes_failed: i64,
}

/// Switches faults of one process, running or not.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    file: File,
}

impl Control {
    /// Makes the file, with no fault switched on.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.with_context(|| path.display().to_string())?;
        file.write_all_at(&[0; FIELDS * 8], 0)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// For CHAOS_CONTROL.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The wall clock is off by so many seconds from now on.
    pub fn step_clock(&self, seconds: i64) -> anyhow::Result<()> {
        self.set(Field::ClockOffsetNs, seconds * 1_000_000_000)
    }

    /// Every sync takes so much longer.
    pub fn delay_syncs(&self, delay: Duration) -> anyhow::Result<()> {
        self.set(Field::SyncDelayUs, i64::try_from(delay.as_micros())?)
    }

    /// Every sync fails.
    pub fn fail_syncs(&self, errno: i32) -> anyhow::Result<()> {
        self.set(Field::SyncErrno, errno.into())
    }

    /// Every write fails.
    pub fn fail_writes(&self, errno: i32) -> anyhow::Result<()> {
        self.set(Field::WriteErrno, errno.into())
    }

    /// Every sync says that it is done, and does nothing.
    pub fn lie_about_syncs(&self) -> anyhow::Result<()> {
        self.set(Field::SyncLie, 1)
    }

    /// What has been felt since the file was made.
    pub fn felt(&self) -> anyhow::Result<Felt> {
        let mut bytes = [0; FIELDS * 8];
        self.file.read_exact_at(&mut bytes, 0)?;
        let field = |n: usize| i64::from_le_bytes(std::array::from_fn(|at| bytes[n * 8 + at]));
        Ok(Felt { syncs_delayed: field(4), syncs_failed: field(5), writes_failed: field(6) })
    }

    fn set(&self, field: Field, value: i64) -> anyhow::Result<()> {
        Ok(self.file.write_all_at(&value.to_le_bytes(), field as u64 * 8)?)
    }
}
