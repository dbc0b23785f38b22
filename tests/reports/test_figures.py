import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from offtarget.reports.figures import Figure, Gap, figures
from offtarget.reports.figures.base import months_axis, thin
from offtarget.reports.figures.exposure import exposure
from offtarget.reports.figures.survival import survival
from offtarget.reports.figures.time import time_axis
from offtarget.reports.figures.trajectories import trajectories
from offtarget.trials.statistics import kaplan_meier
from offtarget.units import DAYS_PER_MONTH


def drawn(made):
    return {one.id: one for group in figures(made).values() for one in group}


@pytest.fixture(scope="module")
def usual_figures(usual):
    return drawn(usual)


def named(found, start):
    return next(one for id, one in found.items() if id.startswith(start))


def test_all_figures_are_there_and_each_has_caption_and_words(usual_figures):
    found = usual_figures
    assert all(isinstance(one, Figure) for one in found.values())
    assert [id.split("-")[0] for id in found] == [
        "agreement",
        "survival",
        "survival",
        "bcr",
        "immune",
        "clones",
        "exposure",
    ]
    for one in found.values():
        assert one.caption.endswith(".") and len(one.alt) > 20


def test_the_csv_of_each_figure_holds_exactly_the_rows_that_are_drawn(usual_figures):
    for one in usual_figures.values():
        read = list(csv.DictReader(io.StringIO(one.csv())))
        wanted = [(layer, row) for layer, rows in one.spec["datasets"].items() for row in rows]
        assert len(read) == len(wanted) > 0
        for cells, (layer, row) in zip(read, wanted, strict=True):
            assert cells.pop("layer") == layer
            for name, text in cells.items():
                value = row.get(name)
                assert (text == "") if value is None else (type(value)(text) == value)


def test_every_layer_drawn_names_a_table_and_every_table_is_drawn(usual_figures):
    def names(spec):
        if isinstance(spec, dict):
            if set(spec) == {"name"}:
                yield spec["name"]
            for key, value in spec.items():
                if key != "datasets":
                    yield from names(value)
        elif isinstance(spec, list):
            for value in spec:
                yield from names(value)

    for one in usual_figures.values():
        assert set(names(one.spec)) == set(one.tables)


