//! Full load on a healthy cluster for a long time, during which no election may take place.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use menagerie_client::{Client, ClientError};
use menagerie_types::CreateMode;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cluster::{Cluster, System, Terms};
use crate::load;

const SESSIONS: usize = 64;
const DEPTH: usize = 8;
const PAYLOAD: [u8; 1024] = [b'x'; 1024];
const ROOT: &str = "/soak";
const LOOK: Duration = Duration::from_millis(250);
const PROGRESS: Duration = Duration::from_secs(30);

/// Where the logs of a cluster are kept that did not hold out.
const KEPT: &str = "build/election-soak";

/// Loads a cluster for a time; fails with what was seen when a term changes, and keeps the logs then.
pub async fn run(system: System, long: Duration) -> anyhow::Result<()> {
    anyhow::ensure!(system != System::Zookeeper, "ZooKeeper does not tell of its elections");
    let cluster = Cluster::start(system, false).await?;
    let Err(error) = soak(system, &cluster, long).await else { return Ok(()) };
    let kept = Path::new(KEPT).join(format!("{system:?}").to_lowercase());
    cluster.keep_logs(&kept)?;
    Err(error.context(format!("the logs are in {}", kept.display())))
}

async fn soak(system: System, cluster: &Cluster, long: Duration) -> anyhow::Result<()> {
    let hosts = load::hosts(cluster);
    let done = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    let setup = load::connect(&hosts, 0).await?;
    setup.create(ROOT, b"", CreateMode::Persistent).await?;
    for n in 0..SESSIONS {
        setup.create(&format!("{ROOT}/{n}"), &PAYLOAD, CreateMode::Persistent).await?;
        let client = Arc::new(load::connect(&hosts, n).await?);
        for lane in 0..DEPTH {
            clients.spawn(work(Arc::clone(&client), (n, lane), Arc::clone(&done)));
        }
    }
    let terms = cluster.terms().await;
    println!("{system:?}: {SESSIONS} sessions of {DEPTH} requests; terms {terms:?}");
    let (began, mut reported) = (Instant::now(), Instant::now());
    while began.elapsed() < long {
        tokio::select! {
            () = sleep(LOOK) => {}
            Some(ended) = clients.join_next() => {
                ended.context("a client panicked")?.with_context(|| format!("{system:?}: after {:.0?}", began.elapsed()))?;
            }
        }
        let now = cluster.terms().await;
        if let Some(change) = change(&terms, &now) {
            anyhow::bail!("{system:?}: {change} after {:.0?}", began.elapsed());
        }
        if reported.elapsed() > PROGRESS {
            reported = Instant::now();
            let rate = done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
            println!("{system:?}: {:.0?}, {rate:.0} operations/s, terms {now:?}", began.elapsed());
        }
    }
    let rate = done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    println!("{system:?}: no election in {:.0?} at {rate:.0} operations/s", began.elapsed());
    Ok(())
}

/// Which member is in another term. One that does not answer says nothing: terms do not go back.
fn change(before: &Terms, now: &Terms) -> Option<String> {
    let changed = now.iter().find(|(name, term)| before.get(*name).is_some_and(|before| before != *term))?;
    Some(format!("{} went from term {} to {}", changed.0, before[changed.0], changed.1))
}

/// Sets, gets and creates, as fast as they are answered.
async fn work(
    client: Arc<Client>,
    (n, lane): (usize, usize),
    done: Arc<AtomicU64>,
) -> Result<(), ClientError> {
    let (path, own) = (format!("{ROOT}/{n}"), format!("{ROOT}/{n}/{lane}"));
    loop {
        client.set(&path, &PAYLOAD, -1).await?;
        client.get(&path).await?;
        client.create(&own, &PAYLOAD, CreateMode::Persistent).await?;
        client.delete(&own, -1).await?;
        done.fetch_add(4, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_term_is_seen_and_a_silent_member_is_not() {
        let terms =
            |all: &[(&str, u64)]| all.iter().map(|(name, term)| ((*name).to_owned(), *term)).collect();
        let before: Terms = terms(&[("a", 1), ("b", 1)]);
        assert_eq!(change(&before, &terms(&[("b", 1)])), None);
        assert_eq!(
            change(&before, &terms(&[("a", 1), ("b", 2)])),
            Some("b went from term 1 to 2".to_owned())
        );
    }
}
