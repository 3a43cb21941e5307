"""Real processes on loopback, in every shape that the suite runs against."""

import os

from .cluster import Cluster
from .ensemble import Ensemble
from .split import Split
from .standalone import Standalone
from .zookeeper import ZooKeeper, ZooKeeperEnsemble

SHAPES = {
    "standalone": Standalone,
    "ensemble": Ensemble,
    "split": Split,
    "zookeeper": ZooKeeper,
    "zookeeper-ensemble": ZooKeeperEnsemble,
}

# Apache ZooKeeper runs only when asked for: it shows that the cases are true of the real thing.
MENAGERIE_SHAPES = ("standalone", "ensemble", "split")


def wanted_shapes() -> list[str]:
    """The shapes named by MENAGERIE_SHAPES, or Menagerie's own three."""
    named = os.environ.get("MENAGERIE_SHAPES", "")
    shapes = [name.strip() for name in named.split(",") if name.strip()] or list(MENAGERIE_SHAPES)
    for shape in shapes:
        if shape not in SHAPES:
            raise ValueError(f"MENAGERIE_SHAPES: no shape {shape!r}, there are {', '.join(SHAPES)}")
    return shapes


def create_cluster(shape: str, directory) -> Cluster:
    """A cluster that serves, with everything it writes under `directory`."""
    cluster = SHAPES[shape](directory)
    try:
        cluster.up()
    except BaseException:
        cluster.down()
        raise
    return cluster
