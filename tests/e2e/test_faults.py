"""kill -9 under write load: what was acknowledged stays, nothing is done twice, and few notice."""

import time

import pytest

from harness.cluster import four_letter_word, mode, opens_session
from harness.wait import eventually, holds
from load import Load
from pipelined import PipelinedLoad
from raw import CHANGED, Closed, Event

# How long until every writer writes again after a process was started again.
RECOVERY_SECONDS = 30
# How long writes may pause when the consensus leader dies.
ELECTION_SECONDS = 2
# Between two deaths, over all writers.
PIPELINED_WRITES = 2_000


def wait_until_all_write(load: Load, within: float = RECOVERY_SECONDS) -> None:
    moment = time.monotonic()
    eventually(lambda: load.all_written_since(moment), within, "every writer writes")


def test_every_process_in_turn_is_killed_and_started_again(cluster, connect, root):
    with Load(root, cluster.hosts()) as load:
        wait_until_all_write(load)
        for name in cluster.names():
            cluster.kill9(name)
            cluster.start(name)
            cluster.wait_serving()
            wait_until_all_write(load)
    load.verify(connect())


def test_all_processes_are_killed_at_once_and_started_again(cluster, connect, root):
    with Load(root, cluster.hosts()) as load:
        for _ in range(3):
            wait_until_all_write(load)
            cluster.kill9_all()
            cluster.restore()
        wait_until_all_write(load)
    load.verify(connect())


def test_sessions_and_ephemerals_survive_the_death_of_everything(cluster, connect, raw, root):
    client = raw(timeout_ms=30_000)
    client.create(f"{root}/e", b"mine", flags=1)
    cluster.kill9_all()
    cluster.restore()
    back = raw(session=client.session, last_zxid=client.last_zxid)
    assert back.session.id == client.session.id
    assert back.get(f"{root}/e")[0] == b"mine"
    back.close_session()
    watcher = connect()
    eventually(lambda: watcher.exists(f"{root}/e") is None, what="the ephemeral goes with its session")


def wait_until_written(load: PipelinedLoad) -> None:
    enough = load.count() + PIPELINED_WRITES
    eventually(lambda: load.count() >= enough, RECOVERY_SECONDS, "pipelined writes go on")


@pytest.mark.menagerie
def test_a_leader_that_is_back_before_it_is_missed_has_forgotten_nothing(cluster, raw, root):
    """It must not go on in its old term: its followers may hold what it sent and had not yet written itself."""
    with PipelinedLoad(cluster, root) as load:
        for _ in range(15):
            wait_until_written(load)
            leader = cluster.leader()
            cluster.kill9(leader)
            cluster.start(leader)
        wait_until_written(load)
    cluster.wait_serving()
    load.verify(raw())


def test_all_processes_are_killed_at_once_with_many_writes_under_way(cluster, raw, root):
    with PipelinedLoad(cluster, root) as load:
        for _ in range(8):
            wait_until_written(load)
            cluster.kill9_all()
            cluster.restore()
        wait_until_written(load)
    load.verify(raw())


@pytest.mark.menagerie
@pytest.mark.shapes("ensemble", "split")
def test_nobody_notices_the_death_of_the_consensus_leader_but_for_a_pause(cluster, connect, root):
    """In an ensemble, nobody who is not connected to the very process that dies."""
    for _ in range(2):
        leader = cluster.leader()
        others = [name for name in cluster.addresses() if name != leader]
        with Load(f"{root}", cluster.hosts(only=others)) as load:
            wait_until_all_write(load)
            cluster.kill9(leader)
            wait_until_all_write(load, within=ELECTION_SECONDS)
        assert load.errors() == []
        cluster.restore()
        load.verify(connect())


