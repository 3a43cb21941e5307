"""What is measured: Menagerie in its three shapes, and Apache ZooKeeper, all on loopback, data on the disk of the checkout."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import zoo_cfg  # noqa: E402
from harness.binary import menagerie  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.process import Process  # noqa: E402
from harness.processes import ProcessCluster  # noqa: E402

WORK = ROOT / "build" / "performance" / "data"
ZOOKEEPER_LIB = Path(os.environ.get("ZOOKEEPER_LIB", ROOT / "build/zookeeper/lib"))
DEBIAN_JAR = Path("/usr/share/java/zookeeper.jar")
HOST = "127.0.0.1"
# The same for both: no limit on connections from one address, for all of them come from here.
NO_LIMIT = "maxClientCnxns=0\n"


class Measured(ProcessCluster):
    """Servers that start empty; used as a context."""

    def __init__(self, name: str):
        directory = WORK / name
        shutil.rmtree(directory, ignore_errors=True)
        super().__init__(directory)

    def add(self, name: str, command: list, address: int | None = None, env: dict | None = None) -> None:
        self.processes[name] = Process([str(word) for word in command], self.directory / f"{name}.log", env)
        if address is not None:
            self.client_addresses[name] = (HOST, address)

    def pids(self) -> list[int]:
        return [process.child.pid for process in self.processes.values() if process.running]

    def __enter__(self):
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()
        shutil.rmtree(self.directory, ignore_errors=True)


class Standalone(Measured):
    """`menagerie standalone`."""

    shape = "standalone"

    def __init__(self, name: str = "menagerie-standalone"):
        super().__init__(name)
        self.grpc, self.admin = free_port(), free_port()
        port = free_port()
        self.add("standalone", [
            menagerie(), "standalone", "--data-dir", self.directory / "data", "--max-client-cnxns", 0,
            "--client-addr", f"{HOST}:{port}", "--grpc-addr", f"{HOST}:{self.grpc}",
            "--admin-addr", f"{HOST}:{self.admin}",
        ], port)


class Ensemble(Measured):
    """`menagerie server`, three times."""

    shape = "ensemble"

    def __init__(self, name: str = "menagerie-ensemble"):
        super().__init__(name)
        ports = [free_port() for _ in range(3)]
        for n, config in enumerate(zoo_cfg.write_ensemble(self.directory, ports, NO_LIMIT), 1):
            self.add(f"server-{n}", [menagerie(), "server", "--config", config], ports[n - 1])


class Split(Measured):
    """Each component in processes of its own, which speak gRPC."""

    shape = "split"

    def __init__(self, name: str = "menagerie-split", stores: int = 2):
        super().__init__(name)
        counts = {"consensus": 3, "tree-store": stores, "session-tracker": 2, "gateway": 2}
        listen = {c: [free_port() for _ in range(count)] for c, count in counts.items()}
        members = {c: ",".join(f"{n}={HOST}:{p}" for n, p in enumerate(ports, 1)) for c, ports in listen.items()}
        self.admin, self.stores = {}, stores
        for component, ports in listen.items():
            for n, port in enumerate(ports, 1):
                name = f"{component}-{n}"
                self.admin[name] = free_port()
                command = [menagerie(), component, "--id", n, "--listen", f"{HOST}:{port}",
                           "--admin-addr", f"{HOST}:{self.admin[name]}"]
                client = None
                if component in ("consensus", "tree-store"):
                    command += ["--data-dir", self.directory / name]
                if component == "consensus":
                    command += ["--peers", members["consensus"]]
                else:
                    command += ["--consensus", members["consensus"], "--stores", members["tree-store"]]
                if component == "gateway":
                    client = free_port()
                    command += ["--trackers", members["session-tracker"], "--max-client-cnxns", 0,
                                "--client-addr", f"{HOST}:{client}"]
                self.add(name, command, client)

    def wipe(self, name: str) -> None:
        """Takes a stopped process's data away."""
        shutil.rmtree(self.directory / name, ignore_errors=True)


def fetched() -> Path | None:
    """The server's jar from Maven Central, if it is there."""
    return next(iter(sorted(ZOOKEEPER_LIB.glob("zookeeper-[0-9]*.jar"))), None)


def zookeeper_command(config: Path, heap: str) -> list:
    """3.9.5 where it could be fetched, else Debian's."""
    if fetched():
        path = f"{ZOOKEEPER_LIB}/*"
    elif DEBIAN_JAR.exists():
        path = f"/etc/zookeeper/conf:{DEBIAN_JAR}"
    else:
        raise SystemExit("no Apache ZooKeeper: make zookeeper, or apt-get install zookeeper libzookeeper-java")
    return ["java", f"-Xmx{heap}", "-cp", path, "org.apache.zookeeper.server.quorum.QuorumPeerMain", config]


def zookeeper_version() -> str:
    jar = fetched()
    return jar.stem.removeprefix("zookeeper-") if jar else "3.8.0 (Debian)"


class ZooKeeper(Measured):
    """One standalone server."""

    shape = "standalone"

    def __init__(self, name: str = "zookeeper-standalone", heap: str = "1g"):
        super().__init__(name)
        port = free_port()
        config = zoo_cfg.write(self.directory, port, NO_LIMIT + "4lw.commands.whitelist=srvr\n")
        self.add("standalone", zookeeper_command(config, heap), port)


class ZooKeeperEnsemble(Measured):
    """Three servers."""

    shape = "ensemble"

    def __init__(self, name: str = "zookeeper-ensemble", heap: str = "1g"):
        super().__init__(name)
        ports = [free_port() for _ in range(3)]
        configs = zoo_cfg.write_ensemble(self.directory, ports, NO_LIMIT + "4lw.commands.whitelist=srvr\n")
        for n, config in enumerate(configs, 1):
            self.add(f"server-{n}", zookeeper_command(config, heap), ports[n - 1])
