//! Writing into segments: framing records, starting a segment, growing one that is not yet zero-filled.

use crate::directory::{Directory, write_zeros};
use crate::format::{Kind, RecordHeader, SEGMENT_HEADER, SegmentHeader, payload_crc, record_size};
use crate::fs::PAGE_BYTES;
use crate::pages::{GROUP_MAX, Pages};
use crate::{FsFile, LogError};
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most slices the system takes in one write (`IOV_MAX` on Linux).
const SLICES_MAX: usize = 1024;
/// A segment without a spare starts with this many zero-filled bytes and grows by as many.
const GROW_BYTES: u64 = 4 << 20;
const PADDING: &[u8] = &[0; 8];
/// A write that ends within a page that the system does not have would have to read it first.
const PAGE: &[u8] = &[0; PAGE_BYTES];

/// A record before it has its place.
pub(crate) struct Draft {
    pub kind: Kind,
    pub index: u64,
    pub term: u64,
    pub payload: Vec<Bytes>,
}

impl Draft {
    fn len(&self) -> usize {
        self.payload.iter().map(Bytes::len).sum()
    }

    /// Returns what the record takes on disk.
    pub(crate) fn size(&self) -> u64 {
        record_size(self.len() as u64)
    }
}

/// A record as it is written.
struct Frame {
    head: [u8; crate::format::RECORD_HEADER as usize],
    payload: Vec<Bytes>,
    pad: usize,
}

impl Frame {
    /// What is written of it, in this order.
    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let payload = self.payload.iter().map(|part| &part[..]);
        std::iter::once(&self.head[..]).chain(payload).chain([&PADDING[..self.pad]])
    }
}

/// The segment that is written, with the frames that are placed but not yet written.
pub(crate) struct Segment {
    pub file: Arc<dyn FsFile>,
    pub path: PathBuf,
    pub epoch: u64,
    /// Where the next record goes.
    pub end: u64,
    /// How far the file is zero-filled; beyond it a sync has to change metadata.
    pub filled: u64,
    /// Highest index ever written here, voided ones too.
    pub max_index: Option<u64>,
    /// Everything before this was durable when the current group began.
    group_start: u64,
    written: u64,
    frames: Vec<Frame>,
    /// Writes past the system's cache, where that can be.
    pages: Option<Pages>,
}

impl Segment {
    /// Continues a segment whose bytes before `end` are durable.
    pub(crate) fn resume(
        file: Arc<dyn FsFile>,
        path: PathBuf,
        epoch: u64,
        (end, filled): (u64, u64),
    ) -> Segment {
        let frames = Vec::new();
        Segment {
            file,
            path,
            epoch,
            end,
            filled,
            max_index: None,
            group_start: end,
            written: end,
            frames,
            pages: None,
        }
    }

    /// Writes past the system's cache from here on.
    pub(crate) fn past_the_cache(mut self, dir: &Directory) -> Result<Segment, LogError> {
        self.pages = Some(Pages::open(dir, &self.path)?);
        Ok(self)
    }

    /// Makes a segment out of a spare, or of nothing; it is durable, with its first records, on return.
    ///
    /// The spare gets its name only after its header is durable, so every segment has a valid header.
    pub(crate) fn create(
        dir: &Directory,
        spare: &Path,
        header: SegmentHeader,
        first: Vec<Draft>,
        segment_bytes: u64,
    ) -> Result<Segment, LogError> {
        let file = dir.open(spare, true)?;
        let filled = file.len().map_err(LogError::io(spare))?;
        let path = dir.segment(header.epoch);
        let mut segment = Segment::resume(file, path, header.epoch, (SEGMENT_HEADER, filled));
        for draft in first {
            segment.place(draft);
        }
        let write = |segment: &mut Segment| -> io::Result<()> {
            segment.file.write_vectored_at(&[IoSlice::new(&header.encode())], 0)?;
            segment.write(segment_bytes)?;
            segment.file.sync_all()
        };
        write(&mut segment).map_err(LogError::io(spare))?;
        segment.begin_group();
        dir.rename(spare, &segment.path)?;
        segment.past_the_cache(dir)
    }

