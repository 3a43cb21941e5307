//! Which znode the next request goes to.

use std::str::FromStr;

use rand::Rng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, Zipf};

/// How requests are spread over the znodes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// A few get most: the n-th in proportion to 1 / n^exponent.
    Zipf(f64),
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hint = "give uniform, zipf, or zipf:EXPONENT with an exponent above 0, such as zipf:0.99";
        match text.split_once(':') {
            None if text == "uniform" => Ok(Self::Uniform),
            None if text == "zipf" => Ok(Self::Zipf(0.99)),
            Some(("zipf", exponent)) => {
                let exponent: f64 = exponent.parse().map_err(|_| hint.to_owned())?;
                if exponent > 0.0 && exponent.is_finite() {
                    Ok(Self::Zipf(exponent))
                } else {
                    Err(hint.to_owned())
                }
            }
            _ => Err(hint.to_owned()),
        }
    }
}

/// Picks among a number of znodes.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// Uniformly among so many.
    Uniform(u64),
    /// By rank, and how many there are.
    Zipf(Zipf<f64>, u64),
}

impl Keys {
    /// Among `count` znodes, which is at least 1.
    pub fn new(count: u64, distribution: Distribution) -> Self {
        let count = count.max(1);
        match distribution {
            Distribution::Uniform => Self::Uniform(count),
            // Refused only for counts below 1 and exponents below 0.
            Distribution::Zipf(exponent) => {
                Zipf::new(count as f64, exponent).map_or(Self::Uniform(count), |zipf| Self::Zipf(zipf, count))
            }
        }
    }

    /// The number of a znode, from 0.
    pub fn pick(&self, random: &mut SmallRng) -> u64 {
        match self {
            Self::Uniform(count) => random.random_range(0..*count),
            // Neighbours in rank are put far apart, so that the busiest znodes are not the first ones created.
            Self::Zipf(zipf, count) => scatter(zipf.sample(random) as u64 - 1, *count),
        }
    }
}

/// A permutation of 0..count.
fn scatter(rank: u64, count: u64) -> u64 {
    // An odd prime larger than any count in use, so it has no factor in common with it.
    const STRIDE: u128 = 2_147_483_647;
    (u128::from(rank) * STRIDE % u128::from(count)) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    fn counts(keys: Keys, of: usize, picks: usize) -> Vec<usize> {
        let mut random = SmallRng::seed_from_u64(7);
        let mut counts = vec![0; of];
        for _ in 0..picks {
            counts[keys.pick(&mut random) as usize] += 1;
        }
        counts
    }

    #[test]
    fn uniform_reaches_all_alike() {
        let counts = counts(Keys::new(10, Distribution::Uniform), 10, 100_000);
        assert!(counts.iter().all(|count| (9_000..11_000).contains(count)), "{counts:?}");
    }

    #[test]
    fn zipf_prefers_one_and_reaches_all() {
        let mut counts = counts(Keys::new(100, Distribution::Zipf(1.0)), 100, 200_000);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        // The harmonic number of 100 is 5.187.
        let expected = 200_000.0 / 5.187;
        assert!((counts[0] as f64 - expected).abs() < expected / 20.0, "{counts:?}");
        assert!((counts[1] as f64 - expected / 2.0).abs() < expected / 20.0, "{counts:?}");
        assert!(counts[99] > 0);
    }

    #[test]
    fn scattering_loses_no_znode() {
        for count in [1, 2, 1_000, 4_096, 99_999] {
            let all: BTreeSet<u64> = (0..count).map(|rank| scatter(rank, count)).collect();
            assert_eq!(all.len() as u64, count);
        }
    }

    #[test]
    fn distributions_are_read_or_refused_with_a_hint() {
        assert_eq!("uniform".parse(), Ok(Distribution::Uniform));
        assert_eq!("zipf:1.2".parse(), Ok(Distribution::Zipf(1.2)));
        for wrong in ["", "zip", "zipf:", "zipf:-1", "zipf:x", "uniform:2"] {
            let error = wrong.parse::<Distribution>().expect_err(wrong);
            assert!(error.contains("zipf:0.99"), "{error}");
        }
    }
}
