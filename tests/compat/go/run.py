"""go-zookeeper/zk against every wanted shape. COMPAT_SHAPES and COMPAT_PORTS as in tests/compat/lib/run.py.

    run.py PROGRAM [CASE]
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "java"))

import servers  # noqa: E402

from results import ROOT, Result, record, table  # noqa: E402
from run import LOGS, judge  # noqa: E402
from shapes import ports, wanted_shapes  # noqa: E402


def main(command: list[str]) -> int:
    low, _, high = os.environ.get("COMPAT_PORTS", "").partition("-")
    if high:
        ports.LOWEST, ports.HIGHEST = int(low), int(high)
    version = re.search(r"go-zookeeper/zk v(\S+)", (HERE / "go.mod").read_text())[1]
    done = []
    for shape in wanted_shapes():
        print(f"== go-zookeeper {version}: {shape}", flush=True)
        done.append(Result("go-zookeeper", version, shape, *run_shape(shape, command)))
        record(done[-1])
    print(table(done), flush=True)
    return int(any(r.failed or not r.passed for r in done))


def run_shape(shape: str, command: list[str]) -> tuple[int, int]:
    """Counts of passed and failed; a cluster that does not start is a failure."""
    directory = Path(tempfile.mkdtemp(prefix=f"compat-go-{shape}-"))
    passed = failed = 0
    try:
        cluster = servers.create(shape, directory / "cluster")
        try:
            passed, failed = judge(command, {"COMPAT_HOSTS": cluster.hosts(), "COMPAT_SHAPE": shape})
        finally:
            cluster.down()
    except Exception as error:
        print(f"not ok {shape}: {error!r}", flush=True)
        failed += 1
    if failed:
        kept = LOGS / f"go-{shape}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(directory, kept)
        print(f"logs: {kept}")
    shutil.rmtree(directory, ignore_errors=True)
    return passed, failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
