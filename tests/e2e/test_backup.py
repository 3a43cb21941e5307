"""Backups of live clusters, and what is restored from them: in every shape, and from every shape into another."""

import uuid

import pytest
from kazoo.client import KazooClient

from conftest import patient
from harness import admin, create_cluster
from harness.cluster import opens_session
from harness.wait import eventually, holds
from load import Load
from raw import NO_SESSION, RawClient

pytestmark = pytest.mark.menagerie

OTHER_SHAPE = {"standalone": "ensemble", "ensemble": "split", "split": "standalone"}
MANY = 20_000
EPHEMERAL = 1


@pytest.fixture
def another(tmp_path):
    """Makes clusters of the case's own."""
    made = []

    def another(shape: str):
        cluster = create_cluster(shape, tmp_path / f"{shape}-{uuid.uuid4().hex[:6]}")
        made.append(cluster)
        return cluster

    yield another
    for cluster in made:
        cluster.down()


def stores(cluster) -> list[str]:
    return list(cluster.store_addresses().values())


def client_of(cluster) -> KazooClient:
    client = KazooClient(hosts=cluster.hosts(), timeout=10.0, connection_retry=patient())
    client.start(timeout=30)
    return client


def tree(client: KazooClient, root: str) -> dict:
    """Every znode below, with all that a client can see of it."""
    found, waiting = {}, [root]
    while waiting:
        reads = [(path, client.get_async(path), client.get_children_async(path), client.get_acls_async(path))
                 for path in waiting]
        waiting = []
        for path, data, children, acls in reads:
            found[path] = (*data.get(timeout=30), acls.get(timeout=30))
            waiting += [f"{path}/{name}" for name in children.get(timeout=30)]
    return found


def fill(cluster, root: str, count: int) -> None:
    client = client_of(cluster)
    client.ensure_path(root)
    for first in range(0, count, 1000):
        client.create(f"{root}/{first}", b"a hundred")
        pending = [client.create_async(f"{root}/{first}/{n}", b"x" * 100) for n in range(min(1000, count - first))]
        for answer in pending:
            answer.get(timeout=60)
    client.stop()


def test_a_backup_under_load_is_whole_and_another_shape_restores_it(cluster, connect, another, root, tmp_path):
    zk, file = connect(), tmp_path / "b.mbak"
    zk.create(f"{root}/before", b"acknowledged before")
    with Load(root, cluster.hosts()) as load:
        eventually(lambda: all(len(writer.acknowledged) > 20 for writer in load.writers), 30, "they write")
        made = admin.told("backup", file, servers=stores(cluster))
    assert admin.told("backup", "--verify", file)["sha256"] == made["sha256"]
    target = another(OTHER_SHAPE[cluster.shape])
    restored = admin.told("restore", file, servers=stores(target))
    assert restored["digest"] == made["digest"]
    assert len(restored["replicas"]) == len(stores(target)) and all(r["verified"] for r in restored["replicas"])
    assert int(restored["goes_on_from"], 16) > int(made["zxid"], 16)
    at = int(made["zxid"], 16)
    client = client_of(target)
    there = tree(client, root)
    assert there[f"{root}/before"][0] == b"acknowledged before"
    # What did not change after the backup is the same to the last field, and nothing that came later is there.
    for path, (data, stat, acls) in tree(zk, root).items():
        if max(stat.mzxid, stat.pzxid) <= at:
            assert there[path] == (data, stat, acls), path
        elif stat.czxid > at:
            assert path not in there, path
    assert all(stat.mzxid <= at for _, stat, _ in there.values())
    created = client.create(f"{root}/after")
    assert client.exists(created).czxid > at
    client.stop()


def test_sessions_and_their_ephemerals_come_along_and_expire_by_the_rules(cluster, raw, root, another, tmp_path):
    kept, gone = raw(timeout_ms=30_000), raw(timeout_ms=4_000)
    kept.create(f"{root}/kept", b"mine", flags=EPHEMERAL)
    gone.create(f"{root}/gone", b"mine", flags=EPHEMERAL)
    file = tmp_path / "b.mbak"
    assert admin.told("backup", file, servers=stores(cluster))["ephemerals"] >= 2
    target = another("standalone")
    admin.told("restore", file, servers=stores(target))
    address = next(iter(target.addresses().values()))
    eventually(lambda: opens_session(address), 30, "it serves")
    with RawClient(address) as back:
        back.connect(session=kept.session, last_zxid=kept.last_zxid)
        assert back.session.id == kept.session.id != NO_SESSION.id
        assert back.get(f"{root}/kept")[0] == b"mine"
        # The other client does not come back.
        eventually(lambda: f"gone" not in back.children(root), 30, "the session of the other one expires")
        holds(lambda: "kept" in back.children(root), 5, "the first one's does not")


