"""What `echo ruok | nc` gets."""

import re
import socket

import pytest

from harness.cluster import four_letter_word, mode

SRVR_FIELDS = re.compile(
    r"""Zookeeper\ version:\ \S+.*,\ built\ on\ .+\n
        (Clients:\n(?P<clients>(\ /.*\n)*)\n)?
        Latency\ min/avg/max:\ \d+/[\d.]+/\d+\n
        Received:\ \d+\n
        Sent:\ \d+\n
        Connections:\ (?P<connections>\d+)\n
        Outstanding:\ \d+\n
        Zxid:\ 0x(?P<zxid>[0-9a-f]+)\n
        Mode:\ (?P<mode>standalone|leader|follower)\n
        Node\ count:\ (?P<nodes>\d+)\n
        (Proposal\ sizes\ last/min/max:\ -?\d+/-?\d+/-?\d+\n)?""",
    re.VERBOSE,
)
CLIENT = re.compile(r" /[^\[]+:\d+\[\d+\]\(queued=\d+,recved=\d+,sent=\d+\)\n")


@pytest.fixture
def address(cluster):
    return next(iter(cluster.addresses().values()))


@pytest.mark.parametrize("word", [b"ruok", b"ruok\n"])
def test_ruok_is_answered_imok(address, word):
    assert four_letter_word(address, word) == b"imok"


def test_isro_says_rw(address):
    assert four_letter_word(address, b"isro") == b"rw"


def test_srvr_has_zookeepers_fields(address, raw, root):
    client = raw(address)
    zxid = client.ping().zxid
    found = SRVR_FIELDS.fullmatch(four_letter_word(address, b"srvr").decode())
    assert found, four_letter_word(address, b"srvr").decode()
    assert found["clients"] is None
    assert int(found["connections"]) >= 1
    assert int(found["zxid"], 16) >= zxid


def test_srvr_counts_the_znodes(address, raw, root):
    def count() -> int:
        return int(SRVR_FIELDS.fullmatch(four_letter_word(address, b"srvr").decode())["nodes"])

    before, client = count(), raw(address)
    # ZooKeeper's own four, of which it counts the root twice, and the case's.
    assert before >= 6
    for n in range(10):
        client.create(f"{root}/{n}")
    assert count() == before + 10


def test_stat_lists_the_clients_too(address, raw):
    client = raw(address)
    host, port = client.socket.getsockname()
    found = SRVR_FIELDS.fullmatch(four_letter_word(address, b"stat").decode())
    assert found, four_letter_word(address, b"stat").decode()
    lines = found["clients"].splitlines(keepends=True)
    assert all(CLIENT.fullmatch(line) for line in lines), lines
    assert any(line.startswith(f" /{host}:{port}[") for line in lines)


def test_modes_are_those_of_the_shape(cluster):
    modes = [mode(address) for address in cluster.addresses().values()]
    if cluster.shape in ("ensemble", "zookeeper-ensemble"):
        assert sorted(modes) == ["follower", "follower", "leader"]
    elif cluster.shape in ("standalone", "zookeeper"):
        assert modes == ["standalone"]
    else:
        assert set(modes) <= {"leader", "follower"}


@pytest.mark.parametrize("word", [b"ruok\n", b"srvr\n", b"stat\n"])
def test_whoever_has_said_all_and_listens_on_gets_the_whole_answer(address, word):
    """As `echo srvr | nc` does: its side of the connection is shut before the answer comes."""
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(word)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer == b"imok" if word == b"ruok\n" else b"Node count: " in answer
