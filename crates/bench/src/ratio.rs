//! Medians, and how two targets compare.

use serde::Serialize;

/// The middle value, or the mean of the two in the middle; `None` without any.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[half]),
        _ => Some((sorted[half - 1] + sorted[half]) / 2.0),
    }
}

/// One figure of two targets that were measured in turns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// What it is, with its unit.
    pub figure: String,
    /// The first target's, run by run.
    pub a: Vec<f64>,
    /// The second target's, run by run.
    pub b: Vec<f64>,
    /// Median of `a`.
    pub median_a: f64,
    /// Median of `b`.
    pub median_b: f64,
    /// `median_a` / `median_b`; absent when the divisor is 0.
    pub ratio: Option<f64>,
    /// The ratio of each pair of neighbouring runs: how far they scatter says how much `ratio` is worth.
    pub pairs: Vec<Option<f64>>,
}

impl Compared {
    /// Compares runs that took turns; `None` unless both have some, and equally many.
    pub fn new(figure: &str, a: Vec<f64>, b: Vec<f64>) -> Option<Self> {
        if a.len() != b.len() {
            return None;
        }
        let (median_a, median_b) = (median(&a)?, median(&b)?);
        let pairs = a.iter().zip(&b).map(|(a, b)| quotient(*a, *b)).collect();
        Some(Self {
            figure: figure.to_owned(),
            ratio: quotient(median_a, median_b),
            pairs,
            a,
            b,
            median_a,
            median_b,
        })
    }
}

/// `None` where a ratio means nothing.
fn quotient(a: f64, b: f64) -> Option<f64> {
    (b != 0.0).then(|| (a / b * 1e3).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_whatever_the_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
        // An outlier moves nothing.
        assert_eq!(median(&[1.0, 2.0, 1e9]), Some(2.0));
    }

    #[test]
    fn the_ratio_is_that_of_the_medians_and_not_the_median_of_ratios() {
        let compared =
            Compared::new("ops/s", vec![10.0, 30.0, 20.0], vec![1.0, 10.0, 5.0]).expect("three runs");
        assert_eq!(compared.ratio, Some(4.0));
        assert_eq!(compared.pairs, [Some(10.0), Some(3.0), Some(4.0)]);
    }

    #[test]
    fn what_cannot_be_divided_has_no_ratio() {
        let compared = Compared::new("errors", vec![0.0], vec![0.0]).expect("one run");
        assert_eq!((compared.ratio, compared.pairs), (None, vec![None]));
        assert_eq!(Compared::new("x", vec![1.0], vec![]), None);
        assert_eq!(Compared::new("x", vec![], vec![]), None);
    }
}
