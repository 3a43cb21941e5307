"""Where the binary under test is."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def menagerie() -> Path:
    """MENAGERIE_BIN, or what `cargo build --profile test-release` leaves behind."""
    named = os.environ.get("MENAGERIE_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    path = Path(named) if named else target / "test-release" / "menagerie"
    if not path.exists():
        raise FileNotFoundError(f"{path}: build it with `cargo build --profile test-release -p menagerie`")
    return path
