"""Lost disks and flipped bits: what a member says, that it serves nothing wrong, and how it gets well again."""

import json
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from harness import admin, create_cluster
from harness.cluster import opens_session
from harness.standalone import Standalone
from harness.wait import eventually
from raw import Closed, RawClient

pytestmark = pytest.mark.menagerie

ZNODES = 300
START_SECONDS = 60


@pytest.fixture
def ensemble(tmp_path):
    cluster = create_cluster("ensemble", tmp_path / "ensemble")
    yield cluster
    cluster.down()


@pytest.fixture
def split(tmp_path):
    cluster = create_cluster("split", tmp_path / "split")
    yield cluster
    cluster.down()


@pytest.fixture
def standalone(tmp_path):
    server = Standalone(tmp_path / "server")
    yield server
    server.down()


def write(address, count: int = ZNODES, name: str = "n") -> None:
    with RawClient(address) as client:
        client.connect()
        for n in range(count):
            client.create(f"/{name}{n}", f"data {n}".encode())
        client.close_session()


def check(address, count: int = ZNODES, name: str = "n") -> None:
    """All of it is there, as it was written."""
    with RawClient(address) as client:
        client.connect()
        client.sync("/")
        for n in range(count):
            assert client.get(f"/{name}{n}")[0] == f"data {n}".encode()
        client.close_session()


def first(cluster):
    return next(iter(cluster.addresses().values()))


def words(cluster, name: str) -> str:
    return cluster.log(name).read_text(errors="replace")


def segments(data: Path) -> list[Path]:
    return sorted((data / "log").glob("*.log"))


def flip(file: Path, offset: int, bit: int = 0) -> None:
    with file.open("r+b") as opened:
        opened.seek(offset)
        byte = opened.read(1)[0] ^ (1 << bit)
        opened.seek(offset)
        opened.write(bytes([byte]))


def test_a_member_that_lost_its_disk_comes_back_with_the_same_zoo_cfg(ensemble):
    write(first(ensemble))
    for lost in ("server-3", ensemble.leader()):
        ensemble.kill9(lost)
        others = [name for name in ensemble.names() if name != lost]
        ensemble.wait_serving(others)
        write(ensemble.addresses()[others[0]], 50, f"while-{lost}-")
        data = ensemble.data_dirs()[lost]
        for child in data.iterdir():
            if child.name != "myid":
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        ensemble.start(lost)
        ensemble.wait_serving([lost])
        check(ensemble.addresses()[lost])
        check(ensemble.addresses()[lost], 50, f"while-{lost}-")


def test_a_voter_and_a_store_that_lost_their_disks_are_rebuilt(split):
    write(first(split))
    for lost in ("consensus-2", "tree-store-2", "tree-store-1"):
        split.kill9(lost)
        shutil.rmtree(split.data_dirs()[lost])
        write(first(split), 50, f"while-{lost}-")
        split.start(lost)
        split.wait_serving()
        check(first(split))
    # Only the rebuilt one serves now.
    split.kill9("tree-store-2")
    split.wait_serving()
    check(first(split))


def test_a_member_with_a_damaged_log_names_the_place_and_is_rebuilt_from_the_others(ensemble):
    write(first(ensemble))
    broken = next(name for name in ensemble.names() if name != ensemble.leader())
    data = ensemble.data_dirs()[broken]
    ensemble.stop(broken)
    file = segments(data)[-1]
    at = end_of_data(file) * 2 // 3
    flip(file, at)
    assert file.name in admin.refusal("check", "--data-dir", data)
    ensemble.start(broken)
    eventually(lambda: not ensemble.is_running(broken), START_SECONDS, "it refuses to start")
    said = words(ensemble, broken)
    place = re.search(rf"log file \S*{file.name} is corrupt at offset (\d+)", said)
    assert place and int(place[1]) <= at, said
    rebuilt = admin.told("rebuild", "--data-dir", data)
    assert rebuilt["log"]["members"] == [1, 2, 3] and rebuilt["log"]["damage"]
    [aside] = rebuilt["set_aside"]
    assert (Path(aside) / file.name).exists(), "what is damaged is kept"
    admin.told("check", "--data-dir", data)
    ensemble.start(broken)
    ensemble.wait_serving([broken])
    check(ensemble.addresses()[broken])
    write(ensemble.addresses()[broken], 20, "later")
    check(first(ensemble), 20, "later")


