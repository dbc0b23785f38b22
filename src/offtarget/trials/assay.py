"""The assay: BCR-ABL1 by quantitative PCR on the International Scale, as a laboratory would report it.

A sample holds a number of control transcripts (ABL1) that differs from sample to sample; BCR-ABL1 transcripts in it are
a Poisson count around the truth, times a log-normal error of the run. A count of zero is undetectable, and says as
much as the sample was large: scoring follows Cross et al. 2015 (cross2015).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from offtarget.evidence import Evidence, Grade, Quantity
from offtarget.randomness import stream, uniforms
from offtarget.records import Table
from offtarget.trials.sequencing import Sequencing, read_sequencing

__all__ = ["BOUNDS", "LEVELS", "ROW", "Assay", "Sample", "default_assay", "read_assay"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Molecular response levels: BCR-ABL1 at or below which each is met, percent. Source: cross2015.
LEVELS: Mapping[str, float] = MappingProxyType(
    {"EMR": 10.0, "MR2": 1.0, "MMR": 0.1, "MR4": 0.01, "MR4.5": 0.0032, "MR5": 0.001, "undetectable": 0.0}
)
#: The row of each level in arrays that hold all of them, and the bounds as such a column.
ROW: Mapping[str, int] = MappingProxyType({level: row for row, level in enumerate(LEVELS)})
BOUNDS = np.array([*LEVELS.values()])[:, None]
#: Control transcripts a sample needs to be scored at a level, whether or not BCR-ABL1 is found. Source: cross2015.
CONTROLS: Mapping[str, float] = MappingProxyType({"MR4": 10_000.0, "MR4.5": 32_000.0, "MR5": 100_000.0})
#: Least control transcripts for an undetectable result to be reported at all: as for MR4.
_LEAST = CONTROLS["MR4"]
#: What chance decides about a sample, each with a stream of its own.
_LUCK = ("copies", "error", "count", "missed")
#: Counts to walk at most from the first guess: a dozen are needed where the mean is next to nothing and the probability
#: next to one. Among ten millions, where the distribution function's own digits run out, one count more is nothing.
_WALK = 20
#: Counts beyond this are not told apart: a hundred percent was long before it.
_MOST = 1e15


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What the laboratory reports for n patients.

    Attributes:
        measured: BCR-ABL1 on the International Scale, percent; 0 where no transcript was found, shape (n,).
        detected: whether any transcript was found, shape (n,).
        copies: control transcripts in the sample, shape (n,).
        taken: whether there was a sample: visits are missed, shape (n,).
    """

    measured: Floats
    detected: Mask
    copies: Floats
    taken: Mask


@dataclass(frozen=True, slots=True)
class Assay:
    """A laboratory.

    Attributes:
        sensitivity: the depth at which this study calls a sample undetectable: MR4, MR4.5 or MR5.
        copies: median control transcripts in a sample; ``copies_log_sd`` their spread, natural log.
        error_log10_sd: spread of a run's result around the truth, log10.
        missed: probability that a visit brings no sample.
        sequencing: how clones are found; None where the study does not look for them.
    """

    sensitivity: str
    copies: Quantity
    copies_log_sd: Quantity
    error_log10_sd: Quantity
    missed: Quantity
    sequencing: Sequencing | None = None

    def measure(self, truth: Floats, patients: NDArray[np.uint64], *, day: Floats, seed: int) -> Sample:
        """What the laboratory reports for one visit of each patient.

        Luck is addressed by patient and day, so that the same patient on the same day has the same luck in every arm.

        Args:
            truth: BCR-ABL1, percent IS, shape (n,).
            patients: patient numbers, shape (n,).
            day: day of the visit, shape (n,).
            seed: the run's seed.
        """
        # a month is 487 sixteenths of a day: no two visits share a number
        when = np.rint(day * 16).astype(np.uint64)
        luck = uniforms([stream(seed, "assay", purpose) for purpose in _LUCK], patients, when)
        of_copies, of_error, of_count, of_missed = luck

        from scipy.special import ndtri

        copies = np.rint(self.copies.value * np.exp(self.copies_log_sd.value * ndtri(of_copies)))
        error = 10.0 ** (self.error_log10_sd.value * ndtri(of_error))
        count = poisson_quantile(of_count, np.maximum(truth, 0.0) / 100.0 * copies * error)
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = np.where(copies > 0, np.minimum(100.0 * count / copies, 100.0), 0.0)
        taken = (of_missed >= self.missed.value) & ((count > 0) | (copies >= _LEAST))
        return Sample(measured, count > 0, copies, taken)

    def sequenced(self, cells: Floats, sample: Sample) -> Floats:
        """Each clone's share of the transcripts as reported, percent, shape (clones, n); NaN where there is no report.

        Args:
            cells: proliferating cells of each clone, shape (clones, n).
            sample: the sample they are looked for in.
        """
        if self.sequencing is None:
            return np.full(cells.shape, np.nan)
        usable = sample.taken & sample.detected
        return self.sequencing.shares(cells, measured=sample.measured, usable=usable)

    def scored(self, sample: Sample) -> Mask:
        """Where a sample is scored at each level: at or below its bound or undetectable, and large enough to say so.

        Args:
            sample: the samples, shape (n,).

        Returns:
            Shape (levels, n), the rows as in ``ROW``.
        """
        needed = np.array([self._needed(level) for level in LEVELS])[:, None]
        below = ~sample.detected | (sample.measured <= BOUNDS)
        return np.asarray(sample.taken & below & (sample.copies >= needed))

    def _needed(self, level: str) -> float:
        """Control transcripts a sample needs to be scored at a level."""
        return CONTROLS[self.sensitivity] if level == "undetectable" else CONTROLS.get(level, 0.0)

    def limit(self) -> float:
        """The level the study's sensitivity stands for, percent IS: where a figure draws its detection limit."""
        return LEVELS[self.sensitivity]

    def can_show(self, level: str) -> bool:
        """Whether any but a rare sample is large enough to show a level."""
        large = self.copies.value * float(np.exp(3.0 * self.copies_log_sd.value))
        return bool(large >= self._needed(level))


