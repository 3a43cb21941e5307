//! Who does all this to the cluster.

mod damage;
mod fault;
mod plan;
mod quorum;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use self::fault::Fault;
use self::plan::{Deck, Field, Step};
use self::quorum::Quorum;
use crate::cluster::Cluster;
use crate::cluster::node::Life;
use crate::history::Line;
use crate::workload::Shared;

const TICK: Duration = Duration::from_millis(50);
/// A process may end of a fault after it was healed: a failed write of the checkpoint is noticed with the next one.
const AFTERMATH: Duration = Duration::from_secs(45);
/// A member of the log syncs all the time: it must have met the fault, and have left, after this time.
const LEAVES_WITHIN: Duration = Duration::from_secs(3);
/// A run in which so much is wrong tells nothing more.
const VIOLATIONS_MAX: usize = 10;
const READY_WITHIN: Duration = Duration::from_secs(90);

/// See the module.
pub struct Nemesis {
    /// The processes.
    pub cluster: Cluster,
    shared: Arc<Shared>,
    random: StdRng,
    deck: Deck,
    quorum: Quorum,
    /// How often each kind of fault was injected.
    counts: BTreeMap<&'static str, usize>,
    /// Nodes that may end by themselves until then.
    may_end: HashMap<usize, Instant>,
}

/// A fault that has begun.
struct Active {
    fault: Fault,
    until: Instant,
    since: Instant,
    /// How often its node had failed before.
    felt: i64,
}

impl Nemesis {
    /// For a cluster that runs; only for some themes if any are named.
    pub fn new(cluster: Cluster, shared: Arc<Shared>, seed: u64, themes: &[String]) -> anyhow::Result<Self> {
        let deck = Deck::new(cluster.powers, themes)?;
        Ok(Self {
            cluster,
            shared,
            random: StdRng::seed_from_u64(seed),
            deck,
            quorum: Quorum::default(),
            counts: BTreeMap::new(),
            may_end: HashMap::new(),
        })
    }

