"""Checks deploy/ offline, then that the check bites on bad samples. Run by deploy/validate.sh."""

import subprocess
import sys
from pathlib import Path
from typing import Iterator

import yaml

import command_line
import containerfile
import hardening
import schema
import wiring
from objects import read
from samples import Sample

HERE = Path(__file__).resolve().parent
DEPLOY = HERE.parent
ROOT = DEPLOY.parent


def manifest_problems(objects: list[dict]) -> list[str]:
    """All findings about a set of objects. The semantic rules take objects of the right shape for granted,
    so they are asked only when the schemas have nothing to say."""
    shape = [p for obj in objects for p in schema.problems(obj)]
    if shape:
        return shape
    return [p for rules in (wiring, hardening, command_line) for p in rules.problems(objects)]


def kustomization_problems() -> Iterator[str]:
    listed = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
    present = sorted(f"kubernetes/{p.name}" for p in (DEPLOY / "kubernetes").glob("*.yaml"))
    if sorted(listed) != present:
        yield f"kustomization.yaml lists {sorted(listed)}, the folder holds {present}"


def hadolint_problems(text: str) -> Iterator[str]:
    program = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([program, "--no-color", "-"], input=text, capture_output=True, text=True, check=False)
    if run.returncode:
        yield f"hadolint: {(run.stdout + run.stderr).strip()}"


def image_problems(text: str) -> list[str]:
    return [*hadolint_problems(text), *containerfile.problems(ROOT, text)]


def sample_problems(sample: Sample, objects: list[dict], image: str) -> list[str]:
    if "containerfile" in sample.body:
        return image_problems(sample.containerfile(image))
    try:
        return manifest_problems(sample.objects(objects))
    except yaml.YAMLError as e:
        return [f"YAML: {e}"]


def main() -> int:
    objects = read(DEPLOY / "kubernetes")
    image = (DEPLOY / "Containerfile").read_text()
    found = manifest_problems(objects) + list(kustomization_problems()) + image_problems(image)
    found += containerfile.workspace_problems(ROOT, image)
    for problem in found:
        print(f"refused: {problem}")
    if found:
        return 1
    print(f"{len(objects)} objects fit Kubernetes {', '.join(schema.RELEASES)} and one another; Containerfile is sound")
    paths = sorted((HERE / "testdata").glob("*.yaml"))
    passed = [s for s in map(Sample.read, paths)
              if not any(s.refused in p for p in sample_problems(s, objects, image))]
    for sample in passed:
        print(f"not refused as it should be: {sample.name}: wanted {sample.refused!r}, "
              f"got {sample_problems(sample, objects, image)}")
    print(f"{len(paths) - len(passed)} of {len(paths)} bad samples refused, each for its own fault")
    return 1 if passed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
