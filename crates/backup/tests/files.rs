//! Backups of random states: whole ones are read back, damaged ones are refused with the place.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use menagerie_backup::{BackupError, BackupReader, BackupWriter, FORMAT, HEADER_LEN, Header, verify};
use menagerie_tree::checkpoint::take_record;
use menagerie_tree::{Effects, Lease, Meta, Record, Session, State};
use menagerie_types::command::{
    CHUNK_HEADER_LEN, ChunkHeader, Command, Policy, put_command, write_chunk_header,
};
use menagerie_types::{EventType, IncarnationId, LogIndex, NodeId, OpCode, SessionId, Zxid};
use proptest::prelude::*;

/// Nobody is told anything.
#[derive(Default)]
struct Silent(BytesMut);

impl Effects for Silent {
    fn chunk(&mut self, _: &ChunkHeader, _: u64) {}
    fn replies(&mut self) -> &mut BytesMut {
        &mut self.0
    }
    fn result(&mut self, _: u64, _: Zxid) {}
    fn chunk_end(&mut self) {}
    fn refused(&mut self, _: IncarnationId, _: u64) {}
    fn watch_event(&mut self, _: Zxid, _: EventType, _: &str, _: Option<&Bytes>) {}
    fn session_attached(&mut self, _: Zxid, _: SessionId, _: &Session, _: Option<IncarnationId>) {}
    fn session_closed(&mut self, _: SessionId, _: IncarnationId, _: bool) {}
    fn lease(&mut self, _: &Lease) {}
    fn replica(&mut self, _: NodeId, _: LogIndex) {}
}

/// A create request with an open ACL.
fn create(path: &str, data: &[u8]) -> Vec<u8> {
    let string = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    let acl = [&1u32.to_be_bytes()[..], &31u32.to_be_bytes(), &string("world"), &string("anyone")].concat();
    let data = [&(data.len() as u32).to_be_bytes()[..], data].concat();
    [string(path), data, acl, 0u32.to_be_bytes().to_vec()].concat()
}

fn state(znodes: &[(String, Vec<u8>)]) -> State {
    let mut state = State::new();
    let mut chunk = BytesMut::zeroed(CHUNK_HEADER_LEN);
    for (path, data) in znodes {
        let body = create(path, data);
        put_command(
            &mut chunk,
            &Command { op: OpCode::Create, session: SessionId::NONE, xid: 1, auth: &[], body: &body },
        );
    }
    let count = znodes.len() as u32;
    let header = ChunkHeader {
        policy: Policy::NONE,
        incarnation: IncarnationId(1),
        first_seq: 1,
        acked_seq: 0,
        count,
    };
    write_chunk_header(&mut chunk, &header);
    state.apply_entry(LogIndex(1), 1000, &[chunk.freeze()], &mut Silent::default()).expect("well-formed");
    state
}

fn whole(mut state: State) -> (Meta, Vec<Record>) {
    let meta = state.begin_whole_checkpoint();
    let mut records = Vec::new();
    while state.checkpoint_slice(100, &mut records) {}
    records.retain(|(_, value)| value.is_some());
    records.sort_unstable();
    (meta, records)
}

fn write(path: &Path, meta: &Meta, records: &[Record]) -> Result<Header, BackupError> {
    let mut writer = BackupWriter::create(path, false)?;
    for (key, value) in records {
        writer.record(key, value.as_deref().expect("a value"))?;
    }
    writer.finish(meta, 1234, "here")
}

/// A directory, a backup in it of many znodes in several blocks, and what is in that.
fn backup() -> (tempfile::TempDir, PathBuf, Meta, Vec<Record>) {
    let znodes: Vec<_> = (0..900).map(|n| (format!("/{n}"), vec![n as u8; 1000])).collect();
    let (meta, records) = whole(state(&znodes));
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("b.mbak");
    write(&path, &meta, &records).expect("written");
    (dir, path, meta, records)
}

fn offset(error: &BackupError) -> Option<u64> {
    match error {
        BackupError::Damaged { offset, .. } => Some(*offset),
        _ => None,
    }
}

#[test]
fn a_file_that_is_there_is_kept_unless_it_may_be_replaced() {
    let (dir, path, meta, records) = backup();
    let before = fs::read(&path).expect("read");
    assert!(matches!(write(&path, &meta, &records), Err(BackupError::Exists(_))));
    assert_eq!(fs::read(&path).expect("read"), before);
    BackupWriter::create(&path, true).expect("may be replaced");
    assert_eq!(fs::read(&path).expect("read"), before, "an unfinished one replaces nothing");
    let names: Vec<_> = fs::read_dir(dir.path()).expect("list").collect();
    assert_eq!(names.len(), 1, "and leaves nothing behind");
}

#[test]
fn what_the_replica_sent_must_be_a_whole_state() {
    let (dir, _, meta, records) = backup();
    let path = dir.path().join("other.mbak");
    let missing = write(&path, &meta, &records[..records.len() - 1]);
    assert!(matches!(missing, Err(BackupError::Source(_))), "{missing:?}");
    assert!(!path.exists() && !dir.path().join("other.mbak.partial").exists());
}

