//! The data directory of a replica.
//!
//! ```text
//! LOCK              held by the process that uses the directory
//! MANIFEST          one line: `menagerie tree-store format=2 checkpoint=3 index=4711 crc=0a1b2c3d`, the crc32c (hex) of
//!                   what stands before ` crc=`
//! checkpoint-3/     the checkpoint, the sled tree that the manifest names
//! LOADING           how many times in a row that checkpoint was opened without coming to an end
//! checkpoint.bad-1/ set aside because it could not be used; for a human to look at and delete
//! ```
//!
//! The manifest is read before anything is touched, so that data of a newer version stays as it is. Its index is one
//! that the checkpoint reached: a damaged sled tree may come back as an older one, or as an empty one.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use menagerie_types::LogIndex;
use tracing::{error, warn};

use super::sled_db::sync_path;
use super::sled_store::SledCheckpoint;
use super::store::{CheckpointDirectory, CheckpointStorage, CheckpointStore};
use crate::{TreeStoreError, TreeStoreOptions};

/// A checkpoint that brought the process down this often while it was opened is not opened again.
const LOADING_MAX: u32 = 5;
/// Checkpoints that were set aside and are kept.
const ASIDE_MAX: usize = 3;
/// Of the data directory. In format 1, records were keys of sled.
const FORMAT: u32 = 2;
const MANIFEST: &str = "MANIFEST";
const LOADING: &str = "LOADING";

/// Checkpoints in sled, in the directory that the options name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SledStorage;

impl CheckpointStorage for SledStorage {
    fn open(&self, options: &TreeStoreOptions) -> Result<Box<dyn CheckpointDirectory>, TreeStoreError> {
        Ok(Box::new(DataDirectory::open(&options.data_dir, options.checkpoint_cache_bytes)?))
    }
}

/// A data directory that this process owns.
#[derive(Debug)]
struct DataDirectory {
    path: PathBuf,
    /// For sled.
    cache_bytes: u64,
    manifest: Manifest,
    _lock: File,
}

impl DataDirectory {
    /// Opens the directory, or makes it.
    fn open(path: &Path, cache_bytes: u64) -> Result<Self, TreeStoreError> {
        // A newer version may lock in another way: look at its manifest before touching the lock.
        read_manifest(path)?;
        fs::create_dir_all(path).map_err(TreeStoreError::io("cannot make data directory", path))?;
        let lock_path = path.join("LOCK");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(TreeStoreError::io("cannot open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TreeStoreError::InUse(path.into())),
            Err(TryLockError::Error(error)) => {
                return Err(TreeStoreError::io("cannot lock", &lock_path)(error));
            }
        }
        let mut this = Self { path: path.into(), cache_bytes, manifest: Manifest::default(), _lock: lock };
        match read_manifest(path)? {
            Found::Manifest(manifest, FORMAT) => this.manifest = manifest,
            // Before the checkpoint is brought into today's form, which an earlier version cannot read.
            Found::Manifest(manifest, _) => this.write_manifest(manifest)?,
            Found::Nothing => this.write_manifest(Manifest { checkpoint: 1, index: LogIndex(0) })?,
            Found::Damaged(what) => this.recover_manifest(&what)?,
        }
        this.remove_leftovers()?;
        Ok(this)
    }

    /// Without the manifest, the current checkpoint is the last one that was ever committed. Whether it adds up is seen when
    /// it is loaded, and whether the log goes on from there when it is followed.
    fn recover_manifest(&mut self, what: &str) -> Result<(), TreeStoreError> {
        let path = self.path.join(MANIFEST);
        error!(file = %path.display(), offset = 0, what, "the manifest is damaged, looking for the checkpoint that it named");
        let mut numbers = self.numbers()?;
        numbers.sort_unstable_by_key(|n| std::cmp::Reverse(*n));
        let committed = |n: &u64| {
            let store = SledCheckpoint::open(&self.numbered(*n), self.cache_bytes);
            store.is_ok_and(|store| matches!(store.meta(), Ok(Some(_))))
        };
        let checkpoint = numbers.iter().copied().find(committed).or(numbers.first().copied()).unwrap_or(1);
        self.write_manifest(Manifest { checkpoint, index: LogIndex(0) })
    }

    fn numbers(&self) -> Result<Vec<u64>, TreeStoreError> {
        let names = self.entries()?;
        Ok(names.iter().filter_map(|name| name.strip_prefix("checkpoint-")?.parse().ok()).collect())
    }

    /// Where the current checkpoint is.
    fn checkpoint(&self) -> PathBuf {
        self.numbered(self.manifest.checkpoint)
    }

    /// The next name for what is set aside. Only the last few are kept: they are as large as the data.
    fn make_room_aside(&self) -> Result<PathBuf, TreeStoreError> {
        let names = self.entries()?;
        let bad = names.iter().filter_map(|name| name.strip_prefix("checkpoint.bad-")?.parse::<u64>().ok());
        let mut bad: Vec<_> = bad.collect();
        bad.sort_unstable();
        let named = |n: u64| self.path.join(format!("checkpoint.bad-{n}"));
        for old in bad.iter().rev().skip(ASIDE_MAX - 1) {
            let path = named(*old);
            warn!(path = %path.display(), "removing a checkpoint that was set aside earlier, later ones are kept");
            remove_tree(&path)?;
        }
        Ok(named(bad.last().map_or(1, |last| last + 1)))
    }

    fn numbered(&self, n: u64) -> PathBuf {
        self.path.join(format!("checkpoint-{n}"))
    }

    fn write_manifest(&mut self, manifest: Manifest) -> Result<(), TreeStoreError> {
        let (path, new) = (self.path.join(MANIFEST), self.path.join("MANIFEST.new"));
        let Manifest { checkpoint, index } = manifest;
        let text = format!("menagerie tree-store format={FORMAT} checkpoint={checkpoint} index={index}");
        let text = format!("{text} crc={:08x}\n", crc32c::crc32c(text.as_bytes()));
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
        written.map_err(TreeStoreError::io("cannot write", &path))?;
        self.manifest = manifest;
        sync_path(&self.path)
    }

    /// A bootstrap that was cut short leaves a checkpoint that nobody names.
    fn remove_leftovers(&self) -> Result<(), TreeStoreError> {
        for name in self.entries()? {
            let number = name.strip_prefix("checkpoint-").and_then(|n| n.parse::<u64>().ok());
            if number.is_some_and(|n| n != self.manifest.checkpoint) {
                warn!(name, "removing an unfinished checkpoint");
                remove_tree(&self.path.join(name))?;
            }
        }
        Ok(())
    }

    fn entries(&self) -> Result<Vec<String>, TreeStoreError> {
        let entries = fs::read_dir(&self.path).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        });
        entries.map_err(TreeStoreError::io("cannot list", &self.path))
    }
}

