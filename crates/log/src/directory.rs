//! The log's directory: names of segments and spares, and operations whose errors name the file.

use crate::{Fs, FsFile, LogError};
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SEGMENT_SUFFIX: &str = ".log";
const SPARE_PREFIX: &str = "spare-";
static ZEROS: Aligned = Aligned([0; 1 << 16]);

/// Aligned as writes past the system's cache must be.
#[repr(align(4096))]
struct Aligned([u8; 1 << 16]);

/// A log directory on some file system.
#[derive(Clone)]
pub(crate) struct Directory {
    pub fs: Arc<dyn Fs>,
    pub path: PathBuf,
}

/// What a directory holds, by epoch and by number, each in ascending order.
#[derive(Default)]
pub(crate) struct Listing {
    pub segments: Vec<u64>,
    pub spares: Vec<u64>,
}

impl Directory {
    pub(crate) fn segment(&self, epoch: u64) -> PathBuf {
        self.path.join(format!("{epoch:016x}{SEGMENT_SUFFIX}"))
    }

    pub(crate) fn spare(&self, number: u64) -> PathBuf {
        self.path.join(format!("{SPARE_PREFIX}{number:016x}"))
    }

    /// Lists segments and spares; other files are none of the log's business.
    pub(crate) fn list(&self) -> Result<Listing, LogError> {
        let mut listing = Listing::default();
        for name in self.fs.list(&self.path).map_err(LogError::io(&self.path))? {
            if let Some(epoch) = name.strip_suffix(SEGMENT_SUFFIX).and_then(hex16) {
                listing.segments.push(epoch);
            } else if let Some(number) = name.strip_prefix(SPARE_PREFIX).and_then(hex16) {
                listing.spares.push(number);
            }
        }
        listing.segments.sort_unstable();
        listing.spares.sort_unstable();
        Ok(listing)
    }

    pub(crate) fn open(&self, path: &Path, create: bool) -> Result<Arc<dyn FsFile>, LogError> {
        self.fs.open(path, create).map(Arc::from).map_err(LogError::io(path))
    }

    pub(crate) fn open_direct(&self, path: &Path, create: bool) -> Result<Arc<dyn FsFile>, LogError> {
        self.fs.open_direct(path, create).map(Arc::from).map_err(LogError::io(path))
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), LogError> {
        self.fs.rename(from, to).map_err(LogError::io(from))?;
        self.sync()
    }

    pub(crate) fn remove(&self, path: &Path) -> Result<(), LogError> {
        self.fs.remove(path).map_err(LogError::io(path))?;
        self.sync()
    }

    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.fs.sync_dir(&self.path).map_err(LogError::io(&self.path))
    }
}

/// Writes zeros over a byte range.
pub(crate) fn write_zeros(file: &dyn FsFile, from: u64, to: u64) -> std::io::Result<()> {
    let zeros = &ZEROS.0[..];
    let mut offset = from;
    while offset < to {
        let len = (to - offset).min((zeros.len() * 16) as u64) as usize;
        let mut slices = vec![IoSlice::new(zeros); len / zeros.len()];
        slices.push(IoSlice::new(&zeros[..len % zeros.len()]));
        file.write_vectored_at(&slices, offset)?;
        offset += len as u64;
    }
    Ok(())
}

fn hex16(digits: &str) -> Option<u64> {
    let plain =
        digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}
