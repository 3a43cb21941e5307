"""reconfig: members leave and join while clients write, and /zookeeper/config says who they are."""

import re
import threading
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import BadArgumentsError, BadVersionError, ConnectionLoss, NoAuthError

from conftest import patient
from harness import zookeeper
from harness.binary import menagerie
from harness.cluster import mode
from harness.ports import free_port
from harness.process import Process
from harness.wait import eventually
from jute import int64, string
from raw import Closed, RawClient, ServerError

pytestmark = pytest.mark.shapes("ensemble", "zookeeper-ensemble")

HOST = "127.0.0.1"
CONFIG = "/zookeeper/config"
RECONFIG, RECONFIG_DISABLED = 16, -123


class Members:
    """Servers that may come and go. Each starts with the list of those there are, and itself."""

    def __init__(self, directory: Path, shape: str, extra: str = "skipACL=yes\n"):
        self.directory, self.shape, self.extra = directory, shape, extra
        self.lines: dict[int, str] = {}
        self.clients: dict[int, int] = {}
        self.processes: dict[int, Process] = {}

    def line(self, n: int) -> str:
        if n not in self.lines:
            self.clients[n] = free_port()
            address = f"{HOST}:{free_port()}:{free_port()}"
            self.lines[n] = f"server.{n}={address}:participant;{HOST}:{self.clients[n]}"
        return self.lines[n]

    def start(self, n: int, others: list[int]) -> None:
        home = self.directory / f"server-{n}"
        (home / "data").mkdir(parents=True)
        (home / "data" / "myid").write_text(f"{n}\n")
        config = home / "zoo.cfg"
        members = "\n".join(self.line(m) for m in sorted({n, *others}))
        config.write_text(
            f"tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir={home}/data\nadmin.enableServer=false\n"
            f"reconfigEnabled=true\n4lw.commands.whitelist=srvr\n{self.extra}{members}\n"
        )
        command = (
            [menagerie(), "server", "--config", config]
            if self.shape == "ensemble"
            else zookeeper.command_line(config)
        )
        self.processes[n] = Process(command, home / "log")
        self.processes[n].start()

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill9()

    def address(self, n: int) -> tuple[str, int]:
        return (HOST, self.clients[n])

    def serves(self, n: int) -> bool:
        """It does, and the ensemble has said who belongs to it."""
        if mode(self.address(n)) not in ("leader", "follower"):
            return False
        with RawClient(self.address(n)) as raw:
            try:
                raw.connect()
                return raw.get(CONFIG)[0] != b""
            except (Closed, OSError):
                return False


@pytest.fixture
def members(tmp_path, shape):
    members = Members(tmp_path, shape)
    yield members
    members.stop()


@pytest.fixture
def three(members):
    """Three members that serve."""
    for n in (1, 2, 3):
        members.line(n)
    for n in (1, 2, 3):
        members.start(n, [1, 2, 3])
    for n in (1, 2, 3):
        eventually(lambda n=n: members.serves(n), what=f"member {n} serves")
    return members


@pytest.fixture
def client(three):
    # Not to the one that leaves: it lets its clients go.
    hosts = ",".join(f"{HOST}:{three.clients[n]}" for n in (1, 2))
    client = KazooClient(hosts=hosts, connection_retry=patient())
    client.start(timeout=30)
    yield client
    client.stop()
    client.close()


def shown(client) -> list[str]:
    """The lines of /zookeeper/config, without the version."""
    text = client.get(CONFIG)[0].decode()
    *lines, version = text.split("\n")
    assert re.fullmatch("version=[0-9a-f]+", version)
    return sorted(lines)


def shows(client, lines: list[str]) -> None:
    eventually(lambda: shown(client) == sorted(lines), what=f"{CONFIG} shows {lines}")


