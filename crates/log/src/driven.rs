//! The writer in the hands of somebody else: a simulation, which has no threads and whose disk takes virtual time.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::record::Op;
use crate::writer::{Group, Writer};

/// Has writers work, each at its own pace.
pub trait Driver: Send + Sync {
    /// Takes on a writer. It is called after each change to its queue, too, whoever else works on it.
    fn attend(&self, writer: &DrivenWriter);
}

/// A writer that works when it is told to. Clones are the same writer.
#[derive(Clone)]
pub struct DrivenWriter {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    /// None once the log has taken it back.
    writer: Option<Box<Writer>>,
    queue: Vec<Op>,
    written: Option<Group>,
}

impl DrivenWriter {
    pub(crate) fn new(writer: Box<Writer>) -> Self {
        let inner = Inner { writer: Some(writer), queue: Vec::new(), written: None };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    pub(crate) fn submit(&self, ops: Vec<Op>) {
        self.inner.lock().queue.extend(ops);
    }

    /// Whether two handles are of the same writer.
    pub fn is(&self, other: &DrivenWriter) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// True while something is queued.
    pub fn has_work(&self) -> bool {
        !self.inner.lock().queue.is_empty()
    }

    /// Writes all that is queued, as one group; it is not durable yet, and nobody is told. Does nothing while an
    /// earlier group is not synced.
    pub fn write(&self) {
        let inner = &mut *self.inner.lock();
        if let (Some(writer), None) = (&mut inner.writer, &inner.written) {
            inner.written = Some(writer.begin_group(std::mem::take(&mut inner.queue)));
        }
    }

    /// Syncs what was written, and tells those who wait.
    pub fn sync(&self) {
        let inner = &mut *self.inner.lock();
        if let (Some(writer), Some(group)) = (&mut inner.writer, inner.written.take())
            && let Err(error) = writer.finish_group(group)
        {
            tracing::error!(%error, "log write failed");
        }
    }

    /// Works off what is queued.
    pub(crate) fn finish(&self) {
        self.sync();
        if self.has_work() {
            self.write();
            self.sync();
        }
    }

    /// Works off what is queued and returns the writer.
    pub(crate) fn join(self) -> Option<Box<Writer>> {
        self.finish();
        self.inner.lock().writer.take()
    }
}
