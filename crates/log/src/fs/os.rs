//! The real file system.

use super::{Fs, FsFile};
use parking_lot::Mutex;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

#[cfg(target_os = "linux")]
const PAST_THE_CACHE: i32 = libc::O_DIRECT;
#[cfg(not(target_os = "linux"))]
const PAST_THE_CACHE: i32 = 0;

/// The operating system's files.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFs;

impl Fs for OsFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        let file = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(path)?;
        Ok(Box::new(OsFile { file, cursor: Mutex::new(0) }))
    }

    fn open_direct(&self, path: &Path, create: bool) -> io::Result<Box<dyn FsFile>> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(create).truncate(false).custom_flags(PAST_THE_CACHE).open(path);
        match file {
            Ok(file) => Ok(Box::new(OsFile { file, cursor: Mutex::new(0) })),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.open(path, create),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

/// A real file. `cursor` is the descriptor's position: std has `writev` but no `pwritev`, so a write seeks
/// only when it does not follow the one before; reads are positioned and leave the cursor alone.
struct OsFile {
    file: File,
    cursor: Mutex<u64>,
}

impl FsFile for OsFile {
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<()> {
        let mut cursor = self.cursor.lock();
        let mut file = &self.file;
        if *cursor != offset {
            file.seek(SeekFrom::Start(offset))?;
            *cursor = offset;
        }
        let mut copy = bufs.to_vec();
        let mut rest = copy.as_mut_slice();
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    *cursor += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.file.read_at(&mut buf[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
