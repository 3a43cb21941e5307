"""Runs kazoo's own test suite against every wanted shape and compares what passed with what passes on ZooKeeper.

    suite.py              Menagerie's shapes (or COMPAT_SHAPES): every test of the baseline must pass
    suite.py --baseline   Apache ZooKeeper, one server and three: writes the baseline files

Every other argument goes to pytest. Extra passes are welcome; a test that ZooKeeper itself fails is nobody's concern.
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
from shapes import is_zookeeper, wanted_shapes  # noqa: E402

KAZOO = version("kazoo")
# One server where the shape is one; else kazoo's usual three.
SIZES = {"standalone": 1, "zookeeper": 1}
PORTS = {"standalone": 24400, "ensemble": 24430, "split": 24460, "zookeeper": 24490, "zookeeper-ensemble": 24520}
REPORTS = ROOT / "build" / "compat" / "kazoo"
LIB = Path(os.environ.get("ZOOKEEPER_LIB", ROOT / "build" / "zookeeper" / "lib"))


def main(arguments: list[str]) -> int:
    if "--baseline" in arguments:
        words = [word for word in arguments if word != "--baseline"]
        for shape in ("zookeeper", "zookeeper-ensemble"):
            passed = {name for name, went in run(shape, words).items() if went == "passed"}
            baseline(shape).write_text("".join(f"{name}\n" for name in sorted(passed)))
            print(f"{baseline(shape)}: {len(passed)} tests")
        return 0
    done = [judge(shape, run(shape, arguments)) for shape in wanted_shapes()]
    print(table(done))
    return int(any(result.failed or not result.passed for result in done))


def baseline(shape: str) -> Path:
    """The list for a shape: kazoo has tests that need several servers."""
    return HERE / f"baseline-{KAZOO}-{'one-server' if shape in SIZES else 'three-servers'}.txt"


def run(shape: str, words: list[str]) -> dict[str, str]:
    """Runs the suite and returns how each test went."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    report, output = REPORTS / f"{shape}.xml", REPORTS / f"{shape}.log"
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
        "--timeout=180", f"--junitxml={report}", "-q", "-rfE", *words,
    ]
    with output.open("wb") as log:
        subprocess.run(command, env=environment, cwd=REPORTS, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if not report.exists():
        print(output.read_text(errors="replace")[-4000:])
        raise SystemExit(f"{shape}: the suite did not get to its end")
    return {f"{case.get('classname')}.{case.get('name')}": went(case) for case in xml.parse(report).iter("testcase")}


def went(case: xml.Element) -> str:
    for child in case:
        if child.tag in ("failure", "error", "skipped"):
            return child.tag
    return "passed"


def judge(shape: str, outcome: dict[str, str]) -> Result:
    """Every test of the baseline must have passed; those that have not are told by name."""
    wanted = set(baseline(shape).read_text().split("\n")) - {""}
    missing = sorted(name for name in wanted if outcome.get(name) != "passed")
    for name in missing:
        print(f"not ok {shape}: {name}: {outcome.get(name, 'was not run')}")
    result = Result("kazoo's tests", KAZOO, shape, len(wanted) - len(missing), len(missing))
    if not is_zookeeper(shape):
        record(result)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
