//! Who owns a data directory, and in which format its data is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The format that this version writes. It changes when an older version could no longer read the data.
pub const FORMAT_VERSION: u32 = 1;

const LOCK_FILE: &str = "menagerie.lock";
const VERSION_FILE: &str = "VERSION";
/// The log's directory.
pub const LOG_DIR: &str = "log";
/// The directory of the tree's checkpoint.
pub const TREE_DIR: &str = "tree";
/// Longer contents are not ours.
const SMALL_FILE_BYTES: u64 = 64;

/// A data directory that belongs to this process as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Holds the operating system's lock, which ends with the process however it ends.
    _lock: File,
}

impl DataDir {
    /// Takes possession of `path`, made if missing. Data of a newer version is refused before anything is touched.
    pub fn open(path: &Path) -> Result<Self> {
        check_version(path)?;
        fs::create_dir_all(path)
            .map_err(|error| Error::data_dir(path, format!("cannot be made: {error}")))?;
        let lock = lock(path)?;
        // Again: another process may have written between the first look and the lock.
        if check_version(path)? == Found::Nothing {
            write_version(path)
                .map_err(|error| Error::data_dir(path, format!("cannot be written: {error}")))?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// As [`Self::open`], for a directory that must be there already.
    pub fn open_existing(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Self::open(path);
        }
        Err(Error::data_dir(path, "is missing; make it, or set datadir.autocreate=true"))
    }

    /// Takes possession of a directory to look at it or mend it, whatever its file VERSION says, unless that is a newer
    /// version. Also says what is wrong with that file.
    pub fn seize(path: &Path) -> Result<(Self, Option<String>)> {
        if !path.is_dir() {
            return Err(Error::data_dir(path, "is no directory"));
        }
        let look = || match check_version(path) {
            Ok(_) => Ok(None),
            Err(error) if is_newer(path) => Err(error),
            Err(error) => Ok(Some(error.to_string())),
        };
        look()?;
        let lock = lock(path)?;
        let problem = look()?;
        Ok((Self { path: path.to_owned(), _lock: lock }, problem))
    }

    /// Sets one of its files or directories aside: gives it another name, durably, and says which.
    pub fn set_aside(&self, name: &str) -> Result<PathBuf> {
        let aside = |n: u32| self.path.join(format!("{name}.bad-{n}"));
        let free = (1..u32::MAX).map(aside).find(|path| path.symlink_metadata().is_err());
        let fail = |problem: String| Error::data_dir(&self.path, problem);
        let free = free.ok_or_else(|| fail(format!("{name} cannot be set aside: no name is free")))?;
        fs::rename(self.path.join(name), &free)
            .and_then(|()| File::open(&self.path)?.sync_all())
            .map_err(|error| fail(format!("{name} cannot be set aside: {error}")))?;
        Ok(free)
    }

    /// Writes the file VERSION anew; what was there is set aside.
    pub fn mend_version(&self) -> Result<()> {
        if self.path.join(VERSION_FILE).exists() {
            self.set_aside(VERSION_FILE)?;
        }
        write_version(&self.path)
            .map_err(|error| Error::data_dir(&self.path, format!("cannot be written: {error}")))
    }

    /// Where the log is.
    pub fn log(&self) -> PathBuf {
        self.path.join(LOG_DIR)
    }

    /// Where the checkpoint of the tree is.
    pub fn tree(&self) -> PathBuf {
        self.path.join(TREE_DIR)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    ThisFormat,
}

fn check_version(path: &Path) -> Result<Found> {
    let file = path.join(VERSION_FILE);
    let text = match read_small(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return check_no_data(path),
        Err(error) => return Err(Error::data_dir(path, format!("{VERSION_FILE} cannot be read: {error}"))),
    };
    match text.trim().parse::<u32>() {
        Ok(version @ 1..=FORMAT_VERSION) if version == FORMAT_VERSION => Ok(Found::ThisFormat),
        Ok(version) if version > FORMAT_VERSION => {
            let problem = format!(
                "was written by a newer version: format {version}, this one reads {FORMAT_VERSION}; start that version, or use another directory. Nothing was changed"
            );
            Err(Error::data_dir(path, problem))
        }
        _ => Err(Error::data_dir(
            path,
            format!(
                "file {VERSION_FILE} is corrupt at offset 0: it should hold {FORMAT_VERSION}, not `{}`; `menagerie admin rebuild --data-dir {}` writes it anew",
                text.trim().escape_debug(),
                path.display()
            ),
        )),
    }
}

fn is_newer(path: &Path) -> bool {
    let text = read_small(&path.join(VERSION_FILE)).unwrap_or_default();
    text.trim().parse::<u32>().is_ok_and(|version| version > FORMAT_VERSION)
}

/// Data without its format might be anything.
fn check_no_data(path: &Path) -> Result<Found> {
    match [LOG_DIR, TREE_DIR].into_iter().find(|dir| path.join(dir).exists()) {
        None => Ok(Found::Nothing),
        Some(dir) => {
            let problem = format!(
                "holds {dir}/ but no file {VERSION_FILE}; if the data is Menagerie's, `menagerie admin rebuild --data-dir {}` writes it, else use another directory",
                path.display()
            );
            Err(Error::data_dir(path, problem))
        }
    }
}

/// The file names the owner for whoever finds it locked.
fn lock(path: &Path) -> Result<File> {
    let fail =
        |error: std::io::Error| Error::data_dir(path, format!("{LOCK_FILE} cannot be locked: {error}"));
    let file = path.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    let mut handle = options.read(true).write(true).create(true).truncate(false).open(&file).map_err(fail)?;
    match handle.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = read_small(&file).unwrap_or_default();
            let owner = match owner.trim().parse::<u32>() {
                Ok(pid) => format!("process {pid}"),
                Err(_) => "another process".to_owned(),
            };
            return Err(Error::data_dir(
                path,
                format!("is in use by {owner}; stop it, or use another directory"),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(fail(error)),
    }
    handle.set_len(0).and_then(|()| writeln!(handle, "{}", std::process::id())).map_err(fail)?;
    Ok(handle)
}

/// Whole and on the disk before any data is.
fn write_version(path: &Path) -> std::io::Result<()> {
    let temporary = path.join("VERSION.new");
    let mut file = File::create(&temporary)?;
    writeln!(file, "{FORMAT_VERSION}")?;
    file.sync_all()?;
    fs::rename(&temporary, path.join(VERSION_FILE))?;
    File::open(path)?.sync_all()
}

fn read_small(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(SMALL_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    fn listing(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).expect("readable");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_directory_is_made_with_lock_and_version() {
        let root = temporary();
        let path = root.path().join("a/b");
        let dir = DataDir::open(&path).expect("made");
        assert_eq!(listing(&path), ["VERSION", "menagerie.lock"]);
        assert_eq!(fs::read_to_string(path.join("VERSION")).expect("written"), "1\n");
        assert_eq!((dir.log(), dir.tree()), (path.join("log"), path.join("tree")));
    }

    #[test]
    fn a_second_owner_is_told_of_the_first_and_may_follow_it() {
        let root = temporary();
        let first = DataDir::open(root.path()).expect("free");
        let message = DataDir::open(root.path()).expect_err("taken").to_string();
        let expected =
            format!("is in use by process {}; stop it, or use another directory", std::process::id());
        assert!(
            message.contains(&expected) && message.contains(&root.path().display().to_string()),
            "{message}"
        );
        drop(first);
        DataDir::open(root.path()).expect("free again");
    }

    #[test]
    fn data_of_a_newer_version_is_refused_and_not_touched() {
        let root = temporary();
        fs::write(root.path().join("VERSION"), "2\n").expect("written");
        let message = DataDir::open(root.path()).expect_err("newer").to_string();
        assert!(message.contains("newer version: format 2, this one reads 1"), "{message}");
        assert_eq!(listing(root.path()), ["VERSION"]);
    }

    #[test]
    fn an_unreadable_version_and_data_without_one_are_refused() {
        let root = temporary();
        fs::write(root.path().join("VERSION"), "one").expect("written");
        assert!(
            DataDir::open(root.path())
                .expect_err("no number")
                .to_string()
                .contains("it should hold 1, not `one`")
        );
        fs::remove_file(root.path().join("VERSION")).expect("removed");
        fs::create_dir(root.path().join("log")).expect("made");
        assert!(
            DataDir::open(root.path()).expect_err("unknown data").to_string().contains("no file VERSION")
        );
        assert_eq!(listing(root.path()), ["log"]);
    }

    #[test]
    fn a_directory_that_must_exist_is_not_made() {
        let root = temporary();
        let path = root.path().join("none");
        assert!(DataDir::open_existing(&path).is_err());
        assert!(!path.exists());
        DataDir::open_existing(root.path()).expect("there");
    }
}
