"""Simulated beside published: every estimate with its interval, one row each."""

from __future__ import annotations

from typing import Any

from offtarget.reports.figures.base import PUBLISHED, WIDTH, Figure, Gap, Row, clean, finish, named
from offtarget.reports.table import verdict
from offtarget.reports.words import count, joined, months, short_source
from offtarget.trials.result import Estimate, TrialResult

__all__ = ["agreement"]

_MOST = 40
_SIMULATED = "#0072B2"


def agreement(result: TrialResult) -> Figure | Gap:
    """One row for each estimate: simulated above, published below. Of too many rows, those with both are kept."""
    id, title = "agreement", "Simulated beside published"
    known = [one for one in result.estimates if clean(one.value) is not None]
    if not known:
        return Gap(
            id, title, "No estimate could be made, so there is nothing to draw beside the published figures."
        )
    ranked = sorted(range(len(known)), key=lambda place: (not known[place].published, place))
    shown = [known[place] for place in sorted(ranked[:_MOST])]
    arms = len({one.arm for one in shown}) > 1
    tables: dict[str, list[Row]] = {"simulated": [], "published": []}
    for one in shown:
        label = _label(one, arms=arms)
        tables["simulated"].append({"row": label, **_bar(one.value, one.low, one.high), "n": one.n})
        for theirs in one.published:
            source = short_source(theirs.evidence.source)
            bar = _bar(theirs.value, theirs.low, theirs.high)
            tables["published"].append({"row": label, **bar, "n": theirs.n or None, "source": source})
    rows = list(dict.fromkeys(str(row["row"]) for row in tables["simulated"]))
    return finish(
        _chart(rows), tables, id=id, title=title, caption=_caption(result, known, shown, tables["published"]),
        alt=f"Simulated and published percentages side by side for {joined(rows)}. {verdict(result)}",
    )  # fmt: skip


def _label(one: Estimate, *, arms: bool) -> str:
    arm = f", {one.arm}" if arms else ""
    return f"Month {months(one.month)}: {one.endpoint}{arm}"


def _bar(value: float, low: float, high: float) -> Row:
    return {"percent": clean(value), "low": clean(low), "high": clean(high)}


def _chart(rows: list[str]) -> Any:
    import altair as alt

    x = alt.X(
        "percent:Q",
        title="Patients, %",
        scale=alt.Scale(domain=[0, 100]),
        axis=alt.Axis(grid=True, tickCount=5, labelFlush=False),
    )
    axis = alt.Axis(title=None, labelLimit=400, domain=False, ticks=False, labelPadding=10, labelFontSize=12)
    layers = []
    for layer, colour, shape, offset in (
        ("simulated", _SIMULATED, "circle", -5),
        ("published", PUBLISHED, "diamond", 5),
    ):
        y = alt.Y("row:N", scale=alt.Scale(domain=rows), sort=None, axis=axis)
        bar = named(layer).mark_rule(strokeWidth=1.8, color=colour, yOffset=offset)
        fill = colour if layer == "simulated" else "white"
        point = named(layer).mark_point(
            shape=shape,
            size=65,
            filled=True,
            fill=fill,
            stroke=colour,
            strokeWidth=1.6,
            opacity=1,
            yOffset=offset,
        )
        layers += [
            bar.encode(y=y, x=alt.X("low:Q", title="Patients, %"), x2="high:Q"),
            point.encode(y=y, x=x),
        ]
    return alt.layer(*layers).properties(width=WIDTH - 160, height=30 * len(rows))


def _caption(result: TrialResult, known: list[Estimate], shown: list[Estimate], published: list[Row]) -> str:
    told = ["Blue circles: simulated estimates with 95 % confidence intervals."]
    if published:
        sources = joined(list(dict.fromkeys(str(row["source"]) for row in published)))
        told.append(
            f"Open diamonds: {count(len(published), 'published figure')} ({sources}), "
            "with 95 % intervals where published."
        )
    told.append(verdict(result))
    left_out = len(result.estimates) - len(known)
    if left_out:
        told.append(
            f"{count(left_out, 'estimate')} could not be made and {'is' if left_out == 1 else 'are'} not drawn."
        )
    if len(shown) < len(known):
        told.append(f"{len(shown)} of {len(known)} estimates are drawn; the table has them all.")
    return " ".join(told)
