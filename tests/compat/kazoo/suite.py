"""Runs kazoo's own test suite against every wanted shape and compares what passed with what passes on ZooKeeper.

    suite.py              Menagerie's shapes (or COMPAT_SHAPES): every test of the baseline must pass
    suite.py --baseline   Apache ZooKeeper, one server and three: adds what passes to the baseline files

Every other argument goes to pytest. Extra passes are welcome; a test that ZooKeeper itself never passes is nobody's
concern. Some of kazoo's tests allow a second for what takes longer on a busy machine, and fail on ZooKeeper too now and
then: a test that has not passed is run once more, and said to have been.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

from results import ROOT, Result, record, table  # noqa: E402
from shapes import wanted_shapes  # noqa: E402

KAZOO = version("kazoo")
# One server where the shape is one; else kazoo's usual three.
SIZES = {"standalone": 1, "zookeeper": 1}
PORTS = {"standalone": 24400, "ensemble": 24430, "split": 24460, "zookeeper": 24490, "zookeeper-ensemble": 24520}
# Five minutes are usual.
SUITE_SECONDS = 1800
REPORTS = ROOT / "build" / "compat" / "kazoo"
LIB = Path(os.environ.get("ZOOKEEPER_LIB", ROOT / "build" / "zookeeper" / "lib"))


def main(arguments: list[str]) -> int:
    if "--baseline" in arguments:
        words = [word for word in arguments if word != "--baseline"]
        for shape in ("zookeeper", "zookeeper-ensemble"):
            passed = {name for name, how in run(shape, words).items() if how == "passed"}
            names = sorted(passed | wanted(shape))
            baseline(shape).write_text("".join(f"{name}\n" for name in names))
            print(f"{baseline(shape)}: {len(names)} tests, {len(passed)} of them now")
        return 0
    done = [judge(shape, arguments) for shape in wanted_shapes()]
    print(table(done))
    return int(any(result.failed or not result.passed for result in done))


def baseline(shape: str) -> Path:
    """The list for a shape: kazoo has tests that need several servers."""
    return HERE / f"baseline-{KAZOO}-{'one-server' if shape in SIZES else 'three-servers'}.txt"


def wanted(shape: str) -> set[str]:
    """The tests that pass on ZooKeeper.

    Clients of the split deployment know a Service and no members: reconfiguration is what it is with one server.
    """
    tests = names_in(baseline(shape))
    if shape == "split":
        tests -= {name for name in tests - names_in(baseline("standalone")) if ".TestReconfig." in name}
    return tests


def names_in(path: Path) -> set[str]:
    return set(path.read_text().split()) if path.exists() else set()


def run(shape: str, words: list[str], suffix: str = "") -> dict[str, str]:
    """Runs the suite and returns how each test went."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    report, output = REPORTS / f"{shape}{suffix}.xml", REPORTS / f"{shape}{suffix}.log"
    report.unlink(missing_ok=True)
    print(f"== kazoo {KAZOO}: {shape}, output in {output}", flush=True)
    environment = {
        **os.environ,
        "COMPAT_SHAPE": shape,
        "PYTHONPATH": str(HERE),
        "ZOOKEEPER_CLUSTER_SIZE": str(SIZES.get(shape, 3)),
        "ZOOKEEPER_PORT_OFFSET": str(PORTS[shape]),
        "ZOOKEEPER_VERSION": "3.9.5",
        "ZOOKEEPER_CLASSPATH": f"{LIB}/*",
        "TMPDIR": tempfile.mkdtemp(prefix=f"kazoo-{shape}-"),
    }
    command = [
        sys.executable, "-B", "-m", "pytest", "-p", "managed", "-p", "no:cacheprovider", "--pyargs", "kazoo.tests",
        "--timeout=180", f"--junitxml={report}", "--maxfail=100", "-q", "-rfE", *words,
    ]
    with output.open("wb") as log:
        suite = subprocess.Popen(
            command, env=environment, cwd=REPORTS, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            suite.wait(SUITE_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"not ok {shape}: not done after {SUITE_SECONDS} s")
        finally:
            # Not killed: it ends its servers.
            suite.terminate()
            suite.wait()
    if not report.exists():
        print(output.read_text(errors="replace")[-4000:])
        raise SystemExit(f"{shape}: the suite did not get to its end")
    return {f"{case.get('classname')}.{case.get('name')}": went(case) for case in xml.parse(report).iter("testcase")}


def went(case: xml.Element) -> str:
    for child in case:
        if child.tag in ("failure", "error", "skipped"):
            return child.tag
    return "passed"


def judge(shape: str, words: list[str]) -> Result:
    """Every test of the baseline must pass, at the second try at the latest."""
    tests, outcome = wanted(shape), run(shape, words)
    missing = sorted(name for name in tests if outcome.get(name) != "passed")
    if missing:
        for name in missing:
            print(f"# {shape}: once more: {name}: {outcome.get(name, 'was not run')}")
        again = run(shape, ["-k", " or ".join({name.rpartition(".")[2] for name in missing})], "-again")
        missing = [name for name in missing if again.get(name) != "passed"]
    for name in missing:
        print(f"not ok {shape}: {name}")
    result = Result("kazoo's own tests", KAZOO, shape, len(tests) - len(missing), len(missing))
    record(result)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
