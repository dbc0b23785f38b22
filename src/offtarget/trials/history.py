"""History: what the clinic has seen of each patient so far. Rules read it, and endpoints.

Beside it stands a little of the truth behind it, which no clinic sees: endpoints may ask for it by name, rules never.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offtarget.trials.assay import BOUNDS, LEVELS, Assay, Sample

__all__ = ["Days", "History", "Mask"]

Days = NDArray[np.float64]
Mask = NDArray[np.bool_]


class History:
    """What the clinic knows of n patients so far. The one mutable thing in a trial: it grows visit by visit.

    Attributes:
        now: day of the latest visit, shape (n,).
        fresh: whether that visit brought a sample, shape (n,).
        measured, detected, taken: latest sample: percent IS, any transcript found, was there one.
        before_measured, before_detected, before_taken: the sample before it.
        first_positive: first sample of the present unbroken run of positive samples, percent; NaN outside one.
        positives: how many samples the present run of positive samples has.
        scored, before_scored: whether the latest sample, and the one before it, was scored at each level: shape
            (levels, n), the rows as in ``assay.ROW``.
        since: day of the first sample of the present run at each level, NaN when there is none, shape (levels, n). A
            sample above the level ends a run; one too small to be scored does not, but a gap between two samples
            scored at the level that is longer than ``record`` is told does: the second begins another.
        ever: whether each level was ever met, shape (levels, n).
        clones: the model's clones, the wild type first.
        shares: what sequencing reported of each at the latest sample, percent of the transcripts: 0 where it was not
            found, NaN where the sample was not sequenced; shape (clones, n).
        on_days: drug -> days on the drug so far.
        off_since: drug -> day the drug was last stopped, NaN while it is taken or before it was.
        cell_free: the truth at the latest visit: whether no leukaemic cell is left, shape (n,).
        leading: the truth at the latest visit: the resistant clone with the most cells (``cells.leading``), shape (n,).
    """

    def __init__(
        self, patients: int, drugs: tuple[str, ...], assay: Assay, clones: tuple[str, ...] = ()
    ) -> None:
        def filled(value: float) -> NDArray[np.float64]:
            return np.full(patients, value)

        self.assay = assay
        self.now = filled(0.0)
        self.fresh = np.zeros(patients, bool)
        self.measured, self.before_measured = filled(np.nan), filled(np.nan)
        self.detected, self.before_detected = np.zeros(patients, bool), np.zeros(patients, bool)
        self.taken, self.before_taken = np.zeros(patients, bool), np.zeros(patients, bool)
        self.first_positive, self.positives = filled(np.nan), np.zeros(patients, np.int64)
        levels = (len(LEVELS), patients)
        self.scored, self.before_scored = np.zeros(levels, bool), np.zeros(levels, bool)
        self.since, self._last = np.full(levels, np.nan), np.full(levels, np.nan)
        self.ever = np.zeros(levels, bool)
        self.clones, self.shares = clones, np.full((len(clones), patients), np.nan)
        self.on_days = {drug: filled(0.0) for drug in drugs}
        self.off_since = {drug: filled(np.nan) for drug in drugs}
        self.cell_free, self.leading = np.zeros(patients, bool), np.full(patients, -1)

    def record(
        self, rows: Mask, day: Days, sample: Sample, *, gap: Days | float, shares: Days | None = None
    ) -> None:
        """Enter a visit: for patients in ``rows``, the day and the sample (where one was taken).

        Args:
            rows: who has a visit, shape (n,).
            day: day of the visit, shape (n,).
            sample: shape (n,) throughout; rows outside ``rows`` are ignored.
            gap: longest time between two samples that show a level in which it is held, days, shape (n,) or ().
            shares: what sequencing reports of the samples, shape (clones, n); None where no study asks for it.
        """
        self.now = np.where(rows, day, self.now)
        new = rows & sample.taken
        self.fresh = new
        for name in ("measured", "detected", "taken"):
            latest = getattr(self, name)
            setattr(self, f"before_{name}", np.where(new, latest, getattr(self, f"before_{name}")))
            setattr(self, name, np.where(new, getattr(sample, name), latest))
        if shares is not None:
            self.shares = np.where(new, shares, self.shares)
        positive = new & sample.detected
        begins = positive & (self.positives == 0)
        self.first_positive = np.where(
            begins, sample.measured, np.where(new & ~positive, np.nan, self.first_positive)
        )
        self.positives = np.where(positive, self.positives + 1, np.where(new, 0, self.positives))
        met = new & self.assay.scored(sample)
        with np.errstate(invalid="ignore"):
            broken = new & ((sample.detected & (sample.measured > BOUNDS)) | (day - self._last > gap))
        run = np.where(broken, np.nan, self.since)
        self.since = np.where(met & np.isnan(run), day, run)
        self._last = np.where(met, day, self._last)
        self.ever = self.ever | met
        self.before_scored = np.where(new, self.scored, self.before_scored)
        self.scored = np.where(new, met, self.scored)

    def know(self, rows: Mask, cell_free: Mask, leading: NDArray[np.int64]) -> None:
        """Enter the truth at the visit of ``rows``; the arguments are as the attributes, shape (n,)."""
        self.cell_free = np.where(rows, cell_free, self.cell_free)
        self.leading = np.where(rows, leading, self.leading)

    def dose(self, drug: str, rows: Mask, days: Days, *, taking: Mask, ended: Days) -> None:
        """Enter treatment since the last visit.

        Args:
            drug: the drug.
            rows: who has a visit, shape (n,).
            days: on the drug since the last visit, shape (n,).
            taking: who is to take it now, shape (n,).
            ended: the day on which those who stopped did so, shape (n,).
        """
        self.on_days[drug] = np.where(rows, self.on_days[drug] + days, self.on_days[drug])
        off = np.where(
            rows & (days > 0), np.nan, self.off_since[drug]
        )  # taken since: an earlier stop is over
        stopping = rows & ~taking & (self.on_days[drug] > 0) & np.isnan(off)
        self.off_since[drug] = np.where(rows & taking, np.nan, np.where(stopping, ended, off))
