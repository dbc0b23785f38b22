"""Regimens: what a text means, what it must not mean, and the doses that come of it."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Events, Schedule
from offtarget.errors import InputError
from offtarget.pharmacology.regimen import Phase, Regimen, dosing_events, parse_regimen

MONTH = 30.4375
INF = math.inf


def read(text: str) -> Regimen:
    return parse_regimen(text, where="arm 1: regimen")


def phases(text: str) -> list[tuple[float, float, float]]:
    return [(one.dose, one.interval, one.until) for one in read(text).phases("imatinib")]


MEANINGS = {
    "400 mg imatinib every 24 h": [(400, 1, INF)],
    "0.4 g Imatinib EVERY 1 day": [(400, 1, INF)],
    "400mg imatinib every 12h": [(400, 0.5, INF)],
    "400 mg imatinib every 24 h until 60 months then 200 mg imatinib every 24 h":
        [(400, 1, 60 * MONTH), (200, 1, INF)],
    "400 mg imatinib every 24 h until 60 months, then 200 mg every 24 h": [(400, 1, 60 * MONTH), (200, 1, INF)],
    "400 mg imatinib every 24 h until 2 years then stop": [(400, 1, 24 * MONTH), (0, 1, INF)],
    "400 mg imatinib every 24 h until 2 years": [(400, 1, 24 * MONTH), (0, 1, INF)],
    "nothing until 24 months then 400 mg imatinib every 24 h": [(0, 1, 24 * MONTH), (400, 1, INF)],
    "400 mg imatinib every 24 h until 4 weeks then nothing until 8 weeks then 400 mg every 24 h until 1 year then stop":
        [(400, 1, 28), (0, 1, 56), (400, 1, 365.25), (0, 1, INF)],
    "stop imatinib": [(0, 1, INF)],
}  # fmt: skip


@pytest.mark.parametrize("text", MEANINGS)
def test_a_text_means_its_phases_and_its_own_text_means_the_same(text: str) -> None:
    assert phases(text) == MEANINGS[text]
    assert parse_regimen(str(read(text)), where="again") == read(text)


@given(
    doses=st.lists(st.sampled_from([0.0, 12.5, 100.0, 300.0, 400.0, 1 / 3]), min_size=1, max_size=5),
    lengths=st.lists(st.floats(0.01, 5000), min_size=5, max_size=5),
    interval=st.sampled_from([0.25, 0.5, 1.0, 2.0, 7.0, 1 / 3, 0.7]),
)
def test_any_regimen_reads_back_from_its_text(
    doses: list[float], lengths: list[float], interval: float
) -> None:
    ends = [*np.cumsum(lengths[: len(doses) - 1]).tolist(), INF]
    made = tuple(Phase(dose, interval if dose else 1.0, end) for dose, end in zip(doses, ends, strict=True))
    regimen = Regimen((("imatinib", made),))
    assert parse_regimen(str(regimen), where="again") == regimen


def test_dose_and_interval_are_piecewise_constant_and_the_edge_belongs_to_the_later_phase() -> None:
    regimen = read("400 mg imatinib every 12 h until 10 days then 200 mg every 24 h until 20 days then stop")
    days = [0, 9.999, 10, 19.999, 20, 1e6]
    assert regimen.dose("imatinib", days).tolist() == [400, 400, 200, 200, 0, 0]
    assert regimen.interval("imatinib", days).tolist() == [0.5, 0.5, 1, 1, 1, 1]
    starts, doses, intervals = regimen.changes("imatinib")
    assert (starts.tolist(), doses.tolist(), intervals.tolist()) == ([0, 10, 20], [400, 200, 0], [0.5, 1, 1])


def test_a_part_about_one_drug_is_a_regimen_and_an_unknown_drug_is_a_sentence() -> None:
    regimen = read("400 mg imatinib every 24 h")
    assert regimen.of("imatinib") == regimen and regimen.drugs == ("imatinib",)
    with pytest.raises(InputError, match=r'no "imatinb".*Did you mean "imatinib"'):
        regimen.of("imatinb")


#: Text -> what the sentence must say.
BAD = {
    "": "such as",
    "   ": "such as",
    "imatinib": "such as",
    "400": "such as",
    "mg": "such as",
    "400 mg": "Name a drug",
    "400 imatinib every 24 h": "Add a unit",
    "400 mg imatinib": "Say how often",
    "400 mg imatinib every": "after \"every\"",
    "400 mg imatinib every 24": "Add a unit",
    "400 mg imatinib every day": "after \"every\"",
    "400 mg imatinib every 24 mg": "after \"every\"",
    "400 mg imatinib every 0 h": "above zero",
    "400 mg imatinib every -24 h": "above zero",
    "400 mg imatinib every 1 s": "at least \"1 h\"",
    "400 mg imatinib every 59 minute": "at least \"1 h\"",
    "400 mg imatinib every 11 years": "at most \"10 years\"",
    "400 mg imatinib every 1e300 years": "at most \"10 years\"",
    "400 mg imatinib every 1e999 h": "after \"every\"",
    "400 mg imatinib every nan h": "after \"every\"",
    "400 mg imatinib every 24 h every 12 h": "Say how often",
    "400 mg imatinib every 24 furlongs": "after \"every\"",
    "400 mg imatinib each 24 h": "drug",
    "400 mg imatinib twice a day": "drug",
    "-400 mg imatinib every 24 h": "above zero",
    "0 mg imatinib every 24 h": "Write \"nothing\"",
    "1e999 mg imatinib every 24 h": "such as \"400 mg\"",
    "inf mg imatinib every 24 h": "such as",
    "nan mg imatinib every 24 h": "such as",
    "1e9 mg imatinib every 24 h": "below 1e.06 mg",
    "400 IU imatinib every 24 h": "such as \"400 mg\"",
    "400 mL imatinib every 24 h": "such as \"400 mg\"",
    "400 mg/kg imatinib every 24 h": "such as \"400 mg\"",
    "400 nM imatinib every 24 h": "such as \"400 mg\"",
    "400.5.5 mg imatinib every 24 h": "such as",
    "four hundred mg imatinib every 24 h": "such as",
    "400 mg imatinb every 24 h": "Did you mean \"imatinib\"",
    "400 mg aspirin every 24 h": "a drug of the catalogue",
    "400 mg every 24 h": "Name a drug",
    "nothing": "Name a drug",
    "stop": "Name a drug",
    "stop aspirin": "a drug of the catalogue",
    "400 mg imatinib every 24 h until": "after \"until\"",
    "400 mg imatinib every 24 h until 60": "Add a unit",
    "400 mg imatinib every 24 h until 60 mg then stop": "after \"until\"",
    "400 mg imatinib every 24 h until 0 months then stop": "above zero",
    "400 mg imatinib every 24 h until -6 months then stop": "above zero",
    "400 mg imatinib every 24 h until progression then stop": "after \"until\"",
    "400 mg imatinib every 24 h then stop": "before \"then\"",
    "400 mg imatinib every 24 h until 6 months until 9 months then stop": "one \"until\"",
    "400 mg imatinib every 24 h until 6 months then 200 mg imatinib every 24 h until 6 months then stop": "later than",
    "400 mg imatinib every 24 h until 6 months then 200 mg imatinib every 24 h until 3 months then stop": "later than",
    "400 mg imatinib every 24 h then": "Say how often|after",
    "then 400 mg imatinib every 24 h": "such as",
    "400 mg imatinib every 24 h; 200 mg imatinib every 12 h": "given twice",
    "400 mg imatinib every 24 h and": "after",
    "400 mg imatinib every 24 h; ": "such as",
    "400 mg imatinib every 24 h until 6 months then aspirin": "such as",
    "400 mg\nimatinib\nevery 24": "Add a unit",
    "x" * 5000: "such as",
    "9" * 1000 + " mg imatinib every 24 h": "such as",
}  # fmt: skip


def test_the_rarest_dose_is_one_every_ten_years() -> None:
    assert read("400 mg imatinib every 10 years").interval("imatinib", 0) == 3652.5


def test_there_are_fifty_bad_regimens_and_more() -> None:
    assert len(BAD) >= 50


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:40] or "empty")
def test_a_bad_regimen_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match=BAD[text]) as caught:
        read(text)
    said = str(caught.value)
    assert said.startswith("arm 1: regimen:") and said.isprintable() and len(said) < 500
    assert said.endswith((".", "?"))


@given(st.text(alphabet="0123456789.-+e mgh;,thenutilvrysopaibdwk", max_size=60))
def test_noise_is_a_regimen_or_a_sentence(text: str) -> None:
    try:
        regimen = read(text)
    except InputError:
        return
    assert parse_regimen(str(regimen), where="again") == regimen


# --- doses as events

TEXTS = (
    "400 mg imatinib every 24 h until 10 days then 200 mg every 12 h until 20 days then stop",
    "300 mg imatinib every 24 h",
)
REGIMENS = tuple(read(text) for text in TEXTS)


def patients(count: int, adherence: float = 1.0) -> Cohort:
    return Cohort(np.arange(count, dtype=np.uint64), {"adherence_imatinib": np.full(count, adherence)}, {})


def events(
    which: list[int], start: list[float], now: list[float], until: list[float], *, fresh: list[bool],
    exposure: str = "averaged", adherence: float = 1.0, seed: int = 1,
) -> Schedule:  # fmt: skip
    found = dosing_events(
        "imatinib", REGIMENS, np.array(which), np.array(start, float), np.array(now, float), np.array(until, float),
        fresh=np.array(fresh), cohort=patients(len(which), adherence), exposure=exposure, seed=seed,
    )  # fmt: skip
    return Schedule.joined(len(which), found)


def listed(schedule: Schedule, row: int) -> list[tuple[float, str, str, float]]:
    part = slice(schedule.offsets[row], schedule.offsets[row + 1])
    return [
        (float(time), Action(int(action)).name, schedule.names[target], float(value))
        for time, action, target, value in zip(
            schedule.time[part],
            schedule.action[part],
            schedule.target[part],
            schedule.value[part],
            strict=True,
        )
    ]


def test_a_fresh_patient_is_told_the_dose_and_an_old_one_only_what_changes() -> None:
    schedule = events([0, 0, 1, -1, 0], [0] * 5, [5] * 5, [30] * 5, fresh=[True, False, False, True, True])
    told = [(5, "SET", "dose_imatinib", 400), (5, "SET", "interval_imatinib", 1)]
    later = [
        (10, "SET", "dose_imatinib", 200),
        (10, "SET", "interval_imatinib", 0.5),
        (20, "SET", "dose_imatinib", 0),
    ]
    assert listed(schedule, 0) == told + later
    assert listed(schedule, 1) == later
    assert listed(schedule, 2) == []
    assert listed(schedule, 3) == [(5, "SET", "dose_imatinib", 0)]
    assert listed(schedule, 4) == told + later


def test_phases_count_from_the_day_the_regimen_started() -> None:
    schedule = events([0, 0], [0.25, 100.0], [0.25, 100.0], [15, 115], fresh=[True, True])
    assert [one[0] for one in listed(schedule, 0)] == [0.25, 0.25, 10.25, 10.25]
    assert [one[0] for one in listed(schedule, 1)] == [100, 100, 110, 110]


@pytest.mark.parametrize("exposure", ["averaged", "dosed"])
@pytest.mark.parametrize(
    "cuts", [[10.0, 20.0], [3.7, 9.5, 10.0, 10.5, 19.99], list(np.arange(1.0, 30.0)), [7 * MONTH / 30]]
)
def test_windows_side_by_side_give_the_same_events_as_one_window(exposure: str, cuts: list[float]) -> None:
    whole = events([0], [0.0], [0.0], [30.0], fresh=[True], exposure=exposure, adherence=0.7)
    edges, joined = [0.0, *cuts, 30.0], []
    for number, (low, high) in enumerate(pairwise(edges)):
        part = events([0], [0.0], [low], [high], fresh=[number == 0], exposure=exposure, adherence=0.7)
        joined += listed(part, 0)
    assert joined == listed(whole, 0)


def test_every_dose_is_given_once_at_its_time() -> None:
    schedule = events([0], [0.0], [0.0], [100.0], fresh=[True], exposure="dosed")
    given_doses = [(time, value) for time, action, _, value in listed(schedule, 0) if action == "ADD"]
    expected = [(float(day), 400.0) for day in range(10)] + [(10 + half / 2, 200.0) for half in range(20)]
    assert given_doses == expected


def test_the_share_of_doses_taken_is_the_patients_adherence_within_chance() -> None:
    days = 20_000
    schedule = events(
        [1, 1], [0, 0], [0, 0], [days, days], fresh=[True, True], exposure="dosed", adherence=0.8
    )
    for row in (0, 1):
        taken = sum(one[1] == "ADD" for one in listed(schedule, row))
        assert abs(taken / days - 0.8) < 5 * math.sqrt(0.8 * 0.2 / days)  # by chance once in 1.7 million
    first, other = ({one[0] for one in listed(schedule, row) if one[1] == "ADD"} for row in (0, 1))
    assert first != other


def test_arms_share_the_luck_of_missed_doses() -> None:
    """The same patient at the same time takes the dose in one arm if in the other, whatever the dose or its history."""

    def times(which: int, start: float) -> set[float]:
        schedule = events([which], [start], [50.0], [400.0], fresh=[True], exposure="dosed", adherence=0.6)
        return {one[0] for one in listed(schedule, 0) if one[1] == "ADD"}

    assert times(1, 0.0) == times(1, 50.0)
    early = events([0], [0.0], [0.0], [10.0], fresh=[True], exposure="dosed", adherence=0.6)
    late = events([1], [0.0], [0.0], [10.0], fresh=[True], exposure="dosed", adherence=0.6)
    taken = [[one[0] for one in listed(each, 0) if one[1] == "ADD"] for each in (early, late)]
    assert taken[0] == taken[1] and 0 < len(taken[0]) < 10


def test_two_doses_of_one_day_have_luck_of_their_own() -> None:
    schedule = events(
        [0] * 500, [0] * 500, [10] * 500, [10.9] * 500, fresh=[False] * 500, exposure="dosed", adherence=0.5
    )
    both = [sum(one[1] == "ADD" for one in listed(schedule, row)) for row in range(500)]
    assert {0, 1, 2} == set(both)
    assert abs(both.count(1) / 500 - 0.5) < 5 * math.sqrt(0.25 / 500)


def test_nothing_happens_to_those_who_are_not_in_the_window() -> None:
    schedule = events([0, 1], [0, 0], [12, 12], [12, 11], fresh=[True, True], exposure="dosed")
    assert schedule.time.size == 0 and schedule.offsets.tolist() == [0, 0, 0]


def test_joined_events_keep_the_order_given_at_one_instant() -> None:
    parts = [
        Events("b", Action.SET, np.array([1, 0]), np.array([2.0, 1.0]), np.array([5.0, 6.0])),
        Events("a", Action.ADD, np.array([0]), np.array([1.0]), np.array([7.0])),
        Events("none", Action.ADD, np.zeros(0, np.int64), np.zeros(0), np.zeros(0)),
    ]
    schedule = Schedule.joined(2, parts)
    assert listed(schedule, 0) == [(1, "SET", "b", 6), (1, "ADD", "a", 7)]
    assert listed(schedule, 1) == [(2, "SET", "b", 5)]
    assert schedule.names == ("b", "a") and Schedule.joined(3, []).offsets.tolist() == [0, 0, 0, 0]
