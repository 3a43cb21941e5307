//! The text of a quota's limits and stats (ZooKeeper's `StatsTrack`).

use std::collections::BTreeMap;
use std::fmt;

const COUNT: &str = "count";
const BYTES: &str = "bytes";

/// Numbers by name; -1 stands for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StatsTrack(BTreeMap<String, i64>);

impl StatsTrack {
    /// What a subtree holds.
    pub(super) fn of(count: i64, bytes: i64) -> Self {
        Self(BTreeMap::from([(COUNT.to_owned(), count), (BYTES.to_owned(), bytes)]))
    }

    /// Reads `name=number` pairs between commas and semicolons, as tolerantly as ZooKeeper: a pair may have further
    /// parts after another `=`, and an empty number is -1.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        const SEPARATORS: [char; 2] = [',', ';'];
        let text = String::from_utf8_lossy(text);
        let mut numbers = BTreeMap::new();
        let pairs = text.trim_end_matches(SEPARATORS);
        if pairs.starts_with(SEPARATORS) {
            return None;
        }
        for pair in pairs.split(SEPARATORS).filter(|pair| !pair.is_empty()) {
            let (name, rest) = pair.trim_end_matches('=').split_once('=')?;
            let number = match rest.split('=').next() {
                Some("") | None => -1,
                Some(number) => number.parse().ok()?,
            };
            numbers.insert(name.to_owned(), number);
        }
        Some(Self(numbers))
    }

    pub(super) fn get(&self, name: &str) -> Option<i64> {
        self.0.get(name).copied()
    }

    pub(super) fn count(&self) -> i64 {
        self.get(COUNT).unwrap_or(-1)
    }

    pub(super) fn bytes(&self) -> i64 {
        self.get(BYTES).unwrap_or(-1)
    }

    pub(super) fn add(&mut self, count: i64, bytes: i64) {
        let (count, bytes) = (self.count().wrapping_add(count), self.bytes().wrapping_add(bytes));
        self.0.insert(COUNT.to_owned(), count);
        self.0.insert(BYTES.to_owned(), bytes);
    }
}

/// Count and bytes first, and the others, sorted, behind a `=` that old parsers stop at.
impl fmt::Display for StatsTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COUNT}={},{BYTES}={}", self.count(), self.bytes())?;
        let others = self.0.iter().filter(|(name, _)| *name != COUNT && *name != BYTES);
        for (at, (name, number)) in others.enumerate() {
            let start = if at == 0 { "=;" } else { ";" };
            write!(f, "{start}{name}={number}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::StatsTrack;

    #[test]
    fn text_is_read_and_written_as_zookeeper_does() {
        let written = |text: &str| StatsTrack::parse(text.as_bytes()).map(|track| track.to_string());
        for (text, expected) in [
            ("", "count=-1,bytes=-1"),
            (",;", "count=-1,bytes=-1"),
            ("bytes=5", "count=-1,bytes=5"),
            (
                "count=4,bytes=5=;countHardLimit=10;byteHardLimit=11",
                "count=4,bytes=5=;byteHardLimit=11;countHardLimit=10",
            ),
            ("count=1=9,,;x==3;bytes=-7;", "count=1,bytes=-7=;x=-1"),
            ("=3", "count=-1,bytes=-1=;=3"),
        ] {
            assert_eq!(written(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["x", ",count=1", "count=", "count= 1", "=", "count=99999999999999999999"] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
