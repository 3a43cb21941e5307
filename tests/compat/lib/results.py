"""What was run, with which version, in which shape, and how it went: one line for each, in build/compat/results.tsv."""

import sys
from dataclasses import astuple, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "build" / "compat" / "results.tsv"
HEAD = ("client", "version", "shape", "passed", "failed")


@dataclass(frozen=True)
class Result:
    """One client program in one shape."""

    client: str
    version: str
    shape: str
    passed: int
    failed: int


def record(result: Result) -> None:
    """Keeps a result in place of an earlier one of the same client and shape."""
    kept = [r for r in read() if (r.client, r.shape) != (result.client, result.shape)]
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text("".join("\t".join(map(str, astuple(r))) + "\n" for r in [*kept, result]))


def read() -> list[Result]:
    if not FILE.exists():
        return []
    rows = (line.split("\t") for line in FILE.read_text().splitlines())
    return [Result(client, version, shape, int(passed), int(failed)) for client, version, shape, passed, failed in rows]


def table(results: list[Result]) -> str:
    rows = [HEAD, *(tuple(map(str, astuple(r))) for r in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:] == ["clear"]:
        FILE.unlink(missing_ok=True)
    else:
        found = read()
        print(table(found))
        sys.exit(any(r.failed or not r.passed for r in found) or not found)
