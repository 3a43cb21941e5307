//! The writer on a thread of its own: it takes the whole queue whenever it is idle.

use crate::LogError;
use crate::record::{Change, Op};
use crate::state::Shared;
use crate::writer::Writer;
use parking_lot::{Condvar, Mutex};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Payload bytes that may wait for the disk; beyond it the caller waits.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Charged per operation beside its payload.
const OP_OVERHEAD: usize = 256;

#[derive(Default)]
struct Waiting {
    ops: Vec<Op>,
    bytes: usize,
    closing: bool,
}

struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
    room: Condvar,
}

/// A running writer thread and its queue.
pub(crate) struct WriterThread {
    queue: Arc<Queue>,
    handle: JoinHandle<Box<Writer>>,
}

impl WriterThread {
    pub(crate) fn spawn(writer: Box<Writer>) -> Result<WriterThread, LogError> {
        let queue = Arc::new(Queue { waiting: Mutex::default(), work: Condvar::new(), room: Condvar::new() });
        let shared = writer.shared().clone();
        let end = End { queue: queue.clone(), shared: shared.clone() };
        let handle = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || run(writer, end))
            .map_err(LogError::io(Path::new("log-writer thread")))
            .inspect_err(|error| shared.poison(&error.to_string()))?;
        Ok(WriterThread { queue, handle })
    }

    /// Queues operations that belong together; waits only while the queue is over its bound.
    pub(crate) fn submit(&self, ops: Vec<Op>) {
        let bytes: usize = ops.iter().map(charge).sum();
        let mut waiting = self.queue.waiting.lock();
        while waiting.bytes > QUEUE_BYTES_MAX && !waiting.closing {
            self.queue.room.wait(&mut waiting);
        }
        if waiting.closing {
            drop(waiting);
            let error = LogError::Poisoned("the writer thread has ended".into());
            return ops.into_iter().for_each(|op| (op.done)(Err(error.to_io())));
        }
        waiting.bytes += bytes;
        waiting.ops.extend(ops);
        drop(waiting);
        self.queue.work.notify_one();
    }

    /// Waits until the queue is written and returns the writer; nothing if the thread panicked.
    pub(crate) fn join(self) -> Option<Box<Writer>> {
        self.queue.waiting.lock().closing = true;
        self.queue.work.notify_one();
        self.handle.join().ok()
    }
}

fn charge(op: &Op) -> usize {
    match &op.change {
        Change::Append(records) => {
            records.iter().map(|(_, record)| OP_OVERHEAD + record.payload_len()).sum::<usize>()
        }
        _ => OP_OVERHEAD,
    }
}

fn run(mut writer: Box<Writer>, end: End) -> Box<Writer> {
    loop {
        let mut waiting = end.queue.waiting.lock();
        while waiting.ops.is_empty() && !waiting.closing {
            end.queue.work.wait(&mut waiting);
        }
        if waiting.ops.is_empty() {
            return writer;
        }
        let ops = std::mem::take(&mut waiting.ops);
        waiting.bytes = 0;
        drop(waiting);
        end.queue.room.notify_all();
        if let Err(error) = writer.write_group(ops) {
            tracing::error!(%error, "log write failed");
        }
    }
}

/// Fails what is left when the thread ends; that is something only if a callback panicked.
struct End {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
}

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.poison("the writer thread panicked");
        }
        let mut waiting = self.queue.waiting.lock();
        waiting.closing = true;
        let ops = std::mem::take(&mut waiting.ops);
        drop(waiting);
        self.queue.room.notify_all();
        let error = LogError::Poisoned("the writer thread has ended".into());
        ops.into_iter().for_each(|op| (op.done)(Err(error.to_io())));
    }
}
