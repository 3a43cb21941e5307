"""Waiting for conditions. Nothing else in the suite may take time to mean order."""

import time

POLL_SECONDS = 0.02


def eventually(condition, within=15.0, what=None):
    """Calls `condition` until it returns something true, and returns that.

    An exception counts as "not yet" and is shown if the deadline passes.
    """
    deadline = time.monotonic() + within
    while True:
        error = None
        try:
            seen = condition()
            if seen:
                return seen
        except Exception as caught:  # whatever it is, it may pass
            seen, error = None, caught
        if time.monotonic() >= deadline:
            name = what or getattr(condition, "__name__", "condition")
            raise AssertionError(f"not within {within} s: {name}; last seen {error or seen!r}") from error
        time.sleep(POLL_SECONDS)


def holds(condition, seconds, what):
    """Asserts that `condition` stays true for a while: for things that must *not* happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), f"ceased to hold: {what}"
        time.sleep(POLL_SECONDS * 5)