def poisson_quantile(probability: Floats, mean: Floats) -> Floats:
    """The Poisson quantile: the least count whose distribution function reaches the probability.

    The normal quantile, moved by the skewness (Cornish and Fisher), is a count or two off; from there it is walked.
    Exact to means of ten millions; beyond, the function's own digits run out in the far tails, and a count is near.

    Args:
        probability: in (0, 1), shape (n,).
        mean: zero or more, shape (n,).
    """
    from scipy.special import ndtri, pdtr

    normal, mean = ndtri(probability), np.minimum(mean, _MOST)
    near = np.floor(np.maximum(mean + np.sqrt(mean) * normal + (normal**2 + 2.0) / 6.0, 0.0))
    count = np.where(np.isfinite(near), near, 0.0)
    off = np.arange(count.size)
    for _ in range(_WALK):
        here, p, m = count[off], probability[off], mean[off]
        short = pdtr(here, m) < p
        beyond = (here > 0) & (pdtr(np.maximum(here - 1.0, 0.0), m) >= p)
        count[off] = here + short - beyond
        off = off[short | beyond]
        if not off.size:
            break
    return count


def _assumed(value: float, unit: str, reason: str, source: str = "") -> Quantity:
    return Quantity(value, unit, Evidence(source, Grade.ASSUMED, reason))


def default_assay() -> Assay:
    """A standardised laboratory with a sensitivity of MR4.5."""
    return Assay(
        sensitivity="MR4.5",
        copies=_assumed(120_000, "", "nearly all samples reach MR4.5 and about 60 % MR5", "cross2015"),
        copies_log_sd=_assumed(0.7, "", "a sample in twenty holds less than a third of the median"),
        error_log10_sd=_assumed(0.12, "", "runs of one laboratory agree within a factor of 1.7 in 19 of 20"),
        missed=_assumed(0.02, "", "one visit in fifty without a sample that can be scored"),
    )  # fmt: skip


def read_assay(table: Table) -> Assay:
    """The assay of a study's ``[assay]`` table; what it does not say is as in ``default_assay``.

    Args:
        table: with any of sensitivity, copies, copies_log_sd, error_log10_sd, missed; for clones see
            ``read_sequencing``.

    Raises:
        InputError: a key or value that makes no sense.
    """
    usual = default_assay()
    source = Evidence("", Grade.ASSUMED, "stated by the study")
    sensitivity = table.choice("sensitivity", CONTROLS, kind="sensitivity", default=usual.sensitivity)
    median = 250_000.0 if sensitivity == "MR5" else usual.copies.value

    def read(key: str, low: float, high: float, default: Quantity) -> Quantity:
        return Quantity(table.number(key, low=low, high=high), "", source) if table.has(key) else default

    deep = _assumed(
        median, "", "replicates are pooled where a study calls for a 5-log sensitivity", "cross2015"
    )
    assay = Assay(
        sensitivity=sensitivity, copies=read("copies", 1.0, 1e8, deep if sensitivity == "MR5" else usual.copies),
        copies_log_sd=read("copies_log_sd", 0.0, 5.0, usual.copies_log_sd),
        error_log10_sd=read("error_log10_sd", 0.0, 3.0, usual.error_log10_sd),
        missed=read("missed", 0.0, 0.99, usual.missed), sequencing=read_sequencing(table),
    )  # fmt: skip
    table.done()
    return assay
