//! From paths to znodes.

use hashbrown::HashTable;

use super::arena::Id;

/// So many ids are in a page before it is split: what a table of 1,024 places takes.
const PAGE_LEN: usize = 896;
/// Pages share the positions from 0 to 65,535 among themselves, which the middle of a hash gives: the tables use its lowest bits
/// and the highest seven.
const POSITION_BITS: u32 = 16;
const POSITION_SHIFT: u32 = 40;
const POSITIONS: usize = 1 << POSITION_BITS;
/// Where more are expected in a page, it is split beforehand: there may be some more than expected.
const RESERVED_MAX: u64 = PAGE_LEN as u64 * 7 / 8;

/// A hash table of ids, keyed by the hash of the path; paths are compared through the tree, so none is kept twice.
///
/// In pages of one size, and a full one becomes two (extendible hashing): a table that grew would leave places behind in which
/// nothing else fits, 8 bytes for each of 2,000,000 znodes, and would keep others waiting for longer.
#[derive(Clone, Debug)]
pub(crate) struct PathIndex {
    /// The page of each position's first `depth` bits.
    directory: Vec<u32>,
    depth: u32,
    pages: Vec<Page>,
}

/// The ids at the positions that have their first `depth` bits from `first`.
#[derive(Clone, Debug)]
struct Page {
    ids: HashTable<Id>,
    first: usize,
    depth: u32,
}

impl Page {
    fn new(first: usize, depth: u32) -> Self {
        Self { ids: HashTable::with_capacity(PAGE_LEN), first, depth }
    }

    /// The first position behind it.
    fn end(&self) -> usize {
        self.first + (POSITIONS >> self.depth)
    }
}

impl PathIndex {
    pub(crate) fn new() -> Self {
        // A small tree takes little: the first page grows.
        Self { directory: vec![0], depth: 0, pages: vec![Page { ids: HashTable::new(), first: 0, depth: 0 }] }
    }

    /// Makes room for so many znodes, so that it need not grow while they come.
    pub(crate) fn reserve(&mut self, znodes: u64, hash_of: impl Fn(Id) -> u64) {
        let mut below = vec![0; POSITIONS + 1];
        (0..POSITIONS as u64).for_each(|x| below[position(x << POSITION_SHIFT) + 1] += 1);
        (0..POSITIONS).for_each(|at| below[at + 1] += below[at]);
        let mut number = 0;
        while let Some(page) = self.pages.get(number) {
            let share = below[page.end()] - below[page.first];
            match znodes.saturating_mul(share) / POSITIONS as u64 > RESERVED_MAX && page.depth < POSITION_BITS
            {
                true => self.split(number, &hash_of),
                false => number += 1,
            }
        }
    }

    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&Id) -> bool) -> Option<Id> {
        self.pages[self.page(hash)].ids.find(hash, is_it).copied()
    }

    /// Adds a znode whose path is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, id: Id, hash_of: impl Fn(Id) -> u64) {
        let mut number = self.page(hash);
        while self.pages[number].ids.len() >= PAGE_LEN && self.pages[number].depth < POSITION_BITS {
            self.split(number, &hash_of);
            number = self.page(hash);
        }
        self.pages[number].ids.insert_unique(hash, id, |id| hash_of(*id));
    }

    pub(crate) fn remove(&mut self, hash: u64, id: Id) {
        let number = self.page(hash);
        if let Ok(entry) = self.pages[number].ids.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
    }

    fn page(&self, hash: u64) -> usize {
        self.directory[position(hash) >> (POSITION_BITS - self.depth)] as usize
    }

    /// Gives the upper half of a page's positions to a new one.
    fn split(&mut self, number: usize, hash_of: impl Fn(Id) -> u64) {
        let Page { first, depth, .. } = self.pages[number];
        let middle = first + (POSITIONS >> (depth + 1));
        let (mut lower, mut upper) = (Page::new(first, depth + 1), Page::new(middle, depth + 1));
        for id in &self.pages[number].ids {
            let hash = hash_of(*id);
            let page = if position(hash) < middle { &mut lower } else { &mut upper };
            page.ids.insert_unique(hash, *id, |id| hash_of(*id));
        }
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|page| [*page, *page]).collect();
            self.depth += 1;
        }
        let places = (middle >> (POSITION_BITS - self.depth))..(upper.end() >> (POSITION_BITS - self.depth));
        self.directory[places].fill(self.pages.len() as u32);
        self.pages[number] = lower;
        self.pages.push(upper);
    }
}

