"""Reads and writes of one session sent without waiting: each read shows the writes before it and none behind it."""

import random

import pytest

import raw as wire
from raw import CHANGED, Closed, Event

CHECK_WATCHES, OF_DATA = 17, 2


def data_of(reply):
    assert reply.err == 0
    return wire.Reader(reply.body).buffer()


def test_each_read_stands_between_its_neighbours(raw, root):
    client = raw()
    for n in range(300):
        client.send(wire.SET_DATA, wire.set_body(root, b"%d" % n))
        client.send(wire.GET_DATA, wire.string(root) + b"\0")
        client.send(wire.EXISTS, wire.string(root) + b"\0")
    last = 0
    for n in range(300):
        written, read, exists = (client.receive() for _ in range(3))
        assert (written.err, data_of(read), exists.err) == (0, b"%d" % n, 0)
        # Nothing of another session happens meanwhile but what keeps the service itself going.
        assert last < written.zxid <= read.zxid <= exists.zxid
        stat = wire.Reader(exists.body).stat()
        assert (stat.mzxid, stat.version) == (written.zxid, n + 1)
        last = written.zxid


def test_random_mixes_of_several_sessions_are_each_in_order(raw, root):
    rng = random.Random(7)
    clients = [raw() for _ in range(4)]
    expected = []
    for at, client in enumerate(clients):
        path = f"{root}/{at}"
        client.create(path, b"start")
        value, replies = b"start", []
        for n in range(250):
            kind = rng.choice("sggecp")
            if kind == "s":
                value = b"%d" % n
                client.send(wire.SET_DATA, wire.set_body(path, value))
                replies.append(None)
            elif kind == "g":
                client.send(wire.GET_DATA, wire.string(path) + b"\0")
                replies.append(value)
            elif kind == "e":
                client.send(wire.GET_DATA, wire.string(f"{path}/none") + b"\0")
                replies.append(-101)
            elif kind == "c":
                client.send(wire.SET_DATA, wire.set_body(path, b"never", version=1_000_000))
                replies.append(-103)
            else:
                client.send(wire.PING, xid=wire.PING_XID)
                replies.append(None)
        expected.append(replies)
    for client, replies in zip(clients, expected):
        zxid = 0
        for wanted in replies:
            reply = client.receive()
            assert reply.zxid >= zxid
            zxid = reply.zxid
            if isinstance(wanted, int):
                assert reply.err == wanted
            else:
                assert reply.err == 0
                assert wanted is None or data_of(reply) == wanted


def test_a_watch_between_two_writes_tells_of_the_second_before_its_reply(raw, root):
    client = raw()
    path = wire.string(root)
    for n in range(50):
        client.send(wire.SET_DATA, wire.set_body(root, b"first"))
        client.send(wire.GET_DATA, path + b"\1")
        client.send(CHECK_WATCHES, path + wire.int32(OF_DATA))
        client.send(wire.GET_DATA, path + b"\1")
        client.send(wire.SET_DATA, wire.set_body(root, b"second"))
        client.send(wire.GET_DATA, path + b"\0")
    for n in range(50):
        first, read, checked, again = (client.receive() for _ in range(4))
        assert (data_of(read), checked.err, data_of(again)) == (b"first", 0, b"first")
        assert client.take_events() == []
        second = client.receive()
        assert client.take_events() == [Event(CHANGED, root)]
        assert second.zxid > first.zxid and data_of(client.receive()) == b"second"


def test_reads_behind_the_last_write_are_answered_before_the_session_ends(raw, root):
    client = raw()
    for n in range(20):
        client.send(wire.CREATE, wire.create_body(f"{root}/n", flags=3))
        client.send(wire.GET_CHILDREN, wire.string(root) + b"\0")
    client.send(wire.CLOSE_SESSION)
    for n in range(20):
        assert client.receive().err == 0
        assert len(wire.Reader(client.receive().body).strings()) == n + 1
    assert client.receive().err == 0
    with pytest.raises(Closed):
        client.read_frame()
    assert raw().children(root) == []


@pytest.mark.shapes("split")
def test_a_mix_survives_a_change_of_tree_stores(cluster, raw, root):
    client = raw()
    for n in range(600):
        client.send(wire.SET_DATA, wire.set_body(root, b"%d" % n))
        client.send(wire.GET_DATA, wire.string(root) + b"\0")
    for n in range(600):
        if n == 100:
            cluster.kill9("tree-store-1")
        if n == 300:
            cluster.start("tree-store-1")
            cluster.wait_serving()
            cluster.kill9("tree-store-2")
        assert client.receive().err == 0
        assert data_of(client.receive()) == b"%d" % n
