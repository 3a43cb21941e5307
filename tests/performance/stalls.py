"""The rows about one thing that disturbs others: checkpoints, a store's bootstrap, very large requests, mass expiry.

While it happens, others read at a fixed rate (latency counts from when a read was meant to start) and idle sessions
ping. Their longest latencies are the result.
"""

import socket
import time
import urllib.error
import urllib.request

from measure import Settings, bench, keep, result_of, say, start_bench, target
from scale import PREFIX, SOURCES
from servers import HOST, Split, Standalone, ZooKeeper

RATE = 1_000
OBSERVER_TIMEOUT_MS = 4_000


class Observers:
    """Reads at a rate and pings, for so many seconds."""

    def __init__(self, cluster, seconds: float):
        self.until = time.monotonic() + seconds
        reads = ["load", "--hosts", cluster.hosts(), "-q", "--mix", "get", "-s", 8, "-d", 8, "--rate", RATE,
                 "--seconds", seconds, "--warmup", 0.5, "--timeout-ms", OBSERVER_TIMEOUT_MS]
        pings = ["sessions", "--hosts", cluster.hosts(), "-q", "--count", 200, "--hold", seconds,
                 "--timeout-ms", OBSERVER_TIMEOUT_MS]
        self.reads, self.pings = start_bench(*reads), start_bench(*pings)
        # Until both have begun, nothing is to be disturbed.
        time.sleep(2)

    def finish(self) -> dict:
        """Milliseconds; whether whatever disturbed them ended while they looked."""
        in_time = time.monotonic() < self.until
        reads, pings = result_of(self.reads, may_fail=True), result_of(self.pings, may_fail=True)
        return {
            "get_max_ms": reads["latency"]["max_us"] / 1e3, "get_p999_ms": reads["latency"]["p999_us"] / 1e3,
            "get_p99_ms": reads["latency"]["p99_us"] / 1e3,
            "ping_max_ms": pings["ping"]["max_us"] / 1e3, "pings": pings["pings"],
            "errors": reads["errors"] + pings["errors"], "observed_to_the_end": in_time,
        }


def observe(cluster, seconds: float, disturb) -> dict:
    """What `disturb` does to others; it runs to its end, or as long as they look."""
    observers = Observers(cluster, seconds)
    disturb()
    return observers.finish()


def expiry(cluster, sessions: int, settings: Settings) -> dict:
    """What the end of so many sessions at once does to others, who begin to look when all their ephemerals are there."""
    before = znodes(cluster)
    running = start_bench(
        "sessions", *target(cluster), "-q", "--count", sessions, "--ephemerals", 10, "--abandon",
        "--timeout-ms", settings.size(15_000, 4_000), "--source-addresses", SOURCES)
    while znodes(cluster) < before + 10 * sessions and running.poll() is None:
        time.sleep(0.1)
    observers = Observers(cluster, settings.size(45, 12))
    ended = result_of(running, may_fail=True)
    return {**observers.finish(), "expired": ended["opened"], "expiry_errors": ended["errors"]}


def znodes(cluster) -> int:
    """As `srvr` counts them."""
    host, port = cluster.hosts().split(",")[0].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"srvr")
        answer = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    return int(answer.split("Node count:")[1].split()[0])


def no_stall(row: str, most: int, settings: Settings) -> None:
    """getChildren of a million children, multis of 5,000 operations, 20,000 sessions expiring at once."""
    result = {}
    for name, create in (("menagerie", Standalone), ("zookeeper", lambda: ZooKeeper(heap="4g"))):
        with create() as cluster:
            quiet = observe(cluster, settings.size(10, 3), lambda: None)
            result[name] = {"quiet": quiet, **disturbed(cluster, most, settings)}
        for what, seen in result[name].items():
            say(f"{name}, {what}: {seen}")
    keep(row, {"kind": "stalls", **result}, settings)


