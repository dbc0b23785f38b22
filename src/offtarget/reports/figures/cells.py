"""Cells over time: the immune system and the clones of the leukaemia, median and band over patients."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from offtarget.reports.figures.base import (
    ARM_COLOURS,
    ARM_DASHES,
    MUTED,
    WIDTH,
    Figure,
    Gap,
    Row,
    arm_scale,
    clean,
    finish,
    left_out,
    named,
    thin,
)
from offtarget.reports.figures.time import TimeAxis, time_axis
from offtarget.reports.words import count, joined, number
from offtarget.trials.result import Panel, TrialResult

__all__ = ["clones", "immune"]

_IMMUNE = {
    "T": "Cytotoxic T cells", "N": "NK cells", "S": "Suppressive myeloid cells", "R": "Regulatory T cells",
}  # fmt: skip
_ARMS, _TIMES = 6, 160
#: The arms' colours and more of Tol's, so that ten clones can be told apart.
_COLOURS = (*ARM_COLOURS, "#332288", "#882255", "#999933", "#555555")
_CLONE = re.compile(r"^([PQ])_(.+)$")
#: The lower edge of the clones' axis, cells: below one cell the model's number is a probability, not a count.
_EDGE = 0.1


def immune(result: TrialResult) -> Figure | Gap:
    """Immune cells over time, a plot for each kind, a line for each arm."""
    id, title, panel = "immune-cells", "Immune cells over time", result.panel
    names = [name for name in _IMMUNE if name in panel.names]
    if not names or panel.times.size < 2:
        return Gap(
            id, title, "This model has no immune cells, or no patient's course was kept: nothing to draw."
        )
    axis, arms = time_axis(panel.times), panel.arm_names[:_ARMS]
    tables = {name: _summary(panel, name, arms, axis) for name in names}
    plots = [_immune_plot(panel, name, arms, axis, tables[name]) for name in names]
    caption = (
        f"Median (line) and 5th to 95th percentile (band) over the patients still simulated, in {joined(arms)}. "
        f"{_units(panel, names)} {left_out(len(arms), len(panel.arm_names))}"
    ).strip()
    ends = "; ".join(f"{_IMMUNE[name]}: {_ends(tables[name], arms)}" for name in names)
    return finish(
        _grid(plots), tables, id=id, title=title, caption=caption, alt=f"Medians at start and end. {ends}."
    )


def _units(panel: Panel, names: list[str]) -> str:
    relative = [_within(_IMMUNE[name]) for name in names if not _counted(panel, name)]
    return f"Relative to a healthy adult (1): {joined(relative)}." if relative else ""


def _within(name: str) -> str:
    """A name inside a sentence: a small first letter, unless it is an abbreviation."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _counted(panel: Panel, name: str) -> bool:
    return panel.units[panel.names.index(name)] not in ("", "dimensionless", "1")


def _summary(
    panel: Panel, name: str, arms: tuple[str, ...], axis: TimeAxis, edge: float = -np.inf
) -> list[Row]:
    """Median, 5th and 95th percentile of an output in each arm; where nobody is simulated there is no row."""
    column, told = panel.names.index(name), []
    for arm in arms:
        place = panel.arm_names.index(arm)
        for when in thin(panel.times.size, _TIMES):
            found = [
                max(float(part[place, when, column]), edge) for part in (panel.median, panel.low, panel.high)
            ]
            if np.isfinite(found).all():
                median, low, high = (clean(value) for value in found)
                row: Row = {
                    "arm": arm,
                    "time": axis.at(panel.times[when]),
                    "median": median,
                    "low": low,
                    "high": high,
                }
                told.append(row)
    return told


