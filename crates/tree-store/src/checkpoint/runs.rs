//! What a checkpoint consists of, and when to make fewer parts of it.
//!
//! A small commit goes into sled, record by record: the *layer*. A large one becomes a *run*, a file of records sorted by key, so
//! that a record costs its bytes and no search; the layer then becomes a run, too, and a new one begins. Eight runs alike are merged
//! into one (as in log-structured merge trees: O'Neil et al., 1996), and all of them when half of what they hold may be
//! superseded. So a record is written a few times in its life, and a checkpoint takes a small multiple of what it holds.
//!
//! ```text
//! format u32 (1) | crc32c u32 of format and what follows | layer u64 | repeated { id u64 | bytes u64 }, oldest first   big-endian
//! ```

use std::path::Path;

use bytes::{Buf, BufMut};

use super::meta;
use crate::TreeStoreError;

/// Key of the record that lists the parts. It changes in the same atomic batch as the meta record.
pub(super) const RUNS_KEY: &[u8] = b"\0runs";
/// The first byte of a layer's keys. In layer 0, which is all that format 1 had, records have their own keys.
const LAYER: u8 = 1;
/// What every layer's keys lie between.
pub(super) const LAYERS: [&[u8]; 2] = [&[LAYER], &[RECORDS[1]]];
/// The kinds of records are letters.
const RECORDS: [u8; 2] = [b'a', b'z' + 1];
/// So many runs alike are merged.
const MERGE_RUNS: usize = 8;
/// Runs below this size are all alike, and those from here to [`MERGE_RUNS`] times as much are.
const TIER_BYTES: u64 = 64 * 1024;
/// So much may be superseded whatever the checkpoint holds.
const SUPERSEDED_BYTES: u64 = 32 * 1024 * 1024;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Unique in the checkpoint, also among layers; the order of ids means nothing.
    pub(super) id: u64,
    /// Length of its file.
    pub(super) bytes: u64,
}

/// The parts of a checkpoint. Later runs are written over earlier ones, and the layer over all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs {
    pub(super) layer: u64,
    /// The oldest first.
    pub(super) runs: Vec<Run>,
}

impl Runs {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = self.layer.to_be_bytes().to_vec();
        for run in &self.runs {
            body.put_u64(run.id);
            body.put_u64(run.bytes);
        }
        meta::envelope(&body)
    }

    pub(super) fn decode(record: &[u8], path: &Path) -> Result<Self, TreeStoreError> {
        let mut body = meta::open(record, path)?;
        if body.len() % 16 != 8 {
            return Err(TreeStoreError::Corrupt("the list of runs is malformed".into()));
        }
        let layer = body.get_u64();
        let mut runs = Vec::new();
        while body.has_remaining() {
            runs.push(Run { id: body.get_u64(), bytes: body.get_u64() });
        }
        Ok(Self { layer, runs })
    }

    /// A number that no part has.
    pub(super) fn next_id(&self) -> u64 {
        self.runs.iter().map(|run| run.id).fold(self.layer, u64::max) + 1
    }

    /// The first of the last runs that are worth merging into one: all, when half of what they hold may be superseded, given that
    /// about `needed` bytes of records are not; else those behind the last one of a higher tier than one that has come to have
    /// [`MERGE_RUNS`].
    pub(super) fn worth_merging(&self, needed: u64) -> Option<usize> {
        let (first, later) = self.runs.split_first()?;
        let later = later.iter().map(|run| run.bytes).sum::<u64>();
        // What is needed is an estimate: too low, and it must not have all merged with each commit.
        let has_grown = later > 0 && later >= first.bytes / 2;
        if has_grown && first.bytes + later >= needed.saturating_mul(2).saturating_add(SUPERSEDED_BYTES) {
            return Some(0);
        }
        let highest = self.runs.iter().map(|run| tier(run.bytes)).max()?;
        (0..=highest).rev().find_map(|wanted| {
            let above = self.runs.iter().rposition(|run| tier(run.bytes) > wanted);
            let from = above.map_or(0, |above| above + 1);
            let alike = self.runs[from..].iter().filter(|run| tier(run.bytes) == wanted).count();
            (alike >= MERGE_RUNS).then_some(from)
        })
    }
}

/// Runs of one tier are alike: [`MERGE_RUNS`] of them make one of the next.
fn tier(bytes: u64) -> u32 {
    (bytes / TIER_BYTES).checked_ilog(MERGE_RUNS as u64).map_or(0, |tier| tier + 1)
}

/// What a layer's keys begin with, and what is behind all of them.
pub(super) fn layer_range(layer: u64) -> [Vec<u8>; 2] {
    match layer {
        0 => RECORDS.map(|first| vec![first]),
        _ => [layer, layer + 1].map(|layer| layer_key(layer, &[])),
    }
}

/// Where a layer keeps the record with this key.
pub(super) fn layer_key(layer: u64, key: &[u8]) -> Vec<u8> {
    if layer == 0 { key.to_vec() } else { [&[LAYER], &layer.to_be_bytes()[..], key].concat() }
}

