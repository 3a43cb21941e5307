//! When no majority can have stood, as far as that is certain: time in which nobody may be called dead.

use super::fault::{End, Fault};
use crate::cluster::Cluster;
use crate::cluster::node::Life;
use crate::history::{History, Line};

/// See the module.
#[derive(Debug, Default)]
pub struct Quorum {
    lost_since: Option<u64>,
    /// Links that are cut now: from, to.
    cuts: Vec<(End, End)>,
}

impl Quorum {
    /// Looks again after something was done.
    pub fn look(&mut self, cluster: &Cluster, fault: Option<&Fault>, history: &History) {
        if let Some(Fault::Cut(links)) = fault {
            self.cuts.extend(links);
        }
        if self.stands(cluster) {
            self.ends(history);
        } else {
            self.lost_since.get_or_insert(history.now());
        }
    }

    /// All links are whole again.
    pub fn links_are_healed(&mut self) {
        self.cuts.clear();
    }

    /// A majority may stand from now on.
    pub fn ends(&mut self, history: &History) {
        if let Some(from) = self.lost_since.take() {
            history.write(&Line::NoQuorum { from, until: history.now() });
        }
    }

    /// Whether any two of the three voters run and hear each other.
    fn stands(&self, cluster: &Cluster) -> bool {
        let voters = cluster.nodes.iter().enumerate().filter(|(_, node)| node.plan.component.votes());
        let running: Vec<_> =
            voters.filter(|(_, node)| node.life == Life::Running).map(|(n, _)| End::Node(n)).collect();
        let hears = |a: End, b: End| !self.cuts.contains(&(a, b)) && !self.cuts.contains(&(b, a));
        running.iter().any(|a| running.iter().any(|b| a != b && hears(*a, *b)))
    }
}
