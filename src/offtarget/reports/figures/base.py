"""What every figure shares: its parts, its looks, and the rows it draws."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ARM_COLOURS", "ARM_DASHES", "INK", "MUTED", "PUBLISHED", "TICK_STEPS", "WIDTH", "Cell", "Figure", "Gap", "Row",
    "arm_colours", "arm_scale", "clean", "finish", "left_out", "months_axis", "named", "slug", "thin", "tick_step",
]  # fmt: skip

Cell = str | int | float | None
Row = dict[str, Cell]

#: Width of a figure's plot area, pixels.
WIDTH = 560
#: Okabe and Ito's palette, which colour-blind readers can tell apart, without its yellow, which print loses.
ARM_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
ARM_DASHES = ((1, 0), (7, 3), (2, 2), (9, 3, 2, 3), (4, 2), (1, 3))
INK, MUTED, PUBLISHED = "#1f2933", "#5b6770", "#111111"
_GRID, _FONT = "#e3e7ea", "Helvetica, Arial, Liberation Sans, sans-serif"
#: Distances between ticks of a time axis, months.
TICK_STEPS = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240)

_CONFIG: dict[str, Any] = {
    "aria": False,  # the page describes each figure as a whole; a name for every mark would only bloat it
    "background": "white",
    "font": _FONT,
    "padding": 6,
    "view": {"stroke": None},
    "axis": {
        "domainColor": MUTED, "tickColor": MUTED, "gridColor": _GRID, "labelColor": INK, "titleColor": INK,
        "labelFontSize": 11, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8, "tickSize": 4,
    },
    "axisX": {"grid": False},
    "legend": {
        "orient": "top", "direction": "horizontal", "title": None, "labelColor": INK, "labelFontSize": 12,
        "labelLimit": 260, "symbolStrokeWidth": 2, "symbolType": "stroke", "symbolSize": 220, "padding": 0,
        "columns": 3, "offset": 10,
    },
    "title": {"anchor": "start", "frame": "group", "color": INK, "fontSize": 12, "fontWeight": 600, "offset": 8},
    "concat": {"spacing": 18},
    "text": {"color": INK, "fontSize": 11},
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A figure, ready to be drawn.

    Attributes:
        id: name of its files.
        caption: what is drawn, made from the statistic that is drawn.
        alt: the figure in words, for those who do not see it.
        spec: Vega-Lite specification; its ``datasets`` are ``tables``.
        tables: layer -> rows drawn.
    """

    id: str
    title: str
    caption: str
    alt: str
    spec: Mapping[str, Any]
    tables: Mapping[str, tuple[Row, ...]]

    def csv(self) -> str:
        """Every row the figure draws, with the layer it belongs to in the first column."""
        columns = list(dict.fromkeys(name for rows in self.tables.values() for row in rows for name in row))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["layer", *columns])
        for layer, rows in self.tables.items():
            for row in rows:
                cells = (row.get(name) for name in columns)
                writer.writerow([layer, *("" if cell is None else cell for cell in cells)])
        return text.getvalue()


@dataclass(frozen=True, slots=True)
class Gap:
    """A figure that is not there, and why."""

    id: str
    title: str
    sentence: str


def named(layer: str) -> Any:
    """An Altair chart that draws the rows of a layer."""
    import altair as alt

    return alt.Chart(alt.NamedData(name=layer))


def finish(
    chart: Any, tables: Mapping[str, Sequence[Row]], *, id: str, title: str, caption: str, alt: str
) -> Figure:  # fmt: skip
    """The figure of a chart and its rows.

    Rows join the specification after Altair has checked it: checking thousands of numbers one by one takes seconds.
    """
    kept = {layer: tuple(rows) for layer, rows in tables.items()}
    spec = chart.to_dict()
    spec["datasets"] = {layer: list(rows) for layer, rows in kept.items()}
    spec["config"] = _CONFIG
    return Figure(id, title, caption, alt, spec, kept)


def clean(value: float) -> float | None:
    """A number to six significant digits, more than a figure can show; None where it is not a number."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def slug(text: str) -> str:
    """A text as a file name: small letters, digits and hyphens, at most 60.

    Example:
        >>> slug("Free of MMR loss, 24 months")
        'free-of-mmr-loss-24-months'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:60].strip("-") or "figure"


def thin(length: int, most: int, keep: Sequence[int] = ()) -> NDArray[np.intp]:
    """At most ``most`` places out of ``length``, evenly, always with the first and the last."""
    if length <= most:
        return np.arange(length)
    places = np.unique(np.round(np.linspace(0, length - 1, most)).astype(np.intp))
    return np.unique(np.concatenate([places, np.asarray(keep, np.intp)]))


def left_out(drawn: int, arms: int) -> str:
    """A sentence where a figure does not draw every arm, and nothing where it does."""
    return f"{drawn} of {arms} arms are drawn." if drawn < arms else ""


def tick_step(span: float, *, most: int = 10) -> int:
    """The distance between ticks of a time axis ``span`` months long."""
    return next((step for step in TICK_STEPS if span / step <= most), TICK_STEPS[-1])


def months_axis(span: float) -> tuple[list[int], float]:
    """Ticks of a time axis in months, and its end: the first tick at or after ``span``."""
    step = tick_step(span)
    steps = max(1, math.ceil(span / step - 1e-9))
    return [step * place for place in range(steps + 1)], float(step * steps)


def arm_colours(arms: Sequence[str]) -> Any:
    """The Altair scale from arms to colours."""
    import altair as alt

    colours = [ARM_COLOURS[place % len(ARM_COLOURS)] for place in range(len(arms))]
    return alt.Scale(domain=list(arms), range=colours)


def arm_scale(arms: Sequence[str], *, legend: bool | None = None) -> dict[str, Any]:
    """Colour and dash of each arm as Altair channels; no legend where there is one arm."""
    import altair as alt

    shown = len(arms) > 1 if legend is None else legend
    dashes = [list(ARM_DASHES[place % len(ARM_DASHES)]) for place in range(len(arms))]
    key = alt.Legend() if shown else None
    return {
        "color": alt.Color("arm:N", scale=arm_colours(arms), legend=key, sort=None),
        "strokeDash": alt.StrokeDash(
            "arm:N", scale=alt.Scale(domain=list(arms), range=dashes), legend=key, sort=None
        ),
    }
