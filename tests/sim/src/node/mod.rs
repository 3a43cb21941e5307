//! A machine of the simulated cluster and what runs on it: the components as they are, put together as the binary does.

mod parts;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::disk::Disk;
use crate::event::Event;
use crate::layout::{Layout, NodeSpec};
use crate::plan::Tuning;
use crate::world::World;

/// The port for the other components.
pub const INTERNAL_PORT: u16 = 7000;
/// The port for clients.
pub const CLIENT_PORT: u16 = 2181;

/// When the simulated world begins, in ms since 1970.
const EPOCH_MS: i64 = 1_700_000_000_000;

/// A machine: what of it outlives a crash.
pub struct Machine {
    /// What runs on it.
    pub spec: NodeSpec,
    /// Its disk.
    pub disk: Disk,
    /// How far its wall clock is off, in ms.
    pub clock_offset_ms: AtomicI64,
    /// What runs on it cannot go on: the process has ended.
    pub ended: AtomicBool,
    leaps: Mutex<Option<mpsc::UnboundedSender<Duration>>>,
}

impl Machine {
    /// A machine that was never started.
    pub fn new(spec: NodeSpec, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            disk: Disk::new(spec.name, seed),
            spec,
            clock_offset_ms: AtomicI64::new(0),
            ended: AtomicBool::new(false),
            leaps: Mutex::new(None),
        })
    }

    /// Its clocks leap, as after a pause of the process: every timer up to then is due at once.
    pub fn leap(&self, by: Duration) {
        if let Some(leaps) = &*self.leaps.lock() {
            let _ = leaps.send(by);
        }
    }

    fn wall_clock_ms(&self, world: &World) -> i64 {
        EPOCH_MS + world.now_ms() as i64 + self.clock_offset_ms.load(Ordering::Relaxed)
    }
}

/// All that a node needs to know to start.
#[derive(Clone)]
pub struct Surroundings {
    /// Shared by everything.
    pub world: World,
    /// Who else is there.
    pub layout: Arc<Layout>,
    /// Options of the components.
    pub tuning: Arc<Tuning>,
}

/// One life of a node: from its start until the machine crashes. Never returns by itself: a process that has ended is
/// taken away by the run, so that its connections are closed.
pub async fn live(machine: Arc<Machine>, around: Surroundings) -> turmoil::Result {
    let (leaps, mut leaping) = mpsc::unbounded_channel();
    *machine.leaps.lock() = Some(leaps);
    tokio::task::spawn_local(async move {
        while let Some(by) = leaping.recv().await {
            tokio::time::advance(by).await;
        }
    });
    around.world.emit(Event::Started { node: machine.spec.name });
    let mut parts = parts::start(&machine, &around).await;
    let why = match &mut parts {
        Ok(fatal) => fatal.recv().await.unwrap_or_else(|| "its parts are gone".to_owned()),
        Err(error) => format!("it does not start: {error:#}"),
    };
    around.world.emit(Event::Ended { node: machine.spec.name, why });
    machine.ended.store(true, Ordering::Relaxed);
    std::future::pending().await
}
