"""Runs one client program against every wanted shape.

    run.py CLIENT VERSION -- COMMAND [ARGUMENT ...]

The program finds its servers in the environment:

    COMPAT_HOSTS     host:port,host:port,...
    COMPAT_SHAPE     standalone, ensemble, split, zookeeper or zookeeper-ensemble
    COMPAT_CONTROL   host:port of what stops and starts servers (control.py)

and prints a line for each case: `ok NAME` or `not ok NAME: why`. COMPAT_SHAPES chooses the shapes, COMPAT_TIMEOUT the
seconds after which a program counts as hung. Logs of a run with failures stay in build/compat/logs.
"""

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from control import Control
from results import ROOT, Result, record, table
from shapes import configure, create_cluster, wanted_shapes

LOGS = ROOT / "build" / "compat" / "logs"
TIMEOUT_SECONDS = float(os.environ.get("COMPAT_TIMEOUT", "300"))


def main(words: list[str]) -> int:
    split = words.index("--")
    client, version = words[:split]
    command = words[split + 1:]
    done = []
    for shape in wanted_shapes():
        print(f"== {client} {version}: {shape}", flush=True)
        done.append(run_shape(client, version, shape, command))
        record(done[-1])
    print(table(done), flush=True)
    return int(any(r.failed or not r.passed for r in done))


def run_shape(client: str, version: str, shape: str, command: list[str]) -> Result:
    directory = Path(tempfile.mkdtemp(prefix=f"compat-{client}-{shape}-"))
    configure(directory)
    passed = failed = 0
    try:
        cluster = create_cluster(shape, directory / "cluster")
        control = Control(cluster)
        try:
            variables = {"COMPAT_HOSTS": cluster.hosts(), "COMPAT_SHAPE": shape, "COMPAT_CONTROL": control.address}
            passed, failed = judge(command, variables)
        finally:
            control.close()
            cluster.down()
    except Exception as error:  # a cluster that does not start is a result too
        print(f"not ok {shape}: {error!r}", flush=True)
        failed += 1
    if failed:
        kept = LOGS / f"{client}-{shape}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(directory, kept)
        print(f"logs: {kept}")
    shutil.rmtree(directory, ignore_errors=True)
    return Result(client, version, shape, passed, failed)


def judge(command: list[str], variables: dict[str, str]) -> tuple[int, int]:
    """Runs the program and counts its lines; an end that is not orderly is a failure of its own."""
    passed = failed = 0
    child = subprocess.Popen(
        command, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        errors="replace",
    )
    for line in lines_until(child, time.monotonic() + TIMEOUT_SECONDS):
        print(line, flush=True)
        passed += line.startswith("ok ")
        failed += line.startswith("not ok ")
    if child.poll() is None:
        child.kill()
        print(f"not ok end: the program hangs after {TIMEOUT_SECONDS:.0f} s", flush=True)
        failed += 1
    if child.wait() != 0 and not failed:
        print(f"not ok end: the program ended with {child.returncode}", flush=True)
        failed += 1
    return passed, failed


def lines_until(child: subprocess.Popen, deadline: float):
    """The lines of the program's output, until it ends or time is up."""
    lines: queue.Queue = queue.Queue()

    def read():
        for line in child.stdout:
            lines.put(line.rstrip("\n"))
        child.wait()
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return
        if line is None:
            return
        yield line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
