"""Figures: Vega-Lite specifications with the rows they draw, a caption made from the statistic, and a description.

A figure that cannot be drawn is a ``Gap``: a title and a plain sentence that says why.
"""

from __future__ import annotations

from offtarget.reports.figures.agreement import agreement
from offtarget.reports.figures.base import Figure, Gap
from offtarget.reports.figures.cells import clones, immune
from offtarget.reports.figures.exposure import exposure
from offtarget.reports.figures.muller import muller
from offtarget.reports.figures.survival import survival
from offtarget.reports.figures.trajectories import trajectories
from offtarget.trials.result import TrialResult

__all__ = ["Figure", "Gap", "figures"]


def figures(result: TrialResult) -> dict[str, tuple[Figure | Gap, ...]]:
    """The figures of a report by section: ``results``, ``course``, ``exposure``.

    Args:
        result: what a run found.
    """
    return {
        "results": (agreement(result), *survival(result)),
        "course": (trajectories(result), immune(result), clones(result), *muller(result)),
        "exposure": exposure(result),
    }
