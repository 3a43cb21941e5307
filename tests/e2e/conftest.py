"""Fixtures: one cluster per shape, shared by all cases until one of them fails; clients that end with their case."""

import shutil
import uuid
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.retry import KazooRetry

from harness import create_cluster, wanted_shapes
from harness.binary import ROOT
from raw import RawClient

KEPT = ROOT / "build" / "e2e-failures"


def pytest_generate_tests(metafunc):
    """Runs every case that uses a cluster once for each shape wanted."""
    if "shape" in metafunc.fixturenames:
        metafunc.parametrize("shape", wanted_shapes(), scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Leaves out cases that make no sense for a shape, rather than reporting them as skipped; the rest shape by shape.

    Last, because pytest's own order goes back and forth between shapes, and each time a cluster ends and another starts.
    """
    keep, drop = [], []
    order = {shape: place for place, shape in enumerate(wanted_shapes())}
    menagerie_wanted = any("zookeeper" not in shape for shape in wanted_shapes())
    for item in items:
        shape = shape_of(item)
        only = item.get_closest_marker("shapes")
        fits = not (shape and only) or shape in only.args
        if item.get_closest_marker("menagerie"):
            fits = fits and ("zookeeper" not in shape if shape else menagerie_wanted)
        (keep if fits else drop).append(item)
    items[:] = sorted(keep, key=lambda item: order.get(shape_of(item), len(order)))
    config.hook.pytest_deselected(items=drop)


def shape_of(item) -> str | None:
    """The shape that the case was asked to run in, if it uses a cluster."""
    return item.callspec.params.get("shape") if hasattr(item, "callspec") else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Attaches the servers' last words to a failure."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        cluster = getattr(item, "funcargs", {}).get("cluster")
        for name, tail in (cluster.log_tails() if cluster else {}).items():
            report.sections.append((f"log of {name}", tail))
    return report


FAILED = pytest.StashKey[bool]()


class Clusters:
    """The one cluster that is up. Another shape, or a failed case, ends it."""

    def __init__(self, base: Path):
        self.base = base
        self.current = None

    def get(self, shape: str):
        if self.current and self.current.shape != shape:
            self.discard()
        if self.current is None:
            self.current = create_cluster(shape, self.base / f"{shape}-{uuid.uuid4().hex[:8]}")
        return self.current

    def discard(self, keep_as: str | None = None):
        if self.current is None:
            return
        cluster, self.current = self.current, None
        cluster.down()
        if keep_as:
            shutil.copytree(cluster.directory, KEPT / keep_as, dirs_exist_ok=True)
        shutil.rmtree(cluster.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def clusters(tmp_path_factory):
    clusters = Clusters(tmp_path_factory.mktemp("clusters"))
    yield clusters
    clusters.discard()


@pytest.fixture
def cluster(clusters, shape, request):
    """A cluster of which every process runs and serves."""
    cluster = clusters.get(shape)
    cluster.restore()
    yield cluster
    if request.node.stash.get(FAILED, False):
        clusters.discard(keep_as=request.node.name.replace("/", "_"))


@pytest.fixture
def connect(cluster):
    """Starts kazoo clients that are stopped when the case ends."""
    clients = []

    def connect(hosts=None, timeout=10.0, **options) -> KazooClient:
        options.setdefault("connection_retry", patient())
        client = KazooClient(hosts=hosts or cluster.hosts(), timeout=timeout, **options)
        clients.append(client)
        client.start(timeout=30)
        return client

    yield connect
    for client in clients:
        client.stop()
        client.close()


def patient() -> KazooRetry:
    """Reconnects soon, and for as long as it takes."""
    return KazooRetry(max_tries=-1, delay=0.05, backoff=1, max_delay=0.2)


@pytest.fixture
def zk(connect):
    """One kazoo client."""
    return connect()


@pytest.fixture
def raw(cluster):
    """Opens raw clients, connected unless told otherwise, that are dropped when the case ends."""
    clients = []

    def raw(address=None, handshake=True, **options) -> RawClient:
        client = RawClient(address or next(iter(cluster.addresses().values())))
        clients.append(client)
        if handshake:
            client.connect(**options)
        return client

    yield raw
    for client in clients:
        client.drop()


@pytest.fixture
def root(cluster, raw):
    """An empty znode of the case's own, visible at every address."""
    path = f"/case-{uuid.uuid4().hex[:12]}"
    raw().create(path)
    for address in cluster.addresses().values():
        raw(address).sync(path)
    return path
