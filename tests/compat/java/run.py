"""The official Java client and Curator, each against every wanted shape.

    run.py [client|curator ...] [--only NAME ...]

NAME is a class or Class#method below menagerie.compat. Otherwise as tests/compat/lib/run.py.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import servers

from control import Control  # noqa: E402  (found by servers)
from results import ROOT, Result, record, table  # noqa: E402
from run import LOGS, judge  # noqa: E402
from shapes import ports, wanted_shapes  # noqa: E402

HERE = Path(__file__).parent
BUILD = ROOT / "build" / "compat" / "java"
SUITES = {"client": "zookeeper.version", "curator": "curator.version"}
READ_ONLY = "client.ReadOnlyTest"
NAMES = {"client": "Java client", "curator": "Curator"}


def main(words: list[str]) -> int:
    only = words[words.index("--only") + 1:] if "--only" in words else []
    suites = [word for word in words if word in SUITES] or list(SUITES)
    low, _, high = os.environ.get("COMPAT_PORTS", "").partition("-")
    if high:
        ports.LOWEST, ports.HIGHEST = int(low), int(high)
    done = []
    for shape in wanted_shapes():
        done += run_shape(shape, only or suites, not only)
    print(table(done), flush=True)
    return int(any(r.failed or not r.passed for r in done))


def version(suite: str) -> str:
    return ElementTree.parse(HERE / "pom.xml").findtext(f".//{{*}}{SUITES[suite]}")


def run_shape(shape: str, names: list[str], keep: bool) -> list[Result]:
    """A cluster for each of them."""
    directory = Path(tempfile.mkdtemp(prefix=f"compat-java-{shape}-"))
    results = []
    for name in names:
        passed, failed = run_suite(name, shape, directory)
        results.append(Result(NAMES.get(name, name), version(name.split(".")[0]), shape, passed, failed))
    if any(result.failed for result in results):
        kept = LOGS / f"java-{shape}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(directory, kept)
        print(f"logs: {kept}")
    shutil.rmtree(directory, ignore_errors=True)
    if keep:
        for result in results:
            record(result)
    return results


def run_suite(name: str, shape: str, directory: Path) -> tuple[int, int]:
    """Counts of passed and failed. The client's read-only case has an ensemble of its own."""
    print(f"== {NAMES.get(name, name)}: {shape}", flush=True)
    counts = [(0, 0)]
    if name != READ_ONLY:
        counts.append(run_on(name, shape, directory / name, local_sessions=False))
    if name in ("client", READ_ONLY) and shape.endswith("ensemble"):
        counts.append(run_on(READ_ONLY, shape, directory / READ_ONLY, local_sessions=True))
    return tuple(map(sum, zip(*counts)))


def run_on(name: str, shape: str, directory: Path, local_sessions: bool) -> tuple[int, int]:
    """A cluster for one run; one that does not start is a failure too."""
    try:
        cluster = servers.create(shape, directory / "cluster", servers.LOCAL_SESSIONS if local_sessions else "")
        control = Control(cluster)
        try:
            variables = {
                "COMPAT_HOSTS": cluster.hosts(), "COMPAT_SHAPE": shape, "COMPAT_CONTROL": control.address,
                "COMPAT_SECURE_HOSTS": cluster.secure_hosts, "COMPAT_TLS": str(cluster.tls_directory),
                "COMPAT_LOCAL_SESSIONS": "yes" if local_sessions else "",
            }
            return judge(command(name, directory), variables)
        finally:
            control.close()
            cluster.down()
    except Exception as error:
        print(f"not ok {shape}: {error!r}", flush=True)
        return 0, 1


def command(name: str, directory: Path) -> list[str]:
    return [
        "java", "-Xmx512m", f"-Djava.security.auth.login.config={HERE}/client-jaas.conf",
        f"-Dorg.slf4j.simpleLogger.logFile={directory}/client.log",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-cp", f"{BUILD}/test-classes:{BUILD}/lib/*", "menagerie.compat.Main", name,
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
