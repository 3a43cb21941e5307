//! What a burst consists of, decided by the seed alone. Only who leads is looked up when it begins.

use std::time::Duration;

use anyhow::{bail, ensure};
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::fault::{End, Fault};
use crate::cluster::node::Component;
use crate::isolate::Powers;

/// A fault, when it begins within its burst, and for how long.
#[derive(Clone, Debug)]
pub struct Step {
    /// After the beginning of the burst.
    pub after: Duration,
    /// What is done.
    pub fault: Fault,
    /// Until it is healed.
    pub lasts: Duration,
}

/// What a burst is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// One process, or several, killed.
    Kills,
    /// All at once.
    KillAll,
    /// All lose power at once.
    PowerCutAll,
    /// One process loses its power.
    PowerCut,
    /// Processes paused.
    Pauses,
    /// One process cut off.
    Isolation,
    /// Links cut here and there, in one direction or both.
    Partition,
    /// Packets lost.
    Loss,
    /// Slow syncs.
    SlowDisk,
    /// A full disk.
    FullDisk,
    /// Failing syncs.
    SyncError,
    /// Failing writes.
    WriteError,
    /// Clock steps.
    Clock,
    /// The leader dies, stops or is cut off, again and again.
    Leaders,
    /// Every process ended and started in turn.
    Rolling,
    /// A flipped bit in the log of one member.
    LogDamage,
    /// A flipped bit in a checkpoint.
    CheckpointDamage,
    /// A member that has lost its disk.
    LostDisk,
    /// The same, while others are away in turn.
    LostDiskAndMore,
}

/// Every theme.
const ALL: &[Theme] = &[
    Theme::Kills,
    Theme::KillAll,
    Theme::PowerCutAll,
    Theme::PowerCut,
    Theme::Pauses,
    Theme::Isolation,
    Theme::Partition,
    Theme::Loss,
    Theme::SlowDisk,
    Theme::FullDisk,
    Theme::SyncError,
    Theme::WriteError,
    Theme::Clock,
    Theme::Leaders,
    Theme::Rolling,
    Theme::LogDamage,
    Theme::CheckpointDamage,
    Theme::LostDisk,
    Theme::LostDiskAndMore,
];

impl Theme {
    /// Whether the machine lets it be done.
    pub fn is_possible(self, powers: Powers) -> bool {
        match self {
            Self::Isolation | Self::Partition | Self::Loss => powers.networks,
            Self::PowerCut | Self::PowerCutAll | Self::FullDisk => powers.disks,
            _ => true,
        }
    }

    /// Themes that DESIGN section 5 allows for a minority only, when everything else is well.
    pub fn is_alone(self) -> bool {
        matches!(
            self,
            Self::LogDamage | Self::CheckpointDamage | Self::LostDisk | Self::LostDiskAndMore | Self::Rolling
        )
    }

    /// Its name.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// Deals every theme once before any comes again.
#[derive(Debug)]
pub struct Deck {
    themes: Vec<Theme>,
    left: Vec<Theme>,
}

impl Deck {
    /// All that the machine lets be done, or those with these names.
    pub fn new(powers: Powers, wanted: &[String]) -> anyhow::Result<Self> {
        let is_wanted = |theme: &Theme| wanted.is_empty() || wanted.contains(&theme.name());
        let names = || ALL.iter().map(|theme| theme.name()).collect::<Vec<_>>();
        if let Some(unknown) = wanted.iter().find(|name| !names().contains(name)) {
            bail!("--themes: there is no {unknown}; there are {}", names().join(", "));
        }
        let possible = ALL.iter().copied().filter(|theme| theme.is_possible(powers));
        let themes: Vec<_> = possible.filter(is_wanted).collect();
        ensure!(!themes.is_empty(), "--themes: this machine allows none of them");
        Ok(Self { themes, left: Vec::new() })
    }

    /// The next burst's themes.
    pub fn deal(&mut self, random: &mut StdRng) -> Vec<Theme> {
        let first = self.next(random);
        if first.is_alone() {
            return vec![first];
        }
        let mut dealt = vec![first];
        for _ in 0..random.random_range(0..3) {
            let next = self.next(random);
            if next.is_alone() {
                self.left.insert(0, next);
                break;
            }
            dealt.push(next);
        }
        dealt
    }

    fn next(&mut self, random: &mut StdRng) -> Theme {
        if self.left.is_empty() {
            self.left.clone_from(&self.themes);
            self.left.shuffle(random);
        }
        self.left.pop().unwrap_or(Theme::Kills)
    }
}

/// What can be done to whom.
pub struct Field<'a> {
    /// What each node is.
    pub nodes: &'a [Component],
    /// Which one leads, if that is known.
    pub leader: Option<usize>,
}

