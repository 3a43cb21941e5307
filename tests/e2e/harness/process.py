"""One server process: started, killed and started again, its output in one file."""

import os
import signal
import subprocess
from pathlib import Path

TERM_SECONDS = 15


class Process:
    """A command line that can run many times, one after the other."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str] | None = None):
        self.command = [str(word) for word in command]
        self.log = log
        self.env = {**os.environ, **(env or {})}
        self.child: subprocess.Popen | None = None
        # Without them, SIGXFSZ stays ignored, as it is here: a file that may not grow is then an error.
        self.restore_signals = True

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def start(self) -> None:
        assert not self.running, f"runs already: {self.command}"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                start_new_session=True, restore_signals=self.restore_signals,
            )

    def kill9(self) -> None:
        """As a power cut would end it."""
        if self.child is not None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()

    def stop(self) -> int | None:
        """Asks it to end, then insists; returns the exit code."""
        if self.child is None:
            return None
        if self.running:
            self.child.terminate()
            try:
                self.child.wait(TERM_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill9()
        return self.child.returncode
