"""Many requests in flight: answered in order, each seeing those before it."""

import threading

import pytest

import raw as wire
from jute import Reader, boolean, string
from raw import Closed

REQUESTS = 10_000


def test_ten_thousand_pipelined_requests_are_answered_in_order(raw, root):
    """Writes and reads of one znode in turn: each read sees the write before it and none after."""
    client = raw()
    client.create(f"{root}/a")
    read = string(f"{root}/a") + boolean(False)

    def send():
        for n in range(REQUESTS // 2):
            client.send(wire.SET_DATA, wire.set_body(f"{root}/a", str(n).encode(), n))
            client.send(wire.GET_DATA, read)

    first = client.xid + 1
    sender = threading.Thread(target=send)
    sender.start()
    last_zxid = 0
    for n in range(REQUESTS // 2):
        written, seen = client.receive(), client.receive()
        assert (written.xid, seen.xid) == (first + 2 * n, first + 2 * n + 1)
        assert (written.err, seen.err) == (0, 0)
        assert Reader(seen.body).buffer() == str(n).encode()
        assert last_zxid < written.zxid <= seen.zxid
        last_zxid = seen.zxid
    sender.join()


def test_kazoo_gets_ten_thousand_asynchronous_results_in_order(connect, root):
    client = connect(timeout=30)
    done, order = threading.Event(), []

    def note(n):
        def callback(result):
            order.append((n, result.exception, result.value if result.successful() else None))
            if len(order) == REQUESTS:
                done.set()

        return callback

    for n in range(REQUESTS):
        client.create_async(f"{root}/n-", b"", sequence=True).rawlink(note(n))
    assert done.wait(60)
    assert order == [(n, None, f"{root}/n-{n:010d}") for n in range(REQUESTS)]
    assert client.exists(root).numChildren == REQUESTS


def test_requests_pipelined_behind_the_handshake_are_served(raw, root):
    client = raw(handshake=False)
    client.send_bytes(
        wire.buffer(wire.connect_body())
        + wire.buffer(wire.int32(1) + wire.int32(wire.CREATE) + wire.create_body(f"{root}/early"))
    )
    client.read_frame()
    assert client.receive().err == 0
    assert raw().exists(f"{root}/early")


def test_errors_in_the_pipeline_stop_nothing(raw, root):
    client = raw()
    for n in range(100):
        client.send(wire.CREATE, wire.create_body(f"{root}/{n % 2}"))
    assert [client.receive().err for _ in range(100)] == [0, 0] + [-110] * 98


def test_requests_behind_a_close_are_not_done(raw, root):
    client, other = raw(), raw()
    client.send(wire.CREATE, wire.create_body(f"{root}/before"))
    close = client.send(wire.CLOSE_SESSION)
    client.send(wire.CREATE, wire.create_body(f"{root}/after"))
    assert client.receive().err == 0
    assert client.receive().xid == close
    with pytest.raises(Closed):
        while True:
            assert client.receive().err == -112
    other.sync(root)
    assert other.children(root) == ["before"]
