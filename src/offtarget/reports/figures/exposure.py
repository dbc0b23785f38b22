"""Drug exposure: simulated troughs, and the published mean and standard deviation above them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from offtarget.reports.figures.base import PUBLISHED, WIDTH, Figure, Gap, Row, clean, finish, named, slug
from offtarget.reports.table import study
from offtarget.reports.words import count, joined, number, short_source
from offtarget.trials.result import ExposureRow, TrialResult

__all__ = ["exposure"]

_BINS = 36
_SPREAD = ("sd", "standard deviation")
_SIMULATED = "#0072B2"


def exposure(result: TrialResult) -> tuple[Figure | Gap, ...]:
    """A histogram of simulated troughs for each drug."""
    if not result.troughs:
        return (
            Gap(
                "exposure",
                "Drug exposure",
                "No arm gives a drug at its start, so there are no troughs to draw.",
            ),
        )
    return tuple(_figure(result, drug, np.asarray(values)) for drug, values in result.troughs.items())


def _figure(result: TrialResult, drug: str, values: NDArray[np.float64]) -> Figure | Gap:
    id, title = f"exposure-{slug(drug)}", f"Simulated {drug} troughs at steady state"
    known = values[np.isfinite(values)]
    if known.size < 2 or known.max() <= 0:
        return Gap(id, title, f"Fewer than two patients have a {drug} trough at the start: nothing to draw.")
    regimen, published = _published(result, drug)
    top = float(np.quantile(known, 0.995))
    tables: dict[str, list[Row]] = {
        "troughs": _bins(known, top),
        "means": [_spread("Simulated", known.mean(), known.std(ddof=1))],
    }
    for source, mean, spread in published:
        tables["means"].append(_spread(f"Published ({source})", mean, spread))
    rows = [str(row["whose"]) for row in tables["means"]]
    caption = _caption(drug, regimen, known, top, published)
    alt = f"Histogram of simulated {drug} troughs. {caption}"
    return finish(_chart(rows), tables, id=id, title=title, caption=caption, alt=alt)


def _spread(whose: str, mean: float, spread: float) -> Row:
    low, high = mean - spread, mean + spread
    return {"whose": whose, "trough": clean(mean), "low": clean(max(low, 0.0)), "high": clean(high)}


def _bins(values: NDArray[np.float64], top: float) -> list[Row]:
    """Share of patients in each bin; the few above ``top`` are counted into no bin, and the caption says so."""
    edges = np.linspace(0.0, top, _BINS + 1)
    counts, _ = np.histogram(values, edges)
    return [
        {"from": clean(edges[place]), "to": clean(edges[place + 1]), "patients": int(number)}
        for place, number in enumerate(counts)
    ]


def _published(result: TrialResult, drug: str) -> tuple[str, list[tuple[str, float, float]]]:
    """The regimen the troughs belong to, and (source, mean, SD) published for it; SD is NaN where there is none."""
    regimen = next(arm.regimen_text for arm in study(result).arms if drug in arm.regimens)
    mine = [row for row in result.exposures if row.drug == drug and _same(row, regimen)]
    spreads = {row.evidence.source: row.published for row in mine if row.statistic.lower() in _SPREAD}
    found = [
        (short_source(row.evidence.source), row.published, spreads.get(row.evidence.source, float("nan")))
        for row in mine
        if row.statistic.lower() == "mean"
    ]
    return regimen, found


def _same(row: ExposureRow, regimen: str) -> bool:
    """Whether a published figure belongs to the start of a regimen: the same dose as often, in the same words."""
    ours, theirs = ([word for word in text.split() if word != row.drug] for text in (regimen, row.regimen))
    return ours[: len(theirs)] == theirs


def _chart(rows: list[str]) -> Any:
    import altair as alt

    x = alt.X(
        "from:Q",
        bin="binned",
        title="Trough, ng/mL (total drug)",
        axis=alt.Axis(grid=False, format="d", tickCount=8, labelFlush=False),
        scale=alt.Scale(zero=True, nice=False),
    )
    bars = named("troughs").mark_bar(color=_SIMULATED, fillOpacity=0.55, stroke="white", strokeWidth=0.5)
    histogram = bars.encode(
        x=x, x2="to:Q", y=alt.Y("patients:Q", title="Patients", axis=alt.Axis(format="d", tickMinStep=1))
    )
    axis = alt.Axis(title=None, domain=False, ticks=False, labelLimit=220)
    y = alt.Y("whose:N", sort=None, scale=alt.Scale(domain=rows), axis=axis)
    whose = alt.Color(
        "whose:N",
        scale=alt.Scale(domain=rows, range=[_SIMULATED] + [PUBLISHED] * (len(rows) - 1)),
        legend=None,
    )
    bare = alt.Axis(labels=False, ticks=False, title=None, domain=False, grid=False)
    rule = (
        named("means")
        .mark_rule(strokeWidth=1.8)
        .encode(x=alt.X("low:Q", axis=bare), x2="high:Q", y=y, color=whose)
    )
    point = named("means").mark_point(filled=True, size=60, opacity=1, shape="diamond").encode(
        x=alt.X("trough:Q", axis=bare), y=y, color=whose
    )  # fmt: skip
    above = alt.layer(rule, point).properties(width=WIDTH - 60, height=24 * len(rows))
    below = histogram.properties(width=WIDTH - 60, height=190)
    return alt.vconcat(above, below, spacing=6).resolve_scale(x="shared")


def _caption(
    drug: str, regimen: str, known: NDArray[np.float64], top: float, published: list[tuple[str, float, float]]
) -> str:
    beyond = int(np.count_nonzero(known > top))
    told = [
        f"Bars: simulated steady-state troughs of {drug} in {count(known.size, 'virtual patient')} "
        f'at the start of "{regimen}"; '
        f"mean {number(float(known.mean()), 4)}, SD {number(float(known.std(ddof=1)), 4)}, "
        f"median {number(float(np.median(known)), 4)} ng/mL."
    ]
    if beyond:
        told.append(
            f"{count(beyond, 'patient')} above {number(top, 4)} ng/mL "
            f"{'lies' if beyond == 1 else 'lie'} outside the axis."
        )
    told.append("Above: mean (diamond) and one standard deviation to either side (line).")
    if published:
        said = [f"{source}: mean {number(mean, 4)}" + (f", SD {number(spread, 4)}" if np.isfinite(spread) else "")
                for source, mean, spread in published]  # fmt: skip
        told.append(f"Published: {joined(said)} ng/mL.")
    else:
        told.append("No published mean is at hand for this regimen.")
    return " ".join(told)
