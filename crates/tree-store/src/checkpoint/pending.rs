//! Changes on their way into sled.
//!
//! sled takes a large atomic batch at several kB of memory for each record, which it keeps. So many changes are made
//! durable in a file of their own first, and then put into sled in small batches. If that is cut short it is done again,
//! from the beginning, when the checkpoint is opened the next time.
//!
//! ```text
//! magic "mnagrchg" | format u32 (1) | records as in a checkpoint stream, the meta record last
//! | crc32c u32 of everything before                                                                      big-endian
//! ```
//! A record without a value removes its key. A file that fails its checksum was never put into sled.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use menagerie_tree::checkpoint::put_record;
use menagerie_tree::{Meta, Record};

use super::meta::{self, META_KEY};
use super::sled_store::sync_path;
use super::store::ChangeSource;
use super::stream::StreamReader;
use crate::TreeStoreError;

/// Magic and format.
const HEAD: &[u8; 12] = b"mnagrchg\0\0\0\x01";
const CRC_LEN: u64 = 4;
const PIECE_BYTES: usize = 64 * 1024;

/// Takes keys with their new values; none where the key goes.
type Visitor<'a> = dyn FnMut(Vec<(Bytes, Option<Bytes>)>) -> Result<(), TreeStoreError> + 'a;

/// The file, which need not be there.
#[derive(Debug)]
pub(super) struct Pending {
    path: PathBuf,
}

impl Pending {
    /// That of the checkpoint in `directory`.
    pub(super) fn of(directory: &Path) -> Self {
        Self { path: directory.join("pending") }
    }

    /// Writes `first`, all of `rest`, and `meta`. Durable on return; on an error nothing of it counts.
    pub(super) fn write(
        &self,
        first: Vec<Record>,
        rest: &mut ChangeSource<'_>,
        meta: &Meta,
    ) -> Result<(), TreeStoreError> {
        let file = File::create(&self.path).map_err(self.failed("cannot make"))?;
        let mut out = Checked { file: BufWriter::with_capacity(PIECE_BYTES, file), crc: 0 };
        out.put(HEAD).map_err(self.failed("cannot write"))?;
        let mut slice = Some(first);
        while let Some(changes) = slice {
            let mut records = BytesMut::new();
            for (key, value) in &changes {
                put_record(&mut records, key, value.as_deref().unwrap_or_default());
            }
            out.put(&records).map_err(self.failed("cannot write"))?;
            slice = rest()?;
        }
        let mut last = BytesMut::new();
        put_record(&mut last, META_KEY, &meta::encode(meta));
        out.put(&last).and_then(|()| out.end()).map_err(self.failed("cannot write"))?;
        self.sync_directory()
    }

    /// What the file leads to; none if there is no file, or none that was ever whole.
    pub(super) fn meta(&self) -> Result<Option<Meta>, TreeStoreError> {
        let whole = match self.is_whole() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            whole => whole.map_err(self.failed("cannot read"))?,
        };
        if !whole {
            return Ok(None);
        }
        self.for_each(&mut |_| Ok(())).map(Some)
    }

    /// Visits all changes in pieces, and returns what they lead to.
    pub(super) fn for_each(&self, visit: &mut Visitor<'_>) -> Result<Meta, TreeStoreError> {
        let mut input = self.open().map_err(self.failed("cannot read"))?;
        let mut reader = StreamReader::default();
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let mut changes = Vec::new();
            while let Some((key, value)) = reader.next()? {
                if key == META_KEY {
                    visit(changes)?;
                    return meta::decode(&value, &self.path);
                }
                changes.push((key, (!value.is_empty()).then_some(value)));
            }
            visit(changes)?;
            match input.read(&mut buffer).map_err(self.failed("cannot read"))? {
                0 => return Err(TreeStoreError::Corrupt(format!("{} ends early", self.path.display()))),
                len => reader.push(&buffer[..len]),
            }
        }
    }

    /// The changes are in sled, durably, or of no use.
    pub(super) fn remove(&self) -> Result<(), TreeStoreError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => {
                removed.map_err(self.failed("cannot remove"))?;
                self.sync_directory()
            }
        }
    }

    /// The records, behind what the file begins with.
    fn open(&self) -> io::Result<impl Read> {
        let file = File::open(&self.path)?;
        let records = file.metadata()?.len().saturating_sub(CRC_LEN);
        let mut input = BufReader::new(file).take(records);
        input.read_exact(&mut [0; HEAD.len()])?;
        Ok(input)
    }

    fn is_whole(&self) -> io::Result<bool> {
        let mut input = BufReader::with_capacity(PIECE_BYTES, File::open(&self.path)?);
        let mut rest = input.get_ref().metadata()?.len();
        if rest < HEAD.len() as u64 + CRC_LEN {
            return Ok(false);
        }
        rest -= CRC_LEN;
        let (mut crc, mut buffer, mut begins) = (0, vec![0; PIECE_BYTES], None);
        while rest > 0 {
            let len = usize::try_from(rest).map_or(PIECE_BYTES, |rest| rest.min(PIECE_BYTES));
            input.read_exact(&mut buffer[..len])?;
            begins.get_or_insert(buffer.starts_with(HEAD));
            crc = crc32c::crc32c_append(crc, &buffer[..len]);
            rest -= len as u64;
        }
        let mut expected = [0; CRC_LEN as usize];
        input.read_exact(&mut expected)?;
        Ok(begins == Some(true) && u32::from_be_bytes(expected) == crc)
    }

    fn sync_directory(&self) -> Result<(), TreeStoreError> {
        self.path.parent().map_or(Ok(()), sync_path)
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> TreeStoreError {
        TreeStoreError::io(doing, &self.path)
    }
}