def test_it_refuses_what_would_destroy_something(cluster, connect, root, tmp_path):
    file = tmp_path / "b.mbak"
    admin.told("backup", file, servers=stores(cluster))
    before = file.read_bytes()
    assert "is there already" in admin.refusal("backup", file, servers=stores(cluster))
    assert file.read_bytes() == before and list(tmp_path.glob("*.partial")) == []
    admin.told("backup", "--force", file, servers=stores(cluster))
    assert "not empty" in admin.refusal("restore", file, servers=stores(cluster))
    assert connect().exists(root)
    assert "no restore is unfinished" in admin.run("restore", "--abort", servers=stores(cluster)).stdout


def test_a_damaged_backup_is_refused_with_its_place_before_the_cluster_hears_of_it(another, tmp_path):
    target = another("standalone")
    fill(target, "/data", 2000)
    file, damaged = tmp_path / "b.mbak", tmp_path / "damaged.mbak"
    admin.told("backup", file, servers=stores(target))
    whole = file.read_bytes()
    empty = another("standalone")
    for at in (20, 600, len(whole) // 2, len(whole) - 1):
        bytes_ = bytearray(whole)
        bytes_[at] ^= 0x10
        damaged.write_bytes(bytes_)
        said = admin.refusal("restore", damaged, servers=stores(empty))
        assert str(damaged) in said and "is damaged at offset" in said, said
        assert "is damaged at offset" in admin.refusal("backup", "--verify", damaged)
    damaged.write_bytes(whole[: len(whole) // 2])
    assert "is damaged at offset" in admin.refusal("restore", damaged, servers=stores(empty))
    client = client_of(empty)
    assert client.get_children("/") == ["zookeeper"]
    client.create("/serves")
    client.stop()


@pytest.mark.parametrize("shape_", ["standalone", "ensemble", "split"])
def test_a_restore_cut_off_by_kill_9_serves_nobody_and_can_be_run_again(another, tmp_path, shape_):
    source = another("standalone")
    fill(source, "/data", MANY)
    file = tmp_path / "b.mbak"
    made = admin.told("backup", file, servers=stores(source))
    source.down()
    target = another(shape_)
    command = admin.start("restore", file, servers=stores(target))
    names = [name for name in target.names() if name in target.store_addresses()]
    begun = "a backup is being restored"
    eventually(lambda: any(begun in target.log(name).read_text() for name in names), 30, "it has begun")
    target.kill9_all()
    _, said = command.communicate(timeout=60)
    for name in target.names():
        target.start(name)
    if command.returncode:
        assert "--start-over" in said or "not empty" in said or "unavailable" in said, said
        where = stores(target)
        if "unfinished" in eventually(lambda: verdict(file, where), 60, "its stores answer"):
            # Half a tree is no tree: nobody gets in before it is restored or given up.
            address = next(iter(target.addresses().values()))
            holds(lambda: not lets_in(address), 3, "it serves nobody")
            restored = eventually(lambda: admin.told("restore", "--start-over", file, servers=where), 60, "again")
            assert restored["digest"] == made["digest"]
    target.wait_serving()
    client = client_of(target)
    client.sync("/")
    assert len(client.get_children("/data/0")) == 1000 and len(client.get_children("/data")) == MANY // 1000
    client.stop()


def test_an_unfinished_restore_can_be_given_up(another, tmp_path):
    source = another("standalone")
    fill(source, "/data", MANY)
    file = tmp_path / "b.mbak"
    admin.told("backup", file, servers=stores(source))
    target = another("standalone")
    command = admin.start("restore", file, servers=stores(target))
    eventually(lambda: "a backup is being restored" in target.log("standalone").read_text(), 30, "it has begun")
    command.kill()
    command.communicate()
    address = next(iter(target.addresses().values()))
    given_up = eventually(lambda: admin.run("restore", "--abort", servers=stores(target)).stdout, 30, "answer")
    target.wait_serving()
    with RawClient(address) as client:
        client.connect()
        # The command may have been through before it was killed.
        expected = ["zookeeper"] if "given up" in given_up else ["data", "zookeeper"]
        assert sorted(client.children("/")) == expected


def verdict(file, where) -> str:
    """What a cluster says to a restore once it can say something: done, not empty, or one is unfinished."""
    result = admin.run("restore", file, servers=where)
    if not result.returncode:
        return "done"
    return next((known for known in ("not empty", "unfinished") if known in result.stderr), "")


def lets_in(address) -> bool:
    try:
        return opens_session(address, io_seconds=1)
    except Exception:  # whatever it is, nobody got in
        return False