@pytest.mark.shapes("split")
def test_clients_of_a_killed_gateway_move_to_the_other_with_their_sessions(cluster, connect, root):
    clients = [connect() for _ in range(6)]
    sessions = [client.client_id for client in clients]
    for n, client in enumerate(clients):
        client.create(f"{root}/e-{n}", ephemeral=True)
    for gateway in cluster.addresses():
        with Load(root, cluster.hosts(), writers=2, counters=0) as load:
            wait_until_all_write(load)
            cluster.kill9(gateway)
            wait_until_all_write(load)
        eventually(lambda: all(client.connected for client in clients), what="all clients have moved")
        assert [client.client_id for client in clients] == sessions
        for n, client in enumerate(clients):
            assert client.retry(client.exists, f"{root}/e-{n}").ephemeralOwner == sessions[n][0]
        cluster.restore()
        load.verify(connect())


@pytest.mark.shapes("split")
def test_no_live_session_expires_when_the_active_session_tracker_dies(cluster, connect, root):
    clients = [connect(timeout=4.0) for _ in range(6)]
    states = []
    for n, client in enumerate(clients):
        client.create(f"{root}/e-{n}", ephemeral=True)
        client.add_listener(states.append)
    for _ in range(2):
        tracker = cluster.active_tracker()
        cluster.kill9(tracker)
        newcomer = connect(timeout=4.0)
        assert newcomer.exists(root)
        assert cluster.active_tracker() != tracker
        # Two timeouts: whoever was forgotten would be gone by then.
        holds(lambda: len(newcomer.get_children(root)) == len(clients), 8, "the ephemerals of idle clients")
        newcomer.stop()
        cluster.restore()
    assert states == []


@pytest.mark.shapes("split")
def test_a_dead_client_expires_although_the_tracker_that_knew_it_died(cluster, connect, raw, root):
    dead = raw(timeout_ms=4_000)
    dead.create(f"{root}/e", flags=1)
    dead.drop()
    cluster.kill9(cluster.active_tracker())
    watcher = connect()
    eventually(lambda: watcher.exists(f"{root}/e") is None, within=30, what="the dead client's session expires")


@pytest.mark.shapes("split")
@pytest.mark.parametrize("store", ["tree-store-1", "tree-store-2"])
def test_the_death_of_a_tree_store_loses_no_watch_and_no_connection(cluster, connect, raw, root, store):
    watchers = [raw(address) for address in cluster.addresses().values() for _ in range(3)]
    for watcher in watchers:
        watcher.get(root, watch=True)
    with Load(root, cluster.hosts()) as load:
        wait_until_all_write(load)
        cluster.kill9(store)
        wait_until_all_write(load)
        for n in range(5):
            connect().set(root, str(n).encode())
            for watcher in watchers:
                assert watcher.wait_events(1) == [Event(CHANGED, root)]
                assert watcher.get(root, watch=True)[0] == str(n).encode()
        cluster.restore()
        wait_until_all_write(load)
    assert load.errors() == []
    assert [watcher.take_events() for watcher in watchers] == [[]] * len(watchers)
    load.verify(connect())


@pytest.mark.shapes("ensemble", "zookeeper-ensemble")
def test_it_serves_only_once_two_of_three_are_up(cluster, connect, root):
    addresses = cluster.addresses()
    cluster.kill9_all()
    cluster.start("server-1")
    not_serving = b"This ZooKeeper instance is not currently serving requests\n"
    eventually(lambda: four_letter_word(addresses["server-1"], b"srvr") == not_serving)
    assert four_letter_word(addresses["server-1"], b"ruok") == b"imok"
    holds(lambda: not serves(addresses["server-1"]), 2, "one of three serves nobody")
    cluster.start("server-2")
    up = ["server-1", "server-2"]
    cluster.wait_serving(up)
    assert connect(hosts=cluster.hosts(only=up)).exists(root)
    assert sorted(mode(addresses[name]) for name in up) == ["follower", "leader"]


def serves(address: tuple[str, int]) -> bool:
    try:
        return opens_session(address, io_seconds=1)
    except (Closed, OSError):
        return False
