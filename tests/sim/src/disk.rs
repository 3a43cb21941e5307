//! A machine's disk. It outlives crashes, takes virtual time, and fails as the plan says.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use menagerie_log::faulty::{Crash, FaultyFs};
use menagerie_log::{DrivenWriter, Driver, Fs, FsFile};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Notify;

/// Cheap to clone; all clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    inner: Arc<Inner>,
}

struct Inner {
    /// The machine's name.
    name: &'static str,
    state: Mutex<State>,
}

struct State {
    fs: FaultyFs,
    rng: StdRng,
    /// Counts crashes: a file system mounted before one is of no use after it.
    life: u64,
    /// How long a write and a sync take, from and to, in ms.
    delays_ms: (u64, u64),
    /// Operations until the machine crashes.
    crash_in: Option<u64>,
    /// The machine has crashed in the middle of something; the run takes notice after the tick.
    crashed: bool,
    /// Index of the newest checkpoint that is durable here.
    checkpoint: u64,
}

/// How long a healthy disk takes.
const HEALTHY_MS: (u64, u64) = (0, 3);

impl Disk {
    /// An empty disk of the machine `name`.
    pub fn new(name: &'static str, seed: u64) -> Self {
        let state = State {
            fs: FaultyFs::new(seed),
            rng: StdRng::seed_from_u64(seed),
            life: 0,
            delays_ms: HEALTHY_MS,
            crash_in: None,
            crashed: false,
            checkpoint: 0,
        };
        Self { inner: Arc::new(Inner { name, state: Mutex::new(state) }) }
    }

    /// The file system, until the next crash.
    pub fn mount(&self) -> Arc<Mounted> {
        Arc::new(Mounted { disk: self.clone(), life: self.inner.state.lock().life })
    }

    /// The machine crashes: what was not synced is lost as `crash` says, and other accidents end.
    pub fn crash(&self, crash: Crash) {
        let state = &mut *self.inner.state.lock();
        state.fs.crash(crash);
        state.fs.set_space(None);
        state.life += 1;
        (state.crash_in, state.crashed) = (None, false);
    }

    /// The disk is replaced by an empty one. The machine must have crashed.
    pub fn wipe(&self) {
        let state = &mut *self.inner.state.lock();
        state.fs = FaultyFs::new(state.rng.random());
        state.checkpoint = 0;
    }

    /// The machine crashes within the `operations`-th operation on its disk from now on.
    pub fn crash_in(&self, operations: u64) {
        self.inner.state.lock().crash_in = Some(operations);
    }

    /// It will not, if it has not yet.
    pub fn disarm(&self) {
        self.inner.state.lock().crash_in = None;
    }

    /// True when such a crash has happened.
    pub fn has_crashed(&self) -> bool {
        self.inner.state.lock().crashed
    }

    /// Writes and syncs take this long from now on, each; none for a healthy disk's times.
    pub fn set_delays(&self, ms: Option<(u64, u64)>) {
        self.inner.state.lock().delays_ms = ms.unwrap_or(HEALTHY_MS);
    }

    /// See [`FaultyFs::fail_syncs_after`].
    pub fn fail_syncs_after(&self, syncs: u64) {
        self.inner.state.lock().fs.fail_syncs_after(syncs);
    }

    /// See [`FaultyFs::set_space`].
    pub fn set_space(&self, bytes: u64) {
        self.inner.state.lock().fs.set_space(Some(bytes));
    }

    /// A copy as it would be after a crash now that loses all that is not synced.
    pub fn durable(&self) -> FaultyFs {
        let copy = self.inner.state.lock().fs.fork();
        copy.crash(Crash::LoseAll);
        copy
    }

    /// Index of the newest durable checkpoint.
    pub fn checkpoint(&self) -> u64 {
        self.inner.state.lock().checkpoint
    }

    /// A checkpoint has become durable.
    pub fn set_checkpoint(&self, index: u64) {
        self.inner.state.lock().checkpoint = index;
    }

    fn delay(&self) -> Duration {
        let state = &mut *self.inner.state.lock();
        let (from, to) = state.delays_ms;
        Duration::from_millis(state.rng.random_range(from..=to))
    }
}

/// A file system of one life of the machine.
pub struct Mounted {
    disk: Disk,
    life: u64,
}

impl Mounted {
    /// The file system, for one operation; or the machine is dead by now.
    fn operate(&self) -> io::Result<FaultyFs> {
        operate(&self.disk, self.life)
    }
}

fn operate(disk: &Disk, life: u64) -> io::Result<FaultyFs> {
    let state = &mut *disk.inner.state.lock();
    if let Some(left) = &mut state.crash_in {
        *left = left.saturating_sub(1);
        if *left == 0 {
            state.crash_in = None;
            state.crashed = true;
            // A dead machine says no more, not even that its connections have ended.
            crate::faults::cut_off(disk.inner.name);
        }
    }
    if state.life != life || state.crashed {
        return Err(io::Error::other("the machine has crashed"));
    }
    Ok(state.fs.clone())
}

impl Fs for Mounted {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.operate()?.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.operate()?.list(dir)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        let file = self.operate()?.open(path, create)?;
        Ok(Box::new(MountedFile { file, disk: self.disk.clone(), life: self.life }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate()?.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate()?.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.operate()?.sync_dir(dir)
    }

    fn driver(&self) -> Option<Arc<dyn Driver>> {
        Some(Arc::new(DiskDriver { disk: self.disk.clone(), attended: Mutex::new(None) }))
    }
}

struct MountedFile {
    file: Box<dyn FsFile>,
    disk: Disk,
    life: u64,
}

impl MountedFile {
    fn operate(&self) -> io::Result<&dyn FsFile> {
        operate(&self.disk, self.life).map(|_| &*self.file)
    }
}

impl FsFile for MountedFile {
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        self.operate()?.write_vectored_at(bufs, offset)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        self.operate()?.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.operate()?.sync_all()
    }
}

/// Has the log's writer work in a task that takes the disk's time.
struct DiskDriver {
    disk: Disk,
    attended: Mutex<Option<(DrivenWriter, Arc<Notify>)>>,
}

impl Driver for DiskDriver {
    fn attend(&self, writer: &DrivenWriter) {
        // What is left when a crashed machine is cleared away is never written.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let mut attended = self.attended.lock();
        let queued = match &*attended {
            Some((known, queued)) if known.is(writer) => Arc::clone(queued),
            _ => {
                let queued = Arc::new(Notify::new());
                *attended = Some((writer.clone(), Arc::clone(&queued)));
                tokio::spawn(work(self.disk.clone(), writer.clone(), Arc::clone(&queued)));
                queued
            }
        };
        queued.notify_one();
    }
}

async fn work(disk: Disk, writer: DrivenWriter, queued: Arc<Notify>) {
    loop {
        while !writer.has_work() {
            queued.notified().await;
        }
        tokio::time::sleep(disk.delay()).await;
        writer.write();
        tokio::time::sleep(disk.delay()).await;
        writer.sync();
    }
}
