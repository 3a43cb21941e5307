//! Starting and stopping a gateway, and accepting its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use menagerie_host::{ListenOptions, Listener, Thread};
use menagerie_link::{Ensemble, Stores};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::api::{ApiHandle, CALLS_MAX};
use crate::facts::Facts;
use crate::options::GatewayOptions;
use crate::trackers::Trackers;
use crate::worker::{self, ACCEPTED_MAX, Accepted, Door, Intake, QUESTIONS_MAX};
use crate::{Shared, stats};

const FACTS_INTERVAL: Duration = Duration::from_millis(500);

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The client address cannot be listened on.
    #[error("cannot listen for ZooKeeper clients on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A worker thread cannot be started.
    #[error("cannot start a gateway thread: {0}")]
    Thread(std::io::Error),
}

/// A running gateway.
pub struct Gateway {
    api: ApiHandle,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    threads: Vec<Box<dyn Thread>>,
}

/// Listens, and serves until [`Gateway::stop`]. Must be called on a runtime, which then accepts the connections.
/// `stores` and the ensemble's members come in order of preference.
pub fn start(
    options: GatewayOptions,
    ensemble: Ensemble,
    stores: Stores,
    trackers: Trackers,
) -> Result<Gateway, GatewayError> {
    let doors = doors(&options)?;
    let (threads, frame_len_max) = (options.threads.max(1), options.jute_max_buffer);
    let shared = Arc::new(Shared::new(options, ensemble, stores, trackers));
    let (stop, stopping) = watch::channel(false);
    let address = |secure: bool| {
        doors.iter().find(|(_, _, door)| (*door == Door::Secure) == secure).map(|(_, addr, _)| *addr)
    };
    let _ = shared.addresses.set((address(false), address(true)));
    let (mut sockets, mut calls, mut handles) = (Vec::new(), Vec::new(), Vec::new());
    let questions: Vec<_> = (0..threads).map(|_| mpsc::channel(QUESTIONS_MAX)).collect();
    let workers: Vec<_> = questions.iter().map(|(sender, _)| sender.clone()).collect();
    for (n, (_, questions)) in questions.into_iter().enumerate() {
        let (socket_sender, socket_receiver) = mpsc::channel(ACCEPTED_MAX);
        let (call_sender, call_receiver) = mpsc::channel(CALLS_MAX);
        sockets.push(socket_sender);
        calls.push(call_sender);
        let intake = Intake {
            sockets: socket_receiver,
            calls: call_receiver,
            questions,
            workers: workers.clone(),
            stopping: stopping.clone(),
        };
        let (host, shared) = (Arc::clone(&shared.options.host), Arc::clone(&shared));
        let body = move || worker::run(shared, intake).boxed_local();
        let thread = host.spawn(&format!("gateway-{n}"), Box::new(body));
        handles.push(thread.map_err(GatewayError::Thread)?);
    }
    for (listener, _, door) in doors {
        tokio::spawn(accept((listener, door), Arc::clone(&shared), sockets.clone(), stopping.clone()));
    }
    tokio::spawn(refresh_facts(Arc::clone(&shared), stopping));
    Ok(Gateway { api: ApiHandle::new(calls, frame_len_max), shared, stop, threads: handles })
}

impl Gateway {
    /// Where ZooKeeper clients connect without TLS, and where with it; the real ports when 0 was asked for.
    pub fn client_addrs(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        (self.shared.client_addr(), self.shared.secure_addr())
    }

    /// The way in for the gRPC API.
    pub fn api(&self) -> ApiHandle {
        self.api.clone()
    }

    /// What the gateway knows of the components behind it.
    pub fn facts(&self) -> Facts {
        self.shared.facts.lock().clone()
    }

    /// Counters.
    pub fn stats(&self) -> Arc<stats::Stats> {
        Arc::clone(&self.shared.stats)
    }

    /// Stops accepting, lets clients move, and waits for the threads.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for thread in self.threads {
            thread.join().await;
        }
        info!("the gateway has let its clients go");
    }
}

/// A door, its address with the real port, and who comes in.
type Open = (Box<dyn Listener>, SocketAddr, Door);

/// Listens at every address that clients may come to.
fn doors(options: &GatewayOptions) -> Result<Vec<Open>, GatewayError> {
    let plain = if options.secure.as_ref().is_some_and(|secure| secure.unified) {
        Door::Unified
    } else {
        Door::Plain
    };
    let secure = options.secure.as_ref().and_then(|secure| secure.addr);
    let how = ListenOptions { backlog: options.backlog, keep_alive: options.tcp_keep_alive };
    let mut doors = Vec::new();
    for (addr, door) in [(options.client_addr, plain), (secure, Door::Secure)] {
        let Some(addr) = addr else { continue };
        let listener = options.host.listen(addr, how).and_then(|l| Ok((l.local_addr()?, l)));
        let (real, listener) = listener.map_err(|source| GatewayError::Listen { addr, source })?;
        doors.push((listener, real, door));
    }
    Ok(doors)
}

/// Deals connections to the workers in turn.
async fn accept(
    (listener, door): (Box<dyn Listener>, Door),
    shared: Arc<Shared>,
    workers: Vec<mpsc::Sender<Accepted>>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut next = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => return,
        };
        let (stream, addr) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others may close some.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(too_many) = shared.stats.try_connect(addr.ip(), &shared.options) {
            warn!(%addr, "closing a connection at once: {too_many}");
            shared.stats.rejected.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let accepted = Accepted::new(stream, addr, door, Arc::clone(&shared.stats));
        if workers[next % workers.len()].send(accepted).await.is_err() {
            return;
        }
        next += 1;
    }
}

/// Keeps what is told of the other components up to date.
async fn refresh_facts(shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    loop {
        shared.refresh_facts().await;
        tokio::select! {
            () = tokio::time::sleep(FACTS_INTERVAL) => {}
            _ = stopping.changed() => return,
        }
    }
}
