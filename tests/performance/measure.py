"""Runs the load tool, and keeps what it says."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import machine
from servers import ROOT, menagerie

# The document, its plots beside it, and in them what was measured, a file a row. With QUICK=1 nothing of it is touched.
DOCUMENT = ROOT / "docs" / "performance.md"
QUICK_DOCUMENT = ROOT / "build" / "performance" / "quick" / "performance.md"
COMMAND_SECONDS = 3600
# So long a JVM is kept busy before anything is measured: its compiler is part of the server.
WARM_SECONDS = 8


class Settings:
    """How long, how often, and how large; QUICK=1 makes everything small, to see that it works."""

    def __init__(self, quick: bool):
        self.quick = quick
        self.runs = 1 if quick else 3
        self.seconds = 1.0 if quick else 6.0
        self.warmup = 0.5 if quick else 2.0
        self.warm = 1.0 if quick else WARM_SECONDS
        self.document = QUICK_DOCUMENT if quick else DOCUMENT

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def times(self) -> list[str]:
        return ["--seconds", str(self.seconds), "--warmup", str(self.warmup)]


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def command(*words) -> list[str]:
    return [str(menagerie()), "bench", "--json", *map(str, words)]


def failed(words: list[str], output: str) -> SystemExit:
    """Also kept in results, so without where the program lies."""
    return SystemExit(f"menagerie {' '.join(words[1:])}\n{output}")


def bench(*words) -> dict:
    """One run of the load tool; its errors are ours."""
    done = subprocess.run(command(*words), stdout=subprocess.PIPE, text=True, timeout=COMMAND_SECONDS)
    if done.returncode != 0:
        raise failed(done.args, done.stdout)
    return json.loads(done.stdout)


def start_bench(*words) -> subprocess.Popen:
    """The same beside others; `result_of` waits for it."""
    return subprocess.Popen(command(*words), stdout=subprocess.PIPE, text=True)


def result_of(running: subprocess.Popen, may_fail: bool = False) -> dict:
    output, _ = running.communicate(timeout=COMMAND_SECONDS)
    if running.returncode != 0 and not (may_fail and output.strip()):
        raise failed(running.args, output)
    return json.loads(output)


def target(cluster) -> list[str]:
    """The flags that name a cluster."""
    return ["--hosts", cluster.hosts(), "--server-pids", ",".join(map(str, cluster.pids()))]


def compare(ours, theirs, settings: Settings, *words) -> dict:
    """Alternating runs of one workload."""
    return bench(
        "compare", "--a", f"menagerie={ours.hosts()}", "--a-pids", ",".join(map(str, ours.pids())),
        "--b", f"zookeeper={theirs.hosts()}", "--b-pids", ",".join(map(str, theirs.pids())),
        "--runs", settings.runs, *words,
    )


def warm(cluster, settings: Settings) -> None:
    """Lets a JVM compile what is going to be measured."""
    bench("load", *target(cluster), "-q", "--mix", "get=40,set=30,create=20,exists=5,children=5", "-s", 64, "-d", 8,
          "--warmup", 0, "--seconds", settings.warm)


def figure(comparison: dict, name: str) -> dict:
    """The medians and ratios of one figure."""
    return next(figure for figure in comparison["figures"] if figure["figure"] == name)


def median(values) -> float:
    return statistics.median(values)


def keep(row: str, result: dict, settings: Settings) -> None:
    """Writes a row's result, raw, where the report finds it."""
    directory = results(settings.document)
    directory.mkdir(parents=True, exist_ok=True)
    result = {"row": row, "measured_at": time.strftime("%Y-%m-%d %H:%M"), "commit": commit(), "machine": machine.describe(),
              "runs": settings.runs, "quick": settings.quick, **result}
    (directory / f"{row}.json").write_text(json.dumps(result, indent=1) + "\n")


def kept(document: Path) -> dict[str, dict]:
    """All rows that have been measured so far."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(results(document).glob("*.json"))}


def plots(document: Path) -> Path:
    return document.with_suffix("")


def results(document: Path) -> Path:
    return plots(document) / "results"


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def files_under(directory: Path) -> int:
    """Bytes of all files, as they lie on the disk."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())
