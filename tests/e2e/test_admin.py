"""`menagerie admin`: a cluster is changed while clients write, hold locks and watch, and they notice nothing."""

import shutil
import subprocess
import time

import pytest
from kazoo.client import KazooClient

from conftest import patient
from harness.binary import menagerie
from harness.growing import GROWING, GrowingEnsemble, GrowingSplit, Refused, admin
from harness.wait import eventually, holds
from load import Load

pytestmark = pytest.mark.menagerie

ROOT = "/changed"


class Held:
    """A client with an ephemeral and a watch, which must outlast every change."""

    def __init__(self, hosts: str):
        self.client = KazooClient(hosts=hosts, timeout=10, connection_retry=patient())
        self.client.start(timeout=30)
        self.states, self.events = [], []
        self.client.add_listener(self.states.append)
        self.client.ensure_path(f"{ROOT}/watched")
        self.client.create(f"{ROOT}/lock", b"mine", ephemeral=True)
        self.session = self.client.client_id[0]
        self.watch()

    def watch(self) -> None:
        self.client.get_children(f"{ROOT}/watched", watch=self.events.append)

    def verify(self) -> None:
        """The watch set before the change fires for what happens after it, once; the lock is still held."""
        assert self.events == [], "a watch fired for nothing"
        self.client.create(f"{ROOT}/watched/n-", sequence=True)
        eventually(lambda: [event.type for event in self.events] == ["CHILD"], what="the watch fires once")
        assert self.client.exists(f"{ROOT}/lock").ephemeralOwner == self.session
        assert self.states == [], "the connection was lost"
        self.events.clear()
        self.watch()

    def end(self) -> None:
        self.client.remove_listener(self.states.append)
        self.client.stop()
        self.client.close()


class Busy:
    """Load and a held session on a cluster; what they saw is judged at the end."""

    def __init__(self, cluster):
        self.hosts = cluster.hosts()
        self.client = KazooClient(hosts=self.hosts, timeout=10, connection_retry=patient())

    def __enter__(self) -> "Busy":
        self.client.start(timeout=30)
        self.client.ensure_path(ROOT)
        self.held = Held(self.hosts)
        self.load = Load(ROOT, self.hosts, writers=2, counters=2)
        self.load.__enter__()
        return self

    def goes_on(self) -> None:
        """Every writer has something acknowledged that it sent from now on, and the watch of before fires."""
        now = time.monotonic()
        eventually(lambda: self.load.all_written_since(now) or self.load.errors(), what="writes go on")
        assert self.load.errors() == []
        self.held.verify()

    def __exit__(self, *raised) -> None:
        self.load.__exit__(*raised)
        try:
            if raised[0] is None:
                assert self.load.errors() == []
                self.load.verify(self.client)
        finally:
            self.held.end()
            self.client.stop()
            self.client.close()


@pytest.fixture(params=GROWING)
def growing(request, tmp_path):
    cluster = GROWING[request.param](tmp_path)
    cluster.begin()
    yield cluster
    cluster.stop()


@pytest.fixture
def split(tmp_path):
    cluster = GrowingSplit(tmp_path)
    cluster.begin()
    yield cluster
    cluster.stop()


@pytest.fixture
def ensemble(tmp_path):
    cluster = GrowingEnsemble(tmp_path)
    cluster.begin()
    yield cluster
    cluster.stop()


@pytest.fixture
def three(growing):
    """Three voters; the first one leads."""
    growing.add(2)
    growing.add(3)
    assert growing.voters() == {1, 2, 3}
    return growing


def test_it_grows_to_five_and_shrinks_to_one_while_clients_write(growing):
    with Busy(growing) as busy:
        for n in (2, 3):
            growing.add(n)
        assert growing.voters() == {1, 2, 3}
        busy.goes_on()
        for n in (4, 5):
            growing.add(n)
        assert growing.voters() == {1, 2, 3, 4, 5}
        busy.goes_on()
        # The leader goes, too.
        assert growing.admin("transfer", "4")["leader"] == 4
        busy.goes_on()
        for n in (4, 5):
            growing.admin("remove", str(n))
            assert f"member {n} was removed" in growing.ended(growing.member(n))
        assert growing.voters() == {1, 2, 3}
        busy.goes_on()
        for n in (2, 3):
            growing.admin("remove", str(n))
        assert growing.voters() == {1}
        busy.goes_on()


