"""zkCli's commands against every wanted shape; each must print what it prints against ZooKeeper.

COMPAT_SHAPES chooses the shapes, COMPAT_PORTS the ports. ZooKeeper is started each time: its transcript is the measure.
"""

import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "java"))

import servers  # noqa: E402

from results import ROOT, Result, record, table  # noqa: E402
from shapes import ports, wanted_shapes  # noqa: E402
from shell import ANSWER_SECONDS, Shell, command_line  # noqa: E402
from transcript import Clearing  # noqa: E402

LIB = str(servers.LIB)
LOGS = ROOT / "build" / "compat" / "logs"
BASE = "/cli"
ENSEMBLE = "ensemble.txt"
TRIES = 40
ONESHOT_TRIES = 3
# What each command printed: command, lines.
Transcript = list[tuple[str, list[str]]]


def main() -> int:
    low, _, high = os.environ.get("COMPAT_PORTS", "").partition("-")
    if high:
        ports.LOWEST, ports.HIGHEST = int(low), int(high)
    version = next(Path(LIB).glob("zookeeper-[0-9]*.jar")).stem.removeprefix("zookeeper-")
    measures: dict[str, Transcript] = {}
    done = []
    for shape in wanted_shapes():
        peer = "zookeeper-ensemble" if shape.endswith("ensemble") else "zookeeper"
        print(f"== zkCli {version}: {shape}", flush=True)
        if peer not in measures:
            measures[peer] = transcribe(peer)
        passed, failed = compare(measures[peer], transcribe(shape))
        done.append(Result("zkCli", version, shape, passed, failed))
        record(done[-1])
    print(table(done), flush=True)
    return int(any(r.failed or not r.passed for r in done))


def compare(expected: Transcript, found: Transcript) -> tuple[int, int]:
    """A line for each command, and for each that differs how."""
    passed = failed = 0
    for (command, theirs), (_, ours) in zip(expected, found, strict=False):
        if theirs == ours:
            passed += 1
            print(f"ok {command}")
        else:
            failed += 1
            print(f"not ok {command}: other output (- ZooKeeper, + here)")
            for line in list(difflib.unified_diff(theirs, ours, n=1, lineterm=""))[2:]:
                print(f"#   {line}")
    if len(expected) != len(found):
        failed += 1
        print(f"not ok end: {len(found)} commands of {len(expected)}")
    return passed, failed


def transcribe(shape: str) -> Transcript:
    """All that is typed, in a fresh cluster."""
    directory = Path(tempfile.mkdtemp(prefix=f"compat-zkcli-{shape}-"))
    found: Transcript = []
    try:
        cluster = servers.create(shape, directory / "cluster")
        try:
            hosts = cluster.hosts()
            found += typed("script.txt", hosts)
            found += oneshot(hosts)
            if shape.endswith("ensemble"):
                found += typed(ENSEMBLE, hosts)
        finally:
            cluster.down()
    except Exception as error:
        found.append(("start", [f"{shape}: {error!r}"]))
    keep(directory, shape, found)
    shutil.rmtree(directory, ignore_errors=True)
    return found


def keep(directory: Path, shape: str, found: Transcript) -> None:
    """The logs and the transcript, to look at."""
    kept = LOGS / f"zkcli-{shape}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(directory, kept)
    text = "".join(f"$ {command}\n" + "".join(f"{line}\n" for line in lines) for command, lines in found)
    (kept / "transcript.txt").write_text(text)


def typed(script: str, hosts: str) -> Transcript:
    """One interactive session. `2* ` in front of a command: two events come of it; `2~ `: and it may take some tries."""
    clearing = Clearing({hosts: "HOSTS"}, zxids=script != ENSEMBLE)
    names = {"root": BASE, "hosts": hosts}
    shell = Shell(LIB, hosts)
    shell.await_events(1)
    found: Transcript = []
    for line in (HERE / script).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        events, mark, command = (int(line[0]), line[1], line[3:]) if line[1:3] in ("* ", "~ ") else (0, "", line)
        for name, value in names.items():
            command = command.replace("{" + name + "}", value)
        printed = shell.run(command)
        for _ in range(TRIES):
            if not again(mark, printed):
                break
            printed = shell.run(command)
        third = [text for text in printed if text.startswith("server.3=")]
        names.update({"third": third[0]} if third else {})
        told = shell.await_events(events)
        # Removals of several kinds come in the order of a hash map of the client; what quit lets print is chance.
        told = sorted(told) if all("WatchRemoved" in event for event in told) else told
        told = [] if command == "quit" else told
        if script == ENSEMBLE:
            told = [event for event in told if "type:None" not in event]
        found.append((clearing.line(command), clearing.lines(printed + told)))
    found.append(("exit status", [str(shell.close())]))
    return found


def again(mark: str, printed: list[str]) -> bool:
    """A member that left needs time before it can join, and connections end when the leader changes."""
    uncommitted = mark == "~" and not any(text.startswith("Committed") for text in printed)
    return uncommitted or any("ConnectionLoss" in text for text in printed)


def oneshot(hosts: str) -> Transcript:
    """Commands as arguments."""
    found: Transcript = []
    for line in (HERE / "oneshot.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            for _ in range(ONESHOT_TRIES):
                done = subprocess.run(
                    command_line(LIB, hosts, line.split()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True, timeout=ANSWER_SECONDS,
                )
                # Its one connection may meet an election of members that wait for a processor.
                if "ConnectionLoss" not in done.stdout:
                    break
            # The connection's events come before the output, or too late to be printed.
            lines = [text for text in done.stdout.splitlines() if not text.startswith(("WATCHER::", "WatchedEvent"))]
            clearing = Clearing({hosts: "HOSTS"})
            found.append((f"zkCli {line}", [*clearing.lines(lines), f"exit status {done.returncode}"]))
    return found


if __name__ == "__main__":
    sys.exit(main())
