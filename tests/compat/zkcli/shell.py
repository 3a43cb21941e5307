"""zkCli.sh's main class, driven as if by hand."""

import queue
import subprocess
import threading
import time

from transcript import EVENT, WATCHER

ANSWER_SECONDS = 60
EVENT_SECONDS = 15
USAGE = "ZooKeeper -server host:port"


def command_line(lib: str, hosts: str, words: list[str]) -> list[str]:
    return ["java", "-Xmx256m", "-cp", f"{lib}/*", "org.apache.zookeeper.ZooKeeperMain", "-server", hosts, *words]


class Shell:
    """One interactive zkCli. Without a terminal it prints no prompt, so every command is followed by one that fails."""

    def __init__(self, lib: str, hosts: str):
        self.child = subprocess.Popen(
            command_line(lib, hosts, ["-waitforconnection"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1,
        )
        self.lines: queue.Queue = queue.Queue()
        self.events: list[str] = []
        self.markers = 0
        threading.Thread(target=self._read, daemon=True).start()

    def run(self, command: str) -> list[str]:
        """What the command printed; events are put aside."""
        self.markers += 1
        marker = f"@@end-{self.markers}"
        try:
            self.child.stdin.write(f"{command}\n{marker}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            pass
        printed = []
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            line = self._next(deadline)
            if line is None or marker in line:
                break
            printed.append(line)
        # The marker is no command: what it is answered with begins with the usage.
        starts = [n for n, line in enumerate(printed) if line.startswith(USAGE)]
        return printed[: starts[-1]] if starts and line is not None else printed

    def await_events(self, count: int) -> list[str]:
        """The events that came since the last call; waits for `count` of them."""
        deadline = time.monotonic() + EVENT_SECONDS
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        taken, self.events = self.events, []
        return taken

    def close(self) -> int:
        self.child.stdin.close()
        try:
            return self.child.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()

    def _next(self, deadline: float) -> str | None:
        """None at the end of the output, or of the patience."""
        try:
            return self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return None

    def _read(self) -> None:
        for line in self.child.stdout:
            line = line.rstrip("\n")
            if line.startswith(EVENT):
                self.events.append(line)
            elif line != WATCHER:
                self.lines.put(line)
        self.lines.put(None)
