"""Read-only mode: what a member without its quorum does for clients that are content with reads."""

import socket

import pytest
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import NotReadOnlyCallError
from kazoo.protocol.states import KeeperState

from harness.cluster import four_letter_word, mode
from harness.ensemble import Ensemble
from harness.split import Split
from harness.wait import eventually
from jute import Reader, int32, string
from raw import (
    CHECK, CLOSE_SESSION, CREATE, DELETE, NO_SESSION, SYNC, Closed, RawClient, Session, connect_body, create_body,
    set_body,
)

pytestmark = pytest.mark.menagerie

NOT_READ_ONLY = -119
MULTI, SET_DATA = 14, 5


def ensemble(directory) -> tuple[Ensemble, list[str]]:
    """One member will remain."""
    cluster = Ensemble(directory)
    for process in cluster.processes.values():
        process.command.append("-Dreadonlymode.enabled=true")
    return cluster, cluster.names()[1:]


def split(directory) -> tuple[Split, list[str]]:
    """All but the log's quorum will remain."""
    cluster = Split(directory)
    cluster.env["SERVER_JVMFLAGS"] = "-Xmx1g -Dreadonlymode.enabled=true"
    return cluster, ["consensus-1", "consensus-2"]


@pytest.fixture(scope="module", params=[ensemble, split])
def cut_off(request, tmp_path_factory):
    """A cluster with `/kept` in it that has then lost its quorum, and an address that is still there."""
    cluster, victims = request.param(tmp_path_factory.mktemp("read-only"))
    try:
        cluster.up()
        address = next(iter(cluster.addresses().values()))
        with RawClient(address) as client:
            client.connect(timeout_ms=40_000)
            client.create("/kept", b"data")
            cluster.before = client.session
        for name in victims:
            cluster.kill9(name)
        eventually(lambda: mode(address) == "read-only", 30, "reads are served")
        cluster.last = address
        yield cluster
    finally:
        cluster.down()


def read_only(address, session=NO_SESSION, last_zxid=0, timeout_ms=10_000) -> RawClient:
    """A client that says that reads will do; its `response` is what the server said."""
    client = RawClient(address)
    client.send_frame(connect_body(timeout_ms, session, last_zxid)[:-1] + b"\x01")
    reader = Reader(client.read_frame())
    assert reader.int32() == 0
    timeout, id_, password = reader.int32(), reader.int64(), reader.buffer()
    client.session, client.read_only = Session(id_, password, timeout), reader.rest == b"\x01"
    return client


def test_reads_and_watches_work_and_pings_are_answered(cut_off):
    with read_only(cut_off.last) as client:
        assert client.read_only and client.session.timeout_ms == 10_000
        assert client.get("/kept", watch=True)[0] == b"data"
        assert "kept" in client.children("/", watch=True)
        assert client.ping().err == 0
        assert client.reply_to(107).err == 0


@pytest.mark.parametrize(
    "op,body",
    [
        (CREATE, create_body("/no", b"", 0, ((31, "world", "anyone"),))),
        (DELETE, string("/kept") + int32(-1)),
        (SET_DATA, set_body("/kept", b"x", -1)),
        (SYNC, string("/kept")),
        (CHECK, string("/kept") + int32(-1)),
        (MULTI, int32(-1) + b"\x01" + int32(-1)),
    ],
)
def test_whatever_writes_is_refused_and_the_session_goes_on(cut_off, op, body):
    with read_only(cut_off.last) as client:
        read = client.reply_to(3, string("/kept") + b"\x00")
        reply = client.reply_to(op, body)
        assert (reply.err, reply.body) == (NOT_READ_ONLY, b"")
        assert reply.zxid >= read.zxid > 0
        assert client.get("/kept")[0] == b"data"


