//! One round: load, a disturbance, and what the clients saw of it.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep;

use crate::cluster::{Cluster, Role, System};
use crate::load::{Kind, Load, Sights, hosts};
use crate::scenario::Scenario;

/// Undisturbed load before each disturbance: what the clients see then is the noise of the machine.
const BEFORE: Duration = Duration::from_millis(1_000);
/// After clients go on.
const AFTER: Duration = Duration::from_millis(1_500);
/// A paused leader stays so for this long even when the others go on at once.
const DISTURBED: Duration = Duration::from_millis(1_500);
const LIMIT: Duration = Duration::from_secs(40);
/// Answers to each client that show that it goes on.
const ANSWERS: u64 = 20;

/// What clients saw of one disturbance.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// What was disturbed, if the scenario disturbs several things.
    pub step: Option<String>,
    /// The longest write stall of clients at the others.
    pub write_stall_ms: f64,
    /// The longest read stall of clients at the others.
    pub read_stall_ms: f64,
    /// The longest time in which no session could be opened.
    pub open_stall_ms: f64,
    /// The longest stall of clients that had to move, because their server was stopped.
    pub moved_stall_ms: Option<f64>,
    /// The longest write stall just before.
    pub before_ms: f64,
    /// Operations of clients at the others that failed.
    pub errors: usize,
    /// Connections that clients at the others lost.
    pub connections_lost: usize,
    /// Sessions lost, of any client.
    pub sessions_lost: usize,
    /// By how much the term of the log went up, where that is told.
    pub terms: Option<u64>,
    /// What else went wrong.
    pub problems: Vec<String>,
}

fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

/// Disturbs the cluster once, or each of its processes once, and leaves it as it was.
pub async fn play(cluster: &mut Cluster, scenario: Scenario) -> anyhow::Result<Vec<Round>> {
    if scenario == Scenario::RollingRestart {
        return rolling_restart(cluster).await;
    }
    let victim = victim(cluster, scenario).await?;
    let host = cluster.components()[victim].client.clone();
    let all = hosts(cluster);
    let others: Vec<String> = all.iter().filter(|other| Some(*other) != host.as_ref()).cloned().collect();
    let load = Load::start(&others).await?;
    load.go_on(ANSWERS, &[], LIMIT).await;
    sleep(BEFORE).await;
    let term = term(cluster).await;
    let began = Instant::now();
    disturb(cluster, scenario, victim).await?;
    let mut problems = Vec::new();
    if !load.go_on(ANSWERS, &[], LIMIT).await {
        problems.push(format!("clients did not go on within {LIMIT:?}"));
    }
    sleep(DISTURBED.saturating_sub(began.elapsed())).await;
    mend(cluster, scenario, victim).await?;
    load.go_on(ANSWERS, &[], LIMIT).await;
    sleep(AFTER).await;
    let round = judge(&load, began, &[], None);
    problems.extend(round.problems.iter().cloned());
    problems.extend(load.finish().await?);
    let terms = elections(term, cluster).await;
    Ok(vec![Round { problems, terms, ..round }])
}

/// Every step with sessions of its own, spread over all servers: otherwise the last server restarted had all of them.
async fn rolling_restart(cluster: &mut Cluster) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for at in 0..cluster.components().len() {
        let step = step_name(cluster, at).await?;
        let load = Load::start(&hosts(cluster)).await?;
        load.go_on(ANSWERS, &[], LIMIT).await;
        sleep(BEFORE).await;
        let moving = load.at(cluster.components()[at].client.as_deref());
        let term = term(cluster).await;
        let began = Instant::now();
        cluster.stop(at).await?;
        cluster.start_again(at).await?;
        let mut problems = Vec::new();
        if !load.go_on(ANSWERS, &[], LIMIT).await {
            problems.push(format!("clients did not go on within {LIMIT:?}"));
        }
        sleep(AFTER).await;
        let round = judge(&load, began, &moving, Some(step));
        problems.extend(round.problems.iter().cloned());
        problems.extend(load.finish().await?);
        let terms = elections(term, cluster).await;
        rounds.push(Round { problems, terms, ..round });
    }
    Ok(rounds)
}

/// The highest term that a member of the log is in.
async fn term(cluster: &Cluster) -> Option<u64> {
    cluster.terms().await.into_values().max()
}