/// The key of the record that a layer keeps at `key`.
pub(super) fn record_key(layer: u64, key: &[u8]) -> &[u8] {
    if layer == 0 { key } else { key.get(1 + size_of::<u64>()..).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(sizes: &[u64]) -> Runs {
        Runs { layer: 9, runs: (1..).zip(sizes).map(|(id, bytes)| Run { id, bytes: *bytes }).collect() }
    }

    #[test]
    fn the_list_comes_back_and_is_these_bytes() {
        let list = runs(&[258, 3]);
        let bytes = list.encode();
        assert_eq!(
            bytes[8..],
            [
                [0, 0, 0, 0, 0, 0, 0, 9],
                [0, 0, 0, 0, 0, 0, 0, 1],
                [0, 0, 0, 0, 0, 0, 1, 2],
                [0, 0, 0, 0, 0, 0, 0, 2],
                [0, 0, 0, 0, 0, 0, 0, 3]
            ]
            .concat()
        );
        assert_eq!(Runs::decode(&bytes, Path::new("x")).expect("whole"), list);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            assert!(Runs::decode(&flipped, Path::new("x")).is_err(), "byte {at}");
        }
        assert_eq!(list.next_id(), 10);
    }

    #[test]
    fn a_layer_is_a_range_of_keys() {
        let key = layer_key(7, b"n/a");
        assert_eq!(key, [1, 0, 0, 0, 0, 0, 0, 0, 7, b'n', b'/', b'a']);
        assert_eq!((record_key(7, &key), record_key(0, b"n/a")), (&b"n/a"[..], &b"n/a"[..]));
        assert_eq!(layer_key(0, b"n/a"), b"n/a");
        for layer in [0, 1, 7, 255, u64::MAX - 1] {
            let [from, to] = layer_range(layer);
            for key in [&b"c"[..], b"n/", b"n/\xff\xff", b"zz"] {
                let key = layer_key(layer, key);
                assert!(from <= key && key < to, "{layer}");
                assert!(layer == 0 || key < layer_range(0)[0]);
            }
        }
    }

    const MIB: u64 = 1 << 20;

    #[test]
    fn eight_runs_alike_are_merged_and_larger_ones_before_them_are_not() {
        let worth = |sizes: &[u64]| {
            runs(&sizes.iter().map(|mib| mib * MIB).collect::<Vec<_>>()).worth_merging(u64::MAX)
        };
        assert_eq!(worth(&[]), None);
        assert_eq!(worth(&[16; 7]), None);
        assert_eq!(worth(&[16; 8]), Some(0));
        assert_eq!(worth(&[128, 16, 1, 16, 16, 2, 16, 16]), None);
        assert_eq!(worth(&[128, 16, 1, 16, 16, 2, 16, 16, 31]), None);
        assert_eq!(worth(&[128, 16, 1, 16, 16, 2, 16, 16, 31, 4, 5]), Some(1));
        assert_eq!(worth(&[16, 128, 16, 16, 16, 16, 16, 16, 16]), None, "not across a larger one");
        assert_eq!(worth(&[128, 128, 128, 128, 128, 128, 128, 16, 16]), None);
        assert_eq!(worth(&[1000, 128, 128, 1, 128, 128, 128, 128, 128, 32, 16]), Some(1));
    }

    #[test]
    fn all_are_merged_when_half_may_be_superseded() {
        assert_eq!(runs(&[500 * MIB]).worth_merging(1), None, "there is nothing to merge it with");
        assert_eq!(runs(&[100 * MIB, 100 * MIB]).worth_merging(100 * MIB), None);
        assert_eq!(runs(&[100 * MIB, 132 * MIB]).worth_merging(100 * MIB), Some(0));
        assert_eq!(runs(&[MIB, 20 * MIB]).worth_merging(0), None);
        assert_eq!(runs(&[700 * MIB, 349 * MIB]).worth_merging(0), None, "more may be needed than is known");
        assert_eq!(runs(&[700 * MIB, 350 * MIB]).worth_merging(0), Some(0));
    }

    /// Whatever is committed, runs stay few, each byte is written a few times, and not much more is kept than is needed.
    #[test]
    fn runs_stay_few() {
        for (unit, kept) in [(1 << 10, 1), (1 << 20, 1), (1 << 10, 100), (1 << 20, 100)] {
            let (mut list, mut added, mut written, mut most) = (Runs::default(), 0, 0, 0);
            for n in 0..10_000_u64 {
                let bytes = unit * (1 + n * 7919 % 50);
                list.runs.push(Run { id: n, bytes });
                added += bytes;
                written += bytes;
                // One byte of `kept` is not superseded in the end.
                let needed = added / kept;
                if let Some(first) = list.worth_merging(needed) {
                    let merged = list.runs.drain(first..).map(|run| run.bytes).sum::<u64>();
                    let bytes = if first == 0 { merged.min(needed) } else { merged };
                    list.runs.push(Run { id: n, bytes });
                    written += bytes;
                }
                most = most.max(list.runs.len());
                let held: u64 = list.runs.iter().map(|run| run.bytes).sum();
                assert!(held < 2 * needed + SUPERSEDED_BYTES + 50 * unit, "{held} bytes for {needed}");
            }
            assert!(most <= 48, "{most} runs");
            assert!(written < 6 * added, "{} times", written / added);
        }
    }
}
