"""The four-letter words that are answered only where they are listed."""

import re
import socket

import pytest

from harness.cluster import four_letter_word
from harness.ensemble import Ensemble
from harness.own import Own
from harness.wait import eventually
from harness.zookeeper import ZooKeeper
from raw import RawClient

pytestmark = pytest.mark.shapes("standalone", "zookeeper")

ALL = [
    b"conf", b"cons", b"crst", b"dirs", b"dump", b"envi", b"gtmk", b"hash", b"isro", b"mntr", b"ruok", b"srst",
    b"srvr", b"stat", b"stmk\0\0\0\0\0\0\0\7", b"wchc", b"wchp", b"wchs",
]
CONNECTION = re.compile(
    r" /127\.0\.0\.1:\d+\[\d+\]\(queued=\d+,recved=\d+,sent=\d+"
    r"(,sid=0x[0-9a-f]+,lop=[A-Z0-9]+,est=\d+,to=\d+(,lcxid=0x[0-9a-f]+)?,lzxid=0x[0-9a-f]+,lresp=\d+,"
    r"llat=\d+,minlat=\d+,avglat=\d+,maxlat=\d+)?\)"
)
DATE = r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]+ \d{4}"


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Servers by shape that answer every word; started when first wanted."""
    started = {}

    def get(shape: str) -> tuple[str, int]:
        if shape not in started:
            directory = tmp_path_factory.mktemp(f"words-{shape}")
            if shape == "zookeeper":
                server = ZooKeeper(directory)
                with (directory / "zoo.cfg").open("a") as config:
                    config.write("4lw.commands.whitelist=*\n")
                server.up()
                started[shape] = (server, next(iter(server.addresses().values())), server.down)
            else:
                server = Own(directory, **{"4lw__commands__whitelist": "*"})
                server.__enter__()
                started[shape] = (server, server.address, lambda: server.__exit__(None, None, None))
        return started[shape][1]

    yield get
    for _, _, stop in started.values():
        stop()


@pytest.fixture
def address(servers, shape):
    return servers(shape)


@pytest.fixture
def client(address):
    with RawClient(address) as client:
        client.connect(timeout_ms=20_000)
        yield client
        client.close_session()


def ask(address, word: bytes) -> str:
    return four_letter_word(address, word).decode()


@pytest.mark.parametrize("word", ALL)
def test_every_word_is_answered_and_the_connection_closed(address, word):
    answer = ask(address, word)
    assert "whitelist" not in answer and "not currently serving" not in answer


def test_short_answers(address):
    assert ask(address, b"gtmk").isdecimal()
    assert ask(address, b"stmk" + (306).to_bytes(8, "big")) == "306"
    assert ask(address, b"gtmk") == "306"
    assert ask(address, b"srst") == "Server stats reset.\n"
    assert ask(address, b"crst") == "Connection stats reset.\n"
    assert re.fullmatch(r"datadir_size: \d+\nlogdir_size: \d+\n", ask(address, b"dirs"))


def test_a_mask_may_come_in_pieces(address):
    with socket.create_connection(address, timeout=5) as connection:
        for piece in (b"st", b"mk\0\0\0\0", b"\0\0\0", b"\x09"):
            connection.sendall(piece)
        assert connection.recv(10) == b"9"
    ask(address, b"stmk" + (306).to_bytes(8, "big"))


def test_conf_lists_the_settings(address):
    lines = dict(line.split("=", 1) for line in ask(address, b"conf").splitlines())
    assert list(lines) == [
        "clientPort", "secureClientPort", "dataDir", "dataDirSize", "dataLogDir", "dataLogSize", "tickTime",
        "maxClientCnxns", "minSessionTimeout", "maxSessionTimeout", "clientPortListenBacklog", "serverId",
    ]
    assert (lines["clientPort"], lines["secureClientPort"]) == (str(address[1]), "-1")
    assert int(lines["minSessionTimeout"]) == 2 * int(lines["tickTime"])


def test_envi_lists_where_it_runs(address):
    first, *lines = ask(address, b"envi").splitlines()
    assert first == "Environment:"
    keys = [line.split("=", 1)[0] for line in lines]
    assert keys[:2] == ["zookeeper.version", "host.name"] and "os.memory.max" in keys
    assert lines[0].startswith("zookeeper.version=3.9.5")


def test_cons_tells_of_every_connection(address, client):
    client.create("/seen-", b"", flags=3)
    lines = ask(address, b"cons").split("\n")
    assert lines[-2:] == ["", ""]
    assert all(CONNECTION.fullmatch(line) for line in lines[:-2]), lines
    mine = [line for line in lines if f",sid=0x{client.session.id:x}," in line]
    assert len(mine) == 1
    for part in ("lop=CREA", "to=20000", f"lcxid=0x{client.xid:x}", f"{client.socket.getsockname()[1]}["):
        assert part in mine[0]


def test_crst_counts_connections_anew(address, client):
    for _ in range(20):
        client.exists("/")
    ask(address, b"crst")
    mine = next(line for line in ask(address, b"cons").splitlines() if f"sid=0x{client.session.id:x}" in line)
    assert int(re.search(r"recved=(\d+)", mine)[1]) < 20


def test_data_watches_are_told_by_session_and_by_path(address, client):
    path = client.create("/watched-", b"", flags=3)
    client.get(path, watch=True)
    client.children("/", watch=True)
    session = f"0x{client.session.id:x}"
    assert re.fullmatch(r"\d+ connections watching \d+ paths\nTotal watches:\d+\n", ask(address, b"wchs"))
    assert f"{session}\n\t{path}\n" in ask(address, b"wchc")
    assert f"{path}\n\t{session}\n" in ask(address, b"wchp")
    assert ask(address, b"wchc").endswith("\n\n") and ask(address, b"wchp").endswith("\n\n")


def test_dump_tells_of_sessions_ephemerals_and_connections(address, client):
    path = client.create("/ephemeral-", b"", flags=3)
    text = ask(address, b"dump")
    session = f"0x{client.session.id:x}"
    assert text.startswith("SessionTracker dump:\n")
    head, rest = text.split("ephemeral nodes dump:\n")
    ephemerals, connections = rest.split("Connections dump:\n")
    assert session in head
    assert re.match(r"Sessions with Ephemerals \(\d+\):\n", ephemerals)
    assert f"{session}:\n\t{path}\n" in ephemerals
    assert re.match(rf"Connections Sets \(\d+\)/\(\d+\):\n\d+ expire at {DATE}:\n\tip: /127", connections)
    assert re.search(rf"\tip: /127\.0\.0\.1:\d+ sessionId: {session}\n", connections)


def test_mntr_gives_figures(address, client):
    path = client.create("/figures-", b"x" * 100, flags=3)
    client.get(path, watch=True)
    lines = [line.split("\t") for line in ask(address, b"mntr").splitlines()]
    assert [line[0] for line in lines[:2]] == ["zk_version", "zk_server_state"]
    figures = dict(lines)
    assert figures["zk_server_state"] == "standalone"
    for name, least in {
        "avg_latency": 0, "max_latency": 0, "min_latency": 0, "packets_received": 1, "packets_sent": 1,
        "num_alive_connections": 1, "outstanding_requests": 0, "uptime": 1, "znode_count": 5, "watch_count": 1,
        "ephemerals_count": 1, "approximate_data_size": 100, "global_sessions": 1, "local_sessions": 0,
        "open_file_descriptor_count": 3, "max_file_descriptor_count": 10, "connection_drop_probability": 0,
        "outstanding_tls_handshake": 0, "connection_rejected": 0, "throttled_ops": 0,
    }.items():
        assert float(figures[f"zk_{name}"]) >= least, name


def test_srst_counts_requests_anew(address, client):
    for _ in range(50):
        client.exists("/")
    ask(address, b"srst")
    received = re.search(r"Received: (\d+)", ask(address, b"srvr"))
    assert int(received[1]) < 50


@pytest.mark.menagerie
def test_words_that_are_not_listed_are_not_executed(tmp_path):
    with Own(tmp_path, **{"4lw__commands__whitelist": "ruok"}) as own:
        assert ask(own.address, b"ruok") == "imok"
        assert "Mode: standalone" in ask(own.address, b"srvr")
        assert ask(own.address, b"mntr") == "mntr is not executed because it is not in the whitelist.\n"
        assert ask(own.address, b"isro") == "isro is not executed because it is not in the whitelist.\n"
        assert ask(own.address, b"abcd") == ""


@pytest.mark.menagerie
def test_every_thread_tells_of_its_connections(tmp_path):
    own = Own(tmp_path, **{"4lw__commands__whitelist": "*"})
    own.process.command += ["--gateway-threads", "3"]
    with own:
        clients = [RawClient(own.address) for _ in range(6)]
        for client in clients:
            client.connect()
            client.get("/", watch=True)
        text = ask(own.address, b"cons")
        assert all(f"sid=0x{client.session.id:x}" in text for client in clients)
        assert ask(own.address, b"wchs") == "6 connections watching 1 paths\nTotal watches:6\n"
        for client in clients:
            client.drop()


@pytest.mark.menagerie
def test_members_tell_of_their_ensemble(tmp_path):
    cluster = Ensemble(tmp_path)
    for process in cluster.processes.values():
        process.command.append("-Dzookeeper.4lw.commands.whitelist=*")
    try:
        cluster.up()
        leader = cluster.addresses()[cluster.leader()]
        for address in cluster.addresses().values():
            eventually(lambda: "version=" in ask(address, b"conf"), what="the ensemble is published")
        follower = next(address for address in cluster.addresses().values() if address != leader)
        for address, state in (leader, "leader"), (follower, "follower"):
            figures = dict(line.split("\t") for line in ask(address, b"mntr").splitlines())
            assert figures["zk_server_state"] == state
            assert figures["zk_peer_state"] == {"leader": "leading", "follower": "following"}[state] + " - broadcast"
            if state == "leader":
                assert (figures["zk_quorum_size"], figures["zk_learners"]) == ("3", "2")
                assert figures["zk_synced_followers"] == "2"
            settings, membership = ask(address, b"conf").split("membership: \n")
            settings = dict(line.split("=", 1) for line in settings.splitlines())
            assert (settings["initLimit"], settings["syncLimit"], settings["peerType"]) == ("10", "5", "0")
            assert int(settings["serverId"]) in (1, 2, 3)
            assert len([line for line in membership.splitlines() if line.startswith("server.")]) == 3
            assert "version=" in membership.splitlines()[-1]
    finally:
        cluster.down()
