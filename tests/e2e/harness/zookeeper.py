"""Apache ZooKeeper from Maven Central (`make zookeeper`): the real thing, to test the tests."""

import os
from pathlib import Path

from . import zoo_cfg
from .ports import free_port
from .process import Process
from .processes import ProcessCluster

LIB = Path(os.environ.get("ZOOKEEPER_LIB", Path(__file__).parents[3] / "build/zookeeper/lib"))
EXTRA = "4lw.commands.whitelist=srvr,stat,ruok,isro,mntr\nmaxClientCnxns=0\n"


def command_line(config: Path) -> list[str]:
    return [
        "java", "-Xmx512m", "-cp", f"{LIB}/*",
        "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(config),
    ]


class ZooKeeper(ProcessCluster):
    """One standalone server."""

    shape = "zookeeper"

    def __init__(self, directory: Path):
        super().__init__(directory)
        port = free_port()
        config = zoo_cfg.write(self.directory, port, EXTRA)
        self.processes["standalone"] = Process(command_line(config), self.directory / "standalone.log")
        self.client_addresses["standalone"] = (zoo_cfg.HOST, port)


class ZooKeeperEnsemble(ProcessCluster):
    """Three servers."""

    shape = "zookeeper-ensemble"

    def __init__(self, directory: Path):
        super().__init__(directory)
        ports = [free_port() for _ in range(3)]
        for n, config in enumerate(zoo_cfg.write_ensemble(self.directory, ports, EXTRA), 1):
            name = f"server-{n}"
            self.processes[name] = Process(command_line(config), self.directory / f"{name}.log")
            self.client_addresses[name] = (zoo_cfg.HOST, ports[n - 1])