def test_a_member_with_a_damaged_checkpoint_sets_it_aside_and_is_rebuilt(ensemble):
    write(first(ensemble))
    for name in ensemble.names():
        ensemble.stop(name)
        ensemble.start(name)
        ensemble.wait_serving([name])
    broken = ensemble.names()[1]
    data = ensemble.data_dirs()[broken]
    ensemble.stop(broken)
    [db] = (data / "tree").glob("checkpoint-*/db")
    for offset in range(0, min(db.stat().st_size, 200_000), 37):
        flip(db, offset, offset % 8)
    assert str(db.parent) in admin.refusal("check", "--data-dir", data)
    ensemble.start(broken)
    ensemble.wait_serving([broken])
    check(ensemble.addresses()[broken])
    assert "checkpoint set aside" in words(ensemble, broken) and str(db.parent) in words(ensemble, broken)
    assert list((data / "tree").glob("checkpoint.bad-*/db"))


def test_the_only_member_says_what_is_lost_and_loses_nothing_unasked(standalone):
    standalone.up()
    write(first(standalone))
    # An orderly stop takes a checkpoint.
    standalone.down()
    data = standalone.data_dirs()["standalone"]
    file = segments(data)[-1]
    flip(file, end_of_data(file) * 2 // 3)
    standalone.start("standalone")
    eventually(lambda: not standalone.is_running("standalone"), START_SECONDS, "it refuses to start")
    assert f"{file.name} is corrupt at offset" in words(standalone, "standalone")
    before = (listing(data / "log"), sorted(data.iterdir()))
    said = admin.refusal("rebuild", "--data-dir", data)
    assert "is the only one" in said and "nothing was set aside" in said and file.name in said
    assert (listing(data / "log"), sorted(data.iterdir())) == before
    admin.told("rebuild", "--force", "--data-dir", data)
    standalone.start("standalone")
    standalone.wait_serving()
    check(first(standalone))
    write(first(standalone), 20, "later")
    standalone.kill9("standalone")
    standalone.up()
    check(first(standalone))
    check(first(standalone), 20, "later")


def test_the_only_member_without_its_log_or_its_tree_says_so(standalone):
    standalone.up()
    write(first(standalone))
    standalone.down()
    data = standalone.data_dirs()["standalone"]
    shutil.move(data / "log", data / "kept")
    standalone.start("standalone")
    eventually(lambda: "the log ends before what this replica has applied" in words(standalone, "standalone"),
               START_SECONDS, "it says that the log is not the one")
    assert not lets_in(first(standalone))
    standalone.down()
    shutil.rmtree(data / "log")
    shutil.move(data / "kept", data / "log")
    standalone.up()
    check(first(standalone))


def lets_in(address) -> bool:
    try:
        return opens_session(address, io_seconds=1)
    except (Closed, OSError):
        return False


def listing(data: Path) -> list:
    return sorted((str(path), path.stat().st_size) for path in data.rglob("*") if path.is_file())


def test_a_damaged_version_or_manifest_is_named_and_mended(standalone):
    standalone.up()
    write(first(standalone))
    standalone.down()
    data = standalone.data_dirs()["standalone"]
    version = data / "VERSION"
    written = version.read_bytes()
    for damage in (b"", b"\xff\n", b"q\n", b"0\n"):
        version.write_bytes(damage)
        standalone.start("standalone")
        eventually(lambda: not standalone.is_running("standalone"), START_SECONDS, "it refuses to start")
        assert "VERSION is corrupt at offset 0" in words(standalone, "standalone")
        admin.told("rebuild", "--data-dir", data)
        assert version.read_bytes() == written
    version.write_text("3\n")
    assert "newer version" in admin.refusal("rebuild", "--force", "--data-dir", data)
    version.write_bytes(written)
    manifest = data / "tree" / "MANIFEST"
    whole = manifest.read_bytes()
    for at in range(0, len(whole), 3):
        manifest.write_bytes(whole)
        flip(manifest, at, at % 8)
        if manifest.read_bytes() == whole:
            continue
        result = admin.run("check", "--data-dir", data)
        assert "znodes" in result.stdout or "newer version" in result.stderr, result
    manifest.write_bytes(whole)
    standalone.up()
    check(first(standalone))


def test_any_flipped_bit_is_refused_repaired_or_harmless(standalone, tmp_path):
    """Never wrong data, never a panic, always a file and a place."""
    standalone.up()
    write(first(standalone))
    standalone.down()
    data = standalone.data_dirs()["standalone"]
    kept = tmp_path / "kept"
    shutil.copytree(data, kept)
    written = [path for path in kept.rglob("*") if path.is_file() and path.stat().st_size]
    ends = {path: end_of_data(path) for path in written}
    chosen = random.Random(1)
    outcomes = {"whole": 0, "damaged": 0, "newer": 0}
    for _ in range(120):
        path = chosen.choice(written)
        shutil.rmtree(data)
        shutil.copytree(kept, data)
        offset, bit = chosen.randrange(ends[path]), chosen.randrange(8)
        flip(data / path.relative_to(kept), offset, bit)
        result = admin.run("--json", "check", "--data-dir", data)
        said = result.stdout + result.stderr
        where = f"{path.relative_to(kept)} at {offset} bit {bit}: {said}"
        if not result.returncode:
            assert json.loads(result.stdout)["tree"]["znodes"] in (None, ZNODES + 4), where
            outcomes["whole"] += 1
        elif "newer version" in said:
            outcomes["newer"] += 1
        else:
            assert result.returncode == 1 and "DAMAGED" in said and str(data) in said, where
            assert "offset" in said or "record" in said or "digest" in said or "sled" in said or "index" in said, where
            outcomes["damaged"] += 1
    assert outcomes["damaged"] > 10, outcomes


def end_of_data(path: Path) -> int:
    """What lies behind it is zeros, written ahead."""
    content = path.read_bytes()
    return max(1, len(content.rstrip(b"\0")))


def small_disk(directory: Path, mebibytes: int):
    """A file system of its own, or a reason why there is none."""
    directory.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(directory)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")


@pytest.fixture
def full_disk(tmp_path):
    """A standalone server on a disk of 220 MiB."""
    server = Standalone(tmp_path / "server")
    data = server.data_dirs()["standalone"]
    small_disk(data, 220)
    yield server, data
    server.down()
    subprocess.run(["umount", "-l", str(data)], check=True)


def test_a_full_disk_ends_the_member_with_a_clear_word_and_nothing_acknowledged_is_lost(full_disk):
    server, data = full_disk
    server.up()
    filler = data / "filler"
    acknowledged = []
    with RawClient(first(server)) as client:
        client.connect()
        client.create("/before", b"x")
        with filler.open("wb") as opened:
            try:
                while True:
                    opened.write(b"\1" * (1 << 20))
                    opened.flush()
            except OSError:
                pass
        deadline = time.monotonic() + 120
        try:
            while time.monotonic() < deadline:
                name = f"/n{len(acknowledged)}"
                client.create(name, b"y" * 100_000)
                acknowledged.append(name)
        except (Closed, OSError):
            pass
    eventually(lambda: not server.is_running("standalone"), 60, "the member leaves service")
    said = words(server, "standalone")
    assert "No space left on device" in said and "panicked" not in said, said[-2000:]
    server.start("standalone")
    eventually(lambda: not server.is_running("standalone") or lets_in(first(server)), 60, "it starts or refuses")
    server.stop("standalone")
    filler.unlink()
    server.up()
    with RawClient(first(server)) as client:
        client.connect()
        for name in ["/before", *acknowledged]:
            client.exists(name)
        client.create("/goes-on")