async fn elections(before: Option<u64>, cluster: &Cluster) -> Option<u64> {
    Some(term(cluster).await?.saturating_sub(before?))
}

/// The process to disturb.
async fn victim(cluster: &Cluster, scenario: Scenario) -> anyhow::Result<usize> {
    match scenario {
        Scenario::TrackerKilled => cluster.active_tracker().await,
        Scenario::StoreKilled => Ok(cluster.with_role(Role::TreeStore)[0]),
        Scenario::GatewayKilled => Ok(cluster.with_role(Role::Gateway)[0]),
        _ => cluster.leader().await,
    }
}

async fn disturb(cluster: &mut Cluster, scenario: Scenario, victim: usize) -> anyhow::Result<()> {
    match scenario {
        Scenario::LeaderPaused => cluster.suspend(victim, true),
        Scenario::LeaderCutOffFromPeers => cluster.cut_off(victim, true, false),
        Scenario::LeaderCutOff => cluster.cut_off(victim, true, true),
        _ => cluster.kill(victim).await,
    }
}

/// Undoes the disturbance.
async fn mend(cluster: &mut Cluster, scenario: Scenario, victim: usize) -> anyhow::Result<()> {
    match scenario {
        Scenario::LeaderPaused => cluster.suspend(victim, false)?,
        Scenario::LeaderCutOffFromPeers => cluster.cut_off(victim, false, false)?,
        Scenario::LeaderCutOff => cluster.cut_off(victim, false, true)?,
        _ => {}
    }
    cluster.start_again(victim).await
}

/// The kind of process, and whether it led.
async fn step_name(cluster: &Cluster, at: usize) -> anyhow::Result<String> {
    let role = match cluster.components()[at].role {
        Role::Server => "server",
        Role::Consensus => "consensus",
        Role::TreeStore => "tree store",
        Role::SessionTracker => "session tracker",
        Role::Gateway => "gateway",
    };
    let special = match cluster.components()[at].role {
        Role::Server | Role::Consensus => (cluster.leader().await? == at).then_some("leading"),
        Role::SessionTracker => (cluster.active_tracker().await? == at).then_some("active"),
        Role::TreeStore | Role::Gateway => None,
    };
    Ok(special.map_or(role.to_owned(), |special| format!("{special} {role}")))
}

/// What was seen since `began`; those that are `moving` had to look for another server.
fn judge(load: &Load, began: Instant, moving: &[usize], step: Option<String>) -> Round {
    let now = Instant::now();
    let stay = load.seen(began, now, |n| !moving.contains(&n));
    let moved = load.seen(began, now, |n| moving.contains(&n));
    let before = load.seen(began - BEFORE, began, |_| true);
    let longest = |sights: &Sights, kind| sights.get(&kind).map_or(0.0, |seen| ms(seen.longest));
    let sum = stay.values().fold(Default::default(), |sum: crate::load::Seen, seen| sum.and(*seen));
    let lost_moving: usize = moved.values().map(|seen| seen.sessions_lost).sum();
    let moved_stall = longest(&moved, Kind::Writer).max(longest(&moved, Kind::Reader));
    let problems = match (sum.errors, load.first_error(began)) {
        (0, _) | (_, None) => Vec::new(),
        (_, Some(error)) => vec![format!("first error: {error}")],
    };
    Round {
        step,
        write_stall_ms: longest(&stay, Kind::Writer),
        read_stall_ms: longest(&stay, Kind::Reader),
        open_stall_ms: longest(&stay, Kind::Opener),
        moved_stall_ms: (!moving.is_empty()).then_some(moved_stall),
        before_ms: longest(&before, Kind::Writer),
        errors: sum.errors,
        connections_lost: sum.connections_lost,
        sessions_lost: sum.sessions_lost + lost_moving,
        terms: None,
        problems,
    }
}

/// Lets a cluster that was just started get warm: a Java program compiles what runs often.
pub async fn warm_up(cluster: &Cluster) -> anyhow::Result<()> {
    let load = Load::start(&hosts(cluster)).await?;
    let long = if cluster.system == System::Zookeeper { 8 } else { 2 };
    sleep(Duration::from_secs(long)).await;
    load.finish().await.map(drop)
}
