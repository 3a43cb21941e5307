"""Measures the rows of the comparison with Apache ZooKeeper and writes docs/performance.md.

Rows are named in ROWS, by patterns separated by blanks (ROWS='standalone curve-* znodes-200k'); all of them if it is not
given. QUICK=1 makes everything short and small, which shows that it works and nothing else, and writes it below build/.
DRY=1 lists the rows.
"""

import os
import resource
import shutil
import sys

import curves
import report
import scale
import stalls
from measure import Settings, say
from rows import CASES, fits, measure_cases
from servers import WORK

OPEN_FILES = 65_536
# What a JVM has open besides connections.
SPARE_FILES = 500


def others(settings: Settings, most: int) -> dict:
    """Rows that are no cases: by name, what measures them. No process can have more than `most` sessions."""
    few, many = settings.size(200_000, 5_000), settings.size(2_000_000, 20_000)
    return {
        "znodes-200k": lambda row: scale.znodes(row, few, "1g", settings),
        "znodes-2m": lambda row: scale.znodes(row, many, "4g", settings),
        "watch-1k": lambda row: scale.watchers(row, settings.size(1_000, 50), settings),
        "watch-10k": lambda row: scale.watchers(row, settings.size(10_000, 200), settings),
        "idle-20k": lambda row: scale.idle_sessions(row, min(most, settings.size(20_000, 300)), settings),
        # Both ends of each connection are files of one process.
        "bare": lambda row: scale.bare(row, (settings.size(1_000, 25), min(most // 2, settings.size(10_000, 200))), settings),
        "checkpoint": lambda row: stalls.checkpoint(row, settings),
        "bootstrap": lambda row: stalls.bootstrap(row, settings),
        "no-stall": lambda row: stalls.no_stall(row, most, settings),
        "curve-sessions": lambda row: curves.sessions(row, settings),
        "curve-payload": lambda row: curves.payload(row, settings),
        "curve-znodes": lambda row: curves.znodes(row, settings),
        "curve-children": lambda row: curves.children(row, settings),
        "curve-watchers": lambda row: curves.watchers(row, settings),
        "curve-replicas": lambda row: curves.replicas(row, settings),
    }


def main() -> int:
    settings = Settings(quick=os.environ.get("QUICK") == "1")
    wanted = os.environ.get("ROWS", "").split()
    rows = others(settings, allow_open_files() - SPARE_FILES)
    names = [case.row for case in CASES] + list(rows)
    chosen = [name for name in names if fits(name, wanted)]
    if os.environ.get("DRY") == "1" or not chosen:
        print("\n".join(names))
        return 0 if chosen else 2
    measure_cases(wanted, settings)
    for name, measure in rows.items():
        if fits(name, wanted):
            say(name)
            measure(name)
    shutil.rmtree(WORK, ignore_errors=True)
    report.write(settings.document)
    say(f"written: {settings.document}")
    return 0


def allow_open_files() -> int:
    """Raises the limit as far as that is permitted, for the servers, too, which inherit it: a connection is a file."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, max(OPEN_FILES, hard)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard < OPEN_FILES:
            say(f"only {hard} open files are permitted to a process, so no row has more sessions than that")
        return hard
    return OPEN_FILES


if __name__ == "__main__":
    sys.exit(main())