#[test]
fn any_byte_that_is_changed_is_found_and_its_place_is_named() {
    let (_dir, path, _, _) = backup();
    let good = fs::read(&path).expect("read");
    verify(&path, |_| {}).expect("good");
    let block_len =
        u32::from_be_bytes(good[HEADER_LEN + 8..HEADER_LEN + 12].try_into().expect("four")) as usize;
    let second = (HEADER_LEN + 16 + block_len) as u64;
    let places =
        (0..HEADER_LEN + 64).chain((HEADER_LEN + 64..good.len()).step_by(30_011)).chain([good.len() - 1]);
    for at in places {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).expect("write");
        let error = verify(&path, |_| {}).expect_err("damaged");
        let expected = match at {
            0..8 => {
                assert!(matches!(error, BackupError::NotABackup(_)), "byte {at}: {error}");
                continue;
            }
            8..12 if matches!(error, BackupError::NewerFormat { .. }) => continue,
            _ if at < HEADER_LEN => 0,
            _ if (at as u64) < second => HEADER_LEN as u64,
            _ => {
                assert!(
                    offset(&error).is_some_and(|offset| offset >= second && offset <= at as u64),
                    "{error}"
                );
                continue;
            }
        };
        assert_eq!(offset(&error), Some(expected), "byte {at}: {error}");
        assert!(error.to_string().contains(&path.display().to_string()));
    }
}

#[test]
fn one_that_is_cut_short_or_too_long_or_unfinished_is_refused() {
    let (_dir, path, _, _) = backup();
    let good = fs::read(&path).expect("read");
    for len in [0, 5, 8, 100, HEADER_LEN, HEADER_LEN + 7, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..len]).expect("write");
        verify(&path, |_| {}).expect_err("cut short");
    }
    fs::write(&path, [&good[..], b"x"].concat()).expect("write");
    verify(&path, |_| {}).expect_err("too long");
    let mut unfinished = good;
    unfinished[..HEADER_LEN].fill(0);
    fs::write(&path, unfinished).expect("write");
    assert!(verify(&path, |_| {}).expect_err("no header").to_string().contains("never finished"));
}

#[test]
fn one_of_a_newer_version_is_refused_as_such() {
    let (_dir, path, _, _) = backup();
    let mut bytes = fs::read(&path).expect("read");
    bytes[8..12].copy_from_slice(&(FORMAT + 1).to_be_bytes());
    fs::write(&path, bytes).expect("write");
    let error = BackupReader::open(&path).expect_err("newer");
    assert!(
        matches!(error, BackupError::NewerFormat { found, known, .. } if (found, known) == (FORMAT + 1, FORMAT))
    );
}

#[test]
fn blocks_in_another_order_are_refused_though_each_is_whole() {
    let (_dir, path, _, _) = backup();
    let good = fs::read(&path).expect("read");
    let len = |at: usize| 16 + u32::from_be_bytes(good[at + 8..at + 12].try_into().expect("four")) as usize;
    let second = HEADER_LEN + len(HEADER_LEN);
    let third = second + len(second);
    let swapped =
        [&good[..HEADER_LEN], &good[second..third], &good[HEADER_LEN..second], &good[third..]].concat();
    fs::write(&path, swapped).expect("write");
    assert_eq!(offset(&verify(&path, |_| {}).expect_err("swapped")), Some(HEADER_LEN as u64));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_state_is_read_back_as_it_was(
        znodes in prop::collection::btree_map("/[a-f]{1,3}", prop::collection::vec(any::<u8>(), 0..3000), 0..400),
    ) {
        let znodes: Vec<_> = znodes.into_iter().collect();
        let (meta, records) = whole(state(&znodes));
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("b.mbak");
        let header = write(&path, &meta, &records).expect("written");
        let mut reader = BackupReader::open(&path).expect("opens");
        prop_assert_eq!(reader.header(), &header);
        prop_assert_eq!((header.meta, header.made_ms, header.note.as_str()), (meta, 1234, "here"));
        let mut read = Vec::new();
        while let Some(block) = reader.next_block().expect("whole") {
            let mut rest = &block.records[..];
            while let Some((key, value)) = take_record(&mut rest) {
                read.push((key.to_vec(), Some(value.to_vec())));
            }
        }
        prop_assert_eq!(read, records);
    }
}

/// Files of every format that was ever written: `testdata/format-N.mbak`. For a new format, run
/// `cargo test -p menagerie-backup -- --ignored` once and commit what it writes; older files stay as they are.
fn testdata(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/format-{format}.mbak"))
}

fn golden() -> (Meta, Vec<Record>) {
    let znodes: Vec<_> = (0..40u8).map(|n| (format!("/znode-{n:02}"), vec![n; usize::from(n)])).collect();
    whole(state(&znodes))
}

#[test]
fn what_format_1_wrote_is_read() {
    let (meta, records) = golden();
    let mut reader = BackupReader::open(&testdata(1)).expect("opens");
    assert_eq!((reader.header().meta, reader.header().note.as_str()), (meta, "here"));
    let mut read = Vec::new();
    while let Some(block) = reader.next_block().expect("whole") {
        let mut rest = &block.records[..];
        while let Some((key, value)) = take_record(&mut rest) {
            read.push((key.to_vec(), Some(value.to_vec())));
        }
    }
    assert_eq!(read, records);
}

#[test]
fn what_is_written_today_is_byte_for_byte_what_was_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("b.mbak");
    let (meta, records) = golden();
    write(&path, &meta, &records).expect("written");
    assert_eq!(fs::read(&path).expect("read"), fs::read(testdata(FORMAT)).expect("kept"));
}

#[test]
#[ignore = "writes testdata"]
fn write_testdata() {
    let (meta, records) = golden();
    fs::create_dir_all(testdata(FORMAT).parent().expect("a parent")).expect("made");
    write(&testdata(FORMAT), &meta, &records).expect("files of a format are written once");
}
