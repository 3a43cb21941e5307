//! One flipped bit anywhere: the log either opens with exactly what was in it (but for a tail that was never durable), or
//! refuses with file and offset.

use bytes::Bytes;
use menagerie_log::faulty::FaultyFs;
use menagerie_log::{Log, LogError, LogOptions, MetaKind, Record, survey, unobserved};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;

const DIR: &str = "/log";

fn options() -> LogOptions {
    LogOptions { segment_bytes: 2048, spare_segments: 1, background_fill: false, ..LogOptions::default() }
}

fn record(index: u64, len: usize) -> Record {
    Record { index, term: 1 + index / 7, payload: vec![Bytes::from(vec![index as u8 ^ 0x5a; len])] }
}

/// A log of entries of these lengths, each durable by itself.
fn write(fs: &FaultyFs, lens: &[usize]) -> Vec<Record> {
    let (mut log, _) = Log::open(Arc::new(fs.clone()), Path::new(DIR), options()).expect("empty");
    log.save_meta(MetaKind::Vote, Bytes::from_static(b"vote"), unobserved()).expect("saved");
    let records: Vec<_> = lens.iter().enumerate().map(|(index, len)| record(index as u64, *len)).collect();
    for record in &records {
        log.append(vec![record.clone()], unobserved()).expect("appended");
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_flipped_bit_is_refused_with_its_place_or_changes_nothing(
        lens in prop::collection::vec(0..400usize, 1..30),
        file in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let fs = FaultyFs::new(1);
        let records = write(&fs, &lens);
        let path = fs.paths()[file.index(fs.paths().len())].clone();
        let len = fs.content(&path).expect("content").len();
        let offset = at.index(len) as u64;
        fs.flip_bit(&path, offset, bit).expect("flipped");
        let before: Vec<_> = fs.paths().iter().map(|path| fs.content(path).expect("content")).collect();
        let looked = survey(Arc::new(fs.clone()), Path::new(DIR), &mut |_| {}).expect("looked");
        let after: Vec<_> = fs.paths().iter().map(|path| fs.content(path).expect("content")).collect();
        prop_assert_eq!(before, after, "looking changes nothing");
        match Log::open(Arc::new(fs.clone()), Path::new(DIR), options()) {
            Ok((log, found)) => {
                prop_assert!(looked.damage.is_none());
                // Nobody can tell the last record, if nothing follows it, from one that was being written.
                let last = found.last.map_or(0, |(last, _)| last + 1);
                prop_assert!(last + 1 >= records.len() as u64, "only the last one may be taken for torn");
                let read = log.read(0..last, usize::MAX).expect("what is there can be read");
                prop_assert_eq!(&read[..], &records[..last as usize]);
            }
            Err(LogError::Corrupt { file, offset: place, .. }) => {
                prop_assert!(looked.damage.is_some());
                prop_assert!(file.starts_with(DIR));
                if file == path {
                    prop_assert!(place <= offset, "damage at {offset} is reported at {place}");
                }
            }
            Err(LogError::NewerFormat { file, .. }) => {
                prop_assert_eq!(&file, &path);
                prop_assert!((8..12).contains(&offset), "only the format itself looks like another");
            }
            Err(other) => return Err(TestCaseError::fail(format!("{other}"))),
        }
    }
}
