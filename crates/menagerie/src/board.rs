//! What every component of this process says of itself, for health checks and the admin server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tracing::info;

/// Until all components are ready someone waits for it; afterwards only changes matter.
const LOOK_WHILE_STARTING: Duration = Duration::from_millis(20);
const LOOK_LATER: Duration = Duration::from_millis(500);
/// A component that does not say how it is within this time is not well.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// How one component is.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// It does its work.
    pub ready: bool,
    /// Its status, for people and scripts.
    pub status: Value,
}

type Look = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Condition> + Send>> + Send + Sync>;

/// The components of this process.
#[derive(Clone)]
pub struct Board {
    components: Vec<(&'static str, Look)>,
    ready: watch::Sender<bool>,
}

impl Board {
    /// A board without components; ready once it is watched.
    pub fn new() -> Self {
        Self { components: Vec::new(), ready: watch::Sender::new(false) }
    }

    /// Adds a component that is asked by `look`.
    pub fn add<F, Fut>(&mut self, name: &'static str, look: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Condition> + Send + 'static,
    {
        self.components.push((name, Arc::new(move || Box::pin(look()))));
    }

    /// True while every component is ready.
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Says that this process no longer takes work, whatever its components say. [`Self::watch`] must have ended.
    pub fn withdraw(&self) {
        self.ready.send_replace(false);
    }

    /// Looks at all components now.
    pub async fn look(&self) -> Vec<(&'static str, Condition)> {
        let mut conditions = Vec::with_capacity(self.components.len());
        for (name, look) in &self.components {
            let condition = tokio::time::timeout(LOOK_TIMEOUT, look()).await;
            conditions.push((*name, condition.unwrap_or_else(|_| unknown("no answer in time"))));
        }
        conditions
    }

    /// The status of all components as one JSON object.
    pub async fn status(&self) -> Value {
        let look = self.look().await;
        let ready = look.iter().all(|(_, condition)| condition.ready);
        let components = look
            .into_iter()
            .map(|(name, c)| (name.to_owned(), json!({"ready": c.ready, "status": c.status})));
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "ready": ready,
            "components": components.collect::<Map<_, _>>(),
        })
    }

    /// Keeps [`Self::ready`] up to date; runs until it is dropped.
    pub async fn watch(self) {
        let mut was_ready: Vec<bool> = vec![false; self.components.len()];
        loop {
            let look = self.look().await;
            for ((name, condition), was) in look.iter().zip(&mut was_ready) {
                if condition.ready != *was {
                    *was = condition.ready;
                    info!(component = name, ready = condition.ready, status = %condition.status, "condition changed");
                }
            }
            let ready = was_ready.iter().all(|ready| *ready);
            self.ready.send_if_modified(|known| std::mem::replace(known, ready) != ready);
            tokio::time::sleep(if ready { LOOK_LATER } else { LOOK_WHILE_STARTING }).await;
        }
    }
}

/// The condition of a component that could not be asked.
pub fn unknown(problem: impl ToString) -> Condition {
    Condition { ready: false, status: json!({"error": problem.to_string()}) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_process_is_ready_while_all_its_components_are() {
        let flag = Arc::new(AtomicBool::new(false));
        let shown = Arc::clone(&flag);
        let mut board = Board::new();
        board.add("steady", || async { Condition { ready: true, status: json!({}) } });
        board.add("changing", move || {
            let ready = shown.load(Ordering::Relaxed);
            async move { Condition { ready, status: json!({"n": 1}) } }
        });
        let mut ready = board.ready();
        let task = tokio::spawn(board.clone().watch());
        assert!(!*ready.borrow_and_update());
        flag.store(true, Ordering::Relaxed);
        ready.changed().await.expect("watched");
        assert!(*ready.borrow_and_update());
        assert_eq!(board.status().await["components"]["changing"]["status"]["n"], 1);
        flag.store(false, Ordering::Relaxed);
        ready.changed().await.expect("watched");
        assert!(!*ready.borrow());
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_component_that_does_not_answer_is_not_ready() {
        let mut board = Board::new();
        board.add("stuck", std::future::pending);
        let status = board.status().await;
        assert_eq!(status["ready"], false);
        assert_eq!(status["components"]["stuck"]["status"]["error"], "no answer in time");
    }
}
