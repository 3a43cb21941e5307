"""What hangs is left, and what is stopped in order leaves nothing undone: others notice a pause and no more."""

import time

import pytest

from harness.wait import eventually, holds
from load import Load

# How long until every writer writes again.
RECOVERY_SECONDS = 30
# The smallest timeout there is. A connection that nobody vouches for is closed after a third of it.
SMALLEST_TIMEOUT = 4.0
HANGING_SECONDS = 5


def wait_until_all_write(load: Load) -> None:
    moment = time.monotonic()
    eventually(lambda: load.all_written_since(moment), RECOVERY_SECONDS, "every writer writes")


def hosts_without(cluster, name: str) -> str:
    return cluster.hosts(only=[other for other in cluster.addresses() if other != name])


def idle_clients(connect, hosts: str, root: str) -> list:
    """Sessions with the smallest timeout, each with an ephemeral; and what they hear of their connections."""
    states = []
    for n in range(4):
        client = connect(hosts=hosts, timeout=SMALLEST_TIMEOUT)
        client.create(f"{root}/idle-{n}", ephemeral=True)
        client.add_listener(states.append)
    return states


@pytest.mark.menagerie
@pytest.mark.shapes("ensemble", "split")
def test_a_leader_that_hangs_is_left_and_nobody_else_loses_a_connection(cluster, connect, root):
    leader = cluster.leader()
    hosts = hosts_without(cluster, leader)
    states = idle_clients(connect, hosts, root)
    with Load(root, hosts) as load:
        wait_until_all_write(load)
        with cluster.suspended(leader):
            wait_until_all_write(load)
            holds(lambda: not states, HANGING_SECONDS, "idle clients hear nothing")
        # It finds out that it leads no more, and has acknowledged nothing meanwhile.
        eventually(lambda: cluster.leader() != leader, what="another one leads")
        wait_until_all_write(load)
    assert (load.errors(), states) == ([], [])
    load.verify(connect())


@pytest.mark.menagerie
@pytest.mark.shapes("ensemble", "split")
def test_a_leader_that_is_stopped_has_handed_over_before(cluster, connect, root):
    for _ in range(3):
        leader = cluster.leader()
        said_before = len(cluster.log(leader).read_text())
        with Load(root, hosts_without(cluster, leader)) as load:
            wait_until_all_write(load)
            cluster.stop(leader)
            wait_until_all_write(load)
        said = cluster.log(leader).read_text()[said_before:]
        assert "leadership is handed over" in said and "without handing over" not in said
        assert load.errors() == []
        cluster.restore()
        load.verify(connect())


@pytest.mark.shapes("split")
def test_a_session_tracker_that_hangs_is_replaced_before_anyone_loses_a_connection(cluster, connect, root):
    states = idle_clients(connect, cluster.hosts(), root)
    tracker = cluster.active_tracker()
    with cluster.suspended(tracker):
        assert connect(timeout=SMALLEST_TIMEOUT).exists(root), "sessions can be opened"
        holds(lambda: not states, HANGING_SECONDS, "idle clients hear nothing")
    assert cluster.active_tracker() != tracker
    assert len(connect().get_children(root)) == 4


@pytest.mark.shapes("split")
def test_a_session_tracker_that_is_stopped_leaves_its_lease_to_the_other(cluster, connect, root):
    states = idle_clients(connect, cluster.hosts(), root)
    for _ in range(2):
        tracker = cluster.active_tracker()
        said_before = len(cluster.log(tracker).read_text())
        cluster.stop(tracker)
        assert "the lease is released" in cluster.log(tracker).read_text()[said_before:]
        assert connect(timeout=SMALLEST_TIMEOUT).exists(root)
        cluster.restore()
    assert states == []
