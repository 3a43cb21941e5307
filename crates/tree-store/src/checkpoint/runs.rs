//! What a checkpoint consists of, and when to make fewer parts of it.
//!
//! A small commit goes into sled, record by record: the *layer*. A large one becomes a *run*, a file of records sorted by key, so
//! that a record costs its bytes and no search; the layer then becomes a run, too, and a new one begins. Small runs are merged
//! now and then, and all of them when the later ones have come to be as large as the first (as in log-structured merge trees:
//! O'Neil et al., 1996). So a record is written a few times in its life, and a checkpoint takes a small multiple of what it holds.
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
/// Runs that are merged at a time, at least.
const MERGE_RUNS: usize = 8;
/// Below this size the later runs are never merged with the first on account of their size alone.
const MERGE_ALL_BYTES: u64 = 32 * 1024 * 1024;

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

    /// The first of the last runs that are worth merging into one: all if the later ones are as large as the first, else at least
    /// [`MERGE_RUNS`], the first of them no larger than the others together.
    pub(super) fn worth_merging(&self) -> Option<usize> {
        let (first, later) = self.runs.split_first()?;
        if later.iter().map(|run| run.bytes).sum::<u64>() >= first.bytes.max(MERGE_ALL_BYTES) {
            return Some(0);
        }
        let (mut newer, mut from) = (0, None);
        for (at, run) in self.runs.iter().enumerate().rev() {
            if self.runs.len() - at >= MERGE_RUNS && run.bytes <= newer {
                from = Some(at);
            }
            newer += run.bytes;
        }
        from
    }
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

    #[test]
    fn eight_runs_alike_are_merged_and_a_large_one_before_them_is_not() {
        assert_eq!(runs(&[5; 7]).worth_merging(), None);
        assert_eq!(runs(&[5; 8]).worth_merging(), Some(0));
        assert_eq!(runs(&[100, 5, 5, 5, 5, 5, 5, 5]).worth_merging(), None);
        assert_eq!(runs(&[100, 5, 5, 5, 5, 5, 5, 5, 5]).worth_merging(), Some(1));
        assert_eq!(runs(&[100, 40, 5, 5, 5, 5, 5, 5, 5, 5]).worth_merging(), Some(1));
    }

    #[test]
    fn all_are_merged_when_as_much_was_added() {
        let mib = 1 << 20;
        assert_eq!(runs(&[]).worth_merging(), None);
        assert_eq!(runs(&[500 * mib]).worth_merging(), None);
        assert_eq!(runs(&[mib, 20 * mib]).worth_merging(), None);
        assert_eq!(runs(&[mib, 20 * mib, 20 * mib]).worth_merging(), Some(0));
        assert_eq!(runs(&[100 * mib, 99 * mib]).worth_merging(), None);
        assert_eq!(runs(&[100 * mib, 50 * mib, 50 * mib]).worth_merging(), Some(0));
    }

    /// Whatever is committed, runs stay few, and each byte is written a few times.
    #[test]
    fn runs_stay_few() {
        for unit in [1, 1 << 10, 1 << 20] {
            let (mut list, mut written, mut most) = (Runs::default(), 0, 0);
            for n in 0..10_000_u64 {
                let bytes = unit * (1 + n * 7919 % 50);
                list.runs.push(Run { id: n, bytes });
                written += bytes;
                if let Some(first) = list.worth_merging() {
                    let bytes = list.runs.drain(first..).map(|run| run.bytes).sum();
                    list.runs.push(Run { id: n, bytes });
                    written += bytes;
                }
                most = most.max(list.runs.len());
            }
            let held: u64 = list.runs.iter().map(|run| run.bytes).sum();
            assert!(most <= 24, "{most} runs");
            assert!(written < 12 * held, "{} times", written / held);
        }
    }
}