/// Where a hash stands: about log2(1 + x), for x from 0 to 1; its slope falls from 1.35 to 0.65. So some pages get twice as many
/// ids as others, they are not all split at once, and as much of their room is in use at any number of znodes.
fn position(hash: u64) -> usize {
    let x = hash >> POSITION_SHIFT & (POSITIONS as u64 - 1);
    ((x * (88_244 - ((22_708 * x) >> 16))) >> 16) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    fn hash_of(id: Id) -> u64 {
        xxh3_64(&id.to_le_bytes())
    }

    fn with(ids: std::ops::Range<Id>) -> PathIndex {
        let mut index = PathIndex::new();
        ids.for_each(|id| index.insert(hash_of(id), id, hash_of));
        index
    }

    fn places(index: &PathIndex) -> usize {
        index.pages.iter().map(|page| page.ids.capacity()).sum()
    }

    #[test]
    fn positions_stand_up_to_twice_as_close() {
        let mut shares = vec![0; 512];
        (0..POSITIONS as u64).for_each(|x| shares[position(x << POSITION_SHIFT) >> 7] += 1);
        let (least, most) = (shares.iter().min().copied(), shares.iter().max().copied());
        assert!(least >= Some(90) && most <= Some(200), "{least:?} to {most:?} of 128");
        assert_eq!(position(u64::MAX), POSITIONS - 1);
    }

    #[test]
    fn as_much_of_its_room_is_in_use_at_any_number() {
        for count in [100_000, 130_000, 160_000, 190_000] {
            let used = f64::from(count) / places(&with(0..count)) as f64;
            assert!((0.65..0.8).contains(&used), "{used} of it with {count}");
        }
    }

    #[test]
    fn what_was_reserved_need_not_grow() {
        let mut index = PathIndex::new();
        index.reserve(300_000, hash_of);
        let reserved = places(&index);
        (0..300_000).for_each(|id| index.insert(hash_of(id), id, hash_of));
        let grown = places(&index) - reserved;
        assert!(reserved < 600_000 && grown < reserved / 50, "{reserved}, and {grown}");
    }

    #[test]
    fn places_of_what_was_removed_are_used_again() {
        let mut index = with(0..20_000);
        let before = places(&index);
        for id in 20_000..400_000 {
            index.remove(hash_of(id - 20_000), id - 20_000);
            index.insert(hash_of(id), id, hash_of);
        }
        assert!(places(&index) <= before * 2, "{before} places have become {}", places(&index));
    }

    #[test]
    fn positions_that_all_share_are_one_page_in_the_end() {
        let alike = |id: Id| u64::from(id) << (POSITION_SHIFT + POSITION_BITS) | u64::from(id) & 0xffff;
        let mut index = PathIndex::new();
        (0..3_000).for_each(|id| index.insert(alike(id), id, alike));
        assert!((0..3_000).all(|id| index.find(alike(id), |other| *other == id) == Some(id)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn what_is_in_it_is_found(changes in prop::collection::vec((0..6_000u32, 0..3u32), 0..20_000)) {
            let (mut index, mut model) = (PathIndex::new(), BTreeSet::new());
            for (id, what) in changes {
                match what {
                    0 if model.remove(&id) => index.remove(hash_of(id), id),
                    0 => {}
                    _ if model.insert(id) => index.insert(hash_of(id), id, hash_of),
                    _ => {}
                }
            }
            for id in 0..6_000 {
                let found = index.find(hash_of(id), |other| *other == id);
                prop_assert_eq!(found, model.contains(&id).then_some(id));
            }
        }
    }
}
