"""What a run leaves on disk: a manifest, patient-level endpoints, a panel of trajectories, the study as run.

Column names follow CDISC where it has one (ADTTE: USUBJID, ARM, PARAM, AVAL, CNSR). Files are written beside their
place and moved there, so a reader never meets half a file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from offtarget.errors import InputError, sentence
from offtarget.records import read_text
from offtarget.trials.result import Outcome, Panel, TrialResult
from offtarget.trials.toml import write_toml
from offtarget.trials.trial import Trial

__all__ = ["MANIFEST", "manifest", "read_manifest", "ready_folder", "save"]

MANIFEST = "manifest.json"
_FORMAT = 1


def ready_folder(folder: Path) -> None:
    """Make sure results can be written, before any time is spent on them.

    Raises:
        InputError: the folder cannot be made or written, or holds something that is not a run of ours.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strangers = [path.name for path in folder.iterdir()]
        if strangers and not (folder / MANIFEST).is_file():
            then = "Choose another --out, so that nothing of yours is overwritten."
            got = f"a folder with {sorted(strangers)[0]} in it"
            raise InputError(
                sentence(str(folder), expected="a new folder or an earlier run", got=got, then=then)
            )
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as problem:
        got = problem.strerror or type(problem).__name__
        then = "Choose another --out."
        raise InputError(sentence(str(folder), expected="a folder to write to", got=got, then=then)) from None


def save(result: TrialResult, folder: Path) -> Path:
    """Write a run to its folder; the manifest last, so that a folder with a manifest is complete.

    Args:
        result: the run.
        folder: where to; made if needed.

    Returns:
        The manifest's path.
    """
    ready_folder(folder)
    trial = result.trial
    assert isinstance(trial, Trial)
    for stale in (folder / MANIFEST, folder / "report.html", *(folder / "figures").glob("*")):
        stale.unlink(missing_ok=True)  # an earlier run's page must not stand beside this one's tables
    _write(folder / "study.toml", write_toml(trial.record).encode())
    _table(folder / "endpoints.parquet", endpoint_table(result.outcomes, trial.id))
    _table(folder / "panel.parquet", panel_table(result.panel))
    text = json.dumps(manifest(result), indent=1, ensure_ascii=False)
    _write(folder / MANIFEST, text.encode())
    return folder / MANIFEST


def manifest(result: TrialResult) -> dict[str, Any]:
    """Everything needed to know what a run was and to run it again, as plain data."""
    trial = result.trial
    assert isinstance(trial, Trial)
    statuses: dict[str, dict[str, int]] = {}
    for row in result.accounting:
        statuses[row.arm] = {status.name.lower(): count for status, count in row.statuses.items()}
    return {
        "format": _FORMAT, "trial": trial.id, "title": trial.title, "seed": result.seed,
        "planned": result.planned, "patients": result.patients, "complete": result.patients == result.planned,
        "digest": result.digest(), "digest_first_100": result.digest(first=100), "statuses": statuses,
        "cell_free": {row.arm: row.cell_free for row in result.accounting},
        "rules_fired": {row.arm: dict(row.rules_fired) for row in result.accounting},
        "estimates": [_plain(estimate) for estimate in result.estimates],
        "comparisons": [_plain(comparison) for comparison in result.comparisons],
        "inputs": dict(result.inputs), "versions": dict(result.versions), "seconds": dict(result.seconds),
    }  # fmt: skip


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an earlier run.

    Raises:
        InputError: no manifest, or not one of ours.
    """
    path = folder / MANIFEST
    if not path.is_file():
        then = "Give the folder of a run, such as runs/stim1."
        raise InputError(
            sentence(str(folder), expected=f"a run's folder with {MANIFEST}", got="none", then=then)
        )
    try:
        data = json.loads(read_text(path))
    except ValueError as problem:
        raise InputError(sentence(str(path), expected="valid JSON", got=str(problem))) from None
    wanted = {"format": int, "trial": str, "seed": int, "patients": int, "planned": int, "digest": str}
    for key, kind in wanted.items():
        if not isinstance(data, dict) or not isinstance(data.get(key), kind):
            raise InputError(sentence(f"{path}: {key}", expected=f"a {kind.__name__}", got=str(data)))
    if data["format"] != _FORMAT:
        raise InputError(sentence(f"{path}: format", expected=str(_FORMAT), got=str(data["format"])))
    return dict(data)


def endpoint_table(outcomes: tuple[Outcome, ...], study: str) -> pa.Table:
    """One row a patient, arm and endpoint, in the manner of CDISC ADTTE; AVAL in days from STARTDY."""
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    for one in outcomes:
        n = one.patients.size
        columns["STUDYID"].append(np.full(n, study))
        columns["USUBJID"].append(one.patients.astype(np.int64))
        columns["ARM"].append(np.full(n, one.arm))
        columns["PARAM"].append(np.full(n, one.endpoint))
        columns["AVAL"].append(one.time)
        columns["AVALU"].append(np.full(n, "DAYS"))
        columns["STARTDY"].append(one.origin)
        columns["CNSR"].append((~one.event).astype(np.int8))
        columns["WEIGHT"].append(one.weight)
    return pa.table({name: np.concatenate(parts) if parts else [] for name, parts in columns.items()})


_COLUMNS = ("STUDYID", "USUBJID", "ARM", "PARAM", "AVAL", "AVALU", "STARTDY", "CNSR", "WEIGHT")


def panel_table(panel: Panel) -> pa.Table:
    """The panel in tidy form: patient, arm, day, name, unit, value; what the assay said is named "measured"."""
    rows, days = panel.measured.shape
    names = (*panel.names, "measured")
    units = (*panel.units, "percent")
    values = np.concatenate([panel.values, panel.measured[:, :, None]], axis=2)
    each = len(names)
    return pa.table(
        {
            "patient": np.repeat(panel.patients.astype(np.int64), days * each),
            "arm": np.repeat(np.asarray(panel.arms, dtype=str), days * each),
            "day": np.tile(np.repeat(panel.times, each), rows),
            "name": np.tile(np.asarray(names), rows * days),
            "unit": np.tile(np.asarray(units), rows * days),
            "value": values.reshape(-1),
        }
    )


def _plain(noun: Any) -> dict[str, Any]:
    """A result noun as JSON-ready data; NaN and infinity become null."""
    plain: dict[str, Any] = {}
    for name in noun.__dataclass_fields__:
        value = getattr(noun, name)
        if isinstance(value, float):
            plain[name] = value if np.isfinite(value) else None
        elif isinstance(value, tuple):
            plain[name] = [_plain(item) for item in value]
        elif hasattr(value, "source"):
            plain[name] = value.source
        else:
            plain[name] = value
    return plain


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _table(path: Path, table: pa.Table) -> None:
    part = path.with_name(path.name + ".part")
    pq.write_table(table, part)
    part.replace(path)
