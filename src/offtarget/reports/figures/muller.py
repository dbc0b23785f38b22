"""Clones of single patients over time: stacked, the height of the stack the logarithm of all their cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offtarget.reports.figures.base import (
    ARM_COLOURS,
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
from offtarget.reports.words import joined
from offtarget.trials.escape import CloneCourses
from offtarget.trials.result import TrialResult

__all__ = ["muller"]

_ARMS, _TIMES = 3, 121
#: Room above the highest tick, powers of ten: a million and a little more is drawn as a million and a little more.
_ROOM = 0.1
#: The clone that is there first is the ground the others stand out from.
_GROUND = "#c9d1d8"
#: More colours for resistant clones than arms need: two that tell apart from the palette's on a light ground.
_COLOURS = (*ARM_COLOURS, "#7A3E9D", "#7F7F2A")


def muller(result: TrialResult) -> tuple[Figure | Gap, ...]:
    """A figure of the clones of a few patients in each arm; nothing where no endpoint is about clones."""
    found = result.courses
    if found is None:
        return ()
    id, title = "clones-of-patients", "Clones of single patients over time"
    if not found.escaped.any() or found.times.size < 2:
        said = f'Among the patients whose course was recorded, "{found.endpoint}" was met in nobody: nothing to draw.'
        return (Gap(id, title, said),)
    axis, arms = time_axis(found.times), found.arms[:_ARMS]
    rows = [row for arm in range(len(arms)) for place in range(found.patients.size)
            for row in _stack(found, arm, place, axis)]  # fmt: skip
    drawn = [clone for clone in found.clones if any(row["clone"] == _named(clone) for row in rows)]
    plots = [
        [_plot(found, arm, place, axis, drawn) for arm in range(len(arms))]
        for place in range(found.patients.size)
    ]
    caption = f"{_caption(found)} {left_out(len(arms), len(found.arms))}".strip()
    return (finish(_grid(plots), {"stack": rows}, id=id, title=title, caption=caption, alt=_alt(found)),)


def _named(clone: str) -> str:
    return "wild type" if clone == "wt" else clone


def _key(found: CloneCourses, arm: int, place: int) -> str:
    """The plot a row belongs to."""
    return f"{arm + 1}.{found.patients[place]}"


def _stack(found: CloneCourses, arm: int, place: int, axis: TimeAxis) -> list[Row]:
    """The edges of every clone's band: the stack is log10(1 + cells) high, and each clone has its share of it."""
    cells = np.nan_to_num(found.cells[arm, place])
    total = cells.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total[:, None] > 0, cells / total[:, None], 0.0)
    tops = np.log10(1 + total)[:, None] * np.cumsum(share, axis=1)
    told: list[Row] = []
    for number, clone in enumerate(found.clones):
        if cells[:, number].max() >= 1.0:
            below = tops[:, number - 1] if number else np.zeros(total.size)
            told += _band(found, arm, place, clone, (below, tops[:, number], cells[:, number]), axis)
    return told


def _band(
    found: CloneCourses,
    arm: int,
    place: int,
    clone: str,
    edges: tuple[NDArray[np.float64], ...],
    axis: TimeAxis,
) -> list[Row]:
    below, above, cells = edges
    return [
        {"plot": _key(found, arm, place), "arm": found.arms[arm], "patient": int(found.patients[place]),
         "clone": _named(clone), "time": axis.at(found.times[when]), "from": clean(below[when]),
         "to": clean(above[when]), "cells": clean(cells[when])}
        for when in thin(found.times.size, _TIMES)
    ]  # fmt: skip


def _plot(found: CloneCourses, arm: int, place: int, axis: TimeAxis, drawn: list[str]) -> Any:
    import altair as alt

    high = max(1.0, float(np.ceil(np.log10(1 + np.nanmax(found.cells.sum(axis=3))) - _ROOM)))
    ticks = alt.Axis(
        values=list(range(round(high) + 1)), title=None,
        labelExpr="datum.value == 0 ? '0' : format(pow(10, datum.value), '~s')",
    )  # fmt: skip
    colours = [_GROUND if clone == found.clones[0] else _COLOURS[(found.clones.index(clone) - 1) % len(_COLOURS)]
               for clone in drawn]  # fmt: skip
    scale = alt.Scale(domain=[_named(clone) for clone in drawn], range=colours)
    key = alt.Legend(symbolType="square", symbolStrokeWidth=0, columns=5)
    mine = alt.FieldEqualPredicate(field="plot", equal=_key(found, arm, place))
    met = "met" if found.escaped[arm, place] else "not met"
    x = axis.channel() if place == found.patients.size - 1 else axis.channel().title(None)
    y = alt.Y("from:Q", scale=alt.Scale(domain=[0, high + _ROOM], nice=False), axis=ticks)
    colour = alt.Color("clone:N", scale=scale, sort=None, legend=key)
    plot = (
        named("stack").transform_filter(mine).mark_area(line=False).encode(x=x, y=y, y2="to:Q", color=colour)
    )
    title = f"Patient {found.patients[place]}, {found.arms[arm]} ({met})"
    return plot.properties(width=WIDTH // 2 - 40, height=120, title=title)


def _grid(plots: list[list[Any]]) -> Any:
    import altair as alt

    flat = [one for row in plots for one in row]
    return alt.concat(*flat, columns=len(plots[0]), spacing={"row": 56, "column": 62}, bounds="flush")


def _caption(found: CloneCourses) -> str:
    return (
        f"Proliferating cells of single patients, clone by clone. Shown are {found.rule}; the event is "
        f'"{found.endpoint}", and above each plot stands whether it was met in that arm. The height of the stack is '
        "the number of cells on a logarithmic scale, log10(1 + cells); within it each clone has its share of them. "
        "A clone that never has one cell is not drawn."
    )


def _alt(found: CloneCourses) -> str:
    said = []
    for place, number in enumerate(found.patients):
        arms = [arm for arm, met in zip(found.arms, found.escaped[:, place], strict=True) if met]
        said.append(f"patient {number}: {joined(arms) or 'no arm'}")
    return (
        f'Stacked clones of {len(said)} patients over time. "{found.endpoint}" was met in: {"; ".join(said)}.'
    )