impl CheckpointDirectory for DataDirectory {
    fn current(&mut self) -> Result<Box<dyn CheckpointStore>, TreeStoreError> {
        Ok(Box::new(SledCheckpoint::open(&self.checkpoint(), self.cache_bytes)?))
    }

    fn next(&mut self) -> Result<Box<dyn CheckpointStore>, TreeStoreError> {
        let next = self.numbered(self.manifest.checkpoint + 1);
        remove_tree(&next)?;
        Ok(Box::new(SledCheckpoint::open(&next, self.cache_bytes)?))
    }

    fn adopt_next(&mut self, index: LogIndex) -> Result<(), TreeStoreError> {
        let old = self.checkpoint();
        self.write_manifest(Manifest { checkpoint: self.manifest.checkpoint + 1, index })?;
        remove_tree(&old)
    }

    fn index(&self) -> LogIndex {
        self.manifest.index
    }

    fn set_index(&mut self, index: LogIndex) -> Result<(), TreeStoreError> {
        self.write_manifest(Manifest { index, ..self.manifest })
    }

    fn set_aside(&mut self, reason: &str) -> Result<(), TreeStoreError> {
        let last = self.numbers()?.into_iter().max();
        self.manifest.checkpoint = self.manifest.checkpoint.max(last.unwrap_or(0));
        let old = self.checkpoint();
        if old.exists() {
            let aside = self.make_room_aside()?;
            fs::rename(&old, &aside).map_err(TreeStoreError::io("cannot set aside", &old))?;
            error!(reason, kept_as = %aside.display(), "checkpoint set aside, it will be rebuilt from the log or a peer");
        }
        self.write_manifest(Manifest { checkpoint: self.manifest.checkpoint + 1, index: LogIndex(0) })
    }

    fn begin_loading(&self) -> Result<bool, TreeStoreError> {
        let path = self.path.join(LOADING);
        let before = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        if before >= LOADING_MAX {
            return Ok(false);
        }
        fs::write(&path, format!("{}\n", before + 1)).map_err(TreeStoreError::io("cannot write", &path))?;
        Ok(true)
    }

