//! "Did you mean": the known word nearest to a mistyped one.

/// Edits up to which a word counts as mistyped rather than as another word.
const EDITS_MAX: usize = 2;

/// The candidate nearest to `word`, letter case aside; none when all are far.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, candidate)| *edits <= EDITS_MAX && *edits < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, by rows.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_and_wrong_case_are_recognised_and_other_words_are_not() {
        let known = ["tickTime", "dataDir", "clientPort", "initLimit"];
        assert_eq!(nearest("tiktime", known), Some("tickTime"));
        assert_eq!(nearest("datadir", known), Some("dataDir"));
        assert_eq!(nearest("clientPrt", known), Some("clientPort"));
        assert_eq!(nearest("somethingElse", known), None);
        assert_eq!(nearest("", known), None);
    }
}