class Writer:
    """Writes without a pause; every write must succeed."""

    def __init__(self, hosts: str):
        self.client = KazooClient(hosts=hosts, connection_retry=patient())
        self.client.start(timeout=30)
        self.client.create("/written", b"")
        self.done, self.failures, self.count = threading.Event(), [], 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.done.is_set():
            try:
                self.client.set("/written", str(self.count).encode(), version=self.count)
                self.count += 1
            except Exception as error:  # noqa: BLE001: every kind counts
                self.failures.append(error)
                return

    def end(self) -> None:
        self.done.set()
        self.thread.join()
        self.client.stop()
        self.client.close()


def test_the_config_znode_lists_the_members(three, client):
    shows(client, [three.line(n) for n in (1, 2, 3)])
    stat = client.get(CONFIG)[1]
    assert stat.version == -1


def test_members_leave_and_join_while_a_client_writes(three, client):
    hosts = f"{HOST}:{three.clients[1]}"
    shows(client, [three.line(n) for n in (1, 2, 3)])
    writer = Writer(hosts)
    events = []
    client.get(CONFIG, watch=events.append)
    data, _ = client.reconfig(joining="", leaving="3", new_members=None)
    assert sorted(data.decode().split("\n")[:-1]) == sorted([three.line(1), three.line(2)])
    eventually(lambda: [e.type for e in events] == ["CHANGED"], what="the watch on the config fires")
    three.processes[3].kill9()
    three.line(4)
    three.start(4, [1, 2])
    client.reconfig(joining=three.line(4), leaving="", new_members=None)
    shows(client, [three.line(n) for n in (1, 2, 4)])
    eventually(lambda: three.serves(4), what="the new member serves")
    # The new one is a voter like any other: one of the old may go down.
    before = writer.count
    three.processes[2].kill9()
    eventually(lambda: writer.count > before + 20 or writer.failures, what="writes go on")
    writer.end()
    if three.shape == "ensemble":
        assert writer.failures == []
        with RawClient(three.address(4)) as raw:
            raw.connect()
            raw.sync("/written")
            assert raw.get("/written")[0] == str(writer.count - 1).encode()


def test_the_whole_list_can_be_replaced(three, client):
    shows(client, [three.line(n) for n in (1, 2, 3)])
    version = client.get(CONFIG)[1].mzxid
    text = client.get(CONFIG)[0].decode().rsplit("version=")[1]
    with pytest.raises(BadVersionError):
        client.reconfig(joining=None, leaving="3", new_members=None, from_config=version + 1)
    wanted = f"{three.line(1)},{three.line(2)}"
    try:
        client.reconfig(joining=None, leaving=None, new_members=wanted, from_config=int(text, 16))
    except ConnectionLoss:
        # ZooKeeper elects a leader anew when the one that leaves led.
        assert three.shape == "zookeeper-ensemble"
    shows(client, [three.line(1), three.line(2)])


@pytest.mark.parametrize("joining", ["server.5", "server.5=127.0.0.1:1:2", "server.5=a;b;c"])
def test_a_member_that_is_none_is_refused(three, client, joining):
    with pytest.raises(BadArgumentsError):
        client.reconfig(joining=joining, leaving=None, new_members=None)


def test_too_few_members_are_refused(three, client):
    with pytest.raises(BadArgumentsError):
        client.reconfig(joining=None, leaving="2,3", new_members=None)


def test_nobody_but_an_administrator_may(tmp_path, shape):
    members = Members(tmp_path, shape, extra="")
    for n in (1, 2, 3):
        members.line(n)
    try:
        for n in (1, 2, 3):
            members.start(n, [1, 2, 3])
        for n in (1, 2, 3):
            eventually(lambda n=n: members.serves(n), what=f"member {n} serves")
        client = KazooClient(hosts=f"{HOST}:{members.clients[1]}", connection_retry=patient())
        client.start(timeout=30)
        with pytest.raises(NoAuthError):
            client.reconfig(joining=None, leaving="3", new_members=None)
        client.stop()
        client.close()
    finally:
        members.stop()


def test_it_is_off_unless_it_is_switched_on(raw):
    client = raw()
    with pytest.raises(ServerError) as refused:
        client.call(RECONFIG, string("server.9=a:1:2;3") + string(None) + string(None) + int64(-1))
    assert refused.value.code == RECONFIG_DISABLED
