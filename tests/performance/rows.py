"""The throughput and latency rows: one workload each, Menagerie and ZooKeeper in turns on servers that stay up."""

from dataclasses import dataclass
from fnmatch import fnmatch

from measure import Settings, compare, keep, say, warm
from servers import Ensemble, Split, Standalone, ZooKeeper, ZooKeeperEnsemble


@dataclass(frozen=True)
class Goal:
    """What a figure's ratio to ZooKeeper's must be."""

    figure: str
    bound: float
    at_least: bool = False

    def met(self, ratio: float | None) -> bool:
        return ratio is not None and (ratio >= self.bound if self.at_least else ratio <= self.bound)


def times(bound: float) -> Goal:
    return Goal("ops/s", bound, at_least=True)


CPU = Goal("server us/op", 1 / 6)


@dataclass(frozen=True)
class Case:
    """One row."""

    row: str
    title: str
    shape: str
    mix: str
    sessions: int
    depth: int
    goals: tuple

    def words(self, settings: Settings) -> list[str]:
        return ["load", "-q", "--mix", self.mix, "-s", str(self.sessions), "-d", str(self.depth), *settings.times()]


def case(shape: str, mix: str, load: str, *goals: Goal) -> Case:
    sessions, depth = map(int, load.split("x"))
    name = "get 70 / set 30" if "," in mix else mix
    row = f"{shape}-{'mix' if ',' in mix else mix}-{load}"
    where = {"standalone": "standalone", "ensemble": "3 members", "split": "split, to ZooKeeper's 3 members"}[shape]
    return Case(row, f"{name}, {where}, {load.replace('x', ' x ')}", shape, mix, sessions, depth, goals)


MIX = "get=70,set=30"
CASES = [
    case("ensemble", "set", "64x8", times(6), Goal("p99 us", 1 / 4), CPU),
    case("ensemble", "set", "1x1", Goal("p50 us", 0.6)),
    case("ensemble", "create", "64x8", times(4)),
    case("ensemble", "create", "256x4", times(6)),
    case("ensemble", MIX, "64x8", times(4.5)),
    case("ensemble", MIX, "256x4", times(5)),
    case("standalone", "set", "64x8", times(4), CPU),
    case("standalone", "set", "256x4", times(4)),
    case("standalone", "set", "16x1", times(2)),
    case("standalone", "set", "1x1", Goal("p50 us", 0.65)),
    case("standalone", "get", "64x8", times(6), CPU),
    case("standalone", "get", "16x1", times(3.5)),
    case("standalone", "get", "1x1", Goal("p50 us", 0.5)),
    case("split", "set", "64x8", times(5)),
    case("split", "get", "64x8", times(4)),
    case("split", "create", "64x8", times(4)),
    case("split", "set", "1x1", Goal("p50 us", 0.75)),
]

PAIRS = {
    "standalone": (Standalone, ZooKeeper),
    "ensemble": (Ensemble, ZooKeeperEnsemble),
    "split": (Split, ZooKeeperEnsemble),
}


def measure_cases(wanted: list[str], settings: Settings) -> None:
    """Those whose name fits a pattern, shape by shape."""
    for shape, (ours, theirs) in PAIRS.items():
        cases = [case for case in CASES if case.shape == shape and fits(case.row, wanted)]
        if not cases:
            continue
        say(f"{shape}: starting both")
        with ours() as menagerie, theirs() as zookeeper:
            for cluster in (zookeeper, menagerie):
                warm(cluster, settings)
            for case in cases:
                result = compare(menagerie, zookeeper, settings, *case.words(settings))
                ratios = {figure["figure"]: figure["ratio"] for figure in result["figures"]}
                say(f"{case.title}: " + ", ".join(f"{goal.figure} {ratios[goal.figure]}x" for goal in case.goals))
                keep(case.row, {"kind": "case", **result}, settings)


def fits(row: str, wanted: list[str]) -> bool:
    return not wanted or any(fnmatch(row, pattern) or row.startswith(f"{pattern}-") for pattern in wanted)