/// Sums up what it writes.
struct Checked {
    file: BufWriter<File>,
    crc: u32,
}

impl Checked {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.file.write_all(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        self.file.write_all(&self.crc.to_be_bytes())?;
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}

#[cfg(test)]
mod tests {
    use menagerie_types::{LogIndex, Zxid};

    use super::*;

    fn meta(index: u64) -> Meta {
        Meta {
            index: LogIndex(index),
            time_ms: 2,
            zxid: Zxid(3),
            digest: 4,
            znodes: 5,
            sessions: 6,
            incarnations: 7,
            replicas: 8,
        }
    }

    fn changes() -> Vec<Record> {
        vec![(b"n/a".to_vec(), Some(b"value".to_vec())), (b"n/b".to_vec(), None)]
    }

    fn written(dir: &Path) -> Pending {
        let pending = Pending::of(dir);
        let mut rest = vec![changes(), Vec::new()];
        pending.write(changes(), &mut || Ok(rest.pop()), &meta(9)).expect("written");
        pending
    }

    #[test]
    fn what_was_written_comes_back_in_order() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let pending = written(dir.path());
        let mut found = Vec::new();
        let reached = pending.for_each(&mut |changes| {
            found.extend(changes.into_iter().map(|(key, value)| (key.to_vec(), value.map(|v| v.to_vec()))));
            Ok(())
        });
        assert_eq!(reached.expect("whole"), meta(9));
        assert_eq!(found, [changes(), changes()].concat());
        pending.remove().expect("removed");
        assert_eq!(pending.meta().expect("no error"), None);
        pending.remove().expect("nothing is there");
    }

    #[test]
    fn the_file_is_these_bytes() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let pending = Pending::of(dir.path());
        pending.write(changes(), &mut || Ok(None), &meta(9)).expect("written");
        let bytes = fs::read(dir.path().join("pending")).expect("readable");
        let head =
            b"mnagrchg\0\0\0\x01\0\0\0\x03n/a\0\0\0\x05value\0\0\0\x03n/b\0\0\0\0\0\0\0\x05\0meta\0\0\0\x4d";
        assert_eq!(&bytes[..head.len()], head);
        let (content, crc) = bytes.split_at(bytes.len() - 4);
        assert_eq!(crc, crc32c::crc32c(content).to_be_bytes());
    }

    #[test]
    fn a_file_that_is_cut_or_damaged_was_never_there() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let pending = written(dir.path());
        let path = dir.path().join("pending");
        let bytes = fs::read(&path).expect("readable");
        for len in 0..bytes.len() {
            fs::write(&path, &bytes[..len]).expect("cut");
            assert_eq!(pending.meta().expect("no error"), None, "{len} bytes");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(&path, flipped).expect("damaged");
            assert_eq!(pending.meta().expect("no error"), None, "byte {at}");
        }
        fs::write(&path, bytes).expect("restored");
        assert_eq!(pending.meta().expect("no error"), Some(meta(9)));
    }

    #[test]
    fn an_error_of_the_changes_is_passed_on() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let pending = Pending::of(dir.path());
        let written = pending.write(changes(), &mut || Err(TreeStoreError::Restoring), &meta(9));
        assert!(matches!(written, Err(TreeStoreError::Restoring)));
        assert_eq!(pending.meta().expect("no error"), None);
    }
}