def test_every_first_member_can_go(split):
    """The flags of gateway, store and tracker name member 1 alone: they follow the others."""
    with Busy(split) as busy:
        for n in (2, 3, 4):
            split.add(n)
        split.admin("remove", "1")
        split.ended("consensus-1")
        busy.goes_on()
        split.admin("transfer", "3")
        split.admin("remove", "2")
        busy.goes_on()
        split.admin("remove", "3")
        assert split.voters() == {4}
        busy.goes_on()


def test_a_learner_is_added_promoted_demoted_and_removed(three):
    with Busy(three) as busy:
        three.add(4, "--learner")
        assert three.voters() == {1, 2, 3}
        busy.goes_on()
        three.admin("promote", "4")
        assert three.voters() == {1, 2, 3, 4}
        three.admin("promote", "4")
        three.admin("transfer", "4")
        three.admin("demote", "4")
        assert three.voters() == {1, 2, 3} and three.leader() != 4
        busy.goes_on()
        three.admin("remove", "4")
        three.ended(three.member(4))
        busy.goes_on()


def test_a_dead_voter_is_replaced_in_one_step(three):
    with Busy(three) as busy:
        three.kill9(three.member(3))
        with pytest.raises(Refused, match="leave 2 voters, of which 2 must answer and 1 do; 3 does not"):
            three.admin("remove", "2")
        with pytest.raises(Refused, match=r"id of its own \(4 is free\)"):
            three.admin("replace", "3", three.spec(3))
        three.join(4, [1, 2])
        three.admin("replace", "3", three.spec(4))
        assert three.voters() == {1, 2, 4}
        busy.goes_on()
        # The new one counts: one of the old may go down.
        three.kill9(three.member(2))
        busy.goes_on()


def test_a_removed_member_comes_back_with_an_empty_directory_only(three):
    three.admin("remove", "3")
    said = three.ended(three.member(3))
    assert "empty its data directory" in said
    three.processes[three.member(3)].start()
    assert three.ended(three.member(3)).count("was removed from the ensemble") == 2
    shutil.rmtree(three.directory / three.member(3))
    three.add(3)
    assert three.voters() == {1, 2, 3}


def test_a_leader_hands_over_when_it_is_asked_and_when_it_stops(three):
    with Busy(three) as busy:
        for n in (2, 3):
            assert three.admin("transfer", str(n)) == {"leader": n, "before": n - 1}
            assert three.leader() == n
        term = three.admin("members")["members"][0]["term"]
        assert three.processes[three.member(3)].stop() == 0
        busy.goes_on()
        assert "leadership" in three.log(three.member(3)) and "without handing over" not in three.log(three.member(3))
        assert three.admin("members")["members"][0]["term"] == term + 1, "one change of leader, and no election"


def test_stores_trackers_and_gateways_come_and_go(split):
    with Busy(split) as busy:
        split.store(2, [1])
        split.store(3, [1])
        split.tracker(2, [1])
        split.gateway(2, [1])
        # Whoever was told of the first store only must have learned of the others before that one goes.
        for name in ("gateway-1", "session-tracker-1", "session-tracker-2", "gateway-2"):
            for n in (2, 3):
                eventually(lambda name=name, n=n: f"{n}={split.address(f'tree-store-{n}')}" in split.log(name), what=f"{name} knows store {n}")
        split.wait_serving("gateway-2")
        busy.goes_on()
        # The only store and tracker of the flags go: whoever began with them goes on with the others.
        split.processes["tree-store-1"].stop()
        busy.goes_on()
        split.processes["session-tracker-1"].stop()
        busy.goes_on()
        split.processes["gateway-2"].stop()
        busy.goes_on()
        # Trackers and gateways take themselves out; a store may come back, and stays until it is removed.
        eventually(lambda: split.registered() == {("tree-store", 1), ("tree-store", 2), ("tree-store", 3), ("session-tracker", 2), ("gateway", 1)}, what="the directory has those that are there")
        split.remove("--store", "1")
        busy.goes_on()
        # One that runs ends.
        split.remove("--store", "3")
        assert "tree-store 3 was removed from the cluster" in split.ended("tree-store-3")
        busy.goes_on()
        assert split.registered() == {("tree-store", 2), ("session-tracker", 2), ("gateway", 1)}
        with pytest.raises(Refused, match="the only one"):
            split.remove("--store", "2")
        with pytest.raises(Refused, match="stop it, and it takes itself out"):
            split.remove("--tracker", "2")
        with pytest.raises(Refused, match="there is no gateway 7; there are 1"):
            split.remove("--gateway", "7")
        # It comes back as if nothing had been.
        split.processes["tree-store-3"].start()
        eventually(lambda: ("tree-store", 3) in split.registered(), what="a removed store registers again")
        busy.goes_on()


