//! Which slots are free.

const BITS: usize = u64::BITS as usize;

/// Free slots, of which the lowest is found quickly: what is created one after the other should stand together, also
/// where something else was deleted.
#[derive(Clone, Debug, Default)]
pub(super) struct FreeSlots {
    /// A bit for each slot, set if it is free.
    slots: Vec<u64>,
    /// A bit for each word of `slots`, set if that has one.
    words: Vec<u64>,
    /// The words of `words` before this have none.
    first: usize,
}

impl FreeSlots {
    pub(super) fn add(&mut self, slot: u32) {
        let (word, bit) = (slot as usize / BITS, slot as usize % BITS);
        set(&mut self.slots, word, bit);
        set(&mut self.words, word / BITS, word % BITS);
        self.first = self.first.min(word / BITS);
    }

    /// The lowest free slot, which no longer is.
    #[inline]
    pub(super) fn take(&mut self) -> Option<u32> {
        let word_of_words = loop {
            match self.words.get(self.first)? {
                0 => self.first += 1,
                word => break word,
            }
        };
        let word = self.first * BITS + word_of_words.trailing_zeros() as usize;
        let bit = self.slots[word].trailing_zeros() as usize;
        self.slots[word] &= !(1 << bit);
        if self.slots[word] == 0 {
            self.words[self.first] &= !(1 << (word % BITS));
        }
        Some((word * BITS + bit) as u32)
    }
}

fn set(words: &mut Vec<u64>, word: usize, bit: usize) {
    if words.len() <= word {
        words.resize(word + 1, 0);
    }
    words[word] |= 1 << bit;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lowest_is_taken(steps in proptest::collection::vec(proptest::option::of(0..20_000_u32), 1..400)) {
            let (mut free, mut expected) = (FreeSlots::default(), BTreeSet::new());
            for step in steps {
                match step {
                    Some(slot) => if expected.insert(slot) {
                        free.add(slot);
                    },
                    None => prop_assert_eq!(free.take(), expected.pop_first()),
                }
            }
            while let Some(slot) = expected.pop_first() {
                prop_assert_eq!(free.take(), Some(slot));
            }
            prop_assert_eq!(free.take(), None);
        }
    }
}
