//! The owner's side of the log: checks an operation, shows it to readers, hands it to the writer.

use crate::record::{Change, Op};
use crate::recovery;
use crate::state::Shared;
use crate::thread::WriterThread;
use crate::writer::Writer;
use crate::{
    DrivenWriter, Driver, Durable, Fs, LogError, LogOptions, LogReader, MAX_META_BYTES, MAX_PAYLOAD_BYTES,
    MetaKind, Record, Recovered, unobserved,
};
use bytes::Bytes;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The log, as its one owner sees it. Cheap to read through [`Log::reader`] from elsewhere.
///
/// Operations become durable in the order of the calls. `done` is called exactly once in every case; when a
/// call returns an error it has been called with that error before. Dropping the log waits until everything
/// submitted is durable or has failed.
pub struct Log {
    shared: Arc<Shared>,
    reader: LogReader,
    mode: Mode,
    /// Who has the writer work when it is not inline, if that is not a thread.
    driver: Option<Arc<dyn Driver>>,
    /// At most one value per kind, to be written with the next operation.
    deferred: Vec<(MetaKind, Bytes)>,
}

enum Mode {
    Inline(Box<Writer>),
    Thread(WriterThread),
    Driven(DrivenWriter),
    /// The writer is gone, and the log poisoned.
    Lost,
}

