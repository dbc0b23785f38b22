"""Which clones escape: counted where an event about clones happened, and followed in a few patients for a figure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.engine.kernel import Kernel
from offtarget.trials.escape import CloneCourses, Spectrum
from offtarget.trials.follow import Followed
from offtarget.trials.result import Outcome
from offtarget.trials.trial import Endpoint, Trial
from offtarget.units import DAYS_PER_MONTH

__all__ = ["courses", "spectra"]

#: How many patients of a kind have their clones shown: what fits on a page.
_SHOWN = 2
_RULE = (
    f"by number, the first {_SHOWN} patients in whom the event happened in every arm, the first {_SHOWN} in whom it "
    "happened in some arm only, and the first in whom it happened in none"
)


def _about_clones(trial: Trial) -> tuple[Endpoint, ...]:
    """Endpoints over time whose event is about resistant clones."""
    return tuple(one for one in trial.endpoints if one.condition.of_clones() and not one.at_visit)


def spectra(trial: Trial, clones: tuple[str, ...], outcomes: tuple[Outcome, ...]) -> tuple[Spectrum, ...]:
    """How often each resistant clone led when an event about clones happened, by endpoint and arm.

    Args:
        trial: the study.
        clones: the model's clones.
        outcomes: what happened to the patients.
    """
    return tuple(
        _spectrum(clones, one)
        for endpoint in _about_clones(trial) for one in outcomes if one.endpoint == endpoint.name
    )  # fmt: skip


def _spectrum(clones: tuple[str, ...], one: Outcome) -> Spectrum:
    counts, months = [], []
    for number in range(1, len(clones)):
        mine = one.event & (one.clone == number)
        counts.append(int(np.count_nonzero(mine)))
        months.append(float(np.median(one.time[mine])) / DAYS_PER_MONTH if mine.any() else float("nan"))
    return Spectrum(one.arm, one.endpoint, clones[1:], tuple(counts), tuple(months))


def courses(
    trial: Trial, kernel: Kernel, clones: tuple[str, ...], days: NDArray[np.float64],
    patients: list[NDArray[np.uint64]], followed: list[list[Followed]], outcomes: tuple[Outcome, ...],
) -> CloneCourses | None:  # fmt: skip
    """The clones of a few patients over time; None where no endpoint is about clones.

    Args:
        trial: the study.
        kernel: the compiled model.
        clones: the model's clones.
        days: days recorded, shape (m,).
        patients: patient numbers of each group whose course was recorded.
        followed: for each arm, what each group left behind.
        outcomes: what happened to the patients.
    """
    about = _about_clones(trial)
    if not about:
        return None
    who = np.concatenate(patients)
    happened = np.stack([_happened(who, arm.name, about[0].name, outcomes) for arm in trial.arms])
    some, every = happened.any(axis=0), happened.all(axis=0)
    kinds = ((every, _SHOWN), (some & ~every, _SHOWN), (~some, 1))
    chosen = np.concatenate([np.flatnonzero(kind)[:most] for kind, most in kinds])
    places = [kernel.outputs.index(f"P_{clone}") for clone in clones]
    cells = np.stack(
        [np.concatenate([part.values for part in parts])[chosen][:, :, places] for parts in followed]
    )
    return CloneCourses(about[0].name, tuple(arm.name for arm in trial.arms), clones, who[chosen],
                        happened[:, chosen], days, cells, _RULE)  # fmt: skip


def _happened(
    who: NDArray[np.uint64], arm: str, endpoint: str, outcomes: tuple[Outcome, ...]
) -> NDArray[np.bool_]:
    """To whom of these patients an event happened in an arm, shape as ``who``."""
    one = next(one for one in outcomes if (one.arm, one.endpoint) == (arm, endpoint))
    return np.isin(who, one.patients[one.event])