def disturbed(cluster, most: int, settings: Settings) -> dict:
    seconds = settings.size(20, 6)
    children = settings.size(1_000_000, 20_000)
    bench("fill", *target(cluster), "-q", "--nodes", children, "--payload", 0, "--prefix", "/stall/children", "--keep")
    # Besides those who watch.
    sessions = min(most - 500, settings.size(20_000, 500))
    return {
        "children": attempt(lambda: observe(cluster, seconds, lambda: bench(
            "load", *target(cluster), "-q", "--mix", "children", "--prefix", "/stall", "--prepared", "--keep",
            "--children", children, "--seconds", seconds / 2, "--warmup", 0))),
        "multi": attempt(lambda: observe(cluster, seconds, lambda: bench(
            "load", *target(cluster), "-q", "--mix", "multi", "--multi-ops", 5_000, "--payload", 20,
            "--seconds", seconds / 2, "--warmup", 0))),
        "expiry": attempt(lambda: expiry(cluster, sessions, settings)),
    }


def attempt(measure) -> dict:
    """What is measured, or why it cannot be: a server may not stand what is done to it."""
    try:
        return measure()
    except SystemExit as error:
        return {"failed": str(error)}


def rated(cluster, seconds: float) -> dict:
    """Reads and writes at a rate that leaves the processors half idle."""
    load = bench("load", *target(cluster), "-q", "--mix", "get=70,set=30", "-s", 16, "-d", 8, "--rate", 2 * RATE,
                 "--payload", 100, "--seconds", seconds, "--warmup", 1)
    return {"p999_ms": load["latency"]["p999_us"] / 1e3, "p99_ms": load["latency"]["p99_us"] / 1e3,
            "max_ms": load["latency"]["max_us"] / 1e3}


def checkpoint(row: str, settings: Settings) -> None:
    """p99.9 at a fixed rate while a checkpoint of many changed znodes is written, and while none is.

    Checkpoints are taken by log size and, at the latest, by time: 30 s after the last one. What was changed last, and was
    not enough for one by size, is written during one of the windows; the others are the quiet ones.
    """
    count, seconds, windows = settings.size(1_000_000, 20_000), settings.size(8, 2), settings.size(5, 12)
    quiet, during = [], []
    with Standalone() as cluster:
        bench("fill", *target(cluster), "-q", "--nodes", count, "--payload", 100, "--prefix", PREFIX, "--keep")
        for _ in range(settings.runs):
            bench("load", *target(cluster), "-q", "--mix", "set", "--prefix", PREFIX, "--prepared", "--keep",
                  "--nodes", count, "--payload", 100, "-s", 16, "-d", 32, "--warmup", 0,
                  "--seconds", settings.size(10, 1))
            for _ in range(windows):
                before = checkpoints(cluster)
                seen = rated(cluster, seconds)
                taken = checkpoints(cluster) != before
                (during if taken else quiet).append(seen)
                say(f"{'with' if taken else 'without'} a checkpoint: {seen}")
    keep(row, {"kind": "quiet", "what": "checkpoint", "quiet": quiet, "during": during}, settings)


def checkpoints(cluster) -> str:
    """How many have been written, as the admin server counts them."""
    with urllib.request.urlopen(f"http://{HOST}:{cluster.admin}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next((line for line in lines if line.startswith("snapshottime_count")), "none")


def is_ready(admin: int) -> bool:
    """Whether the process with this admin port serves."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{admin}/readyz", timeout=10) as answer:
            return answer.status == 200
    except urllib.error.URLError:
        return False


def bootstrap(row: str, settings: Settings) -> None:
    """p99.9 through the gateways while one of two stores, emptied, fetches the tree from the other."""
    count, seconds = settings.size(1_000_000, 20_000), settings.size(10, 3)
    quiet, during = [], []
    with Split() as cluster:
        bench("fill", *target(cluster), "-q", "--nodes", count, "--payload", 100, "--prefix", PREFIX, "--keep")
        store = "tree-store-2"
        for _ in range(settings.runs):
            cluster.stop(store)
            cluster.wait_serving()
            quiet.append(rated(cluster, seconds))
            cluster.wipe(store)
            cluster.start(store)
            during.append(rated(cluster, seconds))
            # If it is not, the window saw a part of the bootstrap only.
            during[-1]["ended_within"] = is_ready(cluster.admin[store])
            cluster.wait_serving()
            say(f"quiet {quiet[-1]}, during a bootstrap {during[-1]}")
    keep(row, {"kind": "quiet", "what": "bootstrap", "quiet": quiet, "during": during}, settings)
