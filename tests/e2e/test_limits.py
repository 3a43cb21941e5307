"""What happens to clients that ask for too much, and to settings given in every way there is."""

import socket
import subprocess

import pytest

from harness.binary import menagerie
from harness.cluster import four_letter_word
from harness.own import Own
from harness.wait import eventually
from jute import string
from raw import SET_DATA, Closed, RawClient, set_body

pytestmark = pytest.mark.menagerie

MARSHALLING_ERROR = -5


def is_let_in(address) -> bool:
    try:
        with RawClient(address, io_seconds=5) as client:
            client.connect()
            client.close_session()
            return True
    except (Closed, ConnectionError):
        return False


def test_connections_are_limited_together_and_by_address(tmp_path):
    with Own(tmp_path, maxCnxns=3, maxClientCnxns=2) as own:
        # The one that asks.
        eventually(lambda: b"Connections: 1\n" in four_letter_word(own.address, b"srvr"), what="nobody else is left")
        with socket.create_connection(own.address) as _, socket.create_connection(own.address) as _:
            assert not is_let_in(own.address)
            # Another address of the same machine has a count of its own, up to the limit on all.
            with socket.socket() as three:
                three.bind(("127.0.0.2", 0))
                three.connect(own.address)
                with socket.socket() as four:
                    four.bind(("127.0.0.3", 0))
                    four.connect(own.address)
                    four.settimeout(5)
                    assert four.recv(1) == b""
        assert eventually(lambda: is_let_in(own.address), what="the connections are forgotten")


def test_sessions_asked_for_too_fast_are_let_go(tmp_path):
    with Own(tmp_path, connection_throttle_tokens=5, connection_throttle_fill_time=3_600_000) as own:
        # Those that waited for the server have taken some.
        let_in = [is_let_in(own.address) for _ in range(10)]
        assert let_in.count(True) < 5 and not let_in[-1]
        assert four_letter_word(own.address, b"ruok") == b"imok"


def test_a_connection_that_asks_for_nothing_is_closed(tmp_path):
    with Own(tmp_path, nio__sessionlessCnxnTimeout=300) as own:
        with socket.create_connection(own.address, timeout=10) as idle:
            assert idle.recv(1) == b""


def test_requests_are_as_long_as_is_set(tmp_path):
    with Own(tmp_path, jute__maxbuffer=2000) as own, RawClient(own.address) as client:
        client.connect()
        path = client.create("/long-", b"x" * 1800, flags=2)
        with RawClient(own.address) as other:
            other.connect()
            with pytest.raises(Closed):
                other.set(path, b"x" * 2000)
        # A length within a request that leads beyond it is no reason to close.
        client.send(SET_DATA, string(path) + (1500).to_bytes(4, "big"))
        assert client.receive().err == MARSHALLING_ERROR
        assert client.ping().err == 0


def test_many_more_requests_than_may_be_outstanding_are_all_answered_in_order(tmp_path):
    with Own(tmp_path, globalOutstandingLimit=10, request_throttle_max_requests=50) as own:
        with RawClient(own.address) as client, RawClient(own.address) as other:
            client.connect()
            other.connect()
            path = client.create("/many-", b"", flags=2)
            xids = [client.send(SET_DATA, set_body(path, b"x")) for _ in range(2000)]
            assert other.exists(path).version >= 0
            replies = [client.receive() for _ in xids]
            assert [reply.xid for reply in replies] == xids
            assert {reply.err for reply in replies} == {0}


def test_large_requests_are_limited_together(tmp_path):
    with Own(tmp_path, largeRequestThreshold=10_000, largeRequestMaxBytes=50_000) as own:
        with RawClient(own.address) as client:
            client.connect()
            path = client.create("/large-", b"", flags=2)
            for _ in range(20):
                client.set(path, b"x" * 40_000)
            with pytest.raises(Closed):
                client.set(path, b"x" * 60_000)


def test_the_environment_of_zkserver_counts_and_the_file_comes_first(tmp_path):
    config = tmp_path / "zoo.cfg"
    config.write_text(f"dataDir={tmp_path}/data\nclientPort=0\nzookeeper.maxCnxns=zwei\nadmin.enableServer=false\n")

    def fault(*arguments: str, **env: str) -> str:
        command = [menagerie(), "server", *arguments, config]
        ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)
        assert ended.returncode == 2
        return ended.stderr

    assert "zoo.cfg:3: zookeeper.maxCnxns: `zwei` is not a whole number" in fault("-DmaxCnxns=1")
    config.write_text(f"dataDir={tmp_path}/data\nclientPort=0\nadmin.enableServer=false\n")
    assert "-Dzookeeper.maxCnxns: `x` is not" in fault("-Dzookeeper.maxCnxns=x", JVMFLAGS="-Dzookeeper.maxCnxns=y")
    assert "MENAGERIE_MAX_CNXNS: `z` is not" in fault(MENAGERIE_MAX_CNXNS="z", JVMFLAGS="-Dzookeeper.maxCnxns=y")
    assert "SERVER_JVMFLAGS: -Dzookeeper.maxCnxns: `y` is not" in fault(SERVER_JVMFLAGS="-Xmx1g -Dzookeeper.maxCnxns=y")
    assert "-Dzookeeper.maxCnxs: unknown property; did you mean maxCnxns?" in fault("-Dzookeeper.maxCnxs=1")