    /// Notes that everything placed so far is durable.
    pub(crate) fn begin_group(&mut self) {
        self.group_start = self.end;
    }

    /// Gives a record its place, to be written by the next `write`; returns its offset.
    pub(crate) fn place(&mut self, draft: Draft) -> u32 {
        let offset = self.end;
        let len = draft.len();
        let header = RecordHeader {
            kind: draft.kind,
            index: draft.index,
            term: draft.term,
            len: len as u32,
            group_start: self.group_start as u32,
            payload_crc: payload_crc(self.epoch, draft.kind, (draft.index, draft.term), &draft.payload),
        };
        if draft.kind == Kind::Entry {
            self.max_index = self.max_index.max(Some(draft.index));
        }
        let pad = len.next_multiple_of(8) - len;
        self.frames.push(Frame { head: header.encode(self.epoch), payload: draft.payload, pad });
        self.end += header.size();
        offset as u32
    }

    /// Tells whether there is anything to write.
    pub(crate) fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Tells whether there is anything to sync, once it is written.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.group_start < self.end
    }

    /// Writes the placed frames, and zeros to the end of the last page. Not durable yet.
    pub(crate) fn write(&mut self, segment_bytes: u64) -> io::Result<()> {
        if !self.write_pages()? {
            self.write_cached()?;
        }
        self.frames.clear();
        self.written = self.end;
        self.grow(segment_bytes)
    }

    /// Writes a small group past the system's cache. False if it is large, or that cannot be.
    fn write_pages(&mut self) -> io::Result<bool> {
        let small = self.end - self.written <= GROUP_MAX as u64;
        let fits = small && self.end.next_multiple_of(PAGE_BYTES as u64) <= self.filled;
        let Some(pages) = self.pages.as_mut().filter(|_| fits) else { return Ok(false) };
        match pages.write(&*self.file, self.frames.iter().flat_map(Frame::parts), self.written) {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.pages = None;
                Ok(false)
            }
            written => written.map(|()| true),
        }
    }

    /// Writes in as few calls as the slice limit allows.
    fn write_cached(&mut self) -> io::Result<()> {
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(SLICES_MAX.min(self.frames.len() * 3));
        let head = self.pages.as_mut().map_or(&[][..], |pages| pages.leave(self.written));
        let mut offset = self.written - head.len() as u64;
        let page_end = self.end.next_multiple_of(PAGE_BYTES as u64).min(self.filled);
        let rest = &PAGE[..page_end.saturating_sub(self.end) as usize];
        let parts = [head].into_iter().chain(self.frames.iter().flat_map(Frame::parts)).chain([rest]);
        for part in parts.filter(|part| !part.is_empty()) {
            if slices.len() == SLICES_MAX {
                offset = write_slices(&*self.file, &mut slices, offset)?;
            }
            slices.push(IoSlice::new(part));
        }
        write_slices(&*self.file, &mut slices, offset)?;
        Ok(())
    }

    /// Zero-fills a step ahead once the filled part is used up, so that most syncs change no metadata.
    fn grow(&mut self, segment_bytes: u64) -> io::Result<()> {
        if self.end > self.filled || (self.end == self.filled && self.end < segment_bytes) {
            let target =
                (self.end / GROW_BYTES + 1).saturating_mul(GROW_BYTES).min(segment_bytes).max(self.end);
            write_zeros(&*self.file, self.end, target)?;
            self.filled = target;
        }
        Ok(())
    }
}

fn write_slices(file: &dyn FsFile, slices: &mut Vec<IoSlice<'_>>, offset: u64) -> io::Result<u64> {
    if slices.is_empty() {
        return Ok(offset);
    }
    file.write_vectored_at(slices, offset)?;
    let written: usize = slices.iter().map(|slice| slice.len()).sum();
    slices.clear();
    Ok(offset + written as u64)
}