impl Field<'_> {
    fn any(&self, random: &mut StdRng) -> usize {
        // The leader is the most interesting.
        match self.leader {
            Some(leader) if random.random_ratio(1, 3) => leader,
            _ => random.random_range(0..self.nodes.len()),
        }
    }

    fn some(&self, random: &mut StdRng) -> Vec<usize> {
        let mut found = vec![self.any(random)];
        while random.random_ratio(1, 3) && found.len() < self.nodes.len() {
            let next = self.any(random);
            if !found.contains(&next) {
                found.push(next);
            }
        }
        found
    }

    fn of(&self, wanted: impl Fn(Component) -> bool) -> Vec<usize> {
        (0..self.nodes.len()).filter(|n| wanted(self.nodes[*n])).collect()
    }

    fn disk(&self, random: &mut StdRng) -> usize {
        self.of(Component::has_disk).choose(random).copied().unwrap_or(0)
    }

    fn all(&self) -> Vec<usize> {
        (0..self.nodes.len()).collect()
    }
}

/// The steps of one theme.
pub fn steps(theme: Theme, field: &Field<'_>, random: &mut StdRng) -> Vec<Step> {
    let mut seconds = |from: f64, to: f64| Duration::from_secs_f64(random.random_range(from..to));
    let (after, short, long) = (seconds(0.0, 3.0), seconds(0.1, 4.0), seconds(4.0, 12.0));
    let one = |fault, lasts| vec![Step { after, fault, lasts }];
    match theme {
        Theme::Kills => one(Fault::Kill(field.some(random)), short),
        Theme::KillAll => one(Fault::Kill(field.all()), short.mul_f64(0.5)),
        Theme::PowerCutAll => one(Fault::PowerCut(field.all()), short.mul_f64(0.5)),
        Theme::PowerCut => one(Fault::PowerCut(vec![field.disk(random)]), short),
        Theme::Pauses => one(Fault::Pause(field.some(random)), if random.random() { short } else { long }),
        Theme::Isolation => one(Fault::Cut(isolation(field, random)), long),
        Theme::Partition => one(Fault::Cut(partition(field, random)), long),
        Theme::Loss => one(Fault::Loss(field.some(random), random.random_range(5..50)), long),
        Theme::SlowDisk => one(Fault::SlowDisk(disks(field, random), random.random_range(20..600)), long),
        Theme::FullDisk => one(Fault::FullDisk(field.disk(random)), long * 3),
        Theme::SyncError => one(Fault::SyncError(field.disk(random)), long),
        Theme::WriteError => one(Fault::WriteError(field.disk(random), random.random()), long),
        Theme::Clock => {
            let size = *[2, 30, 600, 7_200].choose(random).unwrap_or(&2);
            let seconds = if random.random() { size } else { -size };
            one(Fault::Clock(field.some(random), seconds), long)
        }
        Theme::Leaders => leaders(field, random),
        Theme::Rolling => rolling(field),
        // Done by `damage`.
        Theme::LogDamage | Theme::CheckpointDamage | Theme::LostDisk | Theme::LostDiskAndMore => Vec::new(),
    }
}

fn disks(field: &Field<'_>, random: &mut StdRng) -> Vec<usize> {
    let disks = field.of(Component::has_disk);
    if random.random_ratio(1, 3) { disks } else { vec![field.disk(random)] }
}

/// Everybody else, and the clients, unless the node is cut off from its peers only.
fn isolation(field: &Field<'_>, random: &mut StdRng) -> Vec<(End, End)> {
    let node = field.any(random);
    let mut others: Vec<End> =
        field.all().into_iter().filter(|other| *other != node).map(End::Node).collect();
    if random.random() {
        others.push(End::Clients);
    }
    let (node, way) = (End::Node(node), random.random_range(0..4));
    let inward = others.iter().map(|other| (*other, node));
    let outward = others.iter().map(|other| (node, *other));
    match way {
        0 => inward.collect(),
        1 => outward.collect(),
        _ => inward.chain(outward).collect(),
    }
}

