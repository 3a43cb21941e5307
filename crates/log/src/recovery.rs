//! Opening a log: replay every record, tell a torn tail from damage, make what was found durable.
//!
//! A segment that has a successor was durable to its end, so any bad record in it is damage. In the last
//! segment a bad record is a torn tail only if nothing behind it was written after it was known to be durable.
//! The records of one group may reach the disk in any order, so a later record of the *same* group proves
//! nothing; one whose group starts behind the bad record does.

use crate::directory::{Directory, write_zeros};
use crate::format::{ANY_INDEX, Kind, RECORD_HEADER, RecordHeader, SEGMENT_HEADER, SegmentHeader};
use crate::scan::Scan;
use crate::segment::Segment;
use crate::spares::Spares;
use crate::state::{OpenSegment, Shared, Slot, State};
use crate::writer::{Meta, Parts, Sealed, Writer};
use crate::{Fs, LogError, LogOptions, Recovered};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 30;

/// Opens or creates the log in a directory.
pub(crate) fn open(
    fs: Arc<dyn Fs>,
    dir: &Path,
    options: LogOptions,
) -> Result<(Writer, Recovered), LogError> {
    if !SEGMENT_BYTES.contains(&options.segment_bytes) {
        return Err(LogError::Options("segment_bytes must be between 1 KiB and 1 GiB"));
    }
    fs.create_dir_all(dir).map_err(LogError::io(dir))?;
    let dir = Directory { fs, path: dir.to_path_buf() };
    let listing = dir.list()?;
    let mut scans =
        listing.segments.iter().map(|epoch| Scan::open(&dir, *epoch)).collect::<Result<Vec<_>, _>>()?;
    check_sequence(&dir, &scans)?;

    let mut replay =
        Replay { state: State::new(options.cache_bytes), meta: Meta::default(), max_index: None };
    let mut sealed = VecDeque::new();
    for at in 1..scans.len() {
        let end = u64::from(scans[at].header.previous_end);
        let scan = &mut scans[at - 1];
        replay.sealed_segment(scan, end)?;
        scan.release();
        let (epoch, path) = (scan.header.epoch, scan.path.clone());
        sealed.push_back(Sealed { epoch, path, filled: scan.len, max_index: replay.max_index });
    }
    let mut torn_bytes = 0;
    let last = match scans.last_mut() {
        Some(scan) => {
            let end = replay.records(scan, scan.len)?;
            torn_bytes = cut_tail(scan, end)?;
            Some((scan.file.clone(), scan.path.clone(), scan.header.epoch, (end, scan.len)))
        }
        None => None,
    };
    replay.check_whole(&dir, listing.segments.first().copied())?;

    let spares = Spares::open(&dir, &options, &listing.spares)?;
    let mut active = match last {
        Some((file, path, epoch, extent)) => {
            Segment::resume(file, path, epoch, extent).past_the_cache(&dir)?
        }
        None => {
            let header = SegmentHeader { epoch: 1, first_index: ANY_INDEX, previous_end: 0 };
            Segment::create(&dir, &spares.take(), header, vec![], options.segment_bytes)?
        }
    };
    active.max_index = replay.max_index;
    dir.sync()?;
    sync_parent(&dir)?;
    let recovered = replay.recovered(torn_bytes);
    let Replay { mut state, meta, .. } = replay;
    let open = |file: &Arc<_>, path: &Path| OpenSegment { file: Arc::clone(file), path: path.to_path_buf() };
    state.segments = scans.iter().map(|scan| (scan.header.epoch, open(&scan.file, &scan.path))).collect();
    state.segments.insert(active.epoch, open(&active.file, &active.path));
    let next_index = state.next_index();
    let shared = Arc::new(Shared { state: RwLock::new(state) });
    let parts = Parts { dir, options, shared, spares, active, sealed, meta, next_index };
    Ok((Writer::new(parts), recovered))
}

/// A freshly made directory must itself survive; its parent may be out of reach, as a mount point's is.
fn sync_parent(dir: &Directory) -> Result<(), LogError> {
    let Some(parent) = dir.path.parent() else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    match dir.fs.sync_dir(parent) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        result => result.map_err(LogError::io(parent)),
    }
}

fn check_sequence(dir: &Directory, scans: &[Scan]) -> Result<(), LogError> {
    for pair in scans.windows(2) {
        let expected = pair[0].header.epoch + 1;
        if pair[1].header.epoch != expected {
            return Err(LogError::corrupt(&dir.segment(expected), 0, "segment is missing"));
        }
    }
    Ok(())
}

