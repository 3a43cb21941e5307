"""What no client should send: ZooKeeper's answer, or a closed connection; nobody else is affected."""

import pytest

import raw as wire
from jute import buffer, int32, string
from raw import Closed

MAX_FRAME = 0xFFFFF


@pytest.fixture
def bystander(raw, root):
    """A client that must notice nothing: same connection, session, ephemeral and watch in the end."""
    client, own = raw(), f"{root}/bystander"
    client.create(own)
    client.create(f"{own}/e", flags=1)
    client.children(own, watch=True)
    yield client
    assert client.take_events() == []
    assert client.exists(f"{own}/e").ephemeral_owner == client.session.id
    client.create(f"{own}/marker")
    assert client.take_events() == [wire.Event(wire.CHILDREN_CHANGED, own)]


def assert_closed(client):
    with pytest.raises(Closed):
        client.read_frame()


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 0x7FFFFFFF, -1, -0x80000000])
def test_a_frame_of_impossible_length_closes_the_connection(raw, root, bystander, length):
    client = raw()
    client.create(f"{root}/a", flags=1)
    client.send_bytes(int32(length))
    assert_closed(client)
    # The session is still there.
    back = raw(session=client.session)
    assert back.session.id == client.session.id
    back.delete(f"{root}/a")


def test_the_largest_frame_is_taken_and_one_byte_more_is_not(raw, root, bystander):
    client = raw()
    path = f"{root}/bystander"
    overhead = 8 + len(wire.set_body(path, b""))
    largest = b"x" * (MAX_FRAME - overhead)
    client.sync(path)
    assert client.set(path, largest).data_length == len(largest)
    assert client.get(path)[0] == largest
    try:
        client.send(wire.SET_DATA, wire.set_body(path, largest + b"x"))
    except wire.Closed:
        # The length alone was enough for the server.
        return
    assert_closed(client)


@pytest.mark.parametrize(
    "data",
    [
        buffer(b"garbage"),
        buffer(b""),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        int32(-1),
    ],
)
def test_garbage_instead_of_a_handshake_closes_the_connection(raw, bystander, data):
    client = raw(handshake=False)
    client.send_bytes(data)
    assert_closed(client)


@pytest.mark.parametrize("data", [b"", b"\0\0", int32(45) + b"half a handshake"])
def test_a_client_that_hangs_up_in_the_handshake_harms_nobody(raw, bystander, data):
    client = raw(handshake=False)
    client.send_bytes(data)
    client.drop()


@pytest.mark.parametrize("op", [999, 10, 0, -1, -10_000, 0x7FFFFFFF])
def test_an_unknown_operation_is_unimplemented_and_then_closed(raw, bystander, op):
    client = raw()
    assert client.reply_to(op, string("/") + int32(-1)).err == -6
    assert_closed(client)
    assert raw(session=client.session).session.id == client.session.id


@pytest.mark.menagerie
def test_a_check_outside_a_multi_is_unimplemented(raw, bystander):
    """As in newer ZooKeeper; 3.8 never answers it."""
    client = raw()
    assert client.reply_to(wire.CHECK, string("/") + int32(-1)).err == -6
    assert_closed(client)


@pytest.mark.parametrize(
    ("op", "body"),
    [
        (wire.CREATE, b""),
        (wire.CREATE, string("/x")),
        (wire.SET_DATA, int32(1_000_000) + b"short"),
        (wire.GET_DATA, b"\0\0"),
        (wire.EXISTS, string("/")),
        (wire.MULTI, b"\0"),
        (wire.SET_WATCHES, b"\0"),
        (wire.CREATE, string("/x") + buffer(b"") + int32(0x7FFFFFFF)),
    ],
)
def test_a_truncated_record_is_a_marshalling_error_and_the_connection_stays(raw, root, bystander, op, body):
    client = raw()
    assert client.reply_to(op, body).err == -5
    assert client.exists(root)


def test_a_frame_too_short_for_a_header_closes_the_connection(raw, bystander):
    client = raw()
    client.send_frame(b"\0\0\0")
    assert_closed(client)


def test_bytes_behind_a_record_are_ignored(raw, root, bystander):
    assert raw().reply_to(wire.EXISTS, string(root) + b"\0" + b"more").err == 0


def test_a_client_that_stops_reading_harms_nobody(raw, root, bystander):
    """Replies of 100 MB that nobody takes."""
    hog = raw()
    hog.set(root, b"x" * 500_000)
    hog.socket.settimeout(2)
    try:
        for _ in range(200):
            hog.send(wire.GET_DATA, string(root) + b"\0")
    except TimeoutError:
        pass
    assert bystander.exists(root).data_length == 500_000
    assert bystander.set(root, b"").version == 2