    fn end_loading(&self) -> Result<(), TreeStoreError> {
        let path = self.path.join(LOADING);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(TreeStoreError::io("cannot remove", &path)(error))
            }
            _ => Ok(()),
        }
    }
}

/// What the manifest says.
#[derive(Clone, Copy, Debug, Default)]
struct Manifest {
    checkpoint: u64,
    index: LogIndex,
}

enum Found {
    Nothing,
    /// And its format.
    Manifest(Manifest, u32),
    Damaged(String),
}

fn read_manifest(directory: &Path) -> Result<Found, TreeStoreError> {
    let path = directory.join(MANIFEST);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Ok(Found::Damaged("it is no text".into()));
        }
        Err(error) => return Err(TreeStoreError::io("cannot read", &path)(error)),
    };
    let whole = text.trim_end().rsplit_once(" crc=");
    let whole = whole.filter(|(text, crc)| *crc == format!("{:08x}", crc32c::crc32c(text.as_bytes())));
    let number = |key: &str| {
        let words = text.strip_prefix("menagerie tree-store ")?.split_whitespace();
        words.filter_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse::<u64>().ok()).next()
    };
    match (number("format"), number("checkpoint"), number("index")) {
        // Before the checksum, which a newer format may do without.
        (Some(found), ..) if found > u64::from(FORMAT) => Err(TreeStoreError::NewerFormat {
            path: directory.into(),
            found: u32::try_from(found).unwrap_or(u32::MAX),
            known: FORMAT,
        }),
        _ if whole.is_none() => Ok(Found::Damaged("it fails its checksum".into())),
        (Some(format), Some(checkpoint), Some(index)) => {
            // No greater than today's.
            Ok(Found::Manifest(Manifest { checkpoint, index: LogIndex(index) }, format as u32))
        }
        _ => Ok(Found::Damaged("it lacks a number".into())),
    }
}

fn remove_tree(path: &Path) -> Result<(), TreeStoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(TreeStoreError::io("cannot remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE_BYTES: u64 = 1 << 20;

    #[test]
    fn a_directory_belongs_to_one_process() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let first = DataDirectory::open(dir.path(), CACHE_BYTES).expect("empty directory");
        assert!(matches!(DataDirectory::open(dir.path(), CACHE_BYTES), Err(TreeStoreError::InUse(_))));
        drop(first);
        DataDirectory::open(dir.path(), CACHE_BYTES).expect("released");
    }

    #[test]
    fn what_the_system_said_is_passed_on() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("file");
        fs::write(&file, "").expect("write file");
        let error =
            DataDirectory::open(&file.join("tree"), CACHE_BYTES).expect_err("a file has nothing below it");
        let (text, path) = (error.to_string(), file.display().to_string());
        assert!(text.contains(&path) && text.contains("Not a directory"), "{text}");
    }

    #[test]
    fn data_of_a_newer_version_is_left_alone() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let text = "menagerie tree-store format=3 checkpoint=1 and=more\n";
        fs::write(dir.path().join(MANIFEST), text).expect("write manifest");
        let error = DataDirectory::open(dir.path(), CACHE_BYTES).expect_err("newer format");
        assert!(matches!(error, TreeStoreError::NewerFormat { found: 3, known: 2, .. }));
        let names: Vec<_> = fs::read_dir(dir.path()).expect("list").collect();
        assert_eq!(names.len(), 1, "nothing was made");
        assert_eq!(fs::read_to_string(dir.path().join(MANIFEST)).expect("read"), text);
    }

    #[test]
    fn a_bad_checkpoint_is_kept_under_another_name() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut data = DataDirectory::open(dir.path(), CACHE_BYTES).expect("open");
        for n in 1..3 {
            let path = data.checkpoint();
            fs::create_dir(&path).expect("make checkpoint");
            data.set_aside("test").expect("set aside");
            assert!(dir.path().join(format!("checkpoint.bad-{n}")).exists());
            assert!(!path.exists() && data.checkpoint() != path);
        }
    }

    #[test]
    fn a_checkpoint_that_kills_the_process_is_given_up() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let data = DataDirectory::open(dir.path(), CACHE_BYTES).expect("open");
        for _ in 0..LOADING_MAX {
            assert!(data.begin_loading().expect("note"));
        }
        assert!(!data.begin_loading().expect("note"));
        data.end_loading().expect("remove");
        assert!(data.begin_loading().expect("note"));
    }
}
