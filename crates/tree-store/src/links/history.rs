//! Results that proposers may still ask for, so that a link can move here without losing any.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use menagerie_types::{IncarnationId, Zxid};

/// What a block costs beside its bytes.
const BLOCK_OVERHEAD: usize = 128;
/// Where the zxid stands in a frame: after its length and the xid.
const ZXID: Range<usize> = 8..16;

/// Consecutive results of one incarnation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) first_seq: u64,
    pub(crate) count: u32,
    /// `count` reply frames with length prefixes.
    pub(crate) frames: Bytes,
}

impl Block {
    fn last_seq(&self) -> u64 {
        self.first_seq + u64::from(self.count) - 1
    }

    /// Without the results up to `seq`. None if nothing is left, or if the frames are not what they should be.
    fn after(&self, seq: u64) -> Option<Self> {
        let skip = (seq + 1).saturating_sub(self.first_seq);
        if skip >= u64::from(self.count) {
            return None;
        }
        let mut rest = &self.frames[..];
        for _ in 0..skip {
            next_frame(&mut rest)?;
        }
        self.clone().split(skip as u32, self.frames.len() - rest.len()).1
    }

    /// The results of transactions before `zxid`, and the others.
    pub(crate) fn split_before(self, zxid: Zxid) -> (Option<Self>, Option<Self>) {
        let mut rest = &self.frames[..];
        let (mut count, mut len) = (0, 0);
        while let Some(frame) = next_frame(&mut rest)
            && frame.get(ZXID).and_then(|at| at.try_into().ok()).map(i64::from_be_bytes) < Some(zxid.0)
        {
            (count, len) = (count + 1, self.frames.len() - rest.len());
        }
        self.split(count, len)
    }

    /// The first `count` results, which take `len` bytes, and the others.
    fn split(mut self, count: u32, len: usize) -> (Option<Self>, Option<Self>) {
        let first = Self { first_seq: self.first_seq, count, frames: self.frames.split_to(len) };
        let second = Self { first_seq: self.first_seq + u64::from(count), count: self.count - count, ..self };
        ((first.count > 0).then_some(first), (second.count > 0).then_some(second))
    }
}

/// Takes a frame with its length prefix off `rest`.
fn next_frame<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = 4 + u32::from_be_bytes(*rest.first_chunk()?) as usize;
    let frame = rest.get(..len)?;
    *rest = &rest[len..];
    Some(frame)
}

#[derive(Debug, Default)]
struct History {
    blocks: VecDeque<Block>,
    bytes: usize,
    /// The last proposal was refused; this number is expected.
    refused: Option<u64>,
}

/// Results not yet acknowledged, by incarnation. Bounded for each: the oldest go first.
#[derive(Debug)]
pub(crate) struct ResultHistory {
    of: HashMap<IncarnationId, History>,
    bytes_max: usize,
}

impl ResultHistory {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { of: HashMap::new(), bytes_max }
    }

    /// A chunk of `incarnation` came in order: it has the results up to `acked_seq`.
    pub(crate) fn acknowledge(&mut self, incarnation: IncarnationId, acked_seq: u64) {
        let Some(history) = self.of.get_mut(&incarnation) else { return };
        history.refused = None;
        while history.blocks.front().is_some_and(|block| block.last_seq() <= acked_seq) {
            history.drop_oldest();
        }
    }

    /// Keeps a block, which follows the previous one without a gap.
    pub(crate) fn push(&mut self, incarnation: IncarnationId, block: Block) {
        let bytes_max = self.bytes_max;
        let history = self.of.entry(incarnation).or_default();
        history.bytes += block.frames.len() + BLOCK_OVERHEAD;
        history.blocks.push_back(block);
        while history.bytes > bytes_max && history.blocks.len() > 1 {
            history.drop_oldest();
        }
    }

    /// A chunk of `incarnation` was refused. Told again to a link that comes after it.
    pub(crate) fn refuse(&mut self, incarnation: IncarnationId, expected_seq: u64) {
        self.of.entry(incarnation).or_default().refused = Some(expected_seq);
    }

    /// The number expected, if the last chunk was refused.
    pub(crate) fn refused(&self, incarnation: IncarnationId) -> Option<u64> {
        self.of.get(&incarnation)?.refused
    }

    /// The results after `acked_seq` up to `last_seq`, exactly; None if they are not all here.
    pub(crate) fn after(
        &self,
        incarnation: IncarnationId,
        acked_seq: u64,
        last_seq: u64,
    ) -> Option<Vec<Block>> {
        if acked_seq >= last_seq {
            return Some(Vec::new());
        }
        let blocks = &self.of.get(&incarnation)?.blocks;
        let known = blocks.front()?.first_seq <= acked_seq + 1 && blocks.back()?.last_seq() == last_seq;
        let wanted = blocks.iter().filter(|block| block.last_seq() > acked_seq);
        if known { wanted.map(|block| block.after(acked_seq)).collect() } else { None }
    }

    /// Forgets the incarnations that the state has forgotten.
    pub(crate) fn retain(&mut self, known: impl Fn(IncarnationId) -> bool) {
        self.of.retain(|incarnation, _| known(*incarnation));
    }

    /// Forgets everything (the state was replaced).
    pub(crate) fn clear(&mut self) {
        self.of.clear();
    }

    /// Bytes kept, all incarnations together.
    pub(crate) fn bytes(&self) -> usize {
        self.of.values().map(|history| history.bytes).sum()
    }
}

