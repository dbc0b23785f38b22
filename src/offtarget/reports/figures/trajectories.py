"""BCR-ABL1 (IS) over time: each patient of the panel, median and band, and what the assay could not see."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offtarget.reports.figures.base import (
    ARM_COLOURS,
    INK,
    MUTED,
    PUBLISHED,
    WIDTH,
    Figure,
    Gap,
    Row,
    clean,
    finish,
    left_out,
    named,
    thin,
)
from offtarget.reports.figures.time import TimeAxis, time_axis
from offtarget.reports.table import study
from offtarget.reports.words import count, joined, number
from offtarget.trials.result import Panel, TrialResult
from offtarget.trials.trial import START

__all__ = ["MEASURED", "trajectories"]

#: The output that the assay measures, percent on the International Scale.
MEASURED = "bcr_abl1"
#: Response levels drawn for orientation, percent IS. Source: cross2015.
_LEVELS = {"MMR": 0.1, "MR4": 0.01, "MR4.5": 0.0032}
#: Arms drawn, patients drawn an arm, times drawn, and points of all patients together.
_ARMS, _PATIENTS, _TIMES, _POINTS = 4, 60, 200, 12_000
#: Marks on the detection limit.
_MARKS = 46


def trajectories(result: TrialResult) -> Figure | Gap:
    """The spaghetti figure, one plot an arm."""
    id, title, panel = "bcr-abl1", "BCR-ABL1 (IS) over time", result.panel
    if MEASURED not in panel.names or panel.times.size < 2 or not panel.arms:
        return Gap(id, title, "This model has no BCR-ABL1, or no patient's course was kept: nothing to draw.")
    arms = panel.arm_names[:_ARMS]
    axis = time_axis(panel.times)
    floor, limit = _floor(result)
    tables: dict[str, list[Row]] = {"patients": [], "band": [], "undetected": [], "stops": [], "levels": []}
    times = thin(panel.times.size, min(_TIMES, max(2, _POINTS // (_PATIENTS * len(arms)))))
    for arm in arms:
        rows = _rows_of(panel, arm)[:_PATIENTS]
        tables["patients"] += _patients(panel, arm, rows, times, axis, floor)
        tables["band"] += _band(panel, arm, axis, floor)
        tables["undetected"] += _undetected(panel, arm, rows, axis, limit)
        tables["stops"] += _stops(result, arm, rows, axis, floor)
    tables["levels"] = [{"level": name, "percent": value, "at": axis.end} for name, value in _LEVELS.items()]
    tables["limit"] = [{"level": "detection limit", "percent": clean(limit), "at": axis.end}]
    chart = _chart(arms, axis, floor)
    caption = _caption(result, arms, tables, floor, limit)
    alt = f"BCR-ABL1 over time on a logarithmic axis for {joined(arms)}. {_ends(result, arms)}"
    return finish(chart, tables, id=id, title=title, caption=caption, alt=alt)


def _floor(result: TrialResult) -> tuple[float, float]:
    """The lower edge of the axis, a decade or two below the detection limit; and that limit, percent IS."""
    limit = study(result).assay.limit()
    return float(10.0 ** np.floor(np.log10(limit) - 0.7)), limit


def _rows_of(panel: Panel, arm: str) -> NDArray[np.intp]:
    return np.flatnonzero(np.asarray([name == arm for name in panel.arms]))


def _patients(
    panel: Panel, arm: str, rows: NDArray[np.intp], times: NDArray[np.intp], axis: TimeAxis, floor: float
) -> list[Row]:
    column = panel.names.index(MEASURED)
    told: list[Row] = []
    for row in rows:
        values = np.maximum(panel.values[row, times, column], floor)
        told += [
            {
                "arm": arm,
                "patient": int(panel.patients[row]),
                "time": axis.at(panel.times[when]),
                "percent": clean(value),
            }
            for when, value in zip(times, values, strict=True)
            if np.isfinite(value)
        ]
    return told


def _band(panel: Panel, arm: str, axis: TimeAxis, floor: float) -> list[Row]:
    place, column = panel.arm_names.index(arm), panel.names.index(MEASURED)
    told: list[Row] = []
    for when in thin(panel.times.size, _TIMES):
        found = [
            np.maximum(part[place, when, column], floor) for part in (panel.median, panel.low, panel.high)
        ]
        if np.isfinite(found).all():
            median, low, high = (clean(value) for value in found)
            told.append(
                {"arm": arm, "time": axis.at(panel.times[when]), "median": median, "low": low, "high": high}
            )
    return told


def _undetected(panel: Panel, arm: str, rows: NDArray[np.intp], axis: TimeAxis, limit: float) -> list[Row]:
    """Samples that found no transcript, of how many: gathered over neighbouring times where there are many."""
    taken = np.isfinite(panel.measured[rows])
    missed = taken & ~panel.detected[rows]
    told: list[Row] = []
    for whens in np.array_split(np.arange(panel.times.size), min(panel.times.size, _MARKS)):
        none, samples = int(missed[:, whens].sum()), int(taken[:, whens].sum())
        if none:
            middle = axis.at(float(panel.times[whens].mean()))
            told.append({"arm": arm, "time": middle, "percent": clean(limit), "undetected": none,
                         "samples": samples, "share": clean(100 * none / samples)})  # fmt: skip
    return told


def _stops(result: TrialResult, arm: str, rows: NDArray[np.intp], axis: TimeAxis, floor: float) -> list[Row]:
    """Where the treatment of the drawn patients stopped: the origin of the first endpoint that counts from a stop."""
    name = _stop(result)
    mine = [one for one in result.outcomes if one.arm == arm and one.endpoint == name]
    if not mine:
        return []
    panel, column = result.panel, result.panel.names.index(MEASURED)
    origin = dict(zip(mine[0].patients.tolist(), mine[0].origin.tolist(), strict=True))
    told: list[Row] = []
    for row in rows:
        patient = int(panel.patients[row])
        if patient in origin:
            level = np.interp(origin[patient], panel.times, panel.values[row, :, column])
            if np.isfinite(level):
                shown = clean(float(np.maximum(level, floor)))
                told.append(
                    {"arm": arm, "patient": patient, "time": axis.at(origin[patient]), "percent": shown}
                )
    return told


def _stop(result: TrialResult) -> str | None:
    """The first endpoint whose clock starts when a rule stops a drug."""
    found = (
        one
        for one in study(result).endpoints
        if one.origin != START and one.origin.lower().startswith("stop")
    )
    return next((one.name for one in found), None)


def _chart(arms: tuple[str, ...], axis: TimeAxis, floor: float) -> Any:
    import altair as alt

    plots = [_plot(arm, place, axis, floor, titled=len(arms) > 1) for place, arm in enumerate(arms)]
    return alt.vconcat(*plots, spacing=22)


def _plot(arm: str, place: int, axis: TimeAxis, floor: float, *, titled: bool) -> Any:
    import altair as alt

    colour = ARM_COLOURS[place % len(ARM_COLOURS)]
    mine = alt.FieldEqualPredicate(field="arm", equal=arm)
    x = axis.channel()
    decades = [10.0**power for power in range(round(np.log10(floor)), 3)]
    y = alt.Y(
        "percent:Q", title="BCR-ABL1 (IS), %", scale=alt.Scale(type="log", domain=[floor, 100], nice=False),
        axis=alt.Axis(values=decades, labelExpr=_DECADES, gridOpacity=0.6),
    )  # fmt: skip
    lines = (
        named("patients").mark_line(strokeWidth=0.7, strokeOpacity=0.38, color=MUTED).transform_filter(mine)
    )
    band = named("band").mark_area(fillOpacity=0.22, color=colour).transform_filter(mine)
    median = named("band").mark_line(strokeWidth=2.2, color=colour).transform_filter(mine)
    open_marks = named("undetected").mark_point(
        shape="circle", filled=False, stroke=INK, strokeWidth=0.9, opacity=1
    )
    size = alt.Size("share:Q", scale=alt.Scale(domain=[0, 100], range=[4, 70]), legend=None)
    stops = named("stops").mark_point(
        shape="triangle-down", size=30, filled=True, color=PUBLISHED, opacity=1, fillOpacity=0.75
    )
    levels = named("levels").mark_rule(strokeDash=[1, 3], strokeWidth=0.9, color=MUTED).encode(y=y)
    words = (
        named("levels")
        .mark_text(align="left", dx=6, fontSize=10, color=MUTED)
        .encode(x=alt.X("at:Q"), y=y, text="level:N")
    )
    limit = named("limit").mark_rule(strokeDash=[6, 3], strokeWidth=1.1, color=INK).encode(y=y)
    limit_word = (
        named("limit")
        .mark_text(align="left", dx=6, fontSize=10, color=INK)
        .encode(x=alt.X("at:Q"), y=y, text="level:N")
    )
    layers = (
        band.encode(x=x, y=alt.Y("low:Q", title="BCR-ABL1 (IS), %"), y2="high:Q"),
        lines.encode(x=x, y=y, detail="patient:N"), levels, words, limit, limit_word,
        median.encode(x=x, y=alt.Y("median:Q")),
        open_marks.transform_filter(mine).encode(x=x, y=y, size=size),
        stops.transform_filter(mine).encode(x=x, y=y),
    )  # fmt: skip
    title = {"title": arm} if titled else {}
    return alt.layer(*layers).properties(width=WIDTH - 60, height=290 if not titled else 230, **title)


#: Labels 100, 10, 1, 0.1, ... without exponents.
_DECADES = (
    "datum.value >= 1 ? format(datum.value, 'd') : "
    "format(datum.value, '.' + ceil(-log(datum.value) / LN10 - 1e-9) + 'f')"
)


def _caption(
    result: TrialResult, arms: tuple[str, ...], tables: dict[str, list[Row]], floor: float, limit: float
) -> str:
    drawn = len({row["patient"] for row in tables["patients"]})
    same = ", the same in every arm" if len(arms) > 1 else ""
    told = [
        f"Thin lines: what the model simulates in {count(drawn, 'patient')} of the panel{same}. "
        "Thick line and band: median and 5th to 95th percentile over the patients still simulated.",
        f"Values below {number(floor)} % are drawn on the lower edge.",
        f"Dashed line: the assay's detection limit, {study(result).assay.sensitivity} ({number(limit, 2)} %).",
    ]
    if tables["undetected"]:
        told.append(
            "Open circles on it: samples of these patients in which the assay found no transcript; "
            "the area grows with their share."
        )
    else:
        told.append("The assay found transcript in every sample of these patients.")
    if tables["stops"]:
        told.append(
            f"Triangles: where treatment first stopped ({count(len(tables['stops']), 'patient course')})."
        )
    told.append("Dotted lines: MMR 0.1 %, MR4 0.01 %, MR4.5 0.0032 %.")
    told.append(left_out(len(arms), len(result.panel.arm_names)))
    return " ".join(told).strip()


def _ends(result: TrialResult, arms: tuple[str, ...]) -> str:
    panel, column = result.panel, result.panel.names.index(MEASURED)
    said = []
    for arm in arms:
        first, last = panel.median[panel.arm_names.index(arm)][[0, -1], column]
        said.append(f"The median of {arm} goes from {number(first)} % to {number(last)} %.")
    return " ".join(said)
