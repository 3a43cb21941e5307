//! A run's file.
//!
//! ```text
//! magic "mnagrrun" | format u32 (1) | repeated { len u32 | crc32c u32 of the block | block of len bytes }      big-endian
//! ```
//! How long it is stands in the list of runs: one that is cut is found, too.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::{BufMut, Bytes, BytesMut};
use menagerie_tree::checkpoint::{RECORD_LEN_MAX, put_record};

use super::direct::{DirectReader, DirectWriter};
use super::runs::Run;
use crate::TreeStoreError;

/// Magic and format.
const HEAD: &[u8; 12] = b"mnagrrun\0\0\0\x01";
const BLOCK_HEAD_LEN: usize = 8;
/// A block is full when it has this many bytes.
const BLOCK_BYTES: usize = 64 * 1024;
const BLOCK_BYTES_MAX: usize = BLOCK_BYTES + 2 * (RECORD_LEN_MAX + 8);
const PREFIX: &str = "run-";
/// Written bytes that are put on disk at a time, so that the log's syncs never wait for many.
const SYNC_BYTES: u64 = 8 * 1024 * 1024;

/// The file of the run `id` in the checkpoint's directory.
pub(super) fn path_of(directory: &Path, id: u64) -> PathBuf {
    directory.join(format!("{PREFIX}{id}"))
}

/// The runs whose files are in the directory.
pub(super) fn list(directory: &Path) -> Result<Vec<u64>, TreeStoreError> {
    let failed = || TreeStoreError::io("cannot list", directory);
    let mut ids = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        ids.extend(name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u64>().ok()));
    }
    Ok(ids)
}

pub(super) fn remove(directory: &Path, id: u64) -> Result<(), TreeStoreError> {
    let path = path_of(directory, id);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(TreeStoreError::io("cannot remove", &path)(error))
        }
        _ => Ok(()),
    }
}

/// Writes a run. Nothing of it counts before it has been ended and is listed.
#[derive(Debug)]
pub(super) struct RunWriter {
    id: u64,
    path: PathBuf,
    file: DirectWriter,
    written: u64,
    synced: u64,
    last_key: Vec<u8>,
    /// Room for the head, and the records.
    block: BytesMut,
}

impl RunWriter {
    pub(super) fn new(directory: &Path, id: u64) -> Result<Self, TreeStoreError> {
        let path = path_of(directory, id);
        let file = DirectWriter::create(&path).and_then(|mut file| {
            file.put(HEAD)?;
            Ok(file)
        });
        let file = file.map_err(TreeStoreError::io("cannot write", &path))?;
        let block = BytesMut::zeroed(BLOCK_HEAD_LEN);
        Ok(Self { id, path, file, written: HEAD.len() as u64, synced: 0, last_key: Vec::new(), block })
    }

    /// The greatest key so far; empty before the first.
    pub(super) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Adds a record, whose key is greater than the last.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), TreeStoreError> {
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        put_record(&mut self.block, key, value);
        if self.block.len() < BLOCK_BYTES {
            return Ok(());
        }
        self.write().map_err(TreeStoreError::io("cannot write", &self.path))
    }

    fn write(&mut self) -> io::Result<()> {
        let (mut head, records) = self.block.split_at_mut(BLOCK_HEAD_LEN);
        head.put_u32(records.len() as u32);
        head.put_u32(crc32c::crc32c(records));
        self.file.put(&self.block)?;
        self.written += self.block.len() as u64;
        self.block.truncate(BLOCK_HEAD_LEN);
        if self.written - self.synced >= SYNC_BYTES {
            self.file.sync()?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// The run, if anything is in it. On return its content is on disk; its name is when the directory is synced.
    pub(super) fn end(mut self) -> Result<Option<Run>, TreeStoreError> {
        let ended = if self.block.len() > BLOCK_HEAD_LEN { self.write() } else { Ok(()) };
        if self.written == HEAD.len() as u64 {
            fs::remove_file(&self.path).map_err(TreeStoreError::io("cannot remove", &self.path))?;
            return Ok(None);
        }
        let bytes =
            ended.and_then(|()| self.file.end()).map_err(TreeStoreError::io("cannot write", &self.path))?;
        Ok(Some(Run { id: self.id, bytes }))
    }
}

/// Reads a run's blocks.
pub(super) struct RunReader {
    path: PathBuf,
    file: DirectReader,
    offset: u64,
    len: u64,
}

impl RunReader {
    pub(super) fn open(directory: &Path, run: Run) -> Result<Self, TreeStoreError> {
        let path = path_of(directory, run.id);
        let mut this = match DirectReader::open(&path) {
            Ok(file) => Self { path, file, offset: 0, len: run.bytes },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(TreeStoreError::Corrupt(format!("{} is gone", path.display())));
            }
            Err(error) => return Err(TreeStoreError::io("cannot read", &path)(error)),
        };
        let len = this.file.file_len().map_err(TreeStoreError::io("cannot read", &this.path))?;
        if len != run.bytes {
            return Err(this.corrupt(&format!("it ends there, and had {} bytes", run.bytes), len));
        }
        let mut head = [0; HEAD.len()];
        this.read(&mut head)?;
        if &head != HEAD {
            return Err(this.corrupt("not what a run begins with", 0));
        }
        Ok(this)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), TreeStoreError> {
        match self.file.read_exact(buffer) {
            Ok(()) => {
                self.offset += buffer.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.corrupt("it ends in a block", self.offset))
            }
            Err(error) => Err(TreeStoreError::io("cannot read", &self.path)(error)),
        }
    }

    fn block(&mut self) -> Result<Bytes, TreeStoreError> {
        let begin = self.offset;
        let mut head = [0; BLOCK_HEAD_LEN];
        self.read(&mut head)?;
        let [a, b, c, d, crc @ ..] = head;
        let len = u32::from_be_bytes([a, b, c, d]) as usize;
        if len > BLOCK_BYTES_MAX || len as u64 > self.len - self.offset {
            return Err(self.corrupt("an impossible length", begin));
        }
        let mut block = vec![0; len];
        self.read(&mut block)?;
        if crc32c::crc32c(&block) != u32::from_be_bytes(crc) {
            return Err(self.corrupt("a block fails its checksum", begin));
        }
        Ok(block.into())
    }

    fn corrupt(&self, what: &str, offset: u64) -> TreeStoreError {
        TreeStoreError::Corrupt(format!("{} is corrupt at offset {offset}: {what}", self.path.display()))
    }
}

