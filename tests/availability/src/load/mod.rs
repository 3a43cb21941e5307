//! Clients that go on while the cluster is disturbed: writers, readers, sessions that hold ephemerals and watches,
//! and one that opens sessions.

mod client;
mod tally;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use menagerie_types::CreateMode;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;

use client::Member;
pub use client::{Kind, connect};
pub use tally::Seen;

const WRITERS: usize = 4;
const READERS: usize = 2;
const HOLDERS: usize = 4;
const OPENERS: usize = 1;
const SETTLE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);
const ROOT: &str = "/availability";

/// The clients of one measurement.
pub struct Load {
    members: Vec<Arc<Member>>,
    tasks: JoinSet<anyhow::Result<()>>,
    stop: CancellationToken,
    hosts: Vec<String>,
}

/// Where clients may be.
pub fn hosts(cluster: &Cluster) -> Vec<String> {
    cluster.components().iter().filter_map(|component| component.client.clone()).collect()
}

/// What the clients saw, by kind.
pub type Sights = BTreeMap<Kind, Seen>;

impl Load {
    /// Opens the sessions, dealt round-robin to `hosts`, and lets them work. No client knows another address.
    pub async fn start(hosts: &[String]) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let setup = client::connect(hosts, 0).await?;
        for path in [ROOT, client::WATCHED] {
            let created = setup.create(path, b"", CreateMode::Persistent).await;
            anyhow::ensure!(client::exists_now(&created), "{path}: {created:?}");
        }
        setup.close().await?;
        let kinds = [
            (Kind::Writer, WRITERS),
            (Kind::Reader, READERS),
            (Kind::Holder, HOLDERS),
            (Kind::Opener, OPENERS),
        ];
        let (mut members, mut tasks) = (Vec::new(), JoinSet::new());
        for (kind, count) in kinds {
            for n in 0..count {
                let member = Arc::new(Member::new(kind, n, hosts).await?);
                tasks.spawn(Arc::clone(&member).run(stop.clone()));
                members.push(member);
            }
        }
        Ok(Self { members, tasks, stop, hosts: hosts.to_vec() })
    }

    /// The number of each client that is connected to `host` now.
    pub fn at(&self, host: Option<&str>) -> Vec<usize> {
        let at = |n: &usize| host.is_some_and(|host| self.members[*n].host() == host);
        (0..self.members.len()).filter(at).collect()
    }

    /// Waits until every writer and reader not `except` was answered at least `times` more; false after `limit`.
    pub async fn go_on(&self, times: u64, except: &[usize], limit: Duration) -> bool {
        let answers = |n: usize| self.members[n].tally(|tally| tally.answers());
        let works = |n: usize| matches!(self.members[n].kind, Kind::Writer | Kind::Reader);
        let busy = |n: &usize| works(*n) && !except.contains(n);
        let goals: Vec<_> = (0..self.members.len()).filter(busy).map(|n| (n, answers(n) + times)).collect();
        let reached = async {
            while goals.iter().any(|(n, goal)| answers(*n) < *goal) {
                sleep(POLL).await;
            }
        };
        timeout(limit, reached).await.is_ok()
    }

    /// What the clients for which `is` holds saw between the two, by kind.
    pub fn seen(&self, from: Instant, to: Instant, is: impl Fn(usize) -> bool) -> Sights {
        let mut sights = Sights::new();
        for (_, member) in self.members.iter().enumerate().filter(|(n, _)| is(*n)) {
            let seen = member.tally(|tally| tally.seen(from, to));
            let sum = sights.entry(member.kind).or_default();
            *sum = sum.and(seen);
        }
        sights
    }

    /// The first error that a client saw from `from` on.
    pub fn first_error(&self, from: Instant) -> Option<String> {
        self.members
            .iter()
            .find_map(|member| member.tally(|tally| tally.first_error(from).map(str::to_owned)))
    }

    /// Looks whether each session has what it holds, and is told of a change that it watches; then ends all of them.
    pub async fn finish(mut self) -> anyhow::Result<Vec<String>> {
        let mut problems = Vec::new();
        let prober = client::connect(&self.hosts, 0).await?;
        prober.sync("/").await?;
        for holder in self.members.iter().filter(|member| member.kind == Kind::Holder) {
            let stat = prober.exists(&holder.path).await?;
            if stat.is_none_or(|stat| stat.ephemeral_owner != holder.session().id) {
                problems.push(format!("the ephemeral {} is gone", holder.path));
            }
        }
        let before: Vec<u64> =
            self.members.iter().map(|member| member.tally(|tally| tally.answers())).collect();
        prober.set(client::WATCHED, b"changed", -1).await?;
        let told = async {
            let untold = |(member, before): (&Arc<Member>, &u64)| {
                member.kind == Kind::Holder && member.tally(|tally| tally.answers()) == *before
            };
            while self.members.iter().zip(&before).any(untold) {
                sleep(POLL).await;
            }
        };
        if timeout(SETTLE, told).await.is_err() {
            problems.push("a watch event did not come".into());
        }
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.context("a client panicked")??;
        }
        for member in std::mem::take(&mut self.members) {
            member.end().await;
        }
        prober.close().await?;
        Ok(problems)
    }
}

/// A value that one task changes and another looks at.
fn locked<T, R>(value: &Mutex<T>, f: impl FnOnce(&mut T) -> R) -> R {
    f(&mut value.lock().unwrap_or_else(PoisonError::into_inner))
}