@pytest.mark.parametrize("endpoint", [0, 1])
def test_the_curve_drawn_is_the_kaplan_meier_estimate(result, endpoint):
    made = result()
    name = made.trial.endpoints[endpoint].name
    figure = survival(made)[endpoint]
    for outcome in (one for one in made.outcomes if one.endpoint == name):
        curve = kaplan_meier(outcome.time, outcome.event, outcome.weight)
        steps = [row for row in figure.tables["curve"] if row["arm"] == outcome.arm]
        assert steps[0]["month"] == 0.0
        assert steps[0]["percent"] == (0.0 if endpoint else 100.0)
        for row in steps[:: max(1, len(steps) // 25)]:
            free, low, high = curve.at(row["month"] * DAYS_PER_MONTH + 1e-2)
            wanted = (1 - free, 1 - high, 1 - low) if endpoint else (free, low, high)
            assert (row["percent"], row["low"], row["high"]) == pytest.approx(
                [100 * one for one in wanted], rel=1e-4
            )


def test_numbers_at_risk_are_patients_still_followed(result):
    made = result()
    figure = survival(made)[0]
    for outcome in (one for one in made.outcomes if one.endpoint == made.trial.endpoints[0].name):
        for row in (one for one in figure.tables["at_risk"] if one["arm"] == outcome.arm):
            assert row["at_risk"] == np.count_nonzero(outcome.time >= row["month"] * DAYS_PER_MONTH - 1e-6)


def test_estimates_and_figure_agree_at_the_reported_times(result):
    made = result()
    figure = survival(made)[0]
    for one in made.estimates[:3]:
        steps = [
            row
            for row in figure.tables["curve"]
            if row["arm"] == one.arm and row["month"] <= one.month + 1e-9
        ]
        assert steps[-1]["percent"] == pytest.approx(one.value, rel=1e-4)


def test_captions_state_the_numbers_behind_the_figure(result):
    made = result(n=300, stopped=120)
    caption = survival(made)[0].caption
    mine = [one for one in made.outcomes if one.endpoint == made.trial.endpoints[0].name]
    for one in mine:
        assert f"{one.arm}: n = 120, {one.event.sum()} events" in caption
    assert "free of the event (Kaplan-Meier)" in caption
    assert "one minus Kaplan-Meier" in survival(made)[1].caption
    assert "2 published figures" in caption and "where one was published" in caption
    troughs = made.troughs["imatinib"]
    assert (
        f"mean {troughs.mean():.4g}, SD {troughs.std(ddof=1):.4g}, median {np.median(troughs):.4g} ng/mL"
        in exposure(made)[0].caption
    )


def test_no_event_is_said_and_still_drawn(result):
    figure = survival(result(events=False))[0]
    assert "No event happened in any arm." in figure.caption
    assert {row["percent"] for row in figure.tables["curve"]} == {100.0}


def test_an_endpoint_nobody_reached_is_a_sentence_not_a_figure(result):
    gap = survival(result(stopped=0))[0]
    assert isinstance(gap, Gap)
    assert 'No patient in any arm came to "stop imatinib"' in gap.sentence


def test_undetected_samples_sit_on_the_detection_limit_and_none_are_lost(usual, usual_figures):
    figure = named(usual_figures, "bcr")
    rows = figure.tables["undetected"]
    assert rows and {row["percent"] for row in rows} == {figure.tables["limit"][0]["percent"]}
    missed = np.isfinite(usual.panel.measured) & ~usual.panel.detected
    shown = sum(row["undetected"] for row in rows)
    assert 0 < shown == missed.sum()
    assert all(0 < row["undetected"] <= row["samples"] for row in rows)
    assert "Open circles" in figure.caption


def test_treatment_stops_are_marked_on_the_patients_own_line(usual, usual_figures):
    stops = named(usual_figures, "bcr").tables["stops"]
    origin = {(one.arm, int(who)): day for one in usual.outcomes if one.endpoint == usual.trial.endpoints[0].name
              for who, day in zip(one.patients, one.origin, strict=True)}  # fmt: skip
    assert len(stops) == 40
    for row in stops:
        assert row["time"] * 365.25 == pytest.approx(origin[row["arm"], row["patient"]], rel=1e-4)


def test_clones_that_never_reach_a_cell_are_named_not_drawn(usual_figures):
    figure = named(usual_figures, "clones")
    assert {row["clone"] for row in figure.tables["clones"]} == {"wild type"}
    assert "below one cell even in the upper percentile: T315I." in figure.caption


def test_histogram_counts_every_patient_inside_the_axis(usual, usual_figures):
    rows = named(usual_figures, "exposure").tables["troughs"]
    inside = usual.troughs["imatinib"] <= np.quantile(usual.troughs["imatinib"], 0.995)
    assert sum(row["patients"] for row in rows) == inside.sum()


def test_a_published_mean_is_drawn_only_for_the_regimen_it_belongs_to(usual, usual_figures):
    other = tuple(replace(row, regimen="400 mg every 12 h") for row in usual.exposures)
    assert len(named(usual_figures, "exposure").tables["means"]) == 2
    figure = exposure(replace(usual, exposures=other))[0]
    assert len(figure.tables["means"]) == 1
    assert "No published mean is at hand" in figure.caption


def test_a_figure_stays_small_whatever_the_trial(result):
    made = result(n=3000, stopped=3000, panel=60, arms=3)
    luck = np.random.Generator(np.random.Philox(1))
    spread = tuple(replace(one, time=luck.random(one.time.size) * 1800) for one in made.outcomes)
    for one in survival(replace(made, outcomes=spread)):
        assert len(one.tables["curve"]) <= 3 * 401
    assert len(trajectories(made).tables["patients"]) <= 13_000


def test_thinning_keeps_both_ends():
    for length, most in ((1, 5), (5, 5), (1000, 7)):
        places = thin(length, most)
        assert (places[0], places[-1], len(places)) == (0, length - 1, min(length, most))


@pytest.mark.parametrize("span", [0.5, 3.0, 24.0, 60.0, 156.0, 600.0])
def test_a_month_axis_has_few_ticks_and_covers_its_span(span):
    ticks, end = months_axis(span)
    assert ticks[0] == 0 and ticks[-1] == end >= span and 2 <= len(ticks) <= 12
    assert math.isclose(end % (ticks[1] - ticks[0]), 0)


def test_many_arms_are_cut_short_and_the_caption_says_so(result):
    found = drawn(result(n=40, arms=10, panel=4))
    captions = {id.split("-")[0]: one.caption for id, one in found.items()}
    for name, shown in (("survival", 8), ("bcr", 4), ("immune", 6), ("clones", 4)):
        assert f"{shown} of 10 arms are drawn." in captions[name]
    assert "arms are drawn" not in captions["agreement"]


@pytest.mark.parametrize(("years", "last"), [(3.0, 36), (8.0, 8), (15.0, 14), (40.0, 40)])
def test_the_time_axis_ends_where_the_trial_does(years, last):
    axis = time_axis(np.array([0.0, years * 365.25]))
    assert axis.ticks[-1] == last
    assert axis.at(years * 365.25) == pytest.approx(axis.end)


def test_the_axis_of_a_rare_event_ends_above_what_is_drawn_and_the_caption_says_so(result):
    made = result()
    number, rare = 1, made.trial.endpoints[1]
    outcomes = tuple(
        replace(one, event=one.event & (one.patients % 40 == 0)) if one.endpoint == rare.name else one
        for one in made.outcomes
    )
    figure = survival(replace(made, outcomes=outcomes))[number]
    high = max(row["high"] for row in figure.tables["curve"] if row["high"] is not None)
    assert high <= 10 and "The axis ends at 10 %." in figure.caption
    assert "'domain': [0, 10]" in str(figure.spec)
    usual = survival(made)[number]
    assert "The axis ends" not in usual.caption and "'domain': [0, 100]" in str(usual.spec)
    assert "The axis ends" not in survival(replace(made, outcomes=outcomes))[0].caption
