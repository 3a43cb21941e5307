"""What the binary says when it cannot start, and that it harms nobody by trying."""

import subprocess
from pathlib import Path

import pytest

from harness import zoo_cfg
from harness.binary import menagerie
from harness.cluster import opens_session
from harness.ports import free_port
from harness.process import Process
from harness.standalone import Standalone, command_line
from harness.wait import eventually
from raw import RawClient

pytestmark = pytest.mark.menagerie

CONFIG_ERROR, OTHER_ERROR = 2, 1
REFUSAL_SECONDS = 20


def run(*words) -> subprocess.CompletedProcess:
    """Runs the binary, which must end by itself."""
    return subprocess.run(
        [str(menagerie()), *map(str, words)], capture_output=True, text=True, timeout=REFUSAL_SECONDS
    )


def run_standalone(data_dir: Path) -> subprocess.CompletedProcess:
    return run(*command_line(data_dir, free_port(), free_port(), free_port())[1:])


@pytest.fixture
def standalone(tmp_path):
    """A server of the case's own, not yet started."""
    server = Standalone(tmp_path / "server")
    yield server
    server.down()


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("tickTime=fast", "tickTime"),
        ("tickTim=2000", "tickTim"),
        ("clientPort=70000", "clientPort"),
        ("clientPortAddress=not an address", "clientPortAddress"),
        ("server.1=127.0.0.1", "server.1"),
        ("server.x=127.0.0.1:2888:3888", "server.x"),
    ],
)
def test_a_mistake_in_zoo_cfg_is_named_with_line_and_key(tmp_path, line, key):
    config = zoo_cfg.write(tmp_path, free_port())
    lines = config.read_text().splitlines()
    config.write_text("\n".join([*lines, "# a comment", line]) + "\n")
    result = run("server", "--config", config)
    assert result.returncode == CONFIG_ERROR, result.stderr
    assert f"{config}" in result.stderr and key in result.stderr
    assert f"{len(lines) + 2}" in result.stderr
    assert list((tmp_path / "data").iterdir()) == []


def test_a_missing_zoo_cfg_is_named(tmp_path):
    result = run("server", "--config", tmp_path / "none.cfg")
    assert result.returncode == CONFIG_ERROR
    assert "none.cfg" in result.stderr


def test_an_ensemble_member_without_myid_is_told_so(tmp_path):
    config = zoo_cfg.write_ensemble(tmp_path, [free_port() for _ in range(3)])[0]
    (config.parent / "data" / "myid").unlink()
    result = run("server", "--config", config)
    assert result.returncode == CONFIG_ERROR
    assert "myid" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("standalone", "--client-addr", "nowhere"),
        ("standalone", "--no-such-flag"),
        ("no-such-role",),
        ("gateway", "--listen", "127.0.0.1:1"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_usage_error(tmp_path, words):
    result = run(*words)
    assert result.returncode == CONFIG_ERROR
    assert result.stderr


def test_a_data_directory_in_use_is_refused_and_its_owner_goes_on(standalone):
    standalone.up()
    address = standalone.addresses()["standalone"]
    data = standalone.directory / "data"
    with RawClient(address) as client:
        client.connect()
        client.create("/before")
        result = run_standalone(data)
        assert result.returncode == OTHER_ERROR, result.stderr
        assert str(data) in result.stderr and "in use" in result.stderr
        assert str(standalone.processes["standalone"].child.pid) in result.stderr
        client.create("/after")
        assert sorted(client.children("/")) == ["after", "before", "zookeeper"]


def test_an_address_in_use_is_refused_and_named(standalone, tmp_path):
    standalone.up()
    host, port = standalone.addresses()["standalone"]
    result = run(*command_line(tmp_path / "other", port, free_port(), free_port())[1:])
    assert result.returncode == OTHER_ERROR, result.stderr
    assert f"{host}:{port}" in result.stderr
    assert opens_session((host, port))


def test_data_of_a_newer_version_is_refused_and_not_touched(standalone):
    standalone.up()
    with RawClient(standalone.addresses()["standalone"]) as client:
        client.connect()
        client.create("/kept", b"data")
    standalone.down()
    data = standalone.directory / "data"
    version = data / "VERSION"
    written = version.read_text()
    version.write_text(f"{int(written) + 1}\n")
    before = contents(data)
    result = run_standalone(data)
    assert result.returncode == OTHER_ERROR, result.stderr
    assert str(data) in result.stderr and "newer version" in result.stderr
    assert contents(data) == before
    version.write_text(written)
    standalone.up()
    with RawClient(standalone.addresses()["standalone"]) as client:
        client.connect()
        assert client.get("/kept")[0] == b"data"


def contents(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_one_line_tells_when_and_where_it_serves(standalone):
    standalone.up()
    host, port = standalone.addresses()["standalone"]

    def lines() -> list[str]:
        return [line for line in standalone.log("standalone").read_text().splitlines() if f"{host}:{port}" in line]

    # The first client may be served before the line is out.
    assert len(eventually(lines, what="a line with the address")) == 1


@pytest.mark.parametrize("shape_files", ["standalone", "one server"])
def test_it_ends_with_0_when_asked_to(standalone, tmp_path, shape_files):
    if shape_files == "standalone":
        process, address = standalone.processes["standalone"], standalone.addresses()["standalone"]
    else:
        port = free_port()
        config = zoo_cfg.write(tmp_path / "one", port)
        process = Process([menagerie(), "server", "--config", config], tmp_path / "one.log")
        address = ("127.0.0.1", port)
    process.start()
    eventually(lambda: opens_session(address), what="it serves")
    assert process.stop() == 0
