"""Promises of the events: every kind gives what the closed form of a linear model gives.

The closed forms are matrix exponentials, of one compartment and of two; the solver is asked for 1e-9 and held to 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from offtarget.errors import InputError, UnsupportedError
from offtarget.simulation.simulate import simulate_table

TIMES = np.arange(0.0, 49.0, 4.0)
RTOL, ATOL = 1e-6, 1e-7
KINDS = pytest.mark.parametrize("rates", [{}, {"k12": 0.0}], ids=["two compartments", "one compartment"])
Rates = dict[str, float]


def cohort(rates: Rates) -> dict[str, list[float]]:
    return {"ID": [1.0], **{name: [value] for name, value in rates.items()}}


@KINDS
def test_a_bolus(pk: str, write: SimpleNamespace, rates: Rates) -> None:
    regimen = {"TIME": [4, 12], "AMT": [100, 50], "CMT": ["gut", "centre"], "EVID": [1, 1]}
    found = write.states(write.course(pk, regimen, cohort=cohort(rates)))
    expected = [
        write.decay(max(t - 4, 0), [100.0 * (t >= 4), 0, 0], **rates)
        + write.decay(max(t - 12, 0), [0, 50.0 * (t >= 12), 0], **rates)
        for t in TIMES
    ]
    assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


@KINDS
@pytest.mark.parametrize("how", [{"AMT": [90], "RATE": [9]}, {"AMT": [90], "DUR": [10]}, {"RATE": [9], "DUR": [10]},
                                 {"AMT": [90], "RATE": [-2], "DUR": [10]}])  # fmt: skip
def test_an_infusion(pk: str, write: SimpleNamespace, rates: Rates, how: dict[str, list[float]]) -> None:
    regimen = {"TIME": [2], "CMT": ["centre"], "EVID": [1], **how}
    found = write.states(write.course(pk, regimen, cohort=cohort(rates)))
    assert_allclose(found, [_infused(write, t - 2, 9.0, 10.0, rates) for t in TIMES], rtol=RTOL, atol=ATOL)


def _infused(write: SimpleNamespace, since: float, rate: float, duration: float, rates: Rates) -> np.ndarray:
    if since <= 0:
        return np.zeros(3)
    filled = write.inflow(min(since, duration), rate, **rates)
    return write.decay(max(since - duration, 0.0), filled, **rates)


def test_infusions_that_overlap_add_up(pk: str, write: SimpleNamespace) -> None:
    regimen = {"TIME": [0, 3, 3], "AMT": [90, 40, 12], "RATE": [9, 2, 1], "CMT": ["centre"] * 3}
    found = write.states(write.course(pk, regimen))
    parts = ((0, 9.0, 10.0), (3, 2.0, 20.0), (3, 1.0, 12.0))
    expected = [
        sum(_infused(write, t - start, rate, length, {}) for start, rate, length in parts) for t in TIMES
    ]
    assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


@KINDS
def test_additional_doses(pk: str, write: SimpleNamespace, rates: Rates) -> None:
    regimen = {
        "TIME": [1, 1],
        "AMT": [100, 30],
        "RATE": [0, 15],
        "CMT": ["gut", "centre"],
        "II": [6, 8],
        "ADDL": [3, 4],
    }
    found = write.states(write.course(pk, regimen, cohort=cohort(rates)))
    boluses, infusions = 1 + 6.0 * np.arange(4), 1 + 8.0 * np.arange(5)
    expected = [
        sum(write.decay(t - at, [100.0, 0, 0], **rates) for at in boluses if at <= t)
        + sum(_infused(write, t - at, 15.0, 2.0, rates) for at in infusions)
        for t in TIMES
    ]
    assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


@KINDS
def test_a_bolus_at_steady_state(pk: str, write: SimpleNamespace, rates: Rates) -> None:
    regimen = {"TIME": [0], "AMT": [100], "CMT": ["gut"], "SS": [1], "II": [8], "ADDL": [20]}
    found = write.states(write.course(pk, regimen, cohort=cohort(rates)))
    period = write.decay(8.0, np.eye(3), **rates)
    peak = np.linalg.solve(np.eye(3) - period, [100.0, 0, 0])
    assert_allclose(found, [write.decay(t % 8, peak, **rates) for t in TIMES], rtol=RTOL, atol=1e-6)


@KINDS
@pytest.mark.parametrize("duration", [3.0, 8.0, 19.0], ids=["shorter", "as long", "longer than the interval"])
def test_an_infusion_at_steady_state(pk: str, write: SimpleNamespace, rates: Rates, duration: float) -> None:
    regimen = {
        "TIME": [0],
        "AMT": [10 * duration],
        "DUR": [duration],
        "CMT": ["centre"],
        "SS": [1],
        "II": [8],
        "ADDL": [20],
    }
    found = write.states(write.course(pk, regimen, cohort=cohort(rates)))
    one = write.decay(
        8.0 * 4 - duration, write.inflow(duration, 10.0, **rates), **rates
    )  # one infusion, 32 h later
    period = write.decay(8.0, np.eye(3), **rates)
    older = np.linalg.solve(np.eye(3) - period, one)  # of all that began 32 h ago or earlier
    start = older + sum(_infused(write, 8.0 * k, 10.0, duration, rates) for k in (1, 2, 3))
    assert_allclose(found[0], start, rtol=RTOL, atol=1e-6)
    assert_allclose(found[2::2], np.broadcast_to(start, found[2::2].shape), rtol=RTOL, atol=1e-6)


@KINDS
def test_an_infusion_without_end_has_reached_its_plateau_and_ends_at_its_row(
    pk: str, write: SimpleNamespace, rates: Rates
) -> None:
    regimen = {"TIME": [4], "AMT": [0], "RATE": [9], "CMT": ["centre"], "SS": [1]}
    found = write.states(write.course(pk, regimen, cohort=cohort(rates)))
    plateau = np.linalg.solve(write.matrix(**rates), [0.0, -9.0, 0.0])
    expected = [write.decay(t - 4, plateau, **rates) if t >= 4 else np.zeros(3) for t in TIMES]
    assert_allclose(found, expected, rtol=RTOL, atol=1e-6)


def test_a_steady_state_does_not_depend_on_what_was_before(pk: str, write: SimpleNamespace) -> None:
    later = {"TIME": [0, 2, 16], "AMT": [500, 70, 100], "CMT": ["deep", "centre", "gut"], "RATE": [0, 1, 0],
             "SS": [0, 0, 1], "II": [4, 0, 8], "ADDL": [20, 0, 3]}  # fmt: skip
    plain = {"TIME": [16], "AMT": [100], "CMT": ["gut"], "RATE": [0], "SS": [1], "II": [8], "ADDL": [3]}
    assert_allclose(
        write.states(write.course(pk, later))[4:],
        write.states(write.course(pk, plain))[4:],
        rtol=RTOL,
        atol=1e-6,
    )


def test_a_reset_ends_what_was_and_what_was_to_come(pk: str, write: SimpleNamespace) -> None:
    regimen = {"TIME": [0, 0, 10], "AMT": [100, 400, 0], "RATE": [0, 20, 0], "CMT": ["gut", "centre", ""],
               "EVID": [1, 1, 3], "II": [4, 0, 0], "ADDL": [10, 0, 0]}  # fmt: skip
    found = write.states(write.course(pk, regimen))
    assert (found[TIMES < 10][1:] > 0).any()
    assert (found[TIMES >= 10] == 0).all()


def test_a_reset_goes_back_to_where_the_patient_started(pk: str, write: SimpleNamespace) -> None:
    regimen = {"TIME": [0, 10], "AMT": [100, 0], "CMT": ["gut", ""], "EVID": [1, 3]}
    found = write.states(write.course(pk, regimen, cohort={"ID": [1], "deep": [7.0], "CL": [4.0]}))
    assert_allclose(found[0], [100.0, 0.0, 7.0], rtol=RTOL)
    expected = [write.decay(t - 10, [0, 0, 7.0], ke=0.2) for t in TIMES if t >= 10]
    assert_allclose(found[TIMES >= 10], expected, rtol=RTOL, atol=ATOL)


@KINDS
def test_a_reset_and_dose(pk: str, write: SimpleNamespace, rates: Rates) -> None:
    regimen = {
        "TIME": [0, 10],
        "AMT": [100, 30],
        "CMT": ["gut", "centre"],
        "EVID": [1, 4],
        "II": [3, 12],
        "ADDL": [9, 1],
    }
    found = write.states(write.course(pk, regimen, cohort=cohort(rates)))
    expected = [
        sum(write.decay(t - at, [0, 30.0, 0], **rates) for at in (10, 22) if at <= t)
        for t in TIMES
        if t >= 10
    ]
    assert_allclose(found[TIMES >= 10], expected, rtol=RTOL, atol=ATOL)


def test_replace_and_multiply(pk: str, write: SimpleNamespace) -> None:
    regimen = {"TIME": [0, 6, 14], "AMT": [100, 0.25, 60], "CMT": ["centre", "centre", "deep"],
               "ACTION": ["", "Multiply", "replace"]}  # fmt: skip
    found = write.states(write.course(pk, regimen))
    at_6 = write.decay(6, [0, 100.0, 0]) * [1, 0.25, 1]
    at_14 = write.decay(8, at_6)
    at_14[2] = 60.0
    expected = [
        write.decay(t, [0, 100.0, 0])
        if t < 6
        else write.decay(t - 6, at_6)
        if t < 14
        else write.decay(t - 14, at_14)
        for t in TIMES
    ]
    assert_allclose(found, expected, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("evid", [5, 6, 7, 8, -1, 1.5])
def test_a_kind_that_tools_read_differently_is_refused_with_how_to_write_it(
    pk: str, write: SimpleNamespace, evid: float
) -> None:
    with pytest.raises(InputError, match=r"row 2: EVID: expected 0, 1, 2, 3 or 4.*column ACTION"):
        write.course(pk, {"TIME": [0, 1], "AMT": [1, 1], "CMT": [1, 1], "EVID": [1, evid]})


def test_a_compartment_has_a_name_and_a_number(pk: str, write: SimpleNamespace) -> None:
    named, numbered = ({"TIME": [0], "AMT": [100], "CMT": [word]} for word in ("centre", 2))
    assert write.course(pk, named).table.equals(write.course(pk, numbered).table)


def test_a_steady_state_that_does_not_exist_is_the_status_of_its_patient(
    pk: str, write: SimpleNamespace
) -> None:
    regimen = {
        "ID": [1, 2, 2],
        "TIME": [8, 0, 8],
        "AMT": [100] * 3,
        "CMT": ["gut"] * 3,
        "SS": [1, 0, 1],
        "II": [8, 0, 8],
    }
    found = write.course(pk, regimen, cohort={"ID": [1, 2], "CL": [2.0, 0.0], "k12": [0.0, 0.0]})
    assert dict(found.statuses) == {"finished": 1, "no_steady_state": 1}
    frame = found.table.to_pandas()
    lost = frame[frame.ID == 2]
    assert (lost.STATUS == "no_steady_state").all()
    assert lost[lost.TIME < 8].centre.notna().all()
    assert lost[lost.TIME >= 8].centre.isna().all()
    assert frame[frame.ID == 1].centre.notna().all()


def test_a_drift_that_one_dose_does_not_show_is_not_taken_for_a_steady_state(
    pk: str, write: SimpleNamespace
) -> None:
    drifting = {"ID": [1], "k12": [0.0], "k21": [1e-13], "deep": [1000.0]}  # empties in 10^13 hours
    dose = {"TIME": [0], "AMT": [100], "CMT": ["gut"], "SS": [1], "II": [8]}
    assert dict(write.course(pk, dose, cohort=drifting).statuses) == {"no_steady_state": 1}
    still = drifting | {"k21": [0.0]}
    assert dict(write.course(pk, dose, cohort=still).statuses) == {"finished": 1}


def test_a_steady_state_of_equations_that_read_the_clock_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clock.ant"
    path.write_text("model day\n x' = 1 + sin(time) - x\n x = 0\nend\n", encoding="utf-8")
    with pytest.raises(UnsupportedError, match="steady state"):
        simulate_table(path, regimen={"TIME": [0], "AMT": [1], "SS": [1], "II": [1]}, times="0, 1 h")


class Twin:
    """The slow twin: one patient's rows, taken one by one, with matrix exponentials in place of a solver."""

    def __init__(self, write: SimpleNamespace, rates: Rates) -> None:
        self.write, self.rates = write, rates
        self.now, self.state = 0.0, np.zeros(3)
        self.flowing: list[tuple[float, float]] = []  # end, rate; all into the centre
        self.due: list[tuple[float, dict[str, float]]] = []

    def go(self, until: float) -> None:
        stops = sorted({end for end, _ in self.flowing} | {at for at, _ in self.due} | {until})
        for stop in (one for one in stops if one <= until):
            rate = sum(rate for end, rate in self.flowing if end > self.now)
            span = stop - self.now
            self.state = self.write.decay(span, self.state, **self.rates) + self.write.inflow(
                span, rate, **self.rates
            )
            self.now = stop
            self.flowing = [one for one in self.flowing if one[0] > stop]
            for _, row in [one for one in self.due if one[0] == stop]:
                self.dose(row)
            self.due = [one for one in self.due if one[0] > stop]

    def dose(self, row: dict[str, float]) -> None:
        if row["RATE"] > 0:
            self.flowing.append((self.now + row["AMT"] / row["RATE"], row["RATE"]))
        else:
            self.state = np.add(self.state, [row["AMT"], 0, 0])

    def take(self, row: dict[str, float]) -> None:
        self.go(row["TIME"])
        if row["EVID"] in (3, 4) or row["SS"]:
            self.state, self.flowing, self.due = np.zeros(3), [], []
        if row["SS"]:
            period = self.write.decay(row["II"], np.eye(3), **self.rates)
            self.state = period @ np.linalg.solve(np.eye(3) - period, [row["AMT"], 0, 0])
        if row["EVID"] in (1, 4):
            self.dose(row)
            self.due += [(self.now + (k + 1) * row["II"], row) for k in range(int(row["ADDL"]))]


def test_every_kind_among_others_is_what_the_slow_twin_gives(
    pk: str, write: SimpleNamespace, many: Callable[[int], tuple[dict[str, object], dict[str, object]]]
) -> None:
    patients, regimen = many(40)
    found = write.course(pk, regimen, cohort=patients)
    rows = pd.DataFrame(regimen).to_dict("records")
    for i, (id, cl, v) in enumerate(zip(patients["ID"], patients["CL"], patients["V"], strict=True)):  # type: ignore[call-overload]
        expected = []
        for t in TIMES:
            twin = Twin(write, {"ke": cl / v})
            for row in rows:
                if row["ID"] == id and row["TIME"] <= t:
                    twin.take(row)
            twin.go(t)
            expected.append(twin.state)
        assert_allclose(write.states(found, i + 1), expected, rtol=RTOL, atol=1e-5, err_msg=f"patient {id}")
