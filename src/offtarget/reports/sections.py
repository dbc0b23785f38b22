"""The sections of the page as plain rows of text: what the template lays out and nothing more."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

from offtarget.evidence import Evidence, Grade, Reference, sources
from offtarget.reports.escape import chance
from offtarget.reports.table import lines, study
from offtarget.reports.words import (
    NOT_ESTIMABLE,
    count,
    found,
    interval,
    joined,
    months,
    number,
    percent,
    short_source,
)
from offtarget.trials.assay import Assay
from offtarget.trials.result import Comparison, Estimate, ParameterRow, TrialResult
from offtarget.trials.store import STUDY
from offtarget.trials.study import is_catalogued
from offtarget.trials.trial import MEASURES, START, Arm, Trial
from offtarget.units import DAYS_PER_MONTH, DAYS_PER_YEAR

__all__ = [
    "comparisons", "design", "exposures", "facts", "grades", "headline", "parameters", "references", "replay",
    "results",
]  # fmt: skip

_HELD = (
    "A response counts as held for a time when it was met at its beginning and at its end, was never exceeded between, "
    "and no more than half a year (or two of the patient's visit intervals, where those are longer) went by between "
    "two samples that showed it. A sample too small to be scored at the level neither breaks nor carries it."
)
_MEANS = {
    Grade.MEASURED: "measured, and taken over as published",
    Grade.DERIVED: "worked out from measured numbers",
    Grade.FITTED: "fitted to data, here or in the source",
    Grade.ASSUMED: "assumed: a starting value, not calibrated",
}


def headline(result: TrialResult) -> list[str]:
    """The first endpoint in a sentence for each arm, at the time with a published figure, or else the last."""
    if not study(result).endpoints:
        return []
    name = study(result).endpoints[0].name
    told = []
    for arm in study(result).arms:
        mine = [one for one in result.estimates if (one.endpoint, one.arm) == (name, arm.name)]
        if mine:
            told.append(_headline(max(mine, key=lambda one: (bool(one.published), one.month))))
    return told


def _headline(one: Estimate) -> str:
    place = f"{one.arm}: {one.endpoint} at {months(one.month)} months"
    if one.n == 0:
        return f"{place} is {NOT_ESTIMABLE}: no patient came to where its clock starts."
    said = f"{place}: {percent(one.value)} % (95 % interval {interval(one.low, one.high)}) of {count(one.n, 'patient')}"
    if not one.published:
        return f"{said}; no published figure."
    theirs = [
        f"{percent(two.value)} % ({interval(two.low, two.high)}) in {short_source(two.evidence.source)}"
        for two in one.published
    ]
    return f"{said}; published: {joined(theirs)}."


def design(result: TrialResult) -> dict[str, Any]:
    """Arms with their rules, endpoints in words, visits and assay."""
    trial = study(result)
    arms = [
        {"name": arm.name, "regimen": _given(arm), "rules": [
            {"when": rule.when, "then": rule.then, "times": "once" if rule.times == 1 else f"up to {rule.times} times",
             "visits": "as before" if rule.visits is None else rule.visits.text}
            for rule in arm.rules]}
        for arm in trial.arms
    ]  # fmt: skip
    endpoints = [
        {"name": one.name, "measure": MEASURES[one.measure], "event": one.event, "definition": one.definition,
         "origin": "start of treatment" if one.origin == START else one.origin,
         "report_at": joined([months(month) for month in one.report_at])}
        for one in trial.endpoints
    ]  # fmt: skip
    return {
        "arms": arms,
        "endpoints": endpoints,
        "visits": trial.visits.text,
        "assay": _assay(trial.assay),
        "horizon": _span(trial.horizon),
        "sight": _sight(trial),
        "chance": chance(result),
        "held": _HELD if any(" held " in text for text in _conditions(trial)) else "",
    }


def _given(arm: Arm) -> str:
    """What an arm gives from the start, and what it switches."""
    switched = [f"{name} {'on' if value else 'off'}" for name, value in arm.switches.items()]
    return f"{arm.regimen_text}; switched: {joined(switched)}" if switched else arm.regimen_text


def _sight(trial: Trial) -> str:
    """What rules and endpoints see, in a sentence."""
    unseen = [f'"{one.name}"' for one in trial.endpoints if one.condition.unseen()]
    if not unseen:
        return "Rules and endpoints see only what the assay reports at a visit, never the simulated truth."
    return (
        f"Rules and endpoints see only what the assay reports at a visit, but for {joined(unseen)}, which no clinic "
        "could see: that is the simulated truth at the visits."
    )


def _conditions(trial: Trial) -> list[str]:
    return [rule.when for arm in trial.arms for rule in arm.rules] + [one.event for one in trial.endpoints]


def _assay(assay: Assay) -> str:
    """What the laboratory can see, in a sentence."""
    found, clones = assay.sequencing, ""
    if found is not None:
        clones = (
            f"; clones by {found.method} sequencing from {number(found.limit.value)} % of the transcripts on, "
            f"in samples above {number(found.needs.value)} % IS, without an error of its own"
        )
    return (
        f"BCR-ABL1 by quantitative PCR with a sensitivity of {assay.sensitivity} "
        f"({number(assay.limit(), 2)} % IS), {number(assay.copies.value)} control transcripts in the median sample, "
        f"a log10 SD of {number(assay.error_log10_sd.value)} between runs, "
        f"and {number(100 * assay.missed.value)} % of visits without a sample{clones}"
    )


def _span(days: float) -> str:
    years = days / DAYS_PER_YEAR
    if years >= 2:
        return f"{number(years)} years"
    return f"{number(days / DAYS_PER_MONTH)} months"


def results(result: TrialResult) -> list[dict[str, Any]]:
    """The lines of the result table, one group for each endpoint in each arm."""
    grouped = groupby(lines(result), key=lambda line: (line.endpoint, line.arm, line.measure))
    return [
        {"endpoint": endpoint, "arm": arm, "measure": measure, "lines": list(group)}
        for (endpoint, arm, measure), group in grouped
    ]


def comparisons(result: TrialResult) -> list[dict[str, str]]:
    """Arms held against each other, as text."""
    return [_comparison(one) for one in result.comparisons]


def _comparison(one: Comparison) -> dict[str, str]:
    return {
        "endpoint": one.endpoint, "arm": one.arm, "reference": one.reference,
        "ratio": _with_interval(one.hazard_ratio, one.hazard_ratio_low, one.hazard_ratio_high, 2),
        "p": _p(one.logrank_p), "horizon": months(one.horizon_month),
        "mean": _with_interval(one.restricted_mean_difference, one.restricted_mean_low, one.restricted_mean_high, 1),
    }  # fmt: skip


def _with_interval(value: float, low: float, high: float, decimals: int) -> str:
    if not math.isfinite(value):
        return NOT_ESTIMABLE
    limits = (
        f"{low:.{decimals}f} to {high:.{decimals}f}"
        if math.isfinite(low) and math.isfinite(high)
        else "no interval"
    )
    return f"{value:.{decimals}f} ({limits})".replace("-", "−")


def _p(value: float) -> str:
    if not math.isfinite(value):
        return NOT_ESTIMABLE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def exposures(result: TrialResult) -> list[dict[str, str]]:
    """Simulated troughs beside published ones."""
    return [
        {"drug": one.drug, "regimen": one.regimen, "statistic": one.statistic, "simulated": number(one.simulated, 4),
         "published": number(one.published, 4), "difference": _relative(one.simulated, one.published),
         "source": short_source(one.evidence.source), "key": one.evidence.source, "note": one.evidence.note}
        for one in result.exposures
    ]  # fmt: skip


def _relative(simulated: float, published: float) -> str:
    if not (math.isfinite(simulated) and math.isfinite(published) and published):
        return NOT_ESTIMABLE
    return f"{100 * (simulated / published - 1):+.1f} %".replace("-", "−")


def parameters(result: TrialResult) -> dict[str, list[dict[str, str]]]:
    """The parameter table by group."""
    groups: dict[str, list[dict[str, str]]] = {}
    for row in result.parameters:
        groups.setdefault(row.group or "other", []).append(_parameter(row))
    return groups


def _parameter(row: ParameterRow) -> dict[str, str]:
    known = row.evidence
    source = known.source if known else ""
    return {
        "name": row.name, "value": row.value, "unit": "" if row.unit == "dimensionless" else row.unit,
        "meaning": row.meaning, "grade": known.grade.value if known else "no evidence given", "key": source,
        "source": short_source(source) if source else "", "note": known.note if known else "",
    }  # fmt: skip


def grades(result: TrialResult) -> dict[str, Any]:
    """How many parameters rest on what, and what that means for the conclusion, in a sentence."""
    counted = Counter(row.evidence.grade if row.evidence else None for row in result.parameters)
    rows = [{"grade": one.value, "means": _MEANS[one], "count": counted.get(one, 0)} for one in Grade]
    if counted.get(None):
        rows.append({"grade": "none", "means": "no evidence given", "count": counted[None]})
    return {
        "rows": rows,
        "all": len(result.parameters),
        "sentence": _standing(counted, len(result.parameters)),
    }


def _standing(counted: Counter[Grade | None], whole: int) -> str:
    if not whole:
        return "The run did not list its parameters, so nothing can be said about the evidence behind them."
    assumed, fitted = counted.get(Grade.ASSUMED, 0), counted.get(Grade.FITTED, 0)
    said = f"{assumed} of {count(whole, 'parameter')} {'is' if assumed == 1 else 'are'} assumed"
    rest = f"{fitted} {'was' if fitted == 1 else 'were'} fitted to data"
    if unknown := counted.get(None, 0):
        rest += f", and {unknown} {'names' if unknown == 1 else 'name'} no evidence"
    if not assumed:
        return f"None of {count(whole, 'parameter')} is assumed; {rest}."
    if not fitted:
        return (
            f"{said}, and none was fitted to data: these are starting values, not calibrated, and the result "
            "shows what they imply, not what a patient should expect."
        )
    return f"{said}: those are starting values, not calibrated. Of the others, {rest}."


def references(result: TrialResult) -> list[dict[str, str]]:
    """Every reference the page names, by author and year; a key that the list does not hold is shown as it is."""
    trial = study(result)
    model_source = str(getattr(result.model, "source", ""))
    nouns: tuple[Evidence | None, ...] = (
        trial.evidence, *(one.evidence for one in trial.published),
        *(two.evidence for one in result.estimates for two in one.published),
        *(row.evidence for row in result.parameters), *(row.evidence for row in result.exposures),
    )  # fmt: skip
    keys = dict.fromkeys((*sources([one for one in nouns if one]), *([model_source] if model_source else [])))
    listed = [_reference(key, found(key)) for key in keys]
    return sorted(listed, key=lambda row: (row["text"].casefold(), row["key"]))


def _reference(key: str, entry: Reference | None) -> dict[str, str]:
    if entry is None:
        return {"key": key, "text": f"{key}: not in the reference list.", "doi": "", "pmid": "", "note": ""}
    text = f"{entry.authors} ({entry.year}). {entry.title.rstrip('.')}. {entry.container}".rstrip(" .") + "."
    return {"key": key, "text": text, "doi": entry.doi, "pmid": entry.pmid, "note": entry.note}


def replay(result: TrialResult, folder: Path) -> dict[str, str]:
    """The two commands that give this result again, from the folder in which the first one was given.

    A user's own study is the one kept in the run's folder, with its files: theirs may have changed or moved.
    """
    trial, place = study(result), folder.as_posix()
    place = f"./{place}" if place.startswith("-") else place  # or it would read as an option
    known = is_catalogued(trial)
    source, target = (trial.id, place) if known else (f"{place}/{STUDY}", f"{place}-again")
    again = f"offtarget trial {shlex.quote(source)} --patients {result.patients} --seed {result.seed}"
    return {"run": f"{again} --out {shlex.quote(target)}", "replay": f"offtarget replay {shlex.quote(place)}"}


def facts(result: TrialResult) -> list[tuple[str, str]]:
    """What a colleague needs to get the same numbers: seed, digests, versions, times."""
    told = [("seed", str(result.seed)), ("digest of the outcomes (SHA-256)", result.digest())]
    told += [("digest of the model's outputs (SHA-256)", result.digest_outputs())]
    told += [(f"digest of {name}", text) for name, text in result.inputs.items()]
    told += [
        (f"version of {name}" if name not in ("machine",) else name, text)
        for name, text in result.versions.items()
    ]
    told += [(f"time to {name}", f"{spent:.2f} s") for name, spent in result.seconds.items()]
    return told
