"""Arms held against each other in points, and which clones escape: rows for the page, lines for a terminal."""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

from offtarget.reports.table import study
from offtarget.reports.words import NOT_ESTIMABLE, count, joined, months, points, short_source
from offtarget.trials.escape import PublishedSpectrum, Spectrum
from offtarget.trials.result import Difference, TrialResult

__all__ = ["chance", "difference_rows", "escape_lines", "headline_differences", "spectrum_tables"]


def chance(result: TrialResult) -> str:
    """What chance does to the cells of this run, in a sentence."""
    if not result.counted:
        return (
            "Cells flow: every number of cells is an expectation, a cell that mutates after diagnosis is left out, and "
            "a clone expected to number less than a thousandth of a cell counts as none."
        )
    return (
        "Few cells are counted: below the limits in the table of parameters a clone is a number of whole cells that "
        "live, die and mutate by chance, and above them it flows. A patient's luck is the same in every arm."
    )


def headline_differences(result: TrialResult) -> list[str]:
    """The first endpoint in every arm less the first arm, at the last time, in a sentence each."""
    told = {}
    for one in result.differences:
        if one.endpoint == study(result).endpoints[0].name:
            told[one.arm] = (
                f"{one.arm} less {one.reference}: {one.endpoint} at {months(one.month)} months differs by "
                f"{_interval(one)} percentage points, in the same {count(one.pairs, 'patient')}."
            )
    return list(told.values())


def difference_rows(result: TrialResult) -> list[dict[str, str]]:
    """Every arm less the first, by endpoint and time, as text."""
    return [
        {"endpoint": one.endpoint, "arm": one.arm, "reference": one.reference, "month": months(one.month),
         "pairs": str(one.pairs), "value": _interval(one)}
        for one in result.differences
    ]  # fmt: skip


def _interval(one: Difference) -> str:
    if not all(math.isfinite(value) for value in (one.value, one.low, one.high)):
        return NOT_ESTIMABLE
    return f"{points(one.value)} ({points(one.low)} to {points(one.high)})"


def spectrum_tables(result: TrialResult) -> list[dict[str, Any]]:
    """For each endpoint about clones: a row a clone, with how many patients it led in and when, arm by arm."""
    tables = []
    for endpoint, group in groupby(result.spectra, key=lambda one: one.endpoint):
        arms = list(group)
        published = [
            {
                "source": short_source(one.evidence.source),
                "key": one.evidence.source,
                "note": _about(one, arms[0].clones),
            }
            for one in study(result).spectra
        ]
        rows = [_row(result, arms, place) for place in range(len(arms[0].clones))]
        tables.append({
            "endpoint": endpoint, "arms": [one.arm for one in arms], "rows": rows, "published": published,
            "all": [str(sum(one.counts)) for one in arms],
        })  # fmt: skip
    return tables


def _row(result: TrialResult, arms: list[Spectrum], place: int) -> dict[str, Any]:
    clone = arms[0].clones[place]
    cells = [
        {"count": str(one.counts[place]), "share": _share(one.counts[place], sum(one.counts)),
         "months": months(one.months[place]) if one.counts[place] else ""} for one in arms
    ]  # fmt: skip
    theirs = [
        {"count": str(one.counts.get(clone, 0)), "share": _share(one.counts.get(clone, 0), _known(one, arms[0].clones))}
        for one in study(result).spectra
    ]  # fmt: skip
    return {"clone": clone, "cells": cells, "published": theirs}


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""


def _known(one: PublishedSpectrum, clones: tuple[str, ...]) -> int:
    """Published mutations that the model has a clone for."""
    return sum(number for clone, number in one.counts.items() if clone in clones)


def _about(one: PublishedSpectrum, clones: tuple[str, ...]) -> str:
    known, whole = _known(one, clones), sum(one.counts.values())
    said = f"{known} of {count(whole, 'mutation')} counted there are of clones that the model has"
    return f"{said}; {one.evidence.note}" if one.evidence.note else said


def escape_lines(result: TrialResult) -> tuple[str, ...]:
    """For a terminal: a line for each endpoint and pair of arms, and a line for each spectrum of clones."""
    told = []
    for (arm, reference, endpoint), group in groupby(
        result.differences, key=lambda one: (one.arm, one.reference, one.endpoint)
    ):
        said = "; ".join(f"month {months(one.month)} {_interval(one)}" for one in group)
        told.append(f"{arm} less {reference}, the same patients, {endpoint}, points: {said}.")
    for one in result.spectra:
        led = [f"{clone} {number}" for clone, number in zip(one.clones, one.counts, strict=True) if number]
        told.append(f"{one.endpoint}, leading clone, {one.arm}: {joined(led) or 'nobody'}.")
    if result.spectra:
        for published in study(result).spectra:
            theirs = [f"{clone} {published.counts.get(clone, 0)}" for clone in result.spectra[0].clones]
            told.append(f"Published, {short_source(published.evidence.source)}: {joined(theirs)}.")
    return tuple(told)