fn partition(field: &Field<'_>, random: &mut StdRng) -> Vec<(End, End)> {
    let (trackers, gateways) =
        (field.of(|c| c == Component::SessionTracker), field.of(|c| c == Component::Gateway));
    let (a, b) = match random.random_range(0..4) {
        // Whoever is active may be one of them: it must not take silence for death.
        3 if !trackers.is_empty() => (trackers, gateways),
        // Two halves.
        0 => {
            let mut all = field.all();
            all.shuffle(random);
            let half = all.split_off(all.len() / 2);
            (all, half)
        }
        // All of one component from all of another one.
        1 => {
            let (a, b) = (field.nodes[field.any(random)], field.nodes[field.any(random)]);
            (field.of(|c| c == a), field.of(|c| c == b))
        }
        // A single link.
        _ => {
            let a = field.any(random);
            (vec![a], vec![(a + random.random_range(1..field.nodes.len())) % field.nodes.len()])
        }
    };
    let one_way = random.random_ratio(1, 3);
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
    let mut links = Vec::new();
    for (a, b) in pairs {
        links.push((End::Node(a), End::Node(b)));
        if !one_way {
            links.push((End::Node(b), End::Node(a)));
        }
    }
    links
}

/// The same node again and again: whoever leads when its turn comes may be another one, which is as well.
fn leaders(field: &Field<'_>, random: &mut StdRng) -> Vec<Step> {
    let voters = field.of(Component::votes);
    let mut at = Duration::ZERO;
    let mut steps = Vec::new();
    for n in 0..random.random_range(2..5) {
        let node = match field.leader {
            Some(leader) if n == 0 => leader,
            _ => *voters.choose(random).unwrap_or(&0),
        };
        let fault = if random.random() { Fault::Kill(vec![node]) } else { Fault::Pause(vec![node]) };
        let lasts = Duration::from_millis(random.random_range(50..2_500));
        steps.push(Step { after: at, fault, lasts });
        at += lasts + Duration::from_millis(random.random_range(100..2_000));
    }
    steps
}

fn rolling(field: &Field<'_>) -> Vec<Step> {
    let step = |n: usize| Step {
        after: Duration::from_secs(3 * n as u64),
        fault: Fault::Stop(vec![n]),
        lasts: Duration::from_millis(200),
    };
    field.all().into_iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    const ALL_POWERS: Powers = Powers { networks: true, disks: true };

    fn split() -> Vec<Component> {
        let kinds =
            [Component::Consensus, Component::TreeStore, Component::SessionTracker, Component::Gateway];
        kinds
            .into_iter()
            .flat_map(|kind| vec![kind; if kind == Component::Consensus { 3 } else { 2 }])
            .collect()
    }

    #[test]
    fn every_theme_comes_before_any_comes_again_and_dangerous_ones_come_alone() {
        let mut random = StdRng::seed_from_u64(1);
        let mut deck = Deck::new(ALL_POWERS, &[]).expect("themes");
        let mut dealt = Vec::new();
        while dealt.len() < ALL.len() {
            let themes = deck.deal(&mut random);
            assert!(themes.len() == 1 || themes.iter().all(|theme| !theme.is_alone()), "{themes:?}");
            dealt.extend(themes.iter().map(|theme| theme.name()));
        }
        let first: BTreeSet<_> = dealt[..ALL.len()].iter().collect();
        // One that may not join others is put back, and comes a little later.
        assert!(first.len() >= ALL.len() - 1, "{dealt:?}");
    }

    #[test]
    fn the_same_seed_plans_the_same() {
        let nodes = split();
        let field = Field { nodes: &nodes, leader: Some(1) };
        let plan = |seed| {
            let mut random = StdRng::seed_from_u64(seed);
            let steps: Vec<_> = ALL.iter().flat_map(|theme| steps(*theme, &field, &mut random)).collect();
            format!("{steps:?}")
        };
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn nobody_is_done_to_what_he_has_not() {
        let nodes = split();
        let field = Field { nodes: &nodes, leader: Some(0) };
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            for step in ALL.iter().flat_map(|theme| steps(*theme, &field, &mut random)).collect::<Vec<_>>() {
                if let Some(node) = step.fault.ends_members() {
                    assert!(nodes[node].has_disk(), "{step:?}");
                }
                if let Fault::Cut(links) = &step.fault {
                    assert!(links.iter().all(|(from, to)| from != to), "{step:?}");
                }
            }
        }
    }

    #[test]
    fn what_a_machine_does_not_allow_is_not_dealt() {
        let powers = Powers { networks: false, disks: false };
        let deck = Deck::new(powers, &[]).expect("themes");
        assert!(!deck.themes.contains(&Theme::PowerCutAll) && !deck.themes.contains(&Theme::Partition));
        assert!(Deck::new(powers, &["PowerCut".to_owned()]).is_err());
        assert!(Deck::new(ALL_POWERS, &["Boredom".to_owned()]).is_err());
    }
}
