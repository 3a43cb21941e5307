//! Writing small groups past the system's cache, whole pages at a time.
//!
//! Through the cache, a sync first has to find what was written and send it; past it the write is at the disk when it
//! returns, and the sync only empties the disk's own cache. Large groups are better sent by the system, and are in its cache
//! for the start after a crash.

use crate::fs::PAGE_BYTES;
use crate::{FsFile, LogError, directory::Directory};
use aligned_vec::{AVec, ConstAlign};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

/// Largest group that is written so, in bytes.
pub(crate) const GROUP_MAX: usize = 128 << 10;

/// Appends to a file in whole pages. The last one is written again with what comes behind it.
pub(crate) struct Pages {
    file: Arc<dyn FsFile>,
    /// Begins with the page that `written` is in.
    buffer: AVec<u8, ConstAlign<PAGE_BYTES>>,
    /// Up to where this has written, if nothing else has since.
    written: Option<u64>,
}

impl Pages {
    /// Opens a file that is there.
    pub(crate) fn open(dir: &Directory, path: &Path) -> Result<Pages, LogError> {
        let mut buffer = AVec::new(PAGE_BYTES);
        buffer.resize(PAGE_BYTES + GROUP_MAX, 0);
        Ok(Pages { file: dir.open_direct(path, false)?, buffer, written: None })
    }

    /// Writes at most [`GROUP_MAX`] bytes, part by part, from `offset` on, and zeros to the end of the last page. What is
    /// before `offset` in its page is read from `cached` unless this wrote it. May be refused, see [`crate::Fs::open_direct`].
    pub(crate) fn write<'a>(
        &mut self,
        cached: &dyn FsFile,
        parts: impl Iterator<Item = &'a [u8]>,
        offset: u64,
    ) -> io::Result<()> {
        let mut filled = (offset % PAGE_BYTES as u64) as usize;
        let start = offset - filled as u64;
        if self.written.take() != Some(offset) {
            read_exact(cached, &mut self.buffer[..filled], start)?;
        }
        for part in parts {
            self.buffer[filled..filled + part.len()].copy_from_slice(part);
            filled += part.len();
        }
        let whole = filled.next_multiple_of(PAGE_BYTES);
        self.buffer[filled..whole].fill(0);
        self.file.write_vectored_at(&[IoSlice::new(&self.buffer[..whole])], start)?;
        self.buffer.copy_within(filled - filled % PAGE_BYTES..filled, 0);
        self.written = Some(start + filled as u64);
        Ok(())
    }

    /// Gives up what is known of the page that `offset` is in: somebody else is going to write from there on. That is what is
    /// before `offset`, if this wrote it: the system does not have it and would have to read it.
    pub(crate) fn leave(&mut self, offset: u64) -> &[u8] {
        let known = self.written.take() == Some(offset);
        &self.buffer[..if known { (offset % PAGE_BYTES as u64) as usize } else { 0 }]
    }
}

fn read_exact(file: &dyn FsFile, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    match file.read_at(buffer, offset)? {
        read if read == buffer.len() => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fs, OsFs};
    use proptest::prelude::*;

    const FILE_BYTES: usize = 3 << 20;

    /// A directory with a file of zeros.
    fn directory() -> (tempfile::TempDir, Directory) {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::fs::write(dir.path().join("file"), vec![0; FILE_BYTES]).expect("written");
        let path = dir.path().to_path_buf();
        (dir, Directory { fs: Arc::new(OsFs), path })
    }

    /// Writes one group after the other, some by pages that were just opened, some through the cache.
    fn write_all(groups: &[Vec<Vec<u8>>], ways: &[u8]) {
        let (_guard, dir) = directory();
        let path = dir.path.join("file");
        let cached = OsFs.open(&path, false).expect("opened");
        let mut pages = Pages::open(&dir, &path).expect("opened");
        let mut expected = Vec::new();
        for (group, way) in groups.iter().zip(ways.iter().cycle()) {
            let (offset, group) = (expected.len() as u64, group.concat());
            if *way == 1 {
                pages = Pages::open(&dir, &path).expect("opened");
            }
            if *way == 2 {
                let head = pages.leave(offset);
                let slices = [IoSlice::new(head), IoSlice::new(&group)];
                cached.write_vectored_at(&slices, offset - head.len() as u64).expect("written");
            } else {
                pages.write(&*cached, group.chunks(700), offset).expect("written");
            }
            expected.extend(group);
            let mut found = vec![0; FILE_BYTES];
            cached.read_at(&mut found, 0).expect("read");
            assert!(found.starts_with(&expected) && found[expected.len()..].iter().all(|byte| *byte == 0));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn groups_follow_each_other_without_a_gap(
            groups in prop::collection::vec(
                prop::collection::vec((0usize..9000, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]), 0..6),
                1..12,
            ),
            ways in prop::collection::vec(0u8..3, 1..6),
        ) {
            write_all(&groups, &ways);
        }
    }

    #[test]
    fn a_group_may_be_as_large_as_allowed() {
        write_all(&[vec![vec![1; PAGE_BYTES - 1]], vec![vec![2; GROUP_MAX]], vec![vec![3; 10]]], &[0]);
    }
}
