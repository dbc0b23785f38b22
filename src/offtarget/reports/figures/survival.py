"""Kaplan-Meier figures: curve, band, censor ticks, published points, and the risk table below the same axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from offtarget.reports.figures.base import (
    INK,
    PUBLISHED,
    WIDTH,
    Figure,
    Gap,
    Row,
    arm_colours,
    arm_scale,
    clean,
    finish,
    left_out,
    months_axis,
    named,
    slug,
    thin,
)
from offtarget.reports.table import study
from offtarget.reports.words import capital, count, joined, months, percent, short_source
from offtarget.trials.result import Outcome, Published, TrialResult
from offtarget.trials.statistics import kaplan_meier
from offtarget.trials.trial import START, Endpoint
from offtarget.units import DAYS_PER_MONTH

__all__ = ["survival"]

_STEPS, _TICKS, _ARMS = 400, 150, 8
#: Where the axis of an event that few reach may end, percent.
_TOPS = (5, 10, 20, 50)
#: A little before an instant, so that a patient censored on that very day still counts as followed, day.
_BEFORE = 1e-6


def survival(result: TrialResult) -> tuple[Figure | Gap, ...]:
    """A Kaplan-Meier figure for each endpoint that is a time to an event."""
    timed = [one for one in study(result).endpoints if not one.at_visit]
    return tuple(_figure(result, endpoint, number) for number, endpoint in enumerate(timed, 1))


def _figure(result: TrialResult, endpoint: Endpoint, number: int) -> Figure | Gap:
    id, title = (
        f"survival-{number}-{slug(endpoint.name)}"[:60].strip("-"),
        f"{capital(endpoint.name)}: Kaplan-Meier estimate",
    )
    mine = [one for one in result.outcomes if one.endpoint == endpoint.name]
    with_patients = [one for one in mine if one.patients.size]
    if not with_patients:
        since = "the start of treatment" if endpoint.origin == START else f'"{endpoint.origin}"'
        return Gap(
            id,
            title,
            f"No patient in any arm came to {since}, where this endpoint's clock starts: nothing to draw.",
        )
    with_patients = with_patients[:_ARMS]
    tables = _tables(result, endpoint, with_patients)
    chart = _chart(tables, [one.arm for one in with_patients], endpoint)
    return finish(
        chart, tables, id=id, title=title, alt=_alt(result, endpoint),
        caption=_caption(endpoint, with_patients, tables, len(study(result).arms)),
    )  # fmt: skip


def _rising(endpoint: Endpoint) -> bool:
    return endpoint.measure == "reached by"


def _ticks(endpoint: Endpoint) -> tuple[list[int], float]:
    return months_axis(max(endpoint.report_at))


def _tables(result: TrialResult, endpoint: Endpoint, outcomes: list[Outcome]) -> dict[str, list[Row]]:
    tables: dict[str, list[Row]] = {"curve": [], "censored": [], "at_risk": []}
    ticks, end = _ticks(endpoint)
    for one in outcomes:
        curve, censored = _curve(one, end, rising=_rising(endpoint))
        tables["curve"] += curve
        tables["censored"] += censored
        for tick in ticks:
            following = int(np.count_nonzero(one.time >= tick * DAYS_PER_MONTH - _BEFORE))
            tables["at_risk"].append({"arm": one.arm, "month": tick, "at_risk": following})
    published = [one for one in study(result).published if one.endpoint == endpoint.name]
    drawn = {one.arm for one in outcomes}
    tables["published"] = [_point(one) for one in published if one.arm in drawn]
    return tables


def _point(one: Published) -> Row:
    return {
        "arm": one.arm, "month": clean(one.month), "percent": clean(one.value), "low": clean(one.low),
        "high": clean(one.high), "n": one.n or None, "source": short_source(one.evidence.source),
    }  # fmt: skip


def _curve(outcome: Outcome, end: float, *, rising: bool) -> tuple[list[Row], list[Row]]:
    """The steps of one arm up to ``end`` months, and where patients are censored."""
    fitted = kaplan_meier(outcome.time, outcome.event, outcome.weight)
    last = float(outcome.time.max())
    stop = min(end * DAYS_PER_MONTH, last)
    # The estimate changes only at events: other times of the curve add nothing that can be seen.
    events = np.unique(outcome.time[outcome.event & (outcome.time <= stop)])
    days = np.unique(np.concatenate([[0.0], events[thin(events.size, _STEPS - 2)], [stop]]))
    curve = [_step(outcome.arm, day, fitted.at(day), rising) for day in days]
    leaving = np.unique(outcome.time[~outcome.event & (outcome.time <= stop)])
    censored: list[Row] = []
    for day in leaving[thin(leaving.size, _TICKS)]:
        step = _step(outcome.arm, day, fitted.at(day), rising)
        censored.append({name: step[name] for name in ("arm", "month", "percent")})
    return curve, censored


def _step(arm: str, day: float, estimate: tuple[float, float, float], rising: bool) -> Row:
    value, low, high = estimate
    if rising:
        value, low, high = 1 - value, 1 - high, 1 - low
    return {
        "arm": arm, "month": clean(day / DAYS_PER_MONTH), "percent": clean(100 * value), "low": clean(100 * low),
        "high": clean(100 * high),
    }  # fmt: skip


def _chart(tables: dict[str, list[Row]], arms: list[str], endpoint: Endpoint) -> Any:
    import altair as alt

    ticks, end = _ticks(endpoint)
    since = "start of treatment" if endpoint.origin == START else endpoint.origin
    x = alt.X(
        "month:Q", title=f"Months since {since}", scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(values=ticks, labelFlush=False, format="d"),
    )  # fmt: skip
    top = _top(endpoint, tables)
    word = "Reached, %" if _rising(endpoint) else "Free of event, %"
    y = alt.Y(
        "percent:Q",
        title=word,
        scale=alt.Scale(domain=[0, top]),
        axis=alt.Axis(values=[top * step / 5 for step in range(6)]),
    )
    looks = arm_scale(arms)
    colour = looks["color"]
    band = (
        named("curve")
        .mark_area(interpolate="step-after", fillOpacity=0.18)
        .encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    )
    line = named("curve").mark_line(interpolate="step-after", strokeWidth=1.8).encode(x=x, y=y, **looks)
    ticked = (
        named("censored").mark_tick(orient="vertical", thickness=1, size=7).encode(x=x, y=y, color=colour)
    )
    whose = (
        alt.value(PUBLISHED) if len(arms) == 1 else alt.Color("arm:N", scale=arm_colours(arms), legend=None)
    )
    bars = (
        named("published").mark_rule(strokeWidth=1.4).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=whose)
    )
    drawn = named("published").mark_point(
        shape="diamond", size=85, filled=True, fill="white", strokeWidth=1.6, opacity=1
    )
    stroke = (
        alt.value(PUBLISHED) if len(arms) == 1 else alt.Stroke("arm:N", scale=arm_colours(arms), legend=None)
    )
    points = drawn.encode(x=x, y=y, stroke=stroke)
    # Area first: its axis titles give way to the line's, which say what the curve is.
    layers = [
        band.encode(y=alt.Y("low:Q", title=word)),
        line,
        ticked,
        bars.encode(y=alt.Y("low:Q", title=word)),
        points,
    ]
    curve = alt.layer(*layers).properties(width=WIDTH, height=300)
    return alt.vconcat(curve, _risk_table(end, arms), spacing=14)


def _top(endpoint: Endpoint, tables: dict[str, list[Row]]) -> int:
    """Where the percent axis ends: below a hundred where few come to the event, and what is drawn would lie flat."""
    if not _rising(endpoint):
        return 100
    drawn = [
        row[side] for layer in ("curve", "published") for row in tables[layer] for side in ("percent", "high")
    ]
    highest = max((float(value) for value in drawn if value is not None), default=100.0)
    return next((top for top in _TOPS if highest <= top), 100)


def _risk_table(end: float, arms: list[str]) -> Any:
    import altair as alt

    axis = alt.Axis(
        domain=False, ticks=False, labelLimit=170, labelPadding=24, grid=False, title=None, labelColor=INK
    )
    label = alt.Y(
        "arm:N", sort=list(arms), axis=axis if len(arms) > 1 else None, scale=alt.Scale(domain=list(arms))
    )
    bare = alt.X("month:Q", scale=alt.Scale(domain=[0, end], nice=False), axis=None)
    text = (
        named("at_risk")
        .mark_text(fontSize=11)
        .encode(x=bare, y=label, text=alt.Text("at_risk:Q", format="d"))
    )
    head = alt.TitleParams("Number at risk", fontSize=11, fontWeight="normal", frame="group", offset=4)
    return text.properties(width=WIDTH, height=18 * len(arms), title=head)


def _caption(endpoint: Endpoint, outcomes: list[Outcome], tables: dict[str, list[Row]], arms: int) -> str:
    sizes = joined(
        [f"{one.arm}: n = {one.patients.size}, {count(int(one.event.sum()), 'event')}" for one in outcomes]
    )
    what = (
        "who reached the event (one minus Kaplan-Meier)"
        if _rising(endpoint)
        else "free of the event (Kaplan-Meier)"
    )
    since = "the start of treatment" if endpoint.origin == START else f'"{endpoint.origin}"'
    told = [
        f"Share of virtual patients {what}. Event: {endpoint.event}; time from {since}. {sizes}.",
        "Band: pointwise 95 % confidence interval (Greenwood's variance, log-log scale); it says how well this number "
        "of virtual patients pins down the model's own answer, and does not hold the uncertainty of the parameters.",
        "Upright ticks: patients censored. Numbers below the axis: patients still followed and free of the event.",
    ]
    if not any(one.event.any() for one in outcomes):
        told.append("No event happened in any arm.")
    if any(float(one.weight.min()) != float(one.weight.max()) for one in outcomes):
        told.append("The curve is weighted; the numbers at risk are patients, not weights.")
    if (top := _top(endpoint, tables)) < 100:
        told.append(f"The axis ends at {top} %.")
    told += [_about(tables["published"]), left_out(len(outcomes), arms)]
    return " ".join(told).strip()


def _about(published: list[Row]) -> str:
    if not published:
        return "No published figure is at hand for this endpoint."
    sources = list(
        dict.fromkeys(
            f"{row['source']}, n = {row['n']}" if row["n"] else str(row["source"]) for row in published
        )
    )
    bars = sum(row["low"] is not None and row["high"] is not None for row in published)
    which = "with their published 95 % intervals" if bars == len(published) else (
        "published without an interval" if bars == 0 else "with a 95 % interval where one was published")  # fmt: skip
    return f"Open diamonds: {count(len(published), 'published figure')} ({joined(sources)}), {which}."


def _alt(result: TrialResult, endpoint: Endpoint) -> str:
    said = [
        f"{one.arm}, month {months(one.month)}: {percent(one.value)} %"
        for one in result.estimates
        if one.endpoint == endpoint.name
    ]
    return f"Kaplan-Meier curves of {endpoint.name}. {'; '.join(said)}."