    /// How often each kind of fault was injected.
    pub fn counts(&self) -> &BTreeMap<&'static str, usize> {
        &self.counts
    }

    /// Whether the disk of a node was ever made to fail.
    pub fn has_failed_disk(&self, node: usize) -> bool {
        self.may_end.contains_key(&node)
    }

    /// One burst of faults; all are healed when it returns, and every process is ready again.
    pub async fn burst(&mut self) -> anyhow::Result<()> {
        let themes = self.deck.deal(&mut self.random);
        let names: Vec<_> = themes.iter().map(|theme| theme.name()).collect();
        self.note("note", format!("burst: {}", names.join(", ")));
        let components: Vec<_> = self.cluster.nodes.iter().map(|node| node.plan.component).collect();
        let field = Field { nodes: &components, leader: self.cluster.leader().await };
        let mut steps = Vec::new();
        let mut has_cut = false;
        for theme in &themes {
            for step in plan::steps(*theme, &field, &mut self.random) {
                // What heals one cut heals all of them.
                let cuts = matches!(step.fault, Fault::Cut(_) | Fault::Loss(..));
                if cuts && has_cut {
                    continue;
                }
                has_cut |= cuts;
                steps.push(step);
            }
        }
        self.play(steps).await?;
        for theme in themes {
            damage::inflict(self, theme).await?;
        }
        self.recover().await
    }

    async fn play(&mut self, mut steps: Vec<Step>) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut active: Vec<Active> = Vec::new();
        steps.sort_by_key(|step| std::cmp::Reverse(step.after));
        while !(steps.is_empty() && active.is_empty()) {
            while steps.last().is_some_and(|step| began + step.after <= Instant::now()) {
                let Some(step) = steps.pop() else { break };
                active.push(self.inject(step).await?);
            }
            let now = Instant::now();
            for healed in active.extract_if(.., |active| active.until <= now).collect::<Vec<_>>() {
                self.heal(&healed).await?;
            }
            self.look_after(&active).await?;
            sleep(TICK).await;
        }
        Ok(())
    }

    async fn inject(&mut self, step: Step) -> anyhow::Result<Active> {
        let Step { fault, lasts, .. } = step;
        let text = fault.describe(&self.cluster);
        self.note("inject", format!("{text} ({:.1} s)", lasts.as_secs_f64()));
        *self.counts.entry(fault.kind()).or_default() += 1;
        let felt = self.felt(&fault)?;
        let since = Instant::now();
        if let Some(node) = fault.ends_members() {
            self.may_end.insert(node, since + lasts + AFTERMATH);
        }
        fault.inject(&mut self.cluster).await.with_context(|| format!("inject {text}"))?;
        self.quorum.look(&self.cluster, Some(&fault), &self.shared.history);
        Ok(Active { fault, until: Instant::now() + lasts, since, felt })
    }

    async fn heal(&mut self, active: &Active) -> anyhow::Result<()> {
        self.check_has_left(active)?;
        let text = active.fault.describe(&self.cluster);
        self.note("heal", text.clone());
        if matches!(active.fault, Fault::Cut(_)) {
            self.quorum.links_are_healed();
        }
        // Before, not after: a majority may stand as soon as it can.
        self.quorum.ends(&self.shared.history);
        active.fault.heal(&mut self.cluster).await.with_context(|| format!("heal {text}"))?;
        self.quorum.look(&self.cluster, None, &self.shared.history);
        Ok(())
    }

    fn felt(&self, fault: &Fault) -> anyhow::Result<i64> {
        let Some(node) = fault.ends_members() else { return Ok(0) };
        let felt = self.cluster.nodes[node].control.felt()?;
        Ok(felt.syncs_failed + felt.writes_failed)
    }

    /// A member whose log could not be written must not go on.
    fn check_has_left(&mut self, active: &Active) -> anyhow::Result<()> {
        let (Fault::SyncError(n) | Fault::WriteError(n, _)) = active.fault else { return Ok(()) };
        let felt = self.felt(&active.fault)? > active.felt;
        let node = &mut self.cluster.nodes[n];
        let runs = node.life == Life::Running && node.has_ended()?.is_none();
        if felt && runs && active.since.elapsed() > LEAVES_WITHIN && node.plan.component.votes() {
            let name = node.name().to_owned();
            self.shared.violation(format!("{name} goes on although its disk fails"));
        }
        Ok(())
    }

    /// Looks for processes that have ended. Those that must not are started again, so that the run goes on.
    async fn look_after(&mut self, active: &[Active]) -> anyhow::Result<()> {
        for n in 0..self.cluster.nodes.len() {
            let Some(status) = self.cluster.nodes[n].has_ended()? else { continue };
            let node = &self.cluster.nodes[n];
            let (name, words) = (node.name().to_owned(), last_words(&node.log_text()));
            let faulted = active.iter().any(|active| active.fault.ends_members() == Some(n));
            if self.may_end.get(&n).is_some_and(|until| *until > Instant::now()) && names_the_disk(&words) {
                self.note("note", format!("{name} left service: {words}"));
                *self.counts.entry("members that left service").or_default() += 1;
            } else {
                self.shared.violation(format!("{name} ended ({status}): {words}"));
                ensure!(self.shared.violations().len() < VIOLATIONS_MAX, "too much is wrong to go on");
            }
            if !faulted {
                self.cluster.nodes[n].start()?;
            }
            self.quorum.look(&self.cluster, None, &self.shared.history);
        }
        Ok(())
    }

    /// Waits until every process is ready.
    pub async fn recover(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            self.look_after(&[]).await?;
            self.cluster.start_all()?;
            match self.cluster.wait_ready(Duration::from_secs(1)).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context("after all faults are healed"));
                }
                Err(_) => {}
            }
        }
    }

    /// Writes down what happens, and shows it.
    pub fn note(&self, step: &'static str, what: String) {
        let (at, cycle) = (self.shared.history.now(), self.shared.cycle());
        println!("{:8.1} s  cycle {cycle}  {step:6}  {what}", at as f64 / 1e9);
        self.shared.history.write(&Line::Fault { at, cycle, what, step });
    }
}

/// The reason that a process gave when it ended, as far as it gave one.
fn last_words(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    let since = lines.iter().rposition(|line| line.starts_with("---- started")).unwrap_or(0);
    let telling =
        |line: &&&str| line.contains("error") || line.contains("ERROR") || line.contains("panicked");
    let found = lines[since..].iter().rev().find(telling).or(lines.last());
    found.map_or_else(String::new, |line| (*line).to_owned())
}

/// Whether the reason is one of those that a failing disk gives.
fn names_the_disk(words: &str) -> bool {
    let reasons = [
        "os error 5",
        "os error 28",
        "code: 5,",
        "code: 28,",
        "No space left",
        "Input/output error",
        "write zero",
    ];
    reasons.iter().any(|reason| words.contains(reason))
}
