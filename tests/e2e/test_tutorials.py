"""What the tutorials make their readers do with kazoo."""

import json
import os
import signal
import subprocess
import sys
import time

from harness.wait import eventually

EPHEMERAL_HOLDER = """
import sys
from kazoo.client import KazooClient
client = KazooClient(hosts=sys.argv[1], timeout=4.0)
client.start()
client.create(sys.argv[2], ephemeral=True)
print(client._session_timeout, flush=True)
sys.stdin.read()
"""


def test_ensure_path_creates_every_parent_and_may_be_repeated(zk, root):
    zk.ensure_path(f"{root}/a/b/c")
    zk.ensure_path(f"{root}/a/b/c")
    assert zk.exists(f"{root}/a/b/c")
    assert zk.get_children(f"{root}/a") == ["b"]


def test_ephemeral_sequential_names_end_in_ten_digits_that_count_up(zk, root):
    names = [zk.create(f"{root}/node-", b"x", ephemeral=True, sequence=True) for _ in range(3)]
    assert names == [f"{root}/node-{n:010d}" for n in range(3)]


def test_get_children_names_all_children(zk, root):
    for name in ("one", "two", "three"):
        zk.create(f"{root}/{name}")
    assert sorted(zk.get_children(root)) == ["one", "three", "two"]
    children, stat = zk.get_children(root, include_data=True)
    assert sorted(children) == ["one", "three", "two"]
    assert stat.numChildren == 3


def test_get_returns_data_and_stat(zk, root):
    zk.create(f"{root}/node", b"some data")
    data, stat = zk.get(f"{root}/node")
    assert data == b"some data"
    assert (stat.version, stat.dataLength, stat.numChildren, stat.ephemeralOwner) == (0, 9, 0, 0)


def test_create_set_get_delete_by_version(zk, root):
    path = zk.create(f"{root}/zk", b"test")
    assert zk.set(path, b"zkbak").version == 1
    assert zk.get(path)[0] == b"zkbak"
    zk.delete(path, version=1)
    assert zk.exists(path) is None


def test_children_watch_fires_once(zk, root):
    events, marker = [], []
    zk.get_children(root, watch=events.append)
    zk.create(f"{root}/first")
    zk.create(f"{root}/second")
    # The marker's event comes after anything that the second create could have fired.
    zk.get(f"{root}/first", watch=marker.append)
    zk.set(f"{root}/first", b"changed")
    eventually(lambda: marker, what="the marker's event")
    assert [(event.type, event.path) for event in events] == [("CHILD", root)]


def test_service_registry_shows_who_comes_and_goes(connect, root):
    servers = [connect(), connect()]
    watcher = connect()
    changes = []
    watcher.get_children(root, watch=changes.append)
    for port, server in enumerate(servers):
        address = json.dumps({"host": "127.0.0.1", "port": port}).encode()
        server.create(f"{root}/server", address, ephemeral=True, sequence=True)
    eventually(lambda: changes, what="the registry's watch")

    def registered() -> list[int]:
        names = sorted(watcher.get_children(root))
        return [json.loads(watcher.get(f"{root}/{name}")[0])["port"] for name in names]

    eventually(lambda: registered() == [0, 1], what="both servers are registered")
    changes.clear()
    watcher.get_children(root, watch=changes.append)
    servers[0].stop()
    eventually(lambda: changes, what="the watch fires when a server leaves")
    eventually(lambda: registered() == [1], what="only the other server is registered")


def test_ephemerals_are_gone_when_the_session_is_closed(connect, zk, root):
    owner = connect()
    owner.create(f"{root}/ephemeral", ephemeral=True)
    owner.stop()
    eventually(lambda: zk.exists(f"{root}/ephemeral") is None, within=5)


def test_ephemerals_of_a_killed_client_stay_until_its_session_expires(cluster, zk, root):
    path = f"{root}/ephemeral"
    before = time.monotonic()
    client = subprocess.Popen(
        [sys.executable, "-c", EPHEMERAL_HOLDER, cluster.hosts(), path],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    try:
        timeout = float(client.stdout.readline()) / 1000
    finally:
        os.kill(client.pid, signal.SIGKILL)
        client.communicate()
    zk.sync(path)
    assert zk.exists(path), "gone before its time"
    eventually(lambda: zk.exists(path) is None, within=3 * timeout + 10, what="the session expires")
    assert time.monotonic() - before >= timeout, "gone before its time"
