"""How cost grows: sessions, payload, znodes, children, watchers, store replicas. One run a point."""

from measure import Settings, bench, keep, say, target, warm
from scale import SESSION_TIMEOUT_MS, SOURCES
from servers import Split, Standalone, ZooKeeper

# More would not fit into a JVM of this size.
HEAP = "8g"


def sessions(row: str, settings: Settings) -> None:
    """get and set over the number of sessions, one request outstanding on each."""
    counts = settings.size([1, 4, 16, 64, 256, 1024, 4096], [1, 16, 64])

    def point(cluster, count):
        return {mix: summary(load(cluster, settings, "--mix", mix, "-s", count, "--source-addresses", SOURCES))
                for mix in ("get", "set")}

    both(row, settings, counts, point, x="sessions")


def payload(row: str, settings: Settings) -> None:
    """get and set over the size of the data."""
    sizes = settings.size([0, 64, 1024, 4096, 16_384, 65_536, 262_144, 524_288], [0, 1024, 65_536])

    def point(cluster, size):
        words = ("--payload", size, "--nodes", 100, "-s", 16, "-d", 2)
        return {mix: summary(load(cluster, settings, "--mix", mix, *words)) for mix in ("get", "set")}

    both(row, settings, sizes, point, x="bytes of data")


def znodes(row: str, settings: Settings) -> None:
    """get, set and memory over the number of znodes, all children of one."""
    counts = settings.size([1_000, 10_000, 100_000, 1_000_000, 5_000_000], [1_000, 10_000])

    def point(cluster, count):
        prefix = f"/znodes-{count}"
        filled = bench("fill", *target(cluster), "-q", "--nodes", count, "--prefix", prefix, "--keep")
        words = ("--prefix", prefix, "--prepared", "--keep", "--nodes", count, "--payload", 100, "-s", 64, "-d", 8)
        result = {mix: summary(load(cluster, settings, "--mix", mix, *words)) for mix in ("get", "set")}
        # One child more or less, beside so many.
        result["create"] = summary(load(cluster, settings, "--mix", "create=1,delete=1", *words))
        result["rss_mib"] = sum(filled["usage"]["server_rss_kib"]) / 1024
        result["fill_s"] = filled["seconds"]
        return result

    both(row, settings, counts, point, x="znodes")


def children(row: str, settings: Settings) -> None:
    """getChildren over the number of children."""
    counts = settings.size([10, 100, 1_000, 10_000, 100_000, 1_000_000], [10, 1_000])

    def point(cluster, count):
        return {"children": summary(load(cluster, settings, "--mix", "children", "--children", count))}

    both(row, settings, counts, point, x="children")


def watchers(row: str, settings: Settings) -> None:
    """Until all are told, over the number of watchers."""
    counts = settings.size([1, 10, 100, 1_000, 10_000], [1, 10, 100])

    def point(cluster, count):
        report = bench("watch", *target(cluster), "-q", "--watchers", count, "--rounds", settings.size(20, 3),
                       "--source-addresses", SOURCES, "--timeout-ms", SESSION_TIMEOUT_MS)
        return {"all_told": {"p50_us": report["all_told"]["p50_us"]}}

    both(row, settings, counts, point, x="watchers")


def replicas(row: str, settings: Settings) -> None:
    """get over the number of store replicas, of the split deployment; all of them share this machine's processors."""
    points = []
    for count in settings.size([1, 2, 3], [1, 2]):
        with Split(stores=count) as cluster:
            points.append({"x": count, "get": summary(load(cluster, settings, "--mix", "get", "-s", 64, "-d", 8))})
        say(f"{row}: {points[-1]}")
    keep(row, {"kind": "curve", "x": "store replicas", "menagerie": points}, settings)


def load(cluster, settings: Settings, *words) -> dict:
    return bench("load", *target(cluster), "-q", *settings.times(), "--timeout-ms", SESSION_TIMEOUT_MS, *words)


def summary(report: dict) -> dict:
    latency, usage = report["latency"], report["usage"]
    return {"ops_s": report["ops_s"], "p50_us": latency["p50_us"], "p99_us": latency["p99_us"],
            "server_us_per_op": usage["server_us_per_op"]}


def both(row: str, settings: Settings, xs: list, point, x: str) -> None:
    """Every point of both, in turns."""
    result = {"menagerie": [], "zookeeper": []}
    with Standalone() as menagerie, ZooKeeper(heap=HEAP) as zookeeper:
        for cluster in (zookeeper, menagerie):
            warm(cluster, settings)
        for at in xs:
            for name, cluster in (("menagerie", menagerie), ("zookeeper", zookeeper)):
                result[name].append({"x": at, **point(cluster, at)})
            say(f"{row}, {at} {x}: {result['menagerie'][-1]} to {result['zookeeper'][-1]}")
    keep(row, {"kind": "curve", "x": x, "heap": HEAP, **result}, settings)
