"""What dies, sleeps, is cut off or is damaged: the rows of the failure table that kill -9 alone does not show.

What needs namespaces, file systems or a preloaded library is in `tests/chaos`.
"""

import resource
import time
from contextlib import ExitStack, contextmanager

import pytest

from harness.cluster import opens_session
from harness.ensemble import Ensemble
from harness.ports import free_port
from harness.process import Process
from harness.proxy import Proxy
from harness.wait import eventually, holds
from load import Load
from raw import SET_DATA, Closed, RawClient, set_body
from test_faults import wait_until_all_write

pytestmark = pytest.mark.menagerie

TIMEOUT_MS = 4_000
# Two session timeouts: whoever was forgotten would be gone by then.
LONG_SECONDS = 8
# How long after a third of the timeout a connection may still be there: reports come at intervals.
SLACK_SECONDS = 2.5


@contextmanager
def asleep(cluster, names: list[str]):
    """All of them at once."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(cluster.suspended(name))
        yield


def away(cluster) -> tuple[str, list[str]]:
    """A process that clients can stay with, and a majority of voters without it."""
    address = list(cluster.addresses())[-1]
    return address, [name for name in cluster.voters() if name != address][:2]


@pytest.mark.shapes("ensemble", "split")
def test_nobody_notices_the_death_of_a_minority(cluster, connect, root):
    leader = cluster.leader()
    victim = next(name for name in cluster.voters() if name != leader)
    others = [name for name in cluster.addresses() if name != victim]
    with Load(root, cluster.hosts(only=others)) as load:
        wait_until_all_write(load)
        cluster.kill9(victim)
        for _ in range(10):
            wait_until_all_write(load, within=2)
    assert load.errors() == []
    cluster.restore()
    load.verify(connect())


@pytest.mark.shapes("ensemble", "split")
def test_a_majority_that_sleeps_for_a_second_is_nothing_but_latency(cluster, connect, root):
    stays, majority = away(cluster)
    with Load(root, cluster.hosts(only=[stays])) as load:
        wait_until_all_write(load)
        with asleep(cluster, majority):
            moment = time.monotonic()
            holds(lambda: not load.all_written_since(moment), 1, "nobody writes without a majority")
        wait_until_all_write(load)
    assert load.errors() == []
    load.verify(connect())


@pytest.mark.shapes("ensemble", "split")
def test_a_majority_that_is_away_for_long_costs_connections_but_no_session(cluster, raw, root):
    stays, majority = away(cluster)
    address = cluster.addresses()[stays]
    clients = [raw(address, timeout_ms=TIMEOUT_MS) for _ in range(5)]
    for n, client in enumerate(clients):
        client.create(f"{root}/e-{n}", flags=1)
    with asleep(cluster, majority):
        began = time.monotonic()
        clients[0].send(SET_DATA, set_body(root, b"without a majority", -1))
        for client in clients:
            assert seconds_until_closed(client, began) < TIMEOUT_MS / 3000 + SLACK_SECONDS
        holds(lambda: not serves(address), LONG_SECONDS, "nobody is served without a majority")
    for n, client in enumerate(clients):
        back = eventually(lambda: come_back(raw, address, client), 30, "the session is there")
        assert back.session.id == client.session.id
        assert back.exists(f"{root}/e-{n}").ephemeral_owner == client.session.id


def seconds_until_closed(client: RawClient, began: float) -> float:
    """Pings until the connection is closed. No answer may be that to a write."""
    try:
        while True:
            client.send(11, xid=-2)
            reply = client.receive()
            assert reply.xid == -2, f"answered without a majority: {reply}"
            time.sleep(0.05)
    except (Closed, BrokenPipeError):
        return time.monotonic() - began


def come_back(raw, address, client: RawClient) -> RawClient | None:
    try:
        return raw(address, session=client.session, last_zxid=client.last_zxid)
    except Closed:
        return None


def serves(address: tuple[str, int]) -> bool:
    try:
        return opens_session(address, io_seconds=1)
    except (Closed, OSError):
        return False


@pytest.mark.shapes("ensemble", "split")
def test_a_leader_that_sleeps_is_replaced_and_does_no_harm_when_it_wakes(cluster, connect, root):
    leader = cluster.leader()
    others = [name for name in cluster.addresses() if name != leader]
    with Load(root, cluster.hosts(only=others)) as load:
        wait_until_all_write(load)
        with cluster.suspended(leader):
            # It still holds its port: nobody may wait for it.
            wait_until_all_write(load, within=5)
            wait_until_all_write(load)
        for _ in range(5):
            wait_until_all_write(load)
    assert load.errors() == []
    cluster.wait_serving()
    load.verify(connect())


@pytest.mark.shapes("ensemble", "split")
def test_a_voter_that_returns_deposes_nobody(cluster, connect, root):
    leader = cluster.leader()
    victim = next(name for name in cluster.voters() if name != leader)
    others = [name for name in cluster.addresses() if name != victim]
    with Load(root, cluster.hosts(only=others)) as load:
        for _ in range(3):
            with cluster.suspended(victim):
                # Several election timeouts.
                holds(lambda: load.errors() == [], 2, "nobody misses a follower")
            for _ in range(5):
                wait_until_all_write(load, within=2)
            assert cluster.leader() == leader
    assert load.errors() == []
    load.verify(connect())


@pytest.mark.shapes("split")
def test_a_session_tracker_that_sleeps_is_replaced_and_does_not_act_when_it_wakes(cluster, connect, root):
    clients, states = idle(connect, cluster.hosts(), root)
    watcher = connect(timeout=TIMEOUT_MS / 1000)
    with cluster.suspended(cluster.active_tracker()):
        holds(lambda: len(watcher.get_children(root)) == len(clients), LONG_SECONDS, "ephemerals of idle clients")
    holds(lambda: len(watcher.get_children(root)) == len(clients), LONG_SECONDS, "ephemerals of idle clients")
    assert states == []


@pytest.mark.shapes("split")
def test_a_session_tracker_that_is_cut_off_from_a_gateway_expires_nobody(cluster, connect, root, tmp_path):
    words = cluster.command("gateway-1")
    trackers = dict(pair.split("=") for pair in words[words.index("--trackers") + 1].split(","))
    links = {number: Proxy(address) for number, address in trackers.items()}
    port = free_port()
    changes = {
        "--id": "9",
        "--listen": f"127.0.0.1:{free_port()}",
        "--admin-addr": f"127.0.0.1:{free_port()}",
        "--client-addr": f"127.0.0.1:{port}",
        "--grpc-addr": f"127.0.0.1:{free_port()}",
        "--trackers": ",".join(f"{number}={link.address}" for number, link in links.items()),
    }
    for flag, value in changes.items():
        words[words.index(flag) + 1] = value
    gateway = Process(words, tmp_path / "gateway-9.log")
    gateway.start()
    try:
        eventually(lambda: opens_session(("127.0.0.1", port)), 30, "the gateway serves")
        clients, states = idle(connect, f"127.0.0.1:{port}", root)
        links[cluster.active_tracker().rpartition("-")[2]].cut()
        watcher = connect(hosts=cluster.hosts())
        holds(lambda: len(watcher.get_children(root)) == len(clients), LONG_SECONDS, "ephemerals of idle clients")
        assert states == []
    finally:
        gateway.stop()
        for link in links.values():
            link.__exit__()


def idle(connect, hosts: str, root: str) -> tuple[list, list]:
    """Clients with an ephemeral each that do nothing but ping, and all that their connections go through."""
    clients, states = [connect(hosts=hosts, timeout=TIMEOUT_MS / 1000) for _ in range(6)], []
    for n, client in enumerate(clients):
        client.create(f"{root}/e-{n}", ephemeral=True)
        client.add_listener(states.append)
    return clients, states


def test_a_member_that_cannot_write_leaves_service_and_says_why(tmp_path, connect_to):
    """A limit on the size of files stands for a disk that refuses; the system then says EFBIG."""
    cluster = Ensemble(tmp_path)
    for process in cluster.processes.values():
        process.restore_signals = False
    try:
        cluster.up()
        leader = cluster.leader()
        victim = next(name for name in cluster.names() if name != leader)
        others = [name for name in cluster.names() if name != victim]
        client = connect_to(cluster.hosts(only=others))
        client.create("/filled")
        client.create("/load")
        for _ in range(20):
            client.set("/filled", bytes(100_000))
        with Load("/load", cluster.hosts(only=others)) as load:
            wait_until_all_write(load)
            process = cluster.processes[victim]
            resource.prlimit(process.child.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
            eventually(lambda: not process.running, 30, "the member leaves service")
            for _ in range(5):
                wait_until_all_write(load)
        assert load.errors() == []
        assert process.child.returncode == 1
        last = cluster.log(victim).read_text().splitlines()[-1]
        assert str(cluster.data_dirs()[victim] / "log") in last and "File too large" in last, last
        cluster.restore()
        load.verify(connect_to(cluster.hosts(only=[victim])))
    finally:
        cluster.down()


@pytest.fixture
def connect_to():
    """As `connect`, for a cluster of the case's own."""
    from kazoo.client import KazooClient

    clients = []

    def connect_to(hosts: str) -> KazooClient:
        client = KazooClient(hosts=hosts)
        clients.append(client)
        client.start(timeout=30)
        return client

    yield connect_to
    for client in clients:
        client.stop()
        client.close()
