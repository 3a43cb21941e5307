//! Reading a segment from front to back, and searching what lies behind a bad record.

use crate::directory::Directory;
use crate::format::{BadHeader, FORMAT, RECORD_HEADER, RecordHeader, SEGMENT_HEADER, SegmentHeader};
use crate::{FsFile, LogError};
use std::path::PathBuf;
use std::sync::Arc;

const WINDOW_BYTES: usize = 1 << 20;

/// A segment being read, through a window that grows only for a larger record.
pub(crate) struct Scan {
    pub file: Arc<dyn FsFile>,
    pub path: PathBuf,
    pub header: SegmentHeader,
    pub len: u64,
    window: Vec<u8>,
    window_start: u64,
}

/// A record whose header is valid, somewhere behind a bad one.
pub(crate) struct Stray {
    pub offset: u64,
    pub header: RecordHeader,
}

impl Scan {
    /// Opens the segment of this epoch and verifies its header.
    pub(crate) fn open(dir: &Directory, epoch: u64) -> Result<Scan, LogError> {
        let path = dir.segment(epoch);
        let file = dir.open(&path, false)?;
        let len = file.len().map_err(LogError::io(&path))?;
        let mut head = [0; SEGMENT_HEADER as usize];
        let read = file.read_at(&mut head, 0).map_err(LogError::io(&path))?;
        if read < head.len() {
            return Err(LogError::corrupt(&path, 0, "segment header is incomplete"));
        }
        let header = match SegmentHeader::decode(&head) {
            Ok(header) if header.epoch == epoch => header,
            Ok(_) => return Err(LogError::corrupt(&path, 0, "segment epoch differs from the file's name")),
            Err(BadHeader::Newer(found)) => {
                return Err(LogError::NewerFormat { file: path, found, known: FORMAT });
            }
            Err(BadHeader::Magic) => return Err(LogError::corrupt(&path, 0, "not a log segment")),
            Err(BadHeader::Crc) => {
                return Err(LogError::corrupt(&path, 0, "segment header fails its checksum"));
            }
        };
        Ok(Scan { file, path, header, len, window: Vec::new(), window_start: 0 })
    }

    /// Returns the record at this offset with its payload, or nothing if it is not valid.
    pub(crate) fn record(&mut self, offset: u64) -> Result<Option<(RecordHeader, &[u8])>, LogError> {
        let epoch = self.header.epoch;
        let Some(header) = self.header_at(offset)? else { return Ok(None) };
        let Some(payload) = self.bytes(offset + RECORD_HEADER, header.len as usize)? else { return Ok(None) };
        Ok(header.accepts(epoch, payload).then_some((header, payload)))
    }

    /// Returns the record headers of this epoch at or behind an offset, whatever their payloads.
    pub(crate) fn strays(&mut self, from: u64) -> Result<Vec<Stray>, LogError> {
        let mut strays = Vec::new();
        let mut offset = from;
        while offset + RECORD_HEADER <= self.len {
            strays.extend(self.header_at(offset)?.map(|header| Stray { offset, header }));
            offset += 8;
        }
        Ok(strays)
    }

    /// Gives the window's memory back.
    pub(crate) fn release(&mut self) {
        self.window = Vec::new();
    }

    fn header_at(&mut self, offset: u64) -> Result<Option<RecordHeader>, LogError> {
        let epoch = self.header.epoch;
        let bytes = self.bytes(offset, RECORD_HEADER as usize)?;
        Ok(bytes.and_then(|bytes| bytes.first_chunk()).and_then(|head| RecordHeader::decode(head, epoch)))
    }

    /// Returns a range of the file, or nothing if it reaches beyond the end.
    fn bytes(&mut self, offset: u64, len: usize) -> Result<Option<&[u8]>, LogError> {
        if offset + len as u64 > self.len {
            return Ok(None);
        }
        let window_end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + len as u64 > window_end {
            let rest = usize::try_from(self.len - offset).unwrap_or(usize::MAX);
            self.window.resize(len.max(WINDOW_BYTES).min(rest), 0);
            let read = self.file.read_at(&mut self.window, offset).map_err(LogError::io(&self.path))?;
            self.window.truncate(read);
            self.window_start = offset;
        }
        let start = (offset - self.window_start) as usize;
        Ok(self.window.get(start..start + len))
    }
}