impl Iterator for RunReader {
    type Item = Result<Bytes, TreeStoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.offset < self.len).then(|| self.block())
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::Cursor;
    use super::*;

    type Records = Vec<(Vec<u8>, Vec<u8>)>;

    fn written(dir: &Path, records: &Records) -> Run {
        let mut writer = RunWriter::new(dir, 7).expect("made");
        records.iter().for_each(|(key, value)| writer.put(key, value).expect("put"));
        writer.end().expect("ended").expect("not empty")
    }

    fn read(dir: &Path, run: Run) -> Result<Records, TreeStoreError> {
        let mut records = Vec::new();
        let Some(mut cursor) = Cursor::new(RunReader::open(dir, run)?)? else { return Ok(records) };
        loop {
            records.push((cursor.key().to_vec(), cursor.value().to_vec()));
            if !cursor.advance()? {
                return Ok(records);
            }
        }
    }

    #[test]
    fn a_file_is_these_bytes() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let run = written(dir.path(), &vec![(b"n/a".into(), b"value".into()), (b"n/b".into(), vec![])]);
        let bytes = fs::read(path_of(dir.path(), 7)).expect("readable");
        assert_eq!(run, Run { id: 7, bytes: bytes.len() as u64 });
        let block = b"\0\0\0\x03n/a\0\0\0\x05value\0\0\0\x03n/b\0\0\0\0";
        let crc = crc32c::crc32c(block).to_be_bytes();
        assert_eq!(bytes, [&HEAD[..], &[0, 0, 0, block.len() as u8], &crc, block].concat());
        assert_eq!(list(dir.path()).expect("listed"), [7]);
        remove(dir.path(), 7).expect("removed");
        remove(dir.path(), 7).expect("nothing is there");
        assert!(list(dir.path()).expect("listed").is_empty());
    }

    #[test]
    fn records_come_back_from_as_many_blocks_as_they_fill() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let records =
            (0..5000_u32).map(|n| (format!("n/{n:04}").into_bytes(), vec![n as u8; (n % 90) as usize]));
        let records = records.chain([(b"o".to_vec(), vec![1; BLOCK_BYTES * 3])]).collect();
        let run = written(dir.path(), &records);
        assert!(read(dir.path(), run).expect("whole") == records);
    }

    #[test]
    fn a_run_without_records_leaves_no_file() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(RunWriter::new(dir.path(), 1).expect("made").end().expect("ended"), None);
        assert!(list(dir.path()).expect("listed").is_empty());
    }

    #[test]
    fn whatever_is_damaged_or_cut_is_found_and_named() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let run = written(dir.path(), &vec![(b"n/a".into(), b"value".into()), (b"n/b".into(), vec![])]);
        let path = path_of(dir.path(), 7);
        let bytes = fs::read(&path).expect("readable");
        let check = |what: &str| {
            let error = read(dir.path(), run).expect_err(what).to_string();
            assert!(error.contains("run-7 is corrupt at offset"), "{error}");
        };
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(&path, flipped).expect("damaged");
            check("flipped");
            fs::write(&path, &bytes[..at]).expect("cut");
            check("cut");
        }
        fs::remove_file(&path).expect("removed");
        assert!(matches!(read(dir.path(), run), Err(TreeStoreError::Corrupt(_))));
    }
}