/// Refuses a bad record that was durable; otherwise voids what is left of an unfinished group, so that it
/// cannot show up behind the records written there next. Returns how many bytes that was.
///
/// Also syncs the segment: after a mere process crash, records may have been read that are only in memory.
fn cut_tail(scan: &mut Scan, end: u64) -> Result<u64, LogError> {
    let strays = scan.strays(end)?;
    if let Some(later) = strays.iter().find(|stray| u64::from(stray.header.group_start) > end) {
        let what =
            format!("invalid record, but one written after it was durable follows at {}", later.offset);
        return Err(LogError::corrupt(&scan.path, end, what));
    }
    for stray in &strays {
        write_zeros(&*scan.file, stray.offset, stray.offset + RECORD_HEADER)
            .map_err(LogError::io(&scan.path))?;
    }
    scan.file.sync_all().map_err(LogError::io(&scan.path))?;
    let torn_end = strays.iter().map(|stray| (stray.offset + stray.header.size()).min(scan.len)).max();
    Ok(torn_end.map_or(0, |torn_end| torn_end - end))
}

/// The state the records add up to.
struct Replay {
    state: State,
    meta: Meta,
    /// Highest entry index of the segment replayed last.
    max_index: Option<u64>,
}

impl Replay {
    fn sealed_segment(&mut self, scan: &mut Scan, end: u64) -> Result<(), LogError> {
        let reached = self.records(scan, end)?;
        if reached != end {
            return Err(LogError::corrupt(
                &scan.path,
                reached,
                "invalid record in a segment that was complete",
            ));
        }
        Ok(())
    }

    /// Applies the records up to `limit` or the first invalid one; returns where it stopped.
    fn records(&mut self, scan: &mut Scan, limit: u64) -> Result<u64, LogError> {
        self.check_continues(scan)?;
        self.max_index = None;
        let epoch = scan.header.epoch;
        let mut offset = SEGMENT_HEADER;
        while offset < limit {
            let Some((header, payload)) = scan.record(offset)? else { break };
            if let Err(what) = self.apply(&header, (epoch, offset as u32), payload) {
                return Err(LogError::corrupt(&scan.path, offset, what));
            }
            offset += header.size();
        }
        Ok(offset)
    }

    fn check_continues(&self, scan: &Scan) -> Result<(), LogError> {
        let first = scan.header.first_index;
        match self.state.first_index().and(self.state.next_index()) {
            Some(next) if next != first => {
                Err(LogError::corrupt(&scan.path, 0, format!("segment starts at {first}, expected {next}")))
            }
            _ => Ok(()),
        }
    }

    fn apply(&mut self, header: &RecordHeader, at: (u64, u32), payload: &[u8]) -> Result<(), String> {
        let (index, term) = (header.index, header.term);
        match header.kind {
            Kind::Entry => {
                // An empty log says nothing: its purge may come later, in a segment still to be read.
                if let Some(next) = self.state.first_index().and(self.state.next_index())
                    && next != index
                {
                    return Err(format!("entry {index} where {next} was expected"));
                }
                self.state.push_slot(index, Slot { term, epoch: at.0, offset: at.1, len: header.len });
                self.max_index = self.max_index.max(Some(index));
            }
            Kind::Vote => self.meta.vote = Some(Bytes::copy_from_slice(payload)),
            Kind::Committed => self.meta.committed = Some(Bytes::copy_from_slice(payload)),
            Kind::Truncate => self.state.truncate_from(index),
            Kind::Purge => {
                self.state.purge(index, term);
                self.meta.purged = Some((index, term));
            }
        }
        Ok(())
    }

    /// Refuses a log whose beginning is missing.
    fn check_whole(&self, dir: &Directory, first_epoch: Option<u64>) -> Result<(), LogError> {
        let Some(first_epoch) = first_epoch else { return Ok(()) };
        let expected = match (self.state.purged(), self.state.first_index()) {
            (None, _) if first_epoch > 1 => {
                return Err(LogError::corrupt(&dir.segment(1), 0, "segment is missing"));
            }
            (Some((purged, _)), Some(first)) if first != purged + 1 => purged + 1,
            _ => return Ok(()),
        };
        Err(LogError::corrupt(&dir.segment(first_epoch), 0, format!("entry {expected} is missing")))
    }

    fn recovered(&self, torn_bytes: u64) -> Recovered {
        Recovered {
            first_index: self.state.first_index(),
            purged: self.state.purged(),
            last: self.state.last(),
            vote: self.meta.vote.clone(),
            committed: self.meta.committed.clone(),
            torn_bytes,
        }
    }
}
