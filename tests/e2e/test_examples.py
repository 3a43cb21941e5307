"""The examples that users are pointed to run as they stand."""

import os
import subprocess
import sys

import pytest

from harness.binary import ROOT
from harness.standalone import Standalone

pytestmark = pytest.mark.menagerie

EXAMPLE = ROOT / "examples" / "python" / "quickstart.py"
EXAMPLE_SECONDS = 60


@pytest.fixture
def standalone(tmp_path):
    server = Standalone(tmp_path)
    server.up()
    yield server
    server.down()


def test_the_python_quickstart_runs_over_grpc_and_may_be_repeated(standalone):
    """Twice: it must clean up what it made, or cope with it."""
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, "-B", str(EXAMPLE), standalone.grpc_addresses()[0]],
            capture_output=True, text=True, timeout=EXAMPLE_SECONDS, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert result.returncode == 0, result.stdout + result.stderr
