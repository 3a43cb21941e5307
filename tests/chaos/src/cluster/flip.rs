//! Damage to files: one bit, in a place that counts.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rand::Rng;
use rand::rngs::StdRng;

/// The format is told by `crates/log/src/format.rs`.
const SEGMENT_HEADER: u64 = 64;
const RECORD_HEADER: u64 = 40;

/// Where a bit was flipped.
#[derive(Clone, Debug)]
pub struct Flip {
    /// In which file.
    pub file: PathBuf,
    /// At which byte.
    pub offset: u64,
    /// Where the record that holds that byte begins, if the file has records.
    pub record: Option<u64>,
}

/// Flips a bit of a record that a later one proves to have been durable; nothing if the log is too short for that.
/// (Damage to the last group of records cannot be told from a write that was cut short.)
pub fn in_log(log: &Path, random: &mut StdRng) -> anyhow::Result<Option<Flip>> {
    let mut segments = files(log, |name| name.ends_with(".log"))?;
    segments.sort();
    let Some(newest) = segments.last().cloned() else { return Ok(None) };
    let mut places = Vec::new();
    for file in segments {
        let found = records(&file)?;
        let last_group = found.last().map_or(0, |last| u64::from(last.group_start));
        let durable = found.into_iter().filter(|record| file != newest || record.at < last_group);
        places.extend(durable.map(|record| (file.clone(), record)));
    }
    if places.is_empty() {
        return Ok(None);
    }
    let (file, record) = places.swap_remove(random.random_range(0..places.len()));
    let offset = random.random_range(record.at..record.at + record.len);
    flip(&file, offset, random)?;
    Ok(Some(Flip { file, offset, record: Some(record.at) }))
}

/// Flips a bit of a checkpoint, where something is written; nothing if there is none.
pub fn in_checkpoint(tree: &Path, random: &mut StdRng) -> anyhow::Result<Option<Flip>> {
    let mut found = Vec::new();
    for directory in files(tree, |name| name.starts_with("checkpoint-"))? {
        found.extend(files(&directory, |name| name == "db")?);
    }
    let Some(file) = found.pop() else { return Ok(None) };
    let bytes = fs::read(&file)?;
    let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    if written.is_empty() {
        return Ok(None);
    }
    let offset = written[random.random_range(0..written.len())] as u64;
    flip(&file, offset, random)?;
    Ok(Some(Flip { file, offset, record: None }))
}

fn files(directory: &Path, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let entry = entry?;
        if wanted(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn flip(file: &Path, offset: u64, random: &mut StdRng) -> anyhow::Result<()> {
    let opened = OpenOptions::new().read(true).write(true).open(file)?;
    let mut byte = [0];
    opened.read_exact_at(&mut byte, offset)?;
    byte[0] ^= 1 << random.random_range(0..8);
    opened.write_all_at(&byte, offset)?;
    Ok(opened.sync_all()?)
}

struct Record {
    at: u64,
    /// Without the padding behind it.
    len: u64,
    group_start: u32,
}

/// The valid records at the beginning of a segment.
fn records(file: &Path) -> anyhow::Result<Vec<Record>> {
    let opened = File::open(file)?;
    let mut header = [0; SEGMENT_HEADER as usize];
    opened.read_exact_at(&mut header, 0)?;
    let epoch: [u8; 8] = std::array::from_fn(|at| header[16 + at]);
    let (mut found, mut at) = (Vec::new(), SEGMENT_HEADER);
    let mut record = [0; RECORD_HEADER as usize];
    while opened.read_exact_at(&mut record, at).is_ok() {
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|n| record[at + n]));
        if crc32c::crc32c_append(crc32c::crc32c(&epoch), &record[..32]) != word(32) {
            break;
        }
        let len = RECORD_HEADER + u64::from(word(0));
        found.push(Record { at, len, group_start: word(24) });
        at += len.next_multiple_of(8);
    }
    Ok(found)
}
