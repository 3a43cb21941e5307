"""Clusters with everything turned on that clients can ask for: the same zoo.cfg for ZooKeeper and for Menagerie.

TTL nodes and soon-reaped containers, a super user, SASL, quotas, a secure client port, reconfiguration, read-only mode.
The split shape has no zoo.cfg; it gets the same by environment variables.
"""

import os
import sys
from pathlib import Path

import tls

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))

from harness.binary import menagerie  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.process import Process  # noqa: E402
from harness.processes import ProcessCluster  # noqa: E402
from harness.split import Split  # noqa: E402
from harness.zookeeper import LIB  # noqa: E402

HOST = "127.0.0.1"
MEMBERS = 3
# Digest of super:test, as in ZooKeeper's own tests.
SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
JAAS = """Server {
  org.apache.zookeeper.server.auth.DigestLoginModule required
  user_super="adminsecret"
  user_bob="bobsecret"
  user_carol="carolsecret";
};
"""
# What ZooKeeper reads from zoo.cfg, or Menagerie does.
CONFIG = """tickTime=2000
initLimit=10
syncLimit=5
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
extendedTypesEnabled=true
enforceQuota=true
reconfigEnabled=true
"""
# ZooKeeper takes these as system properties only; Menagerie as both, and here from SERVER_JVMFLAGS.
PROPERTIES = {
    "zookeeper.DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
    "zookeeper.authProvider.sasl": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
    "readonlymode.enabled": "true",
    "znode.container.checkIntervalMs": "500",
}
# For ReadOnlyTest.
LOCAL_SESSIONS = "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\n"
# What of CONFIG the split shape is told, which has no zoo.cfg.
SPLIT_PROPERTIES = {
    "zookeeper.extendedTypesEnabled": "true",
    "zookeeper.enforceQuota": "true",
    "zookeeper.reconfigEnabled": "true",
    "zookeeper.4lw.commands.whitelist": "*",
}


def create(shape: str, directory: Path, config: str = ""):
    """A cluster that serves; it has `secure_hosts` and `tls_directory` beside the usual. `config` is for its zoo.cfg."""
    kinds = {
        "standalone": Standalone, "ensemble": Ensemble, "split": SecureSplit,
        "zookeeper": Standalone, "zookeeper-ensemble": Ensemble,
    }
    cluster = kinds[shape](shape, directory, config)
    try:
        cluster.up()
    except BaseException:
        cluster.down()
        raise
    return cluster


def flags(directory: Path, more: dict[str, str] | None = None) -> str:
    jaas = directory / "jaas.conf"
    jaas.write_text(JAAS)
    properties = {**PROPERTIES, "java.security.auth.login.config": str(jaas), **(more or {})}
    return " ".join(f"-D{name}={value}" for name, value in properties.items())


class FromZooCfg(ProcessCluster):
    """`server --config zoo.cfg` of either."""

    def __init__(self, shape: str, directory: Path, config: str):
        super().__init__(directory)
        self.shape = shape
        self.config = CONFIG + config
        self.tls_directory = tls.create(self.directory / "tls")
        self.secure: list[str] = []
        self.flags = flags(self.directory)

    @property
    def secure_hosts(self) -> str:
        return ",".join(self.secure)

    def add(self, name: str, config: str, port: int) -> None:
        home = self.directory / name
        secure = free_port()
        (home / "data").mkdir(parents=True)
        (home / "zoo.cfg").write_text(
            f"{self.config}dataDir={home}/data\nsecureClientPort={secure}\nsecureClientPortAddress={HOST}\n"
            "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory\n"
            f"ssl.keyStore.location={self.tls_directory}/server.pem\n"
            f"ssl.trustStore.location={self.tls_directory}/ca.pem\n{config}"
        )
        self.processes[name] = Process(self.command(home / "zoo.cfg"), self.directory / f"{name}.log", self.variables())
        self.client_addresses[name] = (HOST, port)
        self.secure.append(f"{HOST}:{secure}")

    def variables(self) -> dict[str, str]:
        return {} if self.shape.startswith("zookeeper") else {"SERVER_JVMFLAGS": self.flags}

    def command(self, config: Path) -> list:
        if self.shape.startswith("zookeeper"):
            java = ["java", "-Xmx512m", *self.flags.split(), "-cp", f"{LIB}/*"]
            return [*java, "org.apache.zookeeper.server.quorum.QuorumPeerMain", config]
        return [menagerie(), "server", "--config", config, "--grpc-addr", f"{HOST}:{free_port()}"]


class Standalone(FromZooCfg):
    """One server."""

    def __init__(self, shape: str, directory: Path, config: str):
        super().__init__(shape, directory, config)
        port = free_port()
        self.add("server-1", f"clientPort={port}\nclientPortAddress={HOST}\n", port)


class Ensemble(FromZooCfg):
    """Three servers whose client ports stand in their server lines, as reconfiguration wants it."""

    def __init__(self, shape: str, directory: Path, config: str):
        super().__init__(shape, directory, config)
        ports = [free_port() for _ in range(MEMBERS)]
        lines = "".join(
            f"server.{n}={HOST}:{free_port()}:{free_port()}:participant;{HOST}:{port}\n" for n, port in enumerate(ports, 1)
        )
        for n, port in enumerate(ports, 1):
            self.add(f"server-{n}", lines, port)
            (self.directory / f"server-{n}" / "data" / "myid").write_text(f"{n}\n")


class SecureSplit(Split):
    """cluster.sh, its gateways with a secure port."""

    def __init__(self, _shape: str, directory: Path, _config: str):
        super().__init__(directory)
        self.tls_directory = tls.create(self.directory / "tls")
        self.secure = {name: free_port() for name in self.client_addresses}
        self.flags = flags(self.directory, {
            **SPLIT_PROPERTIES,
            "zookeeper.ssl.keyStore.location": f"{self.tls_directory}/server.pem",
            "zookeeper.ssl.trustStore.location": f"{self.tls_directory}/ca.pem",
        })

    @property
    def secure_hosts(self) -> str:
        return ",".join(f"{HOST}:{port}" for port in self.secure.values())

    def up(self) -> None:
        for name in self.names():
            self.start(name)
        self.wait_serving()

    def start(self, name: str) -> None:
        port = self.secure.get(name)
        own = f" -Dzookeeper.secureClientPort={port} -Dzookeeper.secureClientPortAddress={HOST}" if port else ""
        self.env["SERVER_JVMFLAGS"] = self.flags + own
        super().start(name)
