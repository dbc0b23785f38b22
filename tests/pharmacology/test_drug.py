"""The drug as given, and how a population handles it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.catalog import find
from offtarget.errors import InputError
from offtarget.evidence import Grade, cite, sources
from offtarget.pharmacology.drug import Drug, load_drug, pharmacokinetic_troughs
from offtarget.population import load_population

COLUMNS = {"CL": "L/day", "V": "L", "ka": "1/day", "fu": "", "molar_mass": "g/mol", "adherence": ""}
GOOD = find("drugs", "imatinib").read_text(encoding="utf-8")


def test_troughs_at_400_mg_have_the_mean_and_sd_of_larson(imatinib: Drug, cohort: Cohort) -> None:
    found = pharmacokinetic_troughs(imatinib, cohort, dose=400, interval=1.0, seed=11)
    assert found.mean() == pytest.approx(979, rel=0.03)  # standard error of the mean at 20000 patients: 0.4 %
    assert found.std(ddof=1) == pytest.approx(530, rel=0.05)  # and of the SD: about 1.5 %


def test_what_800_mg_gives_is_what_the_drugs_page_says(imatinib: Drug, cohort: Cohort) -> None:
    split = np.median(pharmacokinetic_troughs(imatinib, cohort, dose=400, interval=0.5, seed=11))
    once = np.median(pharmacokinetic_troughs(imatinib, cohort, dose=800, interval=1.0, seed=11))
    note = next(note for note in imatinib.notes if "800 mg" in note)
    assert split == pytest.approx(2220, rel=0.02) and "about 2220" in note
    assert once == pytest.approx(1730, rel=0.02) and "about 1730" in note


def test_the_recentring_is_stated_as_fitted_with_its_target(imatinib: Drug) -> None:
    for factor in (imatinib.clearance.factor, imatinib.clearance.log_sd_factor):
        assert factor.value != 1
        assert factor.evidence.grade is Grade.FITTED and factor.evidence.source == "larson2008"
        assert factor.evidence.note
    assert imatinib.volume.factor.value == 1 == imatinib.volume.log_sd_factor.value


def test_residual_error_widens_troughs_and_leaves_their_mean(imatinib: Drug, cohort: Cohort) -> None:
    exact = pharmacokinetic_troughs(imatinib, cohort, dose=400, interval=1.0, seed=11, residual=False)
    measured = pharmacokinetic_troughs(imatinib, cohort, dose=400, interval=1.0, seed=11)
    error = measured / exact
    assert np.all(measured > 0)
    assert error.mean() == pytest.approx(1, abs=0.01)  # standard error 0.0022
    assert error.std() == pytest.approx(0.3138, rel=0.05)
    assert abs(np.corrcoef(np.log(error), np.log(exact))[0, 1]) < 0.03  # standard error 0.007


def test_clearance_and_volume_vary_and_go_together_as_published(imatinib: Drug, cohort: Cohort) -> None:
    male, age, weight = (cohort.column(name) for name in ("male", "age", "weight"))
    sign = 2 * male - 1
    typical = 14.3 + 5.42 * (weight - 70) / 70 + 1.49 * sign - 5.81 * (age - 50) / 50 + 0.806
    clearance = np.log(cohort.column("CL_imatinib") / 24 / (imatinib.clearance.factor.value * typical))
    volume = np.log(cohort.column("V_imatinib") / (347 + 46.2 * sign))
    assert (
        clearance.std() == pytest.approx(0.356 * imatinib.clearance.log_sd_factor.value, rel=0.03)
        and abs(clearance.mean()) < 0.015
    )
    assert volume.std() == pytest.approx(0.629, rel=0.03) and abs(volume.mean()) < 0.025
    assert np.corrcoef(clearance, volume)[0, 1] == pytest.approx(0.798, abs=0.015)


def test_men_clear_more_and_the_old_less(imatinib: Drug, people: Cohort) -> None:
    def mean(**covariates: float) -> float:
        columns = {name: np.full(people.size, value) for name, value in covariates.items()}
        return float(imatinib.sample(people.with_columns(columns, {}), 1).column("CL_imatinib").mean())

    base = mean(male=0.0, age=50.0, weight=70.0)
    assert mean(male=1.0, age=50.0, weight=70.0) > base > mean(male=0.0, age=70.0, weight=70.0)
    assert mean(male=0.0, age=50.0, weight=90.0) > base


def test_a_sampled_cohort_has_the_drugs_columns_in_house_units(imatinib: Drug, cohort: Cohort) -> None:
    for name, unit in COLUMNS.items():
        assert cohort.units[f"{name}_imatinib"] == unit
        assert np.all(cohort.column(f"{name}_imatinib") > 0), name
    assert np.all(cohort.column("ka_imatinib") == pytest.approx(0.609 * 24))
    fu = cohort.column("fu_imatinib")
    assert np.median(fu) == pytest.approx(0.05, rel=0.02) and fu.max() <= 1
    assert np.array_equal(cohort.column("adherence_imatinib"), cohort.column("adherence"))


def test_without_an_adherence_column_every_dose_is_taken(imatinib: Drug, people: Cohort) -> None:
    few = people.take(np.arange(5))
    bare = Cohort(few.patients, {k: v for k, v in few.columns.items() if k != "adherence"}, few.units)
    assert np.all(imatinib.sample(bare, 1).column("adherence_imatinib") == 1)


def test_the_first_ten_of_a_thousand_are_the_ten_of_ten(imatinib: Drug) -> None:
    population = load_population("cml_newly_diagnosed")
    few, many = (imatinib.sample(population.sample(n, 5), 5) for n in (10, 1000))
    for name in COLUMNS:
        column = f"{name}_imatinib"
        assert np.array_equal(few.column(column), many.column(column)[:10])


def test_another_drug_draws_its_own_luck(imatinib: Drug, second: Drug, people: Cohort) -> None:
    both = second.sample(imatinib.sample(people, 3), 3)
    ratio = [np.log(both.column(f"CL_{drug}")) for drug in ("imatinib", "second")]
    same_covariates = 0.25  # what shared sex, age and weight explain
    assert np.corrcoef(*ratio)[0, 1] < same_covariates


def test_a_cohort_without_a_covariate_is_one_sentence(imatinib: Drug, people: Cohort) -> None:
    bare = Cohort(people.patients, {"male": people.column("male")}, {"male": ""})
    with pytest.raises(InputError, match='the cohort has no "weight"'):
        imatinib.sample(bare, 1)


def test_covariates_that_give_no_clearance_are_refused(imatinib: Drug, people: Cohort) -> None:
    old = people.with_columns({"age": np.full(people.size, 400.0)}, {})
    with pytest.raises(InputError, match="expected covariates that give more than zero"):
        imatinib.sample(old, 1)


def test_every_number_of_a_drug_has_a_source(imatinib: Drug) -> None:
    assert {"widmer2006", "larson2008", "kretz2004", "davis2011", "leighow2020"} <= set(sources(imatinib))
    assert len(cite(imatinib)) == len(sources(imatinib))
    assert all(parameter.evidence is not None for parameter in imatinib.typical().values())


BAD = {
    "no unit": ('value = 493.603, unit = "g/mol"', "value = 493.603"),
    "wrong dimension": ('value = 0.609, unit = "1/h"', 'value = 0.609, unit = "L/h"'),
    "negative": ('value = 0.609, unit = "1/h"', 'value = -0.609, unit = "1/h"'),
    "structure": ('structure = "one_compartment_oral"', 'structure = "two_compartment"'),
    "dose in a volume": ('dose_unit = "mg"', 'dose_unit = "mL"'),
    "exposure": ('exposure = "averaged"', 'exposure = "instant"'),
    "targets": ('targets = "imatinib"', 'targets = "imatinb"'),
    "formula": ("14.3 + 5.42*(weight", "14.3 + 5.42*((weight"),
    "covariate in a formula": ("5.42*(weight - 70)", "5.42*(height - 70)"),
    "reference covariate": ("gist = { value = 0,", "gits = { value = 0,"),
    "correlation": ("correlation = { value = 0.798", "correlation = { value = 1.2"),
    "log sd": ("log_sd = { value = 0.629", "log_sd = { value = -0.629"),
    "residual": ("residual = { value = 0.3138", "residual = { value = -0.3"),
    "free fraction": ("median = 0.05", "median = 1.05"),
    "source": (
        'evidence = "widmer2006", grade = "measured" }',
        'evidence = "widmer2007", grade = "measured" }',
    ),
    "grade": ('grade = "measured", reason = "free base"', 'grade = "certain", reason = "free base"'),
    "unknown key": ('name = "imatinib"', 'name = "imatinib"\nbrand = "none"'),
    "not TOML": ('name = "imatinib"', "name = imatinib"),
    "not finite": ("value = 493.603", "value = inf"),
}


@pytest.mark.parametrize("slip", BAD)
def test_a_slip_in_a_drug_file_is_one_sentence(slip: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    old, new = BAD[slip]
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_drug(str(path))
    said = str(caught.value)
    assert "\n" not in said and said.endswith((".", "?")) and len(said) < 600


def test_a_users_own_drug_loads_and_a_file_named_like_no_word_does_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_drug(str(path)).id == "mine"
    path = tmp_path / "not-mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(InputError, match="named like a word"):
        load_drug(str(path))
