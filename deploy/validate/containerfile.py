"""The Containerfile: what it copies exists and is let into the build context, and the image is not root's."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

from dockerfile_parse import DockerfileParser


def problems(root: Path, text: str) -> Iterator[str]:
    """Findings about the file's instructions, seen from the repository root as build context."""
    steps = _steps(text)
    let_in = {line[1:].strip("/") for line in (root / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    for words in _copied(steps):
        for source in words:
            if not (root / source).exists():
                yield f"COPY {source}: no such file in the repository"
            elif source.strip("/") not in let_in:
                yield f"COPY {source}: kept out of the build context by .dockerignore"
    for unused in sorted(let_in - {s.strip("/") for words in _copied(steps) for s in words}):
        yield f".dockerignore lets {unused} in, which nothing copies"
    starts = [i for i, (instruction, _) in enumerate(steps) if instruction == "FROM"]
    if not starts:
        yield "no FROM"
        return
    last = dict(steps[starts[-1]:])
    if not last.get("USER", "0").split(":")[0].isdigit() or last.get("USER", "0").split(":")[0] == "0":
        yield "the image's user is not a number other than 0"
    if last.get("ENTRYPOINT") != '["menagerie"]':
        yield "the entry point is not the binary"
    if not {"2181", "2182", "2888", "8080"} <= set(last.get("EXPOSE", "").split()):
        yield "a port is not exposed"


def workspace_problems(root: Path, text: str) -> Iterator[str]:
    """Whether cargo can load the workspace from nothing but what the Containerfile copies."""
    if shutil.which("cargo") is None:
        print("note: no cargo here, so the copied workspace was not loaded")
        return
    with tempfile.TemporaryDirectory() as context:
        for words in _copied(_steps(text)):
            for source in words:
                origin, target = root / source, Path(context) / source
                if origin.is_dir():
                    shutil.copytree(origin, target, ignore=shutil.ignore_patterns("target", "__pycache__"))
                else:
                    shutil.copy(origin, target)
        command = ["cargo", "metadata", "--no-deps", "--offline", "--format-version=1"]
        run = subprocess.run(command, cwd=context, capture_output=True, text=True, check=False)
        if run.returncode:
            yield f"cargo cannot load what is copied: {run.stderr.strip()}"
        elif "menagerie" not in [p["name"] for p in json.loads(run.stdout)["packages"]]:
            yield "package menagerie is not among what is copied"


def _steps(text: str) -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as directory:
        parser = DockerfileParser(path=directory)
        parser.content = text
        return [(s["instruction"], s["value"]) for s in parser.structure if s["instruction"] != "COMMENT"]


def _copied(steps: list[tuple[str, str]]) -> list[list[str]]:
    """Sources of each COPY from the context, one list per instruction."""
    found = []
    for instruction, value in steps:
        words = value.split()
        if instruction in ("COPY", "ADD") and not any(w.startswith("--from=") for w in words):
            found.append([w for w in words if not w.startswith("--")][:-1])
    return found