impl History {
    fn drop_oldest(&mut self) {
        if let Some(block) = self.blocks.pop_front() {
            self.bytes -= block.frames.len() + BLOCK_OVERHEAD;
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};

    use super::*;

    const WHO: IncarnationId = IncarnationId(7);

    fn block(first_seq: u64, count: u32) -> Block {
        let mut frames = BytesMut::new();
        for seq in first_seq..first_seq + u64::from(count) {
            let body = vec![seq as u8; seq as usize % 5];
            frames.put_u32(body.len() as u32);
            frames.put_slice(&body);
        }
        Block { first_seq, count, frames: frames.freeze() }
    }

    #[test]
    fn results_are_cut_exactly_after_what_was_acknowledged() {
        let mut history = ResultHistory::new(1 << 20);
        history.push(WHO, block(1, 4));
        history.push(WHO, block(5, 3));
        for acked in 0..7 {
            let blocks = history.after(WHO, acked, 7).expect("all there");
            let expected: Vec<_> =
                [block(1, 4).after(acked), block(5, 3).after(acked)].into_iter().flatten().collect();
            assert_eq!(blocks, expected);
            assert_eq!(blocks[0].first_seq, acked + 1);
            assert_eq!(blocks.iter().map(|b| u64::from(b.count)).sum::<u64>(), 7 - acked);
        }
        assert_eq!(block(1, 4).after(2), Some(block(3, 2)));
        assert_eq!(history.after(WHO, 7, 7), Some(vec![]));
    }

    #[test]
    fn results_are_cut_where_an_event_stands() {
        let mut frames = BytesMut::new();
        for zxid in [3, 5, 6] {
            frames.put_u32(16);
            frames.put_i32(0);
            frames.put_i64(zxid);
            frames.put_i32(0);
        }
        let whole = Block { first_seq: 7, count: 3, frames: frames.freeze() };
        let counts = |zxid| {
            let (before, rest) = whole.clone().split_before(Zxid(zxid));
            let lens = [&before, &rest].map(|part| part.as_ref().map_or(0, |block| block.frames.len()));
            assert_eq!(lens.iter().sum::<usize>(), whole.frames.len());
            (before.map(|b| (b.first_seq, b.count)), rest.map(|b| (b.first_seq, b.count)))
        };
        assert_eq!(counts(3), (None, Some((7, 3))), "an event comes before the result that caused it");
        assert_eq!(counts(4), (Some((7, 1)), Some((8, 2))));
        assert_eq!(counts(6), (Some((7, 2)), Some((9, 1))));
        assert_eq!(counts(7), (Some((7, 3)), None));
    }

    #[test]
    fn missing_results_are_noticed_at_either_end() {
        let mut history = ResultHistory::new(1 << 20);
        assert_eq!(history.after(WHO, 0, 1), None);
        history.push(WHO, block(4, 2));
        assert_eq!(history.after(WHO, 2, 5), None, "number 3 was never here");
        assert!(history.after(WHO, 3, 5).is_some());
        assert_eq!(history.after(WHO, 3, 6), None, "number 6 is not here");
    }

    #[test]
    fn the_oldest_results_go_when_there_are_too_many() {
        let mut history = ResultHistory::new(3 * BLOCK_OVERHEAD);
        for seq in 1..10 {
            history.push(WHO, block(seq, 1));
        }
        assert!(history.bytes() <= 3 * BLOCK_OVERHEAD);
        assert_eq!(history.after(WHO, 0, 9), None);
        assert!(history.after(WHO, 8, 9).is_some());
    }

    #[test]
    fn acknowledged_results_go() {
        let mut history = ResultHistory::new(1 << 20);
        history.push(WHO, block(1, 4));
        history.push(WHO, block(5, 3));
        history.acknowledge(WHO, 6);
        assert_eq!(history.after(WHO, 3, 7), None);
        assert!(history.after(WHO, 6, 7).is_some());
        history.acknowledge(WHO, 7);
        assert_eq!(history.bytes(), 0);
    }
}
