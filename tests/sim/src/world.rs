//! What everything in a simulation shares: the time that all agree on, and who observes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::event::Event;
use crate::observer::Observer;

/// Shared by nodes, clients and the run itself. Cheap to clone.
#[derive(Clone)]
pub struct World {
    inner: Arc<Inner>,
}

struct Inner {
    now_ms: AtomicU64,
    healing: AtomicBool,
    closing: AtomicBool,
    clients: usize,
    clients_quiet: AtomicUsize,
    clients_done: AtomicUsize,
    committed: AtomicU64,
    observer: Mutex<Observer>,
}

impl World {
    /// At time 0, with so many clients.
    pub fn new(observer: Observer, clients: usize) -> Self {
        let inner = Inner {
            now_ms: AtomicU64::new(0),
            healing: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            clients,
            clients_quiet: AtomicUsize::new(0),
            clients_done: AtomicUsize::new(0),
            committed: AtomicU64::new(0),
            observer: Mutex::new(observer),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Virtual time in ms, as a watch outside of the cluster would show it.
    pub fn now_ms(&self) -> u64 {
        self.inner.now_ms.load(Ordering::Relaxed)
    }

    /// Moves time; the run does, before each tick.
    pub fn set_now_ms(&self, ms: u64) {
        self.inner.now_ms.store(ms, Ordering::Relaxed);
    }

    /// True once faults have ended for good.
    pub fn is_healing(&self) -> bool {
        self.inner.healing.load(Ordering::Relaxed)
    }

    /// Faults have ended.
    pub fn heal(&self) {
        self.inner.healing.store(true, Ordering::Relaxed);
        self.emit(Event::Healing);
    }

    /// True once clients are to stop writing and to take a last look.
    pub fn is_closing(&self) -> bool {
        self.inner.closing.load(Ordering::Relaxed)
    }

    /// Clients stop writing and take a last look.
    pub fn close(&self) {
        self.inner.closing.store(true, Ordering::Relaxed);
    }

    /// A client writes no more and waits for nothing.
    pub fn client_is_quiet(&self) {
        self.inner.clients_quiet.fetch_add(1, Ordering::Relaxed);
    }

    /// That goes for all of them.
    pub fn are_all_quiet(&self) -> bool {
        self.inner.clients_quiet.load(Ordering::Relaxed) == self.inner.clients
    }

    /// A client has taken its last look.
    pub fn client_is_done(&self) {
        self.inner.clients_done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have.
    pub fn clients_done(&self) -> usize {
        self.inner.clients_done.load(Ordering::Relaxed)
    }

    /// The highest index that is known to be committed.
    pub fn committed(&self) -> u64 {
        self.inner.committed.load(Ordering::Relaxed)
    }

    /// Tells the observer.
    pub fn emit(&self, event: Event) {
        if let Event::Committed { entry, .. } = &event {
            self.inner.committed.fetch_max(entry.index, Ordering::Relaxed);
        }
        self.inner.observer.lock().observe(self.now_ms(), &event);
    }

    /// Works with the observer.
    pub fn with_observer<T>(&self, work: impl FnOnce(&mut Observer) -> T) -> T {
        work(&mut self.inner.observer.lock())
    }
}
