//! Threads with a single-threaded runtime each: work that must not wait behind other work.

use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Workers of the main runtime. Nothing on it is hot.
const MAIN_WORKERS: usize = 2;

/// A named thread that runs whatever is spawned on its handle, until it is stopped.
#[derive(Debug)]
pub struct RuntimeThread {
    handle: Handle,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl RuntimeThread {
    /// Starts the thread.
    pub fn start(name: &'static str) -> Result<Self> {
        let fail = |source| Error::System { what: "a thread", source };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(fail)?;
        let (handle, stop) = (runtime.handle().clone(), CancellationToken::new());
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || runtime.block_on(stopped.cancelled_owned()))
            .map_err(fail)?;
        Ok(Self { handle, stop, thread: Some(thread) })
    }

    /// Where to spawn.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs `future` there and waits for its result.
    pub async fn run<F>(&self, future: F) -> Result<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future).await.map_err(|error| Error::component("thread", error))
    }
}

/// Tasks still running are dropped with the runtime.
impl Drop for RuntimeThread {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, which has been reported.
            let _ = thread.join();
        }
    }
}

/// The runtime for all that is not hot: connects, timers, admin server, signals.
pub fn main_runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(MAIN_WORKERS)
        .thread_name("main")
        .enable_all()
        .build()
        .map_err(|source| Error::System { what: "a runtime", source })
}
