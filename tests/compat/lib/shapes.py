"""Clusters of tests/e2e/harness, with the server options that the client programs count on."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from harness import SHAPES, create_cluster, ports  # noqa: E402
from harness.cluster import Cluster  # noqa: E402

__all__ = ["SHAPES", "Cluster", "configure", "create_cluster", "is_zookeeper", "wanted_shapes"]

MENAGERIE_SHAPES = ("standalone", "ensemble", "split")

# Digest of super:test, as in ZooKeeper's own tests.
SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU="
JAAS = """Server {
  org.apache.zookeeper.server.auth.DigestLoginModule required
  user_super="adminsecret"
  user_bob="bobsecret";
};
"""


def wanted_shapes() -> list[str]:
    """The shapes named by COMPAT_SHAPES, or Menagerie's own three."""
    named = os.environ.get("COMPAT_SHAPES", "")
    shapes = [name.strip() for name in named.split(",") if name.strip()] or list(MENAGERIE_SHAPES)
    for shape in shapes:
        if shape not in SHAPES:
            raise ValueError(f"COMPAT_SHAPES: no shape {shape!r}, there are {', '.join(SHAPES)}")
    return shapes


def is_zookeeper(shape: str) -> bool:
    return shape.startswith("zookeeper")


def configure(directory: Path) -> None:
    """Options for every server started from here on: the JVM reads the one variable, Menagerie the other."""
    jaas = directory / "jaas.conf"
    jaas.write_text(JAAS)
    flags = " ".join((
        f"-Dzookeeper.DigestAuthenticationProvider.superDigest={SUPER_DIGEST}",
        "-Dzookeeper.extendedTypesEnabled=true",
        "-Dznode.container.checkIntervalMs=500",
        "-Dzookeeper.authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
        f"-Djava.security.auth.login.config={jaas}",
    ))
    os.environ["JDK_JAVA_OPTIONS"] = flags
    os.environ["SERVER_JVMFLAGS"] = flags
    low, _, high = os.environ.get("COMPAT_PORTS", "").partition("-")
    if high:
        ports.LOWEST, ports.HIGHEST = int(low), int(high)
