"""The right answers: SciPy's LSODA with a tolerance of 1e-12, over the equations as plain Python."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from simulators.scipy import Simulator
from work import Work

TOLERANCE = 1e-12


def reference(folder: Path, patients: int) -> None:
    """``reference.npy`` and ``scale.npy`` of the first patients, kept for as long as nothing they depend on changes."""
    told = [(folder / name).read_bytes() for name in ("equations.py", "job.json", "job.npz")]
    told += [Path(__file__).read_bytes(), str(patients).encode()]
    key, stamp = hashlib.sha256(b"\0".join(told)).hexdigest(), folder / "reference.txt"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == key:
        return
    for old in ("reference.txt", "scale.npy"):
        (folder / old).unlink(missing_ok=True)
    began, cores = time.perf_counter(), min(os.cpu_count() or 1, patients)
    rows = [part for part in np.array_split(np.arange(patients), cores)]
    with ProcessPoolExecutor(cores) as pool:
        found = np.concatenate(list(pool.map(_solve, [folder] * len(rows), rows)))
    peaks = np.abs(found).max(axis=1)
    scale = [np.median(peak[peak > 0]) if (peak > 0).any() else 1.0 for peak in peaks.T]
    np.save(folder / "reference.npy", found)
    np.save(folder / "scale.npy", np.array(scale))
    stamp.write_text(key, encoding="utf-8")
    print(
        f"{folder.name}: reference of {patients} patients in {time.perf_counter() - began:.0f} s", flush=True
    )


def _solve(folder: Path, rows: np.ndarray) -> np.ndarray:
    work = Work(folder)
    setting = {"method": "odeint", "relative": TOLERANCE, "share": 1e-6}
    found, failed, _ = Simulator(work).run(work.values[rows], setting)
    if failed.any() or not np.isfinite(found).all():
        raise SystemExit(f"{folder.name}: the reference failed for {failed.sum()} of {len(rows)} patients.")
    return found
