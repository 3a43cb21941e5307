"""A pytest plugin: what kazoo's tests start, stop and destroy is Menagerie instead of ZooKeeper.

kazoo.testing writes a zoo.cfg for each server that it manages and starts a JVM on it. Here `menagerie server` is
started on the same zoo.cfg, or, in the split shape, the components of one machine. Nothing of kazoo is changed.
COMPAT_SHAPE says which; for Apache ZooKeeper there is nothing to replace.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[2] / "e2e")]

from kazoo.testing import common  # noqa: E402

from options import jvm_flags, with_pem  # noqa: E402


def pytest_configure():
    # kazoo.testing stops its servers at exit; a plain end by a signal would leave them behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    shape = os.environ["COMPAT_SHAPE"]
    if not shape.startswith("zookeeper"):
        # The module of this name is all that kazoo.testing.common starts processes with.
        common.subprocess = SimpleNamespace(Popen=start_machine if shape == "split" else start_server)


def start_server(args: list[str]) -> subprocess.Popen:
    """`menagerie server` for the arguments of a JVM."""
    config = Path(args[-1])
    with_pem(config)
    environment = {**os.environ, "SERVER_JVMFLAGS": jvm_flags(args)}
    with (config.parent / "zookeeper.log").open("ab") as log:
        return subprocess.Popen(
            [os.environ["MENAGERIE_BIN"], "server", "--config", str(config)],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )


def start_machine(args: list[str]):
    """One machine of the split deployment for the arguments of a JVM."""
    from machine import Machine

    with_pem(Path(args[-1]))
    return Machine(args)