def _immune_plot(panel: Panel, name: str, arms: tuple[str, ...], axis: TimeAxis, rows: list[Row]) -> Any:
    import altair as alt

    title = f"{_IMMUNE[name]}, number" if _counted(panel, name) else _IMMUNE[name]
    logged = _spans_decades(rows)
    scale = alt.Scale(type="log", nice=False) if logged else alt.Scale(zero=True, nice=True)
    decades = [10.0**power for power in range(-6, 13)] if logged else alt.Undefined
    ticks = alt.Axis(format="~s", tickCount=5, title=None, values=decades)
    looks, x = arm_scale(arms), axis.channel()
    band = named(name).mark_area(fillOpacity=0.18).encode(
        x=x, y=alt.Y("low:Q", scale=scale, axis=ticks), y2="high:Q", color=looks["color"]
    )  # fmt: skip
    line = named(name).mark_line(strokeWidth=1.8).encode(x=x, y=alt.Y("median:Q", axis=ticks), **looks)
    return alt.layer(band, line).properties(width=WIDTH // 2 - 40, height=150, title=title)


def _spans_decades(rows: list[Row]) -> bool:
    lows, highs = (np.asarray([row[side] for row in rows], float) for side in ("low", "high"))
    return bool(lows.size and lows.min() > 0 and highs.max() > 300 * lows.min())


def _grid(plots: list[Any]) -> Any:
    import altair as alt

    # Flush: plots line up by their frames, whatever the length of their axis labels; the spacing leaves room for those.
    return alt.concat(*plots, columns=2, spacing={"row": 84, "column": 62}, bounds="flush")


def _ends(rows: list[Row], arms: tuple[str, ...]) -> str:
    said = []
    for arm in arms:
        mine = [float(row["median"] or 0) for row in rows if row["arm"] == arm]
        if mine:
            said.append(f"{arm} from {number(mine[0])} to {number(mine[-1])}")
    return joined(said) or "nobody simulated"


def clones(result: TrialResult) -> Figure | Gap:
    """Clones over time, a plot for each arm: proliferating and quiescent cells."""
    id, title, panel = "clones", "Clones of the leukaemia over time", result.panel
    found = [name for name in panel.names if _CLONE.match(name)]
    if not found or panel.times.size < 2:
        return Gap(
            id,
            title,
            "This model's outputs hold no clones, or no patient's course was kept: nothing to draw.",
        )
    axis, arms = time_axis(panel.times), panel.arm_names[:4]
    absent = [name for name in found if not _present(panel, name)]
    drawn = [name for name in found if name not in absent]
    if not drawn:
        return Gap(
            id,
            title,
            "No clone reaches one cell in the median or the upper percentile of any arm: nothing to draw.",
        )
    tables: dict[str, list[Row]] = {"clones": []}
    for name in drawn:
        part, clone = _parts(name)
        rows = _summary(panel, name, arms, axis, _EDGE)
        tables["clones"] += [{**row, "clone": clone, "cells": part} for row in rows]
    top = max((float(row["high"] or 1) for row in tables["clones"]), default=1.0)
    who = list(dict.fromkeys(_parts(name)[1] for name in drawn))
    plots = [_clone_plot(arm, who, axis, top, alone=len(arms) == 1) for arm in arms]
    told = _clone_caption(who, absent, counted=result.counted)
    caption = f"{told} {left_out(len(arms), len(panel.arm_names))}".strip()
    ends = "; ".join(
        f"{' '.join(reversed(_parts(name)))} {_ends(_of(tables['clones'], name), arms)}" for name in drawn
    )
    return finish(
        _grid(plots),
        tables,
        id=id,
        title=title,
        caption=caption,
        alt=f"Median cells at start and end: {ends}.",
    )


def _present(panel: Panel, name: str) -> bool:
    column = panel.names.index(name)
    seen = panel.high[:, :, column]
    return bool(np.isfinite(seen).any() and np.nanmax(seen) >= 1.0)


def _parts(name: str) -> tuple[str, str]:
    """Kind of cell and clone behind an output such as ``P_wt``."""
    match = _CLONE.match(name)
    assert match is not None, name
    clone = "wild type" if match.group(2) == "wt" else match.group(2)
    return ("proliferating" if match.group(1) == "P" else "quiescent"), clone


def _of(rows: list[Row], name: str) -> list[Row]:
    part, clone = _parts(name)
    return [row for row in rows if (row["cells"], row["clone"]) == (part, clone)]


def _clone_plot(arm: str, who: list[str], axis: TimeAxis, top: float, *, alone: bool) -> Any:
    import altair as alt

    mine = alt.FieldEqualPredicate(field="arm", equal=arm)
    high = 10.0 ** np.ceil(np.log10(max(top, 10.0)))
    decades = [10.0**power for power in range(0, round(np.log10(high)) + 1)]
    scale = alt.Scale(type="log", domain=[_EDGE, high], nice=False)
    ticks = alt.Axis(values=decades, format="~s", title=None, gridOpacity=0.6)
    colours = [_COLOURS[place % len(_COLOURS)] for place in range(len(who))]
    colour = alt.Color("clone:N", scale=alt.Scale(domain=who, range=colours), sort=None)
    kinds = alt.Scale(domain=["proliferating", "quiescent"], range=[list(ARM_DASHES[0]), list(ARM_DASHES[1])])
    dash = alt.StrokeDash("cells:N", scale=kinds, sort=None, legend=alt.Legend(symbolStrokeColor=MUTED))
    x = axis.channel()
    base = named("clones").transform_filter(mine)
    band = base.mark_area(fillOpacity=0.14).encode(
        x=x, y=alt.Y("low:Q", scale=scale, axis=ticks), y2="high:Q", color=colour, detail="cells:N"
    )  # fmt: skip
    line = base.mark_line(strokeWidth=1.8).encode(
        x=x, y=alt.Y("median:Q", axis=ticks), color=colour, strokeDash=dash
    )
    width = WIDTH - 60 if alone else WIDTH // 2 - 40
    return alt.layer(band, line).properties(width=width, height=180, title=f"{arm}: cells")


def _clone_caption(who: list[str], absent: list[str], *, counted: bool) -> str:
    below = (
        "no cell is drawn there too"
        if counted
        else "below one cell the model's number is a chance, not a count"
    )
    told = [
        f"Cells of {count(len(who), 'clone')} ({joined(who)}): median (line) and 5th to 95th percentile (band) over "
        "the patients still simulated; solid: proliferating, dashed: quiescent. "
        f"Values below {number(_EDGE)} cells are drawn on the lower edge; {below}."
    ]
    if absent:
        names = joined(_absent(absent))
        told.append(f"Not drawn, because they stay below one cell even in the upper percentile: {names}.")
    return " ".join(told)


def _absent(names: list[str]) -> list[str]:
    """Clones of which nothing is drawn by their names, others with the cells that are not."""
    parts = [_parts(name) for name in names]
    whole = [clone for part, clone in parts if part == "proliferating" and ("quiescent", clone) in parts]
    return [*whole, *(f"{clone} {part}" for part, clone in parts if clone not in whole)]