def test_a_part_of_a_server_goes_with_its_server_only(ensemble):
    three = ensemble
    three.add(2)
    three.add(3)
    eventually(lambda: ("tree-store", 3) in three.registered(), what="the new member's parts register")
    with pytest.raises(Refused, match="take the whole server away type `menagerie admin remove 3`"):
        three.admin("remove", "--store", "3")
    assert {("tree-store", 3), ("session-tracker", 3), ("gateway", 3)} <= three.registered()
    three.admin("remove", "3")
    eventually(lambda: {id for _, id in three.registered()} == {1, 2}, 20, "its parts are forgotten")


def test_a_single_server_without_servers_in_its_file_becomes_an_ensemble(tmp_path):
    cluster = GrowingEnsemble(tmp_path)
    try:
        cluster.server(1, [f"clientPort={cluster.client('server-1')[1]}"])
        cluster.wait_serving("server-1")
        client = KazooClient(hosts=cluster.hosts(), timeout=10, connection_retry=patient())
        client.start(timeout=30)
        client.create("/kept", b"alone")
        cluster.processes["server-1"].stop()
        cluster.server(1, [cluster.spec(1)], "standaloneEnabled=false")
        cluster.wait_serving("server-1")
        eventually(lambda: client.get("/zookeeper/config")[0] != b"", what="the server says who it is")
        for n in (2, 3):
            cluster.add(n)
        assert cluster.voters() == {1, 2, 3}
        assert client.get("/kept")[0] == b"alone"
        eventually(lambda: client.get("/zookeeper/config")[0].count(b"participant") == 3, what="clients see all three")
        client.stop()
        client.close()
    finally:
        cluster.stop()


def test_a_joining_member_founds_nothing(tmp_path):
    """Two that wait to be added must not found an ensemble of their own while the first one is down."""
    cluster = GrowingEnsemble(tmp_path)
    try:
        cluster.spec(1)
        for n in (2, 3):
            cluster.server(n, [cluster.spec(m) for m in (1, 2, 3)], "menagerie.join=true")
        holds(lambda: "founded" not in cluster.log("server-2") + cluster.log("server-3"), 2, "nobody founds")
    finally:
        cluster.stop()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["remove", "9"], "there is no member 9; there are 1"),
        (["remove", "1"], "leave no voter"),
        (["remove", "1", "--force"], "leave no voter"),
        (["promote", "9"], "there is no member 9"),
        (["transfer", "9"], "there is no member 9"),
        (["transfer"], "member 1 is the only voter"),
        (["add", "2"], "is not ID=HOST:PORT"),
        (["add", "server.2=a:1:2;3"], "give 2=a:1"),
        (["add", "1=127.0.0.1:9"], "give the new one an id of its own (2 is free)"),
        (["add", "2=127.0.0.1:9"], "nothing was changed"),
        (["replace", "1", "1=127.0.0.1:9"], "give it an id of its own (2 is free)"),
        (["remov", "1"], "remove"),
        (["remove", "consensus-1"], "`menagerie admin members` lists them"),
    ],
)
def test_wrong_commands_say_what_to_type(one_split, words, said):
    with pytest.raises(Refused) as refused:
        one_split.admin(*words)
    assert said in str(refused.value)
    assert one_split.voters() == {1}


@pytest.fixture(scope="module")
def one_split(tmp_path_factory):
    cluster = GrowingSplit(tmp_path_factory.mktemp("one"))
    cluster.begin()
    yield cluster
    cluster.stop()


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(Refused, match=r"no member answers \(127.0.0.1:9: .*give one with --server HOST:PORT"):
        admin(["127.0.0.1:9"], "members")


def test_the_table_is_for_people(one_split):
    command = [str(menagerie()), "admin", "--server", one_split.address("consensus-1"), "members"]
    text = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    names, line = text.splitlines()[:2]
    assert names.split() == ["ID", "ADDRESS", "ROLE", "STATE", "TERM", "FIRST", "LAST", "COMMITTED"]
    assert line.split()[:4] == ["1", one_split.address("consensus-1"), "voter", "leader"]
