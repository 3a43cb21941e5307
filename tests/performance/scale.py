"""The rows about size: memory and start with many znodes, many watchers, many idle sessions."""

import subprocess
import time

from measure import (
    Settings, bench, compare, files_under, keep, median, say, target, warm,
)
from servers import WORK, Standalone, ZooKeeper

# Memory is read after so long: both have then written what they write in the background.
SETTLE_SECONDS = 45
PREFIX = "/bulk"
# Loopback addresses that clients come from: the ports of one are not enough for all.
SOURCES = ",".join(f"127.0.0.{n}" for n in range(1, 9))
SESSION_TIMEOUT_MS = 40_000


def znodes(row: str, count: int, heap: str, settings: Settings) -> None:
    """Memory for each znode of 100 bytes, and the time from a start after kill -9 to the first read."""
    runs = {"menagerie": [], "zookeeper": []}
    for run in range(settings.runs):
        for name, create in (("menagerie", Standalone), ("zookeeper", lambda: ZooKeeper(heap=heap))):
            with create() as cluster:
                runs[name].append(one_fill(cluster, count, settings))
            say(f"{row}, run {run + 1}: {name} {runs[name][-1]}")
    medians = {name: {key: median([run[key] for run in list_]) for key in list_[0]} for name, list_ in runs.items()}
    keep(row, {"kind": "znodes", "count": count, "heap": heap, "all": runs, "medians": medians}, settings)


def one_fill(cluster, count: int, settings: Settings) -> dict:
    filled = bench("fill", *target(cluster), "-q", "--nodes", count, "--payload", 100, "--prefix", PREFIX, "--keep")
    before = sum(filled["rss_before_kib"]) * 1024
    loaded = sum(filled["usage"]["server_rss_kib"]) * 1024
    time.sleep(settings.size(SETTLE_SECONDS, 2))
    collect_garbage(cluster)
    settled = rss(cluster)
    disk = files_under(cluster.directory)
    name = cluster.names()[0]
    cluster.kill9(name)
    began = time.time()
    cluster.start(name)
    probe = bench("probe", "--hosts", cluster.hosts(), "-q", "--path", filled["last_path"], "--within", 600)
    return {
        "fill_s": filled["seconds"],
        "bytes_per_znode_loaded": round((loaded - before) / count),
        "bytes_per_znode": round((settled - before) / count),
        "disk_bytes_per_znode": round(disk / count),
        "start_ms": round(probe["served_epoch_ms"] - began * 1e3),
        "rss_mib": round(settled / 2**20),
        "rss_after_start_mib": round(rss(cluster) / 2**20),
    }


def rss(cluster) -> int:
    """Bytes resident in all of a cluster's processes."""
    total = 0
    for pid in cluster.pids():
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            total += next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) * 1024
    return total


def collect_garbage(cluster) -> None:
    """A JVM gives back what it does not need, to its advantage; nothing to do for others."""
    if isinstance(cluster, ZooKeeper):
        for pid in cluster.pids():
            subprocess.run(["jcmd", str(pid), "GC.run"], check=True, stdout=subprocess.DEVNULL)


def watchers(row: str, count: int, settings: Settings) -> None:
    """How long until all watchers of one znode are told."""
    rounds = settings.size(20, 3)
    with Standalone() as menagerie, ZooKeeper() as zookeeper:
        for cluster in (zookeeper, menagerie):
            warm(cluster, settings)
            bench("watch", *target(cluster), "-q", "--watchers", count, "--rounds", rounds,
                  "--source-addresses", SOURCES, "--timeout-ms", SESSION_TIMEOUT_MS)
        result = compare(menagerie, zookeeper, settings, "watch", "-q", "--watchers", count, "--rounds", rounds,
                         "--source-addresses", SOURCES, "--timeout-ms", SESSION_TIMEOUT_MS)
    keep(row, {"kind": "watchers", "count": count, **result}, settings)


def idle_sessions(row: str, count: int, settings: Settings) -> None:
    """Memory of a fresh server with so many sessions; connecting and idling on servers that are warm."""
    words = ["sessions", "-q", "--count", str(count), "--hold", str(settings.size(30, 3)),
             "--timeout-ms", str(SESSION_TIMEOUT_MS), "--source-addresses", SOURCES]
    memory = {"menagerie": [], "zookeeper": []}
    for run in range(settings.runs):
        for name, create in (("menagerie", Standalone), ("zookeeper", ZooKeeper)):
            with create() as cluster:
                report = bench(*words, *target(cluster))
            grown = sum(report["rss_after_kib"]) - sum(report["rss_before_kib"])
            memory[name].append({"rss_kib": sum(report["rss_after_kib"]), "grown_kib": grown})
            say(f"{row}, run {run + 1}: {name} {memory[name][-1]}")
    with Standalone() as menagerie, ZooKeeper() as zookeeper:
        for cluster in (zookeeper, menagerie):
            warm(cluster, settings)
            bench(*words, *target(cluster))
        result = compare(menagerie, zookeeper, settings, *words)
    keep(row, {"kind": "idle", "count": count, "memory": memory, **result}, settings)


def bare(row: str, counts: tuple[int, int], settings: Settings) -> None:
    """What the machine's sockets and disk take by themselves, with few sockets and with many."""
    WORK.mkdir(parents=True, exist_ok=True)
    few, many = ([bench("bare", "-q", "--dir", WORK, "--sockets", count) for _ in range(settings.runs)] for count in counts)
    keep(row, {"kind": "bare", "counts": counts, "few": few, "many": many}, settings)