def test_refusals_keep_their_place_among_reads(cut_off):
    with read_only(cut_off.last) as client:
        xids = [client.send(*pair) for pair in [(4, string("/kept") + b"\x00"), (SYNC, string("/"))] * 20]
        replies = [client.receive() for _ in xids]
        assert [reply.xid for reply in replies] == xids
        assert [reply.err for reply in replies] == [0, NOT_READ_ONLY] * 20


def test_clients_that_want_to_write_are_closed(cut_off):
    with RawClient(cut_off.last) as client, pytest.raises(Closed):
        client.connect()


def test_sessions_of_the_ensemble_are_closed_and_not_expired(cut_off):
    with pytest.raises(Closed):
        read_only(cut_off.last, cut_off.before)


def test_whoever_has_seen_more_is_closed(cut_off):
    with pytest.raises(Closed):
        read_only(cut_off.last, last_zxid=1 << 40)


def test_a_session_is_taken_up_again_with_its_password_only(cut_off):
    with read_only(cut_off.last) as first, read_only(cut_off.last, first.session) as second:
        assert second.session == first.session
        # The connection that had it is gone.
        assert first.read_to_end() == b""
        assert second.get("/kept")[0] == b"data"
        wrong = Session(second.session.id, b"x" * 16, 0)
        with read_only(cut_off.last, wrong) as third:
            assert third.session.timeout_ms == 0 and third.read_to_end() == b""
        assert second.ping().err == 0


def test_a_session_may_be_closed(cut_off):
    with read_only(cut_off.last) as client:
        assert client.reply_to(CLOSE_SESSION).err == 0
        assert client.read_to_end() == b""
        with read_only(cut_off.last, client.session) as again:
            assert again.session.timeout_ms == 0


def test_silent_sessions_expire(cut_off):
    with read_only(cut_off.last, timeout_ms=4_000) as client:
        client.socket.settimeout(30)
        assert client.read_to_end() == b""
        with read_only(cut_off.last, client.session) as again:
            assert again.session.timeout_ms == 0


def test_words_say_so(cut_off):
    assert four_letter_word(cut_off.last, b"isro") == b"ro"
    summary = four_letter_word(cut_off.last, b"srvr").decode().splitlines()
    assert summary[1] == "READ-ONLY mode; serving only read-only clients"
    assert "Mode: read-only" in summary


def test_kazoo_reads_and_is_told_that_it_cannot_write(cut_off):
    client = KazooClient(hosts="%s:%d" % cut_off.last, read_only=True, timeout=10)
    try:
        client.start(timeout=20)
        assert client.client_state == KeeperState.CONNECTED_RO
        assert client.get("/kept")[0] == b"data"
        with pytest.raises(NotReadOnlyCallError):
            client.create("/no")
        assert client.state == KazooState.CONNECTED
    finally:
        client.stop()
        client.close()


def test_the_mode_ends_with_the_quorums_return(cut_off):
    """The last case: afterwards nothing is cut off."""
    with read_only(cut_off.last) as client:
        client.socket.settimeout(60)
        cut_off.restore()
        assert client.read_to_end() == b""
    assert four_letter_word(cut_off.last, b"isro") == b"rw"
    with RawClient(cut_off.last) as old:
        # The ensemble's own sessions have outlived it.
        old.connect(session=cut_off.before)
        assert old.session.timeout_ms > 0
        old.set("/kept", b"changed")
    with read_only(cut_off.last) as client:
        assert not client.read_only
        assert client.get("/kept")[0] == b"changed"


def test_it_is_off_unless_enabled(cluster):
    """A server with a quorum serves clients that would be content with less as any other."""
    with read_only(next(iter(cluster.addresses().values()))) as client:
        assert not client.read_only and client.session.timeout_ms == 10_000
        client.close_session()


def test_an_unfinished_handshake_is_no_matter(cut_off):
    with socket.create_connection(cut_off.last) as idle:
        idle.sendall(b"\x00\x00")
        with read_only(cut_off.last) as client:
            assert client.ping().err == 0
