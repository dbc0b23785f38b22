"""What a run leaves on disk: a manifest, patient-level endpoints, a panel of trajectories, the study as run.

Column names follow CDISC where it has one (ADTTE: USUBJID, ARM, PARAM, AVAL, CNSR). Files are written beside their
place and moved there, so a reader never meets half a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from offtarget.errors import InputError, sentence, short, writing
from offtarget.evidence import digest
from offtarget.records import read_text, read_toml
from offtarget.trials.files import anchored, portable
from offtarget.trials.result import Outcome, Panel, TrialResult
from offtarget.trials.study import trial_from_record
from offtarget.trials.toml import write_toml
from offtarget.trials.trial import COUNTED, FLOW, Trial

__all__ = ["MANIFEST", "STUDY", "damaged", "load_run", "manifest", "read_manifest", "ready_folder", "save"]

MANIFEST, STUDY, PAGE = "manifest.json", "study.toml", "report.html"
ENDPOINTS, PANEL = "endpoints.parquet", "panel.parquet"
_TABLES = ("inputs", "versions", "files")
_FILES = (MANIFEST, STUDY, PAGE, ENDPOINTS, PANEL)
_FORMAT = 1
#: What stands in the manifest of a new folder until everything else is written: whose it is, and that it broke off.
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
        for name, whole in (*((name, False) for name in _FILES), ("figures", True), ("inputs", True)):
            if (folder / name).exists() and (folder / name).is_dir() != whole:
                expected, got = ("a folder", "a file") if whole else ("a file", "a folder")
                then = "Move it away, or choose another --out."
                raise InputError(sentence(str(folder / name), expected=expected, got=got, then=then))
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
    """Write a run to its folder, all of it or nothing: an earlier run there stays until this one is on disk.

    Args:
        result: the run.
        folder: where to; made if needed.

    Returns:
        The manifest's path.

    Raises:
        InputError: the folder is not ours or cannot be written.
    """
    trial = result.trial
    assert isinstance(trial, Trial)
    contents = {
        STUDY: write_toml(portable(trial.record)).encode(), **result.files,
        ENDPOINTS: _parquet(endpoint_table(result.outcomes, trial.id)), PANEL: _parquet(panel_table(result.panel)),
    }  # fmt: skip
    files = {name: digest(content)[:16] for name, content in contents.items()}
    text = json.dumps(manifest(result) | {"files": files}, indent=1, ensure_ascii=False)
    ready_folder(folder)
    with writing(folder):
        if not (folder / MANIFEST).exists():
            (folder / MANIFEST).write_text(json.dumps(_BEGUN))
        _put(folder, contents | {MANIFEST: text.encode()})
    return folder / MANIFEST


def _put(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files beside their places, then move them there in order, and what is left of an earlier run away."""
    parts = {folder / place: folder / f"{place}.part" for place in contents}
    try:
        for (place, part), content in zip(parts.items(), contents.values(), strict=True):
            place.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
        for stale in _left_over(folder, contents):
            stale.unlink(missing_ok=True)
        for place, part in parts.items():
            part.replace(place)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _left_over(folder: Path, contents: Mapping[str, bytes]) -> Iterator[Path]:
    """An earlier run's page, figures (each in three forms) and inputs: they must not stand beside new tables."""
    yield folder / PAGE
    for svg in sorted((folder / "figures").glob("*.svg")):
        forms = [svg.with_suffix(ending) for ending in (".svg", ".png", ".csv")]
        yield from forms if all(form.is_file() for form in forms) else ()
    for path in sorted((folder / "inputs").rglob("*")):
        if path.is_file() and path.suffix != ".part" and path.relative_to(folder).as_posix() not in contents:
            yield path


def damaged(folder: Path, kept: Mapping[str, Any]) -> list[str]:
    """Files of a run that are not as they were written: changed since, or gone.

    Args:
        folder: the run's folder.
        kept: its manifest.
    """
    found = []
    for name, known in kept["files"].items():
        try:
            content = (folder / name).read_bytes()
        except OSError:
            content = b""
        if digest(content)[:16] != known:
            found.append(name)
    return found


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
        "differences": [_plain(difference) for difference in result.differences],
        "spectra": [_plain(one) | {"months": [_number(month) for month in one.months]} for one in result.spectra],
        "chance": COUNTED if result.counted else FLOW,
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
    if not os.path.isfile(path):  # noqa: PTH113 - see catalog.find
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
    texts, numbers, tables = ("trial", "digest", "digest_outputs"), ("seed", "patients", "planned"), _TABLES
    kinds = {**dict.fromkeys(texts, str), **dict.fromkeys(numbers, int), **dict.fromkeys(tables, dict)}
    for key, kind in kinds.items():
        if type(data.get(key)) is not kind:  # a flag is an int to isinstance
            raise InputError(sentence(f"{where}: {key}", expected=f"a {kind.__name__}", got=data.get(key)))
    said = [data[key] for key in texts] + [
        word for key in tables for pair in data[key].items() for word in pair
    ]
    if not all(isinstance(word, str) and word.isprintable() for word in said):
        then = "It was changed since it was written; run the trial again."
        raise InputError(sentence(where, expected="texts that can be printed", got="others", then=then))
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
            plain[name] = _number(value)
        elif isinstance(value, tuple) and all(isinstance(item, str | int | float) for item in value):
            plain[name] = list(value)
        elif isinstance(value, tuple):
            plain[name] = [_plain(item) for item in value]
        elif hasattr(value, "source"):
            plain[name] = value.source
        else:
            plain[name] = value
    return plain


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())
