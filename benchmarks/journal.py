"""What has been measured, written down measurement by measurement, so that a run that was killed can go on.

Two things are kept a job and simulator: attempts (how wrong and how slow a setting is), which hold for as long as
nothing they depend on changes, and timings, which belong to one run.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
#: A run that was left unfinished longer ago is not gone on with: the machine may be another.
OLD = timedelta(hours=12)
#: What a job's folder tells the simulators.
_TOLD = ("model.xml", "equations.py", "job.json", "job.npz")
#: What the engine's own results and speed depend on.
_ENGINE = ("engine", "arrays", "models")


@dataclass
class Journal:
    """One simulator at one job."""

    path: Path
    digest: str
    attempts: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, digest: str, run: str) -> Journal:
        """What is known already, as far as it still holds."""
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = {}
        same = said.get("digest") == digest
        timings = said.get("timings", {}) if same else {}
        attempts = said.get("attempts", {}) if same else {}
        if timings.get("run") != run:  # what took too long or broke may do better this time
            timings, attempts = {"run": run}, {key: one for key, one in attempts.items() if "why" not in one}
        return cls(path, digest, attempts, timings)

    def write(self) -> None:
        """To the file, whole or not at all."""
        said = {"digest": self.digest, "attempts": self.attempts, "timings": self.timings}
        half = self.path.with_suffix(".half")
        half.write_text(json.dumps(said, indent=1), encoding="utf-8")
        half.replace(self.path)

    def note(self, name: str, value: Any) -> Any:
        """The same value, written down among the timings."""
        self.timings[name] = value
        self.write()
        return value


def digest(simulator: str, packages: tuple[str, ...], folder: Path) -> str:
    """Of everything that a simulator's answers at this job depend on."""
    parts = [
        (HERE / name).read_bytes()
        for name in ("worker.py", "work.py", "search.py", f"simulators/{simulator}.py")
    ]
    parts += [(folder / name).read_bytes() for name in _TOLD]
    parts += [f"{name} {_version(name)}".encode() for name in packages]
    if simulator == "ours":
        root = HERE.parent / "src" / "offtarget"
        parts += [path.read_bytes() for room in _ENGINE for path in sorted((root / room).rglob("*.py"))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def run_of(folder: Path, digests: list[str], fresh: bool) -> tuple[str, bool]:
    """When the run began, which is its name, and whether it goes on with one that was cut off."""
    path, said = folder / "run.json", {}
    if path.exists() and not fresh:
        said = json.loads(path.read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    if said.get("digests") == digests and now - datetime.fromisoformat(said["begun"]) < OLD:
        return said["begun"], True
    path.write_text(json.dumps({"begun": now.isoformat(), "digests": digests}), encoding="utf-8")
    return now.isoformat(), False
