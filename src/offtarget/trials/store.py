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

from offtarget.errors import InputError, sentence, short, writing
from offtarget.records import read_text, read_toml
from offtarget.trials.files import anchored, portable
from offtarget.trials.result import Outcome, Panel, TrialResult
from offtarget.trials.study import trial_from_record
from offtarget.trials.toml import write_toml
from offtarget.trials.trial import Trial

__all__ = ["MANIFEST", "STUDY", "load_run", "manifest", "read_manifest", "ready_folder", "save"]

MANIFEST, STUDY = "manifest.json", "study.toml"
_FORMAT = 1
#: What stands in the manifest until everything else is written: whose folder it is, and that it is not finished.
_BEGUN: dict[str, Any] = {"format": _FORMAT, "trial": "", "complete": False}


def ready_folder(folder: Path) -> None:
    """Make sure results can be written, before any time is spent on them.

    Raises:
        InputError: the folder cannot be made or written, or holds something that is not a run of ours.
    """
    with writing(folder):
        str(folder).encode()
        folder.mkdir(parents=True, exist_ok=True)
        strangers = [path.name for path in folder.iterdir()]
        if strangers and not _ours(folder):
            then = "Choose another --out, so that nothing of yours is overwritten."
            got = f"a folder with {short(sorted(strangers)[0])} in it"
            expected = "a new folder or an earlier run"
            raise InputError(sentence(str(folder), expected=expected, got=got, then=then))
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()


def _ours(folder: Path) -> bool:
    """Whether the folder's manifest is one that ``save`` wrote, finished or not."""
    try:
        kept = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(kept, dict) and _BEGUN.keys() <= kept.keys()


def save(result: TrialResult, folder: Path) -> Path:
    """Write a run to its folder; the manifest last, so that a manifest with a digest stands for a whole run.

    Args:
        result: the run.
        folder: where to; made if needed.

    Returns:
        The manifest's path.

    Raises:
        InputError: the folder is not ours or cannot be written.
    """
    ready_folder(folder)
    trial = result.trial
    assert isinstance(trial, Trial)
    with writing(folder):
        study, files = portable(trial.record)
        _write(folder / MANIFEST, json.dumps(_BEGUN).encode())
        for stale in (folder / "report.html", *(folder / "figures").glob("*")):
            stale.unlink(missing_ok=True)  # an earlier run's page must not stand beside this one's tables
        _write(folder / STUDY, write_toml(study).encode())
        for place, content in files.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            _write(folder / place, content)
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
        "digest": result.digest(), "digest_first_100": result.digest(first=100),
        "digest_outputs": result.digest_outputs(), "digest_outputs_first_100": result.digest_outputs(first=100),
        "statuses": statuses,
        "cell_free": {row.arm: row.cell_free for row in result.accounting},
        "rules_fired": {row.arm: dict(row.rules_fired) for row in result.accounting},
        "estimates": [_plain(estimate) for estimate in result.estimates],
        "comparisons": [_plain(comparison) for comparison in result.comparisons],
        "inputs": dict(result.inputs), "versions": dict(result.versions), "seconds": dict(result.seconds),
    }  # fmt: skip


def load_run(folder: Path) -> tuple[dict[str, Any], Trial]:
    """The manifest of an earlier run, and its study as it was run, with the files it brought along.

    Raises:
        InputError: no run, or not one of ours.
    """
    kept = read_manifest(folder)
    path = folder / STUDY
    record = anchored(read_toml(path).data, folder)
    return kept, trial_from_record(record, id=kept["trial"], where=str(path))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an earlier run.

    Raises:
        InputError: no manifest, or not one of ours.
    """
    path = folder / MANIFEST
    if not path.is_file():
        then = "Give the folder of a run, such as runs/stim1."
        expected = f"a run's folder with {MANIFEST}"
        raise InputError(sentence(str(folder), expected=expected, got="none", then=then))
    try:
        data = json.loads(read_text(path))
    except (ValueError, RecursionError) as problem:
        got = str(problem) if isinstance(problem, ValueError) else "too deep a nest"
        raise InputError(sentence(str(path), expected="valid JSON", got=got)) from None
    if data == _BEGUN:
        then = "Run the trial again; the folder may be used for it."
        raise InputError(sentence(str(path), expected="a finished run", got="one that broke off", then=then))
    return _checked(data, str(path))


def _checked(data: Any, where: str) -> dict[str, Any]:
    """A manifest of which every part that is read again is of its kind."""
    if not isinstance(data, dict):
        raise InputError(sentence(where, expected="a manifest", got=data))
    if data.get("format") != _FORMAT:
        raise InputError(sentence(f"{where}: format", expected=str(_FORMAT), got=data.get("format")))
    kinds = {
        "trial": str,
        "seed": int,
        "patients": int,
        "planned": int,
        "digest": str,
        "digest_outputs": str,
        "inputs": dict,
        "versions": dict,
    }
    for key, kind in kinds.items():
        if type(data.get(key)) is not kind:  # a flag is an int to isinstance
            raise InputError(sentence(f"{where}: {key}", expected=f"a {kind.__name__}", got=data.get(key)))
    for key in ("inputs", "versions"):
        if not all(isinstance(one, str) for one in data[key].values()):
            raise InputError(sentence(f"{where}: {key}", expected="a text for each name", got=data[key]))
    if Path(data["trial"]).name != data["trial"]:
        raise InputError(sentence(f"{where}: trial", expected="a name", got=data["trial"]))
    return data


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
