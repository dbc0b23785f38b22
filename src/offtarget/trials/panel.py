"""The panel: trajectories of a few patients, and the median and band of many, for figures."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from offtarget.engine.kernel import Kernel
from offtarget.trials.follow import Followed
from offtarget.trials.result import Panel
from offtarget.trials.trial import Trial

__all__ = ["PANEL", "make_panel"]

#: Patients in the panel: the first ones, so that the panel does not depend on how many were enrolled.
PANEL = 60


def make_panel(
    trial: Trial, kernel: Kernel, days: NDArray[np.float64], patients: list[NDArray[np.uint64]],
    followed: list[list[Followed]],
) -> Panel:  # fmt: skip
    """The panel of a run.

    Args:
        trial: the study.
        kernel: the compiled model, for the outputs' names and units.
        days: days recorded, shape (m,).
        patients: patient numbers of each group.
        followed: for each arm, what each group left behind.
    """
    who = np.concatenate(patients)[:PANEL]
    values, measured, detected = [], [], []
    bands: list[NDArray[np.float64]] = []
    for parts in followed:
        every = np.concatenate([part.values for part in parts])
        bands.append(_percentiles(every))
        values.append(every[: who.size])
        measured.append(np.concatenate([part.measured for part in parts])[: who.size])
        detected.append(np.concatenate([part.detected for part in parts])[: who.size])
    median, low, high = np.stack(bands, axis=1)
    names = tuple(arm.name for arm in trial.arms)
    return Panel(
        arm_names=names, arms=tuple(name for name in names for _ in range(who.size)),
        patients=np.tile(who, len(names)), times=days, names=kernel.outputs, units=kernel.output_units,
        values=np.concatenate(values), measured=np.concatenate(measured), detected=np.concatenate(detected),
        median=median, low=low, high=high,
    )  # fmt: skip


def _percentiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """50th, 5th and 95th percentile over patients still simulated, shape (3, m, outputs); NaN where nobody is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=RuntimeWarning)  # a time nobody reached is NaN, and says so
        if np.isnan(values).any():
            return np.asarray(np.nanpercentile(values, (50, 5, 95), axis=0))
        return np.asarray(np.percentile(values, (50, 5, 95), axis=0))
