"""Debian's cli_mt, the C client's own shell, as one who types would use it."""

import os
import re
import subprocess
import sys
import threading
import time

CLI = "/usr/lib/zookeeper/bin/cli_mt"
WAIT_SECONDS = 15

# What is typed, and what must then be printed, in order.
DIALOGUE = [
    ("", r"CONNECTED_STATE", r"Got a new session id: 0x[1-9a-f]"),
    ("create /cli", r"\[/cli\]: rc = 0", r"name = /cli"),
    ("create /cli", r"\[/cli\]: rc = -110"),
    ("create +e /cli/e", r"\[/cli/e\]: rc = 0"),
    ("create +s /cli/s-", r"rc = 0", r"name = /cli/s-0000000001"),
    ("create +c /cli/c", r"\[/cli/c\]: rc = 0"),
    ("create +t=60000 /cli/t", r"\[/cli/t\]: rc = 0"),
    ("create2 /cli/two", r"\[/cli/two\]: rc = 0", r"name = /cli/two", r"version=0"),
    ("get /cli", r"/cli: rc = 0", r"value_len = 3", r"new"),
    ("set /cli hello", r"/cli: rc = 0", r"version=1"),
    ("get /cli", r"value_len = 5", r"hello"),
    ("aget /cli", r"value_len = 5", r"hello"),
    ("get /none", r"/none: rc = -101"),
    ("ls /cli", r"/cli: rc = 0"),
    ("ls2 /cli", r"/cli: rc = 0", r"czxid="),
    ("sync /cli", r"rc = 0"),
    ("wexists /cli/two", r""),
    ("set /cli/two x", r"CHANGED_EVENT state = CONNECTED_STATE for path /cli/two"),
    ("addauth digest cli:secret", r""),
    ("delete /cli", r"/cli: rc = -111"),
    ("delete /cli/two", r"/cli/two: rc = 0"),
    ("delete /cli/two", r"/cli/two: rc = -101"),
    ("config", r"rc = 0"),
    ("reconfig -remove 9", r"rc = -123"),
    ("quit", r"Quitting"),
]


class Shell:
    """The program at the other end of two pipes."""

    def __init__(self, hosts: str):
        self.child = subprocess.Popen(
            [CLI, "-h", hosts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", bufsize=1,
        )
        self.output, self.seen = "", 0
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            with self.changed:
                self.output += line
                self.changed.notify_all()

    def type(self, line: str) -> None:
        if line:
            self.seen = len(self.output)
            self.child.stdin.write(line + "\n")

    def shows(self, pattern: str) -> bool:
        """Waits until the pattern is printed after what was already looked for."""
        end = time.monotonic() + WAIT_SECONDS
        with self.changed:
            while not (found := re.compile(pattern).search(self.output, self.seen)):
                if not self.changed.wait(max(0.0, end - time.monotonic())):
                    return False
            self.seen = found.end()
            return True


def main() -> int:
    shell = Shell(os.environ["COMPAT_HOSTS"])
    failed = 0
    for line, *patterns in DIALOGUE:
        shell.type(line)
        missing = [pattern for pattern in patterns if not shell.shows(pattern)]
        failed += bool(missing)
        name = f"cli_mt/{line or 'connect'}"
        print(f"not ok {name}: nothing like {missing[0]!r}" if missing else f"ok {name}", flush=True)
    shell.child.stdin.close()
    try:
        code = shell.child.wait(WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        shell.child.kill()
        code = "nothing"
    print("ok cli_mt/end" if code == 0 else f"not ok cli_mt/end: it ended with {code}", flush=True)
    return int(failed or code != 0)


if __name__ == "__main__":
    sys.exit(main())
