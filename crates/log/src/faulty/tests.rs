use super::*;

fn dir() -> &'static Path {
    Path::new("/d")
}

fn write(fs: &FaultyFs, name: &str, offset: u64, bytes: &[u8]) -> Box<dyn FsFile> {
    let file = fs.open(&dir().join(name), true).expect("opens");
    file.write_vectored_at(&[IoSlice::new(bytes)], offset).expect("writes");
    file
}

#[test]
fn crash_loses_what_was_not_synced_and_closes_files() {
    let fs = FaultyFs::new(1);
    let file = write(&fs, "a", 0, b"durable");
    file.sync_data().expect("syncs");
    fs.sync_dir(dir()).expect("syncs");
    file.write_vectored_at(&[IoSlice::new(b"lost")], 0).expect("writes");
    write(&fs, "b", 0, b"nameless").sync_all().expect("syncs");
    fs.crash(Crash::LoseAll);
    assert_eq!(fs.content(&dir().join("a")).expect("is there"), b"durable");
    assert_eq!(fs.list(dir()).expect("lists"), ["a"]);
    assert!(file.len().is_err());
}

#[test]
fn same_seed_tears_alike() {
    let torn = |seed| {
        let fs = FaultyFs::new(seed);
        let file = write(&fs, "a", 0, &[1; 100]);
        file.sync_data().expect("syncs");
        fs.sync_dir(dir()).expect("syncs");
        (0..10).for_each(|at| drop(write(&fs, "a", at * 10, &[2; 10])));
        fs.crash(Crash::Tear);
        fs.content(&dir().join("a")).expect("is there")
    };
    assert_eq!(torn(7), torn(7));
    assert!((0..20).any(|seed| torn(seed) != torn(7)));
}

#[test]
fn full_disk_fails_the_write_half_way() {
    let fs = FaultyFs::new(1);
    let file = write(&fs, "a", 0, b"");
    fs.set_space(Some(3));
    let error = file.write_vectored_at(&[IoSlice::new(b"abcde")], 0).expect_err("no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().expect("open"), 3);
}

#[test]
fn failed_sync_drops_what_it_should_have_synced() {
    let fs = FaultyFs::new(1);
    let file = write(&fs, "a", 0, b"old");
    file.sync_data().expect("syncs");
    fs.sync_dir(dir()).expect("syncs");
    fs.fail_syncs_after(0);
    file.write_vectored_at(&[IoSlice::new(b"new")], 0).expect("writes");
    assert!(file.sync_data().is_err());
    fs.crash(Crash::KeepAll);
    assert_eq!(fs.content(&dir().join("a")).expect("is there"), b"old");
}
