"""The load tool: every workload runs without an error, counts what it did, and leaves nothing behind."""

import json
import subprocess

import pytest

from harness.binary import menagerie

pytestmark = pytest.mark.menagerie

SHORT = ["--seconds", "1", "--warmup", "0.2"]
COMMAND_SECONDS = 120


def bench(*words, code=0):
    """Runs `menagerie bench`; returns what it printed, parsed if it measured something."""
    command = [str(menagerie()), "bench", "--json", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout) if code == 0 else done.stderr


@pytest.fixture
def znodes(cluster, raw):
    """The names of the znodes at the root: a measurement must not change them."""

    def znodes():
        client = raw()
        client.sync("/")
        return sorted(client.children("/"))

    before = znodes()
    yield
    assert znodes() == before


def load(cluster, *words):
    return bench("load", "--hosts", cluster.hosts(), *SHORT, *words)


@pytest.mark.parametrize("mix", [
    "get", "set", "get=70,set=30", "create", "create=1,delete=1", "delete", "exists", "children", "multi", "sync",
    "ephemeral", "get=5,set=3,create=2,ephemeral=1,delete=2,exists=2,children=1,multi=1,sync=1",
])
def test_every_mix_runs_without_an_error(cluster, znodes, mix):
    result = load(cluster, "--mix", mix, "-s", 5, "-d", 4, "--nodes", 50)
    assert result["errors"] == 0
    assert result["ops"] > 0 and result["ops_s"] > 0
    assert result["ops"] == sum(kind["ops"] for kind in result["by_kind"].values())
    assert 0 < result["latency"]["p50_us"] <= result["latency"]["p999_us"] <= result["latency"]["max_us"]


@pytest.mark.parametrize("payload", [0, 1, 4096, 100_000, 524_288])
def test_payloads_of_all_sizes_are_written_and_read_back(cluster, znodes, payload):
    result = load(cluster, "--mix", "get=1,set=1", "-s", 2, "-d", 3, "--payload", payload, "--nodes", 5)
    assert result["errors"] == 0 and set(result["by_kind"]) == {"get", "set"}


def test_children_too_many_for_one_read_are_counted(cluster, znodes):
    result = load(cluster, "--mix", "children", "--children", 30_000)
    assert result["errors"] == 0 and result["ops"] > 0


def test_at_a_rate_every_request_is_made_and_counted_from_its_time(cluster, znodes):
    result = load(cluster, "--mix", "get", "--rate", 500, "-s", 4, "--keys", "zipf:1.1")
    assert result["errors"] == 0
    assert 495 <= result["ops"] <= 505


def test_beyond_what_one_request_at_a_time_can_do_the_wait_counts(cluster, znodes):
    # One session with one request outstanding cannot do 50,000 writes a second: they queue, and their latency shows it.
    result = bench("load", "--hosts", cluster.hosts(), "--seconds", 0.1, "--warmup", 0,
                   "--mix", "set", "--rate", 50_000, "-s", 1, "-d", 1)
    assert result["errors"] == 0
    assert 4_990 <= result["ops"] <= 5_010
    assert result["latency"]["max_us"] > 50_000


def test_several_threads_share_the_sessions(cluster, znodes):
    result = load(cluster, "--mix", "get=1,create=1", "-s", 7, "-d", 2, "--threads", 3)
    assert result["errors"] == 0 and result["ops"] > 0


def test_grpc(cluster, znodes):
    hosts = ",".join(cluster.grpc_addresses())
    mix = "get=4,set=3,create=2,delete=1,exists=2,children=1,multi=1"
    result = bench("load", "--protocol", "grpc", "--hosts", hosts, *SHORT, "--mix", mix, "-s", 2, "-d", 4)
    assert result["errors"] == 0 and result["ops"] > 0
    rated = bench("load", "--protocol", "grpc", "--hosts", hosts, *SHORT, "--mix", "get", "--rate", 200)
    assert rated["errors"] == 0 and 198 <= rated["ops"] <= 202


def test_watch(cluster, znodes):
    result = bench("watch", "--hosts", cluster.hosts(), "--watchers", 40, "--rounds", 5)
    assert result["errors"] == 0 and result["rounds"] == 5
    assert result["each_told"]["max_us"] <= result["all_told"]["max_us"] * 1.01


def test_sessions_with_ephemerals_end_with_them(cluster, znodes):
    result = bench("sessions", "--hosts", cluster.hosts(), "--count", 50, "--ephemerals", 3, "--hold", 2,
                   "--timeout-ms", 4000, "--source-addresses", "127.0.0.1,127.0.0.2")
    assert result["errors"] == 0 and result["opened"] == 50 and result["pings"] >= 50


def test_abandoned_sessions_expire_and_their_ephemerals_are_gone(cluster, znodes):
    result = bench("sessions", "--hosts", cluster.hosts(), "--count", 20, "--ephemerals", 2, "--abandon",
                   "--timeout-ms", 4000)
    assert result["errors"] == 0 and result["ended_s"] >= 2


def test_fill_probe_and_a_load_over_what_is_there(cluster, znodes, raw):
    filled = bench("fill", "--hosts", cluster.hosts(), "--nodes", 2_000, "--prefix", "/filled", "--keep")
    assert filled["errors"] == 0 and filled["last_path"] == "/filled/k0000001999"
    probed = bench("probe", "--hosts", cluster.hosts(), "--path", filled["last_path"], "--attempt-ms", 2_000)
    assert probed["attempts"] >= 1
    # Without --keep it removes them.
    loaded = load(cluster, "--mix", "get", "--prefix", "/filled", "--prepared", "--nodes", 2_000, "--payload", 100)
    assert loaded["errors"] == 0


def test_a_comparison_has_ratios_of_medians_and_of_pairs(cluster, znodes):
    hosts = cluster.hosts()
    result = bench("compare", "--a", f"first={hosts}", "--b", f"second={hosts}", "--runs", 3,
                   "load", *SHORT, "--mix", "get", "-s", 4)
    figure = next(figure for figure in result["figures"] if figure["figure"] == "ops/s")
    assert len(figure["a"]) == len(figure["pairs"]) == 3
    assert figure["ratio"] == pytest.approx(figure["median_a"] / figure["median_b"], abs=0.001)
    assert [run["label"] for run in result["b_runs"]] == [f"second run {n} of 3" for n in (1, 2, 3)]


def test_wrong_data_is_an_error_and_the_exit_code_says_so(cluster, raw):
    client = raw()
    client.create("/wrong")
    client.create("/wrong/k0000000000", b"not what the load tool writes")
    client.sync("/")
    words = ["load", "--hosts", cluster.hosts(), *SHORT, "--mix", "get", "--nodes", 1]
    error = bench(*words, "--prefix", "/wrong", "--prepared", "--keep", code=1)
    assert "errors" in error
    client.delete("/wrong/k0000000000")
    client.delete("/wrong")


def test_nobody_there_is_one_clear_error(cluster):
    error = bench("load", "--hosts", "127.0.0.1:1", "--mix", "get", code=1)
    assert "127.0.0.1:1" in error and "refused" in error
    assert "--mix" in bench("load", "--mix", "walk", code=2)
