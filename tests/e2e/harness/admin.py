"""`menagerie admin`, as an operator runs it."""

import json
import subprocess

from .binary import menagerie

COMMAND_SECONDS = 120


class Refused(Exception):
    """The command ended with an error; what it said is the text."""


def run(*words, servers=None) -> subprocess.CompletedProcess:
    """Runs a command to its end."""
    flags = ["--server", ",".join(servers)] if servers else []
    return subprocess.run(
        [str(menagerie()), "admin", *flags, *map(str, words)],
        capture_output=True, text=True, timeout=COMMAND_SECONDS,
    )


def start(*words, servers=None) -> subprocess.Popen:
    """Starts a command and does not wait for it."""
    flags = ["--server", ",".join(servers)] if servers else []
    return subprocess.Popen(
        [str(menagerie()), "admin", *flags, *map(str, words)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def told(*words, servers=None) -> dict:
    """What the command says, as it says it to scripts."""
    result = run("--json", *words, servers=servers)
    if result.returncode:
        raise Refused(result.stderr)
    return json.loads(result.stdout)


def refusal(*words, servers=None) -> str:
    """What the command says when it refuses, which it must."""
    result = run(*words, servers=servers)
    assert result.returncode == 1, f"exit code {result.returncode}: {result.stdout}{result.stderr}"
    return result.stderr
