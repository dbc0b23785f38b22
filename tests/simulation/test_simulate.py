"""Promises of a simulation from tables: whose rows come out, in which order things happen, and what does not matter."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose

from offtarget.errors import InputError
from offtarget.models.sbml import load_model, write_sbml
from offtarget.simulation import simulate as module
from offtarget.simulation.simulate import simulate_table

Many = Callable[[int], tuple[dict[str, object], dict[str, object]]]


def parquet(found: module.Simulation) -> bytes:
    kept = io.BytesIO()
    pq.write_table(found.table, kept)
    return kept.getvalue()


def test_any_number_of_threads_gives_the_same_bytes(pk: str, write: SimpleNamespace, many: Many) -> None:
    patients, regimen = many(70)
    one, two = (write.course(pk, regimen, cohort=patients, threads=threads) for threads in (1, 2))
    assert parquet(one) == parquet(two)


def test_a_part_of_the_patients_gives_their_part_of_the_result(
    pk: str, write: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, many: Many
) -> None:
    patients, regimen = many(40)
    whole = write.course(pk, regimen, cohort=patients).table.to_pandas()
    part = {name: np.asarray(values)[np.asarray(patients["ID"]) > 30] for name, values in patients.items()}
    rows = np.asarray(regimen["ID"]) > 30
    some = {
        name: [value for value, kept in zip(values, rows, strict=True) if kept]
        for name, values in regimen.items()
    }  # type: ignore[call-overload]
    found = write.course(pk, some, cohort=part).table.to_pandas()
    assert found.equals(whole[whole.ID > 30].reset_index(drop=True))
    monkeypatch.setattr(module, "_PART", 1)  # sixteen patients at a time
    assert write.course(pk, regimen, cohort=patients).table.to_pandas().equals(whole)


def test_additional_doses_are_the_doses_written_out(pk: str, write: SimpleNamespace) -> None:
    short = {
        "TIME": [2, 3],
        "AMT": [100, 30],
        "CMT": ["gut", "centre"],
        "DUR": [0, 4],
        "II": [6, 6],
        "ADDL": [2, 2],
    }
    long = {
        "TIME": [2, 3, 8, 9, 14, 15],
        "AMT": [100, 30] * 3,
        "CMT": ["gut", "centre"] * 3,
        "DUR": [0, 4] * 3,
    }
    assert parquet(write.course(pk, short)) == parquet(write.course(pk, long))


def test_where_somebody_looks_does_not_change_what_is_seen(
    pk: str, write: SimpleNamespace, many: Many
) -> None:
    patients, regimen = many(20)
    seldom = write.course(pk, regimen, "0, 12, 48 h", cohort=patients).table.to_pandas()
    often = write.course(pk, regimen, "0:48:1 h", cohort=patients).table.to_pandas()
    often = often[often.TIME.isin([0, 12, 48])].reset_index(drop=True)
    assert_allclose(seldom.centre, often.centre, rtol=1e-7)


def test_rows_of_one_instant_are_taken_in_their_order(pk: str, write: SimpleNamespace) -> None:
    regimen = {"TIME": [0, 0, 0, 0, 5, 5, 5], "EVID": [0, 1, 0, 1, 0, 1, 0], "AMT": [0, 100, 0, 20, 0, 1, 0],
               "CMT": ["", "deep", "", "deep", "", "deep", ""]}  # fmt: skip
    patient = {"k21": [0.0]}  # nothing leaves the deep compartment
    frame = write.course(pk, regimen, None, cohort=patient).table.to_pandas()
    assert frame.TIME.tolist() == [0, 0, 5, 5]
    assert_allclose(frame.deep, [0.0, 100.0, 120.0, 121.0], rtol=1e-12)
    assert frame.gut.tolist() == [0.0] * 4


def test_additional_doses_come_before_the_rows_of_their_instant(pk: str, write: SimpleNamespace) -> None:
    regimen = {
        "TIME": [0.1, 0.3],
        "EVID": [1, 0],
        "AMT": [100, 0],
        "CMT": ["deep", ""],
        "II": [0.1, 0],
        "ADDL": [9, 0],
    }
    frame = write.course(pk, regimen, None, cohort={"k21": [0.0]}).table.to_pandas()
    assert_allclose(frame.deep, [300.0], rtol=1e-12)  # though 0.1 + 2 * 0.1 is more than 0.3 in binary


def test_times_that_are_asked_for_come_after_the_doses_of_their_instant(
    pk: str, write: SimpleNamespace
) -> None:
    regimen = {"TIME [day]": [0, 1 / 3], "AMT": [100, 50], "CMT": ["deep", "deep"]}
    frame = write.course(pk, regimen, "0:16:8 h", cohort={"k21": [0.0]}).table.to_pandas()
    assert_allclose(frame.deep, [100.0, 150.0, 150.0], rtol=1e-12)
    assert frame.TIME.tolist() == [0.0, 8.0, 16.0]


def test_times_in_another_unit_are_the_same_times(pk: str, write: SimpleNamespace) -> None:
    regimen = {"TIME [h]": [6.0], "AMT": [100], "CMT": ["gut"]}
    hours, days = write.course(pk, regimen, "0:48:12 h"), write.course(pk, regimen, "0:2:0.5 day")
    assert days.units["TIME"] == "day"
    assert_allclose(write.states(days), write.states(hours), rtol=1e-9, atol=1e-12)


def test_a_patient_starts_where_the_table_says(pk: str, write: SimpleNamespace) -> None:
    patients = {"ID": [1, 2], "deep": [3.0, 4.0]}
    found = write.course(pk, {"TIME": [0], "AMT": [0], "CMT": ["gut"]}, cohort=patients)
    assert_allclose(write.states(found, 2)[1], write.decay(4.0, [0, 0, 4.0]), rtol=1e-7, atol=1e-9)


def test_a_species_in_a_volume_is_dosed_as_an_amount_and_started_as_a_concentration(tmp_path: Path) -> None:
    path = tmp_path / "conc.ant"
    path.write_text(
        "model conc\n compartment body; body = V; species drug in body; V = 20; k = 0.1; drug = 0\n"
        " J: drug -> ; k*drug*body\nend\n",
        encoding="utf-8",
    )
    regimen = {
        "ID": [1, 2, 2],
        "TIME": [0, 0, 2],
        "AMT": [100, 100, 50],
        "CMT": ["drug"] * 3,
        "RATE": [0, 10, 0],
    }
    patients = {"ID": [1, 2], "V": [20.0, 40.0], "drug": [1.0, 2.0]}
    frame = simulate_table(
        path, cohort=patients, regimen=regimen, times="0, 10 h", tolerance=1e-9
    ).table.to_pandas()
    first, second = frame[frame.ID == 1], frame[frame.ID == 2]
    assert_allclose(first.drug, [6.0, 6.0 * np.exp(-1)], rtol=1e-7)
    expected = 2.0 * np.exp(-1) + (10 / 0.1 * (1 - np.exp(-1)) + 50 * np.exp(-0.8)) / 40
    assert_allclose(second.drug, [2.0, expected], rtol=1e-7)


def test_units_travel_with_the_result(pk: str, write: SimpleNamespace) -> None:
    found = write.course(pk, {"TIME": [0], "AMT [g]": [0.1], "CMT": ["gut"]})
    assert found.units == {"TIME": "h", "gut": "mg", "centre": "mg", "deep": "mg", "C": "", "odd": ""}
    assert found.table.schema.field("gut").metadata == {b"unit": b"mg"}
    assert_allclose(write.states(found)[0], [100.0, 0, 0])


def test_a_failed_patient_has_a_status_and_no_numbers_after_it(pk: str, write: SimpleNamespace) -> None:
    patients = {"ID": [1, 2, 3], "CL": [2.0, -1e6, 2.0], "V": [20.0, 1e-3, 0.0]}
    found = write.course(pk, {"TIME": [5], "AMT": [100], "CMT": ["centre"]}, cohort=patients)
    frame = found.table.to_pandas()
    assert (frame[frame.ID == 1].STATUS == "finished").all()
    assert frame[frame.ID == 1].notna().all(axis=None)
    bad = frame[frame.ID == 2]
    assert (bad.STATUS != "finished").all()
    assert bad[bad.TIME < 5].centre.notna().all()
    assert bad[bad.TIME > 6].centre.isna().all()
    assert sum(found.statuses.values()) == 3
    assert found.statuses["finished"] == 1


def test_an_output_that_is_no_number_is_a_status_too(pk: str, write: SimpleNamespace) -> None:
    dose = {"TIME": [0], "AMT": [1], "CMT": ["gut"]}
    found = write.course(pk, dose, cohort={"ID": [1, 2], "bottom": [0.0, 1.0]})
    assert dict(found.statuses) == {"finished": 1, "output_not_finite": 1}
    frame = found.table.to_pandas()
    assert frame[frame.ID == 1].odd.isna().all()
    assert frame[frame.ID == 1].centre.notna().all()


@pytest.mark.parametrize(
    ("patients", "expected"),
    [
        ({"CLL": [1.0]}, 'cohort: CLL: "CLL" is neither a parameter nor a species.*Did you mean "CL".*--covariates'),
        ({"C": [1.0]}, "The model computes it"),
        ({"ID": [1, 1], "CL": [1.0, 2.0]}, "one row for each patient, got \"1 twice\""),
        ({"CL": [1.0, None]}, "row 2: CL: expected a number, got nothing"),
        ({"CL": [1.0, float("inf")]}, "row 2: CL: expected a finite number"),
        ({"CL [mg]": [1.0]}, 'a unit that converts to "L/h", got "mg"'),
        ({"ID": [7], "CL": [1.0]}, "regimen: ID: expected a patient of the cohort"),
    ],
)  # fmt: skip
def test_patients_that_are_wrong_are_a_sentence(pk: str, patients: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        simulate_table(
            pk, cohort=patients, regimen={"ID": [1], "TIME": [0], "AMT": [1], "CMT": ["gut"]}, times="0, 1 h"
        )


def test_covariates_and_units_of_patients(pk: str, write: SimpleNamespace) -> None:
    dose = {"TIME": [0], "AMT": [100], "CMT": ["gut"]}
    plain = write.course(pk, dose, cohort={"CL": [3.0]})
    other = write.course(pk, dose, cohort={"CL [mL/min]": [50.0], "SEX": ["f"]}, covariates=["SEX"])
    assert_allclose(write.states(other), write.states(plain), rtol=1e-9)


def test_without_times_or_rows_to_look_at_there_is_nothing_to_do(pk: str) -> None:
    with pytest.raises(InputError, match="Give --times"):
        simulate_table(pk, regimen={"TIME": [0], "AMT": [1], "CMT": ["gut"]})
    with pytest.raises(InputError, match='outputs: the model has no "centr"'):
        simulate_table(pk, times="0, 1 h", outputs=["centr"])


def test_a_state_with_an_equation_of_its_own_can_be_infused(tmp_path: Path) -> None:
    path = tmp_path / "own.ant"
    path.write_text("model own\n x' = -k*x\n x = 0; k = 0.5\nend\n", encoding="utf-8")
    regimen = {"TIME": [1], "AMT": [12], "RATE": [3]}
    frame = simulate_table(path, regimen=regimen, times="0, 1, 4, 5, 7 day", tolerance=1e-9).table.to_pandas()
    filled = 6 * (1 - np.exp(-2.0))
    assert_allclose(frame.x, [0, 0, 6 * (1 - np.exp(-1.5)), filled, filled * np.exp(-1)], rtol=1e-7)


def test_sbml_is_as_good_as_antimony(pk: str, write: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "pk.xml"
    path.write_text(write_sbml(load_model(pk)), encoding="utf-8")
    regimen = {"TIME": [0, 3], "AMT": [100, 50], "CMT": ["gut", "centre"]}
    first, second = (write.course(model, regimen) for model in (pk, str(path)))
    assert second.units == first.units
    assert_allclose(write.states(second), write.states(first), rtol=1e-9)


def test_a_start_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "conc.ant"
    path.write_text(
        "model conc\n compartment b = 2; species x in b; x = 1; J: x -> ; x\nend\n", encoding="utf-8"
    )
    with pytest.raises(InputError, match="x gives the same start"):
        simulate_table(path, cohort={"x": [1.0], "x_amount": [2.0]}, times="0, 1 h")
