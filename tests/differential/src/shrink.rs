//! Cases by their number, and the least of one that still differs.

use anyhow::anyhow;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::case::Case;
use crate::generate;
use crate::pair::{Outcome, Pair};
use crate::servers::Profile;

/// Plays while shrinking.
const PLAYS_MAX: usize = 400;
/// A difference that shows itself this often in a row is steady.
const REPEATS: usize = 3;

/// A case that can be made smaller.
pub type Tree = Box<dyn ValueTree<Value = Case>>;

/// Case `number` of `seed`.
pub fn tree(profile: Profile, seed: u64, number: u64) -> anyhow::Result<Tree> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let tree = generate::cases(profile).boxed().new_tree(&mut runner);
    tree.map_err(|reason| anyhow!("no case: {reason}"))
}

/// The smallest case found.
pub struct Found {
    case: Case,
    outcome: Outcome,
    steady: bool,
}

/// Makes the case of `tree`, which came out as `outcome`, as small as it gets while it still differs.
pub async fn shrink(
    pair: &mut Pair,
    tree: &mut Tree,
    outcome: Outcome,
    without: &[String],
) -> anyhow::Result<Found> {
    let mut found = Found { case: tree.current().without(without), outcome, steady: false };
    for _ in 0..REPEATS {
        let again = pair.play(&found.case).await?;
        if again.is_equal() {
            return Ok(found);
        }
    }
    found.steady = true;
    let mut plays = 0;
    let mut goes_on = tree.simplify();
    while goes_on && plays < PLAYS_MAX {
        let case = tree.current().without(without);
        let outcome = pair.play(&case).await?;
        plays += 1;
        goes_on = if outcome.is_equal() {
            tree.complicate()
        } else {
            found = Found { case, outcome, steady: true };
            tree.simplify()
        };
    }
    Ok(found)
}

impl Found {
    /// What the earliest difference is like.
    pub fn kind(&self) -> String {
        self.outcome.kind()
    }

    /// It differs every time.
    pub fn is_steady(&self) -> bool {
        self.steady
    }

    /// For a person.
    pub fn report(&self, names: [&str; 2]) -> String {
        let steadiness = if self.steady { "" } else { "Not every time, so not made smaller.\n" };
        format!("{steadiness}{}", self.outcome.report(&self.case, names))
    }
}
