//! Large files, written and read past the system's cache.
//!
//! Nobody reads a run soon after it was written, and copying it into the cache was most of what a checkpoint under load cost.
//! Where the file system or the platform has no such way, the cache is used.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What offsets, lengths and addresses are multiples of.
const ALIGN: usize = 4096;
/// Bytes written at a time.
const WRITE_BYTES: usize = 512 * 1024;
/// Bytes read at a time: there is a reader for each run.
const READ_BYTES: usize = 128 * 1024;

#[cfg(target_os = "linux")]
const PAST_THE_CACHE: i32 = libc::O_DIRECT;
#[cfg(not(target_os = "linux"))]
const PAST_THE_CACHE: i32 = 0;

/// Opens past the cache, if that can be.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    match options.custom_flags(PAST_THE_CACHE).open(path) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => options.custom_flags(0).open(path),
        opened => opened,
    }
}

/// A buffer of `LEN` bytes whose address is a multiple of [`ALIGN`].
struct Buffer<const LEN: usize> {
    bytes: Vec<u8>,
    start: usize,
}

impl<const LEN: usize> Buffer<LEN> {
    fn new() -> Self {
        let bytes = vec![0; LEN + ALIGN];
        let address = bytes.as_ptr().addr();
        Self { start: address.next_multiple_of(ALIGN) - address, bytes }
    }

    fn get(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + LEN]
    }
}

/// Writes a file from front to back.
pub(super) struct DirectWriter {
    path: PathBuf,
    file: File,
    buffer: Buffer<WRITE_BYTES>,
    /// Bytes in the buffer.
    filled: usize,
    /// Bytes before the buffer's.
    offset: u64,
}

impl DirectWriter {
    /// Makes the file, or empties it.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = open(path, OpenOptions::new().write(true).create(true).truncate(true))?;
        Ok(Self { path: path.into(), file, buffer: Buffer::new(), filled: 0, offset: 0 })
    }

    /// Adds bytes; some of them wait in memory until [`Self::end`].
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = &mut self.buffer.get()[self.filled..];
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
            if self.filled == WRITE_BYTES {
                self.write(WRITE_BYTES)?;
                self.offset += WRITE_BYTES as u64;
                self.filled = 0;
            }
        }
        Ok(())
    }

    /// Writes the first `len` bytes of the buffer.
    fn write(&mut self, len: usize) -> io::Result<()> {
        match self.file.write_all_at(&self.buffer.get()[..len], self.offset) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                self.file = OpenOptions::new().write(true).open(&self.path)?;
                self.file.write_all_at(&self.buffer.get()[..len], self.offset)
            }
            written => written,
        }
    }

    /// Makes what has left the buffer durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Makes all of it durable, and returns its length.
    pub(super) fn end(mut self) -> io::Result<u64> {
        let len = self.offset + self.filled as u64;
        let padded = self.filled.next_multiple_of(ALIGN);
        self.buffer.get()[self.filled..padded].fill(0);
        self.write(padded)?;
        self.file.set_len(len)?;
        self.file.sync_all()?;
        Ok(len)
    }
}

/// Reads a file from front to back.
pub(super) struct DirectReader {
    path: PathBuf,
    file: File,
    buffer: Buffer<READ_BYTES>,
    /// What of the buffer is still to be given out.
    unread: std::ops::Range<usize>,
    /// Where the file is read next.
    offset: u64,
}

impl DirectReader {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = open(path, OpenOptions::new().read(true))?;
        Ok(Self { path: path.into(), file, buffer: Buffer::new(), unread: 0..0, offset: 0 })
    }

    pub(super) fn file_len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn refill(&mut self) -> io::Result<()> {
        let read = match self.file.read_at(self.buffer.get(), self.offset) {
            // Also behind an odd end.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                self.file = File::open(&self.path)?;
                self.file.read_at(self.buffer.get(), self.offset)?
            }
            read => read?,
        };
        self.offset += read as u64;
        self.unread = 0..read;
        Ok(())
    }
}

impl Read for DirectReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            self.refill()?;
        }
        let len = self.unread.len().min(into.len());
        into[..len].copy_from_slice(&self.buffer.get()[self.unread.start..][..len]);
        self.unread.start += len;
        Ok(len)
    }
}

impl std::fmt::Debug for DirectWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_of_all_lengths_come_back() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("file");
        for len in [0, 1, ALIGN - 1, ALIGN, ALIGN + 1, WRITE_BYTES - 1, WRITE_BYTES, 3 * WRITE_BYTES + 7] {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            for step in [1000, len.max(1)] {
                fs::write(&path, vec![1; 5 * ALIGN]).expect("an old file is there");
                let mut writer = DirectWriter::create(&path).expect("made");
                bytes.chunks(step).try_for_each(|chunk| writer.put(chunk)).expect("written");
                writer.sync().expect("synced");
                assert_eq!(writer.end().expect("ended"), len as u64);
                assert!(fs::read(&path).expect("readable") == bytes, "{len} bytes");
                let mut reader = DirectReader::open(&path).expect("opened");
                assert_eq!(reader.file_len().expect("known"), len as u64);
                let mut found = Vec::new();
                reader.read_to_end(&mut found).expect("read");
                assert!(found == bytes, "{len} bytes");
            }
        }
    }

    #[test]
    fn where_nothing_goes_past_the_cache_it_is_used() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("file");
        let mut writer = DirectWriter::create(&path).expect("made");
        // An odd address is refused, as a file system may refuse any.
        writer.buffer.start = (writer.buffer.start + 1) % ALIGN;
        writer.put(&[7; WRITE_BYTES + 10]).expect("written");
        assert_eq!(writer.end().expect("ended"), WRITE_BYTES as u64 + 10);
        let mut reader = DirectReader::open(&path).expect("opened");
        reader.buffer.start = (reader.buffer.start + 1) % ALIGN;
        let mut found = Vec::new();
        reader.read_to_end(&mut found).expect("read");
        assert!(found == [7; WRITE_BYTES + 10]);
    }
}
