//! Looking at a log without changing it: what it holds, and what is wrong with it.
//!
//! The verdict is that of opening, word for word: the log is opened over files whose changes go nowhere.

use crate::directory::Directory;
use crate::format::{Kind, SEGMENT_HEADER};
use crate::record::Record;
use crate::scan::Scan;
use crate::{Fs, FsFile, LogError, LogOptions, MetaKind, recovery};
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

/// What a directory holds.
#[derive(Debug, Default)]
pub struct Survey {
    /// Segments.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Entries that can be read, before and behind what is damaged; voided ones count, too.
    pub entries: u64,
    /// The lowest index of those.
    pub first_index: Option<u64>,
    /// The highest index of those.
    pub last_index: Option<u64>,
    /// Why the log would not open.
    pub damage: Option<LogError>,
}

/// A record that can be read.
#[derive(Clone, Debug)]
pub enum Found {
    /// An entry.
    Entry(Record),
    /// A value beside the entries.
    Meta(MetaKind, Bytes),
}

/// Looks at the log in `dir`, and shows every record that can be read to `visit`, before and behind what is damaged. Nothing is changed. An error only if the directory cannot be read.
pub fn survey(fs: Arc<dyn Fs>, dir: &Path, visit: &mut dyn FnMut(Found)) -> Result<Survey, LogError> {
    let directory = Directory { fs: Arc::clone(&fs), path: dir.to_path_buf() };
    let mut survey = Survey::default();
    let segments = directory.list()?.segments;
    for epoch in &segments {
        // A bad header is the verdict's affair.
        let Ok(mut scan) = Scan::open(&directory, *epoch) else { continue };
        survey.bytes += scan.len;
        let mut next = Some(SEGMENT_HEADER);
        while let Some(offset) = next {
            let Some((header, payload)) = scan.record(offset)? else {
                next = next_valid(&mut scan, offset)?;
                continue;
            };
            let payload = Bytes::copy_from_slice(payload);
            next = Some(offset + header.size());
            match header.kind {
                Kind::Entry => {
                    survey.entries += 1;
                    let index = header.index;
                    survey.first_index = Some(survey.first_index.map_or(index, |first| first.min(index)));
                    survey.last_index = survey.last_index.max(Some(index));
                    visit(Found::Entry(Record { index, term: header.term, payload: vec![payload] }));
                }
                Kind::Vote => visit(Found::Meta(MetaKind::Vote, payload)),
                Kind::Committed => visit(Found::Meta(MetaKind::Committed, payload)),
                Kind::Truncate | Kind::Purge => {}
            }
        }
    }
    survey.segments = segments.len();
    if !segments.is_empty() {
        let options = LogOptions { spare_segments: 0, background_fill: false, ..LogOptions::default() };
        survey.damage = recovery::open(Arc::new(Unchanged(fs)), dir, options).err();
    }
    Ok(survey)
}

/// Where the next valid record begins behind a bad one.
fn next_valid(scan: &mut Scan, bad: u64) -> Result<Option<u64>, LogError> {
    for stray in scan.strays(bad + 8)? {
        if scan.record(stray.offset)?.is_some() {
            return Ok(Some(stray.offset));
        }
    }
    Ok(None)
}

/// A file system whose changes go nowhere.
struct Unchanged(Arc<dyn Fs>);

struct UnchangedFile(Box<dyn FsFile>);

impl Fs for Unchanged {
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn open(&self, path: &Path, _: bool) -> io::Result<Box<dyn FsFile>> {
        Ok(Box::new(UnchangedFile(self.0.open(path, false)?)))
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl FsFile for UnchangedFile {
    fn write_vectored_at(&self, _: &[IoSlice<'_>], _: u64) -> io::Result<()> {
        Ok(())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
}
