//! Changes that an earlier version had not put into sled when it ended.
//!
//! In format 1 all records lay in sled, and more changes than one batch should hold were durable in a file before they
//! were put in:
//!
//! ```text
//! magic "mnagrchg" | format u32 (1) | records as in a checkpoint stream, the meta record last
//! | crc32c u32 of everything before                                                                      big-endian
//! ```
//! A record without a value removes its key. A file that fails its checksum was never put in.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use menagerie_tree::Meta;
use tracing::info;

use super::meta::{self, META_KEY};
use super::sled_db::sync_path;
use super::sled_store::SledCheckpoint;
use super::store::CheckpointStore;
use super::stream::StreamReader;
use crate::TreeStoreError;

/// Magic and format.
const HEAD: &[u8; 12] = b"mnagrchg\0\0\0\x01";
const CRC_LEN: u64 = 4;
const PIECE_BYTES: usize = 64 * 1024;
/// Takes keys with their new values; none where the key goes.
type Visitor<'a> = dyn FnMut(Vec<(Bytes, Option<Bytes>)>) -> Result<(), TreeStoreError> + 'a;

/// Commits what the file in the checkpoint's directory holds, unless it counts already, and removes it.
pub(super) fn finish(store: &mut SledCheckpoint, path: &Path) -> Result<(), TreeStoreError> {
    let pending = Pending::of(path);
    if let Some(meta) = pending.meta()?
        && store.meta()?.is_none_or(|found| found.index < meta.index)
    {
        info!(path = %path.display(), index = %meta.index, "finishing a checkpoint that was cut short");
        let mut all = Vec::new();
        pending.for_each(&mut |changes| {
            let owned =
                |(key, value): (Bytes, Option<Bytes>)| (key.to_vec(), value.map(|value| value.to_vec()));
            all.extend(changes.into_iter().map(owned));
            Ok(())
        })?;
        let mut all = Some(all);
        store.commit(&mut || Ok(all.take()), &meta)?;
    }
    pending.remove()
}

/// The file, which need not be there.
#[derive(Debug)]
struct Pending {
    path: PathBuf,
}

impl Pending {
    /// That of the checkpoint in `directory`.
    fn of(directory: &Path) -> Self {
        Self { path: directory.join("pending") }
    }

    /// What the file leads to; none if there is no file, or none that was ever whole.
    fn meta(&self) -> Result<Option<Meta>, TreeStoreError> {
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
    fn for_each(&self, visit: &mut Visitor<'_>) -> Result<Meta, TreeStoreError> {
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
    fn remove(&self) -> Result<(), TreeStoreError> {
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

#[cfg(test)]
mod tests {
    use menagerie_types::{LogIndex, Zxid};

    use super::*;

    const CACHE_BYTES: u64 = 1 << 20;

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

    /// As format 1 had it: a changed, an unchanged and a removed record in sled.
    fn old_checkpoint(dir: &Path) {
        let db = sled::Config::new().path(dir).open().expect("sled");
        for (key, value) in [("n/a", "old"), ("n/b", "same"), ("n/c", "gone"), ("s1", "session")] {
            db.insert(key, value).expect("inserted");
        }
        db.insert(META_KEY, meta::encode(&meta(1))).expect("inserted");
        db.flush().expect("flushed");
    }

    /// A file as format 1 wrote it.
    fn pending_file() -> Vec<u8> {
        let mut file =
            b"mnagrchg\0\0\0\x01\0\0\0\x03n/a\0\0\0\x03new\0\0\0\x03n/c\0\0\0\0\0\0\0\x05\0meta\0\0\0\x4d"
                .to_vec();
        file.extend(meta::encode(&meta(9)));
        file.extend(crc32c::crc32c(&file).to_be_bytes());
        file
    }

    fn found(dir: &Path) -> (u64, Vec<String>) {
        let store = SledCheckpoint::open(dir, CACHE_BYTES).expect("opened");
        let mut records = Vec::new();
        store
            .for_each(&mut |key, value| {
                records.push(format!("{}={}", key.escape_ascii(), value.escape_ascii()));
                Ok(())
            })
            .expect("read");
        (store.meta().expect("read").expect("there").index.0, records)
    }

    #[test]
    fn a_commit_that_was_cut_short_is_finished_and_one_that_was_not_is_not_repeated() {
        let dir = tempfile::tempdir().expect("temporary directory");
        old_checkpoint(dir.path());
        let path = dir.path().join("pending");
        fs::write(&path, pending_file()).expect("written");
        let expected = (9, ["n/a=new", "n/b=same", "s1=session"].map(String::from).to_vec());
        assert_eq!(found(dir.path()), expected);
        assert!(!path.exists());
        fs::write(&path, pending_file()).expect("written");
        assert_eq!(found(dir.path()), expected);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_cut_or_damaged_was_never_there() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let pending = Pending::of(dir.path());
        let bytes = pending_file();
        for len in 0..bytes.len() {
            fs::write(&pending.path, &bytes[..len]).expect("cut");
            assert_eq!(pending.meta().expect("no error"), None, "{len} bytes");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(&pending.path, flipped).expect("damaged");
            assert_eq!(pending.meta().expect("no error"), None, "byte {at}");
        }
        fs::write(&pending.path, bytes).expect("restored");
        assert_eq!(pending.meta().expect("no error"), Some(meta(9)));
    }
}
