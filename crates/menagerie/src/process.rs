//! The life of a process: what it serves, why it ends, and in which order its parts stop.

use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::admin;
use crate::board::Board;
use crate::error::{Error, Result};
use crate::listen::Bound;
use crate::{memory, telemetry};

/// How long an orderly stop may take; Kubernetes and init systems wait longer.
const GRACE: Duration = Duration::from_secs(10);
/// Fatal reports that may wait; the first one decides.
const FATAL_QUEUE: usize = 8;
/// Exit code of a stop that a second signal cut short.
const IMPATIENT_EXIT: i32 = 130;

type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One process with its components. Roles add parts to it and then let it run.
pub struct Process {
    /// Asked by health checks and the admin server.
    pub board: Board,
    stop: CancellationToken,
    /// The others may call until all parts have stopped: a leader that hands over is asked to the end.
    parts_stopped: CancellationToken,
    fatal: mpsc::Sender<Error>,
    fatal_reports: mpsc::Receiver<Error>,
    recorder: PrometheusHandle,
    /// In the order in which they were started.
    stops: Vec<(&'static str, Stop)>,
}

impl Process {
    /// A process without parts.
    pub fn new(recorder: PrometheusHandle) -> Self {
        let (fatal, fatal_reports) = mpsc::channel(FATAL_QUEUE);
        let (board, stop, parts_stopped) = (Board::new(), CancellationToken::new(), CancellationToken::new());
        Self { board, stop, parts_stopped, fatal, fatal_reports, recorder, stops: Vec::new() }
    }

    /// Ends when the port for other components is to close.
    pub fn grpc_stop(&self) -> CancellationToken {
        self.parts_stopped.clone()
    }

    /// Ends when clients are to go.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Where a component says that it cannot go on.
    pub fn fatal(&self) -> mpsc::Sender<Error> {
        self.fatal.clone()
    }

    /// Adds something to do when the process stops. What started last stops first.
    pub fn on_stop(&mut self, name: &'static str, stop: impl Future<Output = ()> + Send + 'static) {
        self.stops.push((name, Box::pin(stop)));
    }

    /// Runs until a signal or a fatal report, then stops the parts in order. The line `serving` is printed once, when all
    /// components are ready.
    pub async fn run(mut self, admin: Option<Bound>, serving: String) -> Result<()> {
        let mut signals = Signals::new()?;
        if let Some(bound) = admin {
            let listener = bound.into_tokio()?;
            let stop = self.stop.child_token();
            tokio::spawn(admin::serve(listener, self.board.clone(), self.recorder.clone(), stop));
        }
        tokio::spawn(telemetry::upkeep(self.recorder.clone()));
        tokio::spawn(memory::upkeep());
        let watch = tokio::spawn(self.board.clone().watch());
        tokio::spawn(announce(self.board.ready(), serving));
        let outcome = tokio::select! {
            name = signals.next() => {
                info!(signal = name, "stopping");
                Ok(())
            }
            Some(error) = self.fatal_reports.recv() => Err(error),
        };
        watch.abort();
        let _ = watch.await;
        self.board.withdraw();
        self.stop.cancel();
        tokio::spawn(async move {
            signals.next().await;
            warn!("second signal: exiting without waiting");
            std::process::exit(IMPATIENT_EXIT);
        });
        if tokio::time::timeout(GRACE, stop_all(self.stops)).await.is_err() {
            warn!(grace_seconds = GRACE.as_secs(), "parts were still stopping when the time for it ended");
        }
        self.parts_stopped.cancel();
        info!("stopped");
        outcome
    }
}

async fn stop_all(stops: Vec<(&'static str, Stop)>) {
    for (component, stop) in stops.into_iter().rev() {
        stop.await;
        info!(component, "stopped");
    }
}

async fn announce(mut ready: tokio::sync::watch::Receiver<bool>, serving: String) {
    if ready.wait_for(|ready| *ready).await.is_ok() {
        // Nobody need be there to read it.
        let _ = writeln!(std::io::stdout(), "{serving}");
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let on = |kind| signal(kind).map_err(|source| Error::System { what: "a signal handler", source });
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
