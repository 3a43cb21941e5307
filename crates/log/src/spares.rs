//! Spare segments: made ahead by a background thread, or left by a purge.

use crate::directory::{Directory, write_zeros};
use crate::{LogError, LogOptions};
use parking_lot::{Condvar, Mutex};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Zero-filled between two syncs in the background, so that the log's own syncs do not wait long behind it.
const FILL_STEP_BYTES: u64 = 2 << 20;
/// Zeroed at the start of a spare found on opening: longer than a header and the records that begin a segment.
/// A crash between writing those and giving the segment its name leaves them with an epoch yet to be used.
const SCRUB_BYTES: u64 = 16 << 10;

#[derive(Default)]
struct PoolState {
    ready: Vec<PathBuf>,
    next_number: u64,
    wanted: bool,
    closing: bool,
}

struct Pool {
    dir: Directory,
    segment_bytes: u64,
    state: Mutex<PoolState>,
    wake: Condvar,
}

/// The spares of one log.
pub(crate) struct Spares {
    pool: Arc<Pool>,
    limit: usize,
    background_fill: bool,
    filler: Option<JoinHandle<()>>,
}

impl Spares {
    /// Takes over the spares found in the directory; removes those of another size and those above the limit.
    pub(crate) fn open(dir: &Directory, options: &LogOptions, found: &[u64]) -> Result<Spares, LogError> {
        let mut state =
            PoolState { next_number: found.last().map_or(0, |last| last + 1), ..Default::default() };
        for number in found {
            let path = dir.spare(*number);
            let file = dir.open(&path, false)?;
            let len = file.len().map_err(LogError::io(&path))?;
            if len != options.segment_bytes || state.ready.len() >= options.spare_segments {
                dir.remove(&path)?;
                continue;
            }
            write_zeros(&*file, 0, SCRUB_BYTES.min(len)).map_err(LogError::io(&path))?;
            file.sync_all().map_err(LogError::io(&path))?;
            state.ready.push(path);
        }
        let segment_bytes = options.segment_bytes;
        let pool = Pool { dir: dir.clone(), segment_bytes, state: Mutex::new(state), wake: Condvar::new() };
        let background_fill = options.background_fill && options.spare_segments > 0;
        Ok(Spares { pool: Arc::new(pool), limit: options.spare_segments, background_fill, filler: None })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pool.state.lock().ready.is_empty()
    }

    /// Returns a spare's path, or a fresh one where the caller must make the file.
    pub(crate) fn take(&self) -> PathBuf {
        let mut state = self.pool.state.lock();
        match state.ready.pop() {
            Some(path) => path,
            None => self.pool.fresh_path(&mut state),
        }
    }

    /// Turns a purged segment into a spare, or removes it if it cannot serve or there are enough.
    pub(crate) fn give(&self, segment: &Path, filled: u64) -> Result<(), LogError> {
        let mut state = self.pool.state.lock();
        if filled != self.pool.segment_bytes || state.ready.len() >= self.limit {
            drop(state);
            return self.pool.dir.remove(segment);
        }
        let path = self.pool.fresh_path(&mut state);
        drop(state);
        self.pool.dir.rename(segment, &path)?;
        self.pool.state.lock().ready.push(path);
        Ok(())
    }

    /// Asks for a spare to be made in the background if there is none.
    pub(crate) fn request(&mut self) {
        if !self.background_fill {
            return;
        }
        if self.filler.is_none() {
            let pool = self.pool.clone();
            match std::thread::Builder::new().name("log-spares".into()).spawn(move || pool.run()) {
                Ok(filler) => self.filler = Some(filler),
                Err(error) => tracing::warn!(%error, "no thread for spare log segments"),
            }
        }
        self.pool.state.lock().wanted = true;
        self.pool.wake.notify_one();
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.pool.state.lock().closing = true;
        self.pool.wake.notify_one();
        if let Some(filler) = self.filler.take() {
            // A panic there cost a spare, nothing else.
            drop(filler.join());
        }
    }
}

impl Pool {
    fn fresh_path(&self, state: &mut PoolState) -> PathBuf {
        state.next_number += 1;
        self.dir.spare(state.next_number - 1)
    }

    fn run(&self) {
        loop {
            let mut state = self.state.lock();
            while !(state.closing || state.wanted && state.ready.is_empty()) {
                state.wanted = false;
                self.wake.wait(&mut state);
            }
            if state.closing {
                return;
            }
            state.wanted = false;
            let path = self.fresh_path(&mut state);
            drop(state);
            match self.fill(&path) {
                Ok(true) => self.state.lock().ready.push(path),
                Ok(false) => return,
                // The writer makes its own segment then, and fails by itself if it must.
                Err(error) => {
                    tracing::warn!(%error, "spare log segment not made");
                    drop(self.dir.fs.remove(&path));
                }
            }
        }
    }

    /// Returns false if the log was closed meanwhile; the next open removes what is there.
    fn fill(&self, path: &Path) -> Result<bool, LogError> {
        let mut file = self.dir.open_direct(path, true)?;
        let mut filled = 0;
        while filled < self.segment_bytes {
            if self.state.lock().closing {
                return Ok(false);
            }
            let to = (filled + FILL_STEP_BYTES).min(self.segment_bytes);
            match write_zeros(&*file, filled, to) {
                Err(error) if error.kind() == ErrorKind::InvalidInput => {
                    file = self.dir.open(path, true)?;
                    write_zeros(&*file, filled, to)
                }
                written => written,
            }
            .and_then(|()| file.sync_data())
            .map_err(LogError::io(path))?;
            filled = to;
        }
        file.sync_all().map_err(LogError::io(path))?;
        self.dir.sync()?;
        Ok(true)
    }
}