impl Log {
    /// Opens or creates the log in `dir`; cuts a torn tail, refuses damaged durable records.
    ///
    /// Nothing keeps a second process from opening the same directory: that is the caller's to prevent.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path, options: LogOptions) -> Result<(Log, Recovered), LogError> {
        let inline = options.inline;
        let driver = fs.driver();
        let options = LogOptions { background_fill: options.background_fill && driver.is_none(), ..options };
        let (writer, recovered) = recovery::open(fs, dir, options)?;
        let shared = writer.shared().clone();
        let reader = LogReader::new(shared.clone());
        let mode = Mode::Inline(Box::new(writer));
        let mut log = Log { shared, reader, mode, driver, deferred: Vec::new() };
        log.set_inline(inline)?;
        Ok((log, recovered))
    }

    /// Returns a handle for reading from any thread.
    pub fn reader(&self) -> LogReader {
        self.reader.clone()
    }

    /// Appends entries, readable at once. The first index must follow the last one; it is free in a log that
    /// is empty and was never purged.
    pub fn append(&mut self, records: Vec<Record>, done: Durable) -> Result<(), LogError> {
        if let Err(error) = self.shared.check().and_then(|()| self.check_append(&records)) {
            return refuse(error, done);
        }
        let mut state = self.shared.state.write();
        let records = records
            .into_iter()
            .map(|record| (state.push(record.index, record.term, &record.payload), record));
        let change = Change::Append(records.collect());
        drop(state);
        self.submit(change, done)
    }

    fn check_append(&self, records: &[Record]) -> Result<(), LogError> {
        let mut next = self.shared.state.read().next_index();
        for record in records {
            match next {
                Some(expected) if expected != record.index => {
                    return Err(LogError::Gap { expected, got: record.index });
                }
                _ => next = Some(record.index.saturating_add(1)),
            }
            check_len(record.payload_len(), MAX_PAYLOAD_BYTES)?;
        }
        Ok(())
    }

    /// Saves a value durably; the newest of its kind survives.
    pub fn save_meta(&mut self, kind: MetaKind, bytes: Bytes, done: Durable) -> Result<(), LogError> {
        if let Err(error) = check_len(bytes.len(), MAX_META_BYTES) {
            return refuse(error, done);
        }
        self.deferred.retain(|(deferred, _)| *deferred != kind);
        self.submit(Change::Meta(kind, bytes), done)
    }

    /// Saves a value with the next other operation or [`Log::flush`], without a sync of its own (for committed,
    /// which may be old after a crash).
    pub fn defer_meta(&mut self, kind: MetaKind, bytes: Bytes) -> Result<(), LogError> {
        self.shared.check()?;
        check_len(bytes.len(), MAX_META_BYTES)?;
        self.deferred.retain(|(deferred, _)| *deferred != kind);
        self.deferred.push((kind, bytes));
        Ok(())
    }

    /// Voids all entries after `keep`; `None` voids all that are not purged.
    pub fn truncate_after(&mut self, keep: Option<u64>, done: Durable) -> Result<(), LogError> {
        let from = keep.map_or(0, |keep| keep.saturating_add(1));
        let mut state = self.shared.state.write();
        let voids = state.first_index().is_some() && state.last().is_some_and(|(last, _)| from <= last);
        state.truncate_from(from);
        drop(state);
        self.submit(if voids { Change::Truncate(from) } else { Change::Nothing }, done)
    }

    /// Drops the prefix up to and including `index`, which may lie beyond the last entry (a checkpoint was
    /// installed): then the log is empty and continues at `index + 1`. Does nothing at or before the last purge.
    ///
    /// Segments that hold nothing else become spares once the purge is durable. `LogError::Gap` if the log
    /// starts later than at `index + 1`.
    pub fn purge(&mut self, index: u64, term: u64, done: Durable) -> Result<(), LogError> {
        let mut state = self.shared.state.write();
        if let Some(first) = state.first_index().filter(|first| index.saturating_add(1) < *first)
            && state.purged().is_none()
        {
            drop(state);
            return refuse(LogError::Gap { expected: first, got: index }, done);
        }
        let drops = state.purged().is_none_or(|(purged, _)| purged < index);
        if drops {
            state.purge(index, term);
        }
        drop(state);
        self.submit(if drops { Change::Purge(index, term) } else { Change::Nothing }, done)
    }

    /// Switches between inline (true) and writer thread (false), after everything queued is durable.
    pub fn set_inline(&mut self, inline: bool) -> Result<(), LogError> {
        self.mode = match (std::mem::replace(&mut self.mode, Mode::Lost), inline) {
            (Mode::Inline(writer), false) if self.driver.is_some() => Mode::Driven(DrivenWriter::new(writer)),
            (Mode::Inline(writer), false) => Mode::Thread(WriterThread::spawn(writer)?),
            (Mode::Thread(thread), true) => thread.join().map_or(Mode::Lost, Mode::Inline),
            (Mode::Driven(writer), true) => writer.join().map_or(Mode::Lost, Mode::Inline),
            (mode, _) => mode,
        };
        self.shared.check()
    }

    /// Tells whether calls write and sync on the caller's thread.
    pub fn is_inline(&self) -> bool {
        matches!(self.mode, Mode::Inline(_))
    }

    /// Returns when everything submitted, deferred values too, is durable.
    pub fn flush(&mut self) -> Result<(), LogError> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        let notify = move |result| drop(sender.send(result));
        self.submit(Change::Nothing, Box::new(notify))?;
        if let Mode::Driven(writer) = &self.mode {
            writer.finish();
        }
        match receiver.recv() {
            Ok(Ok(())) => Ok(()),
            _ => self.shared.check().and(Err(LogError::Poisoned("the writer is gone".into()))),
        }
    }

    /// See [`LogReader::read`].
    pub fn read(&self, range: Range<u64>, max_bytes: usize) -> Result<Vec<Record>, LogError> {
        self.reader.read(range, max_bytes)
    }

    /// See [`LogReader::term_of`].
    pub fn term_of(&self, index: u64) -> Option<u64> {
        self.reader.term_of(index)
    }

    fn submit(&mut self, change: Change, done: Durable) -> Result<(), LogError> {
        if let Err(error) = self.shared.check() {
            return refuse(error, done);
        }
        let deferred = self.deferred.drain(..);
        let mut ops: Vec<Op> = deferred
            .map(|(kind, bytes)| Op { change: Change::Meta(kind, bytes), done: unobserved() })
            .collect();
        ops.push(Op { change, done });
        match &mut self.mode {
            Mode::Inline(writer) => writer.write_group(ops),
            Mode::Thread(thread) => {
                thread.submit(ops);
                Ok(())
            }
            Mode::Driven(writer) => {
                writer.submit(ops);
                if let Some(driver) = &self.driver {
                    driver.attend(writer);
                }
                Ok(())
            }
            Mode::Lost => {
                let error = LogError::Poisoned("the writer is gone".into());
                ops.into_iter().for_each(|op| (op.done)(Err(error.to_io())));
                Err(error)
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // A failure has reached the callbacks and the log; nobody is left to be told.
        if !self.deferred.is_empty() {
            drop(self.flush());
        }
        drop(self.set_inline(true));
    }
}

fn refuse(error: LogError, done: Durable) -> Result<(), LogError> {
    done(Err(error.to_io()));
    Err(error)
}

fn check_len(len: usize, max: usize) -> Result<(), LogError> {
    if len > max { Err(LogError::TooLarge { len, max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
