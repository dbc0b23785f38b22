"""Promises of populations: the same patients however many are asked for, moments as the file says, clear complaints."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offtarget.catalog import find, ids
from offtarget.errors import InputError
from offtarget.evidence import cite, sources
from offtarget.models.sbml import load_model
from offtarget.population import Population, load_population
from offtarget.units import same_dimension

GOOD = """title = "Somebody"
eligibility = ["age >= 18 year", "weight < 120 kg"]

[covariates]
age = { distribution = "normal", mean = 40, sd = 15, unit = "year", grade = "assumed", reason = "test" }
weight = { distribution = "lognormal", median = 75, log_sd = 0.2, unit = "kg", grade = "assumed", reason = "test" }
male = { distribution = "bernoulli", probability = 0.6, grade = "assumed", reason = "test" }

[parameters]
growth = { distribution = "lognormal", median = 1.2, log_sd = 0.3, unit = "1/month", grade = "assumed", reason = "so" }
kill = { distribution = "uniform", low = 1, high = 3, unit = "1/day", grade = "assumed", reason = "test" }
cells = { distribution = "poisson", mean = 2.5, unit = "cell", grade = "assumed", reason = "test" }
fixed = { value = 7, unit = "day", grade = "assumed", reason = "test" }

[[correlation]]
between = ["weight", "male"]
value = 0.5
grade = "assumed"
reason = "test"

[[correlation]]
between = ["kill", "growth"]
value = -0.4
grade = "assumed"
reason = "test"
"""
_MORE = '{ distribution = "uniform", low = 0, high = 1, unit = "", grade = "assumed", reason = "test" }'


def _load(folder: Path, text: str) -> Population:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_population(str(path))


@pytest.fixture
def good(tmp_path: Path) -> Population:
    return _load(tmp_path, GOOD)


@pytest.mark.parametrize("name", ids("populations"))
@given(n=st.integers(0, 30), first=st.integers(0, 10_000), seed=st.integers(0, 2**40))
def test_patient_17_is_the_same_patient_in_every_cohort(name: str, n: int, first: int, seed: int) -> None:
    people = load_population(name)
    whole, part = people.sample(n + 12, seed, first=first), people.sample(n, seed, first=first + 7)
    for column in whole.columns:
        np.testing.assert_array_equal(whole.column(column)[7 : 7 + n], part.column(column))
    assert part.patients.tolist() == list(range(first + 7, first + 7 + n))


def test_the_first_ten_of_a_thousand_are_the_ten_of_ten(good: Population) -> None:
    ten, thousand = good.sample(10, 7), good.sample(1000, 7)
    for column in ten.columns:
        np.testing.assert_array_equal(ten.column(column), thousand.column(column)[:10])


def test_another_seed_gives_other_patients(good: Population) -> None:
    assert not (good.sample(100, 1).column("kill") == good.sample(100, 2).column("kill")).any()


def test_a_new_parameter_changes_no_other_draw(good: Population, tmp_path: Path) -> None:
    more = _load(tmp_path, GOOD.replace("[parameters]", f"[parameters]\nnew = {_MORE}"))
    before, after = good.sample(300, 7), more.sample(300, 7)
    assert set(after.columns) - set(before.columns) == {"new"}
    for column in before.columns:
        np.testing.assert_array_equal(before.column(column), after.column(column))


def test_a_new_correlation_changes_only_what_it_ties(good: Population, tmp_path: Path) -> None:
    tie = '\n[[correlation]]\nbetween = ["cells", "new"]\nvalue = 0.6\ngrade = "assumed"\nreason = "test"\n'
    more = _load(tmp_path, GOOD.replace("[parameters]", f"[parameters]\nnew = {_MORE}") + tie)
    before, after = good.sample(300, 7), more.sample(300, 7)
    for column in set(before.columns) - {"cells"}:
        np.testing.assert_array_equal(before.column(column), after.column(column))


def test_moments_are_those_of_the_file(good: Population) -> None:
    """40,000 patients; each bound is five standard errors of the statistic it bounds."""
    people = good.sample(40_000, 7)
    n = people.size
    kill, cells, growth = people.column("kill"), people.column("cells"), people.column("growth") * 30.4375
    assert abs(kill.mean() - 2) < 5 * np.sqrt(1 / 3 / n)
    assert abs(kill.var() - 1 / 3) < 5 * np.sqrt((0.2 - 1 / 9) / n)
    assert abs(cells.mean() - 2.5) < 5 * np.sqrt(2.5 / n)
    assert abs(np.log(growth).mean() - np.log(1.2)) < 5 * 0.3 / np.sqrt(n)
    assert abs(np.log(growth).std() - 0.3) < 5 * 0.3 / np.sqrt(2 * n)
    assert (people.column("fixed") == 7).all()


def test_correlations_have_the_sign_and_size_of_the_file(good: Population, tmp_path: Path) -> None:
    """Uniform against normal scores: the rank correlation of a copula of -0.4 is 6/pi asin(-0.2)."""
    from scipy.stats import spearmanr

    people = good.sample(40_000, 7)
    expected = 6 / np.pi * np.arcsin(-0.4 / 2)
    found = spearmanr(people.column("kill"), people.column("growth")).statistic
    assert abs(found - expected) < 5 / np.sqrt(people.size)
    assert abs(spearmanr(people.column("kill"), people.column("cells")).statistic) < 5 / np.sqrt(people.size)
    male = people.column("male") == 1
    assert people.column("weight")[male].mean() > people.column("weight")[~male].mean() + 5


def test_everyone_enrolled_is_eligible_and_the_rest_is_as_it_would_be(good: Population) -> None:
    """Redrawing gives the distribution cut at the limit: 20,000 patients, five standard errors."""
    from scipy.stats import truncnorm

    people = good.sample(20_000, 3)
    age = people.column("age")
    assert age.min() >= 18
    assert people.column("weight").max() < 120
    cut = truncnorm((18 - 40) / 15, np.inf, 40, 15)
    assert abs(age.mean() - cut.mean()) < 5 * cut.std() / np.sqrt(age.size)


def test_columns_are_in_house_units(good: Population) -> None:
    people = good.sample(3, 1)
    assert people.units["growth"] == "1/day"
    assert people.units["age"] == "year"
    assert people.units["weight"] == "kg"
    assert people.units["cells"] == "cell"


def test_eligibility_nobody_meets_is_said_in_a_sentence(tmp_path: Path) -> None:
    people = _load(tmp_path, GOOD.replace("age >= 18 year", "age >= 900 year"))
    with pytest.raises(InputError, match=r"age >= 900 year.*Widen"):
        people.sample(5, 1)
    assert people.sample(0, 1).size == 0


@pytest.mark.parametrize(
    ("n", "seed", "first"), [(-1, 1, 0), (True, 1, 0), (5, -1, 0), (5, 1, -3), (5, 1, 2**32), (2.5, 1, 0)]
)
def test_a_number_of_patients_that_cannot_be_is_refused(
    good: Population, n: int, seed: int, first: int
) -> None:
    with pytest.raises(InputError, match="expected"):
        good.sample(n, seed, first=first)


@pytest.mark.parametrize("name", ids("populations"))
def test_every_number_in_the_catalogue_has_a_source_or_a_reason(name: str) -> None:
    people = load_population(name)
    assert cite(people)
    for one in people.variables:
        evidence = one.distribution.evidence
        assert evidence.source or evidence.note
        assert one.meaning


def test_citing_a_population_names_the_sources_of_its_correlations(tmp_path: Path) -> None:
    text = GOOD.replace(
        'value = 0.5\ngrade = "assumed"', 'value = 0.5\nevidence = "widmer2006"\ngrade = "assumed"'
    )
    assert "widmer2006" in sources(_load(tmp_path, text))


def test_newly_diagnosed_patients_fit_the_model_they_are_for() -> None:
    people, model = load_population("cml_newly_diagnosed"), load_model("cml")
    for one in people.variables:
        if not one.covariate:
            assert same_dimension(one.distribution.unit, model.unit(one.name)), one.name
    cohort = people.sample(20_000, 7)
    assert (cohort.column("P0") < model.parameter("K").value).all()
    adherence = cohort.column("adherence")
    assert abs(adherence.mean() - 0.91) < 0.005
    assert abs((adherence < 0.9).mean() - 0.264) < 0.03  # marin2010: 26 % took 90 % or less
    assert abs((adherence < 0.8).mean() - 0.14) < 0.03
    excess = cohort.column("kill_max") * 0.813 - cohort.column("growth")
    assert abs(np.median(excess) * 30.4375 - 1.72) < 0.02


_BARE = 'unit = "year", grade = "assumed"'
#: What was done to a good file: (name, old, new, words the complaint must hold).
CORRUPTED = [
    ("not TOML", "[covariates]", "[covariates", "TOML"),
    ("no title", 'title = "Somebody"', "", "title"),
    ("empty title", '"Somebody"', '"  "', "title"),
    ("title a number", '"Somebody"', "3", "title"),
    ("unknown key", "[covariates]", "colour = 1\n[covariates]", "colour"),
    ("misspelt table", "[covariates]", "[covariate]", "covariate"),
    ("covariates not a table", "[covariates]\n", 'covariates = "age"\n[other]\n', "covariates"),
    ("unknown shape", '"normal"', '"gaussian"', "gaussian"),
    ("no shape argument", "mean = 40, ", "", "mean"),
    ("extra argument", "mean = 40, ", "mean = 40, skew = 1, ", "skew"),
    ("negative sd", "sd = 15", "sd = -15", "sd"),
    ("text for a number", "sd = 15", 'sd = "15"', "sd"),
    ("not finite", "sd = 15", "sd = inf", "sd"),
    ("not a number", "sd = 15", "sd = nan", "sd"),
    ("boolean", "sd = 15", "sd = true", "sd"),
    ("negative median", "median = 75", "median = -75", "median"),
    ("impossible probability", "probability = 0.6", "probability = 1.6", "probability"),
    ("low above high", "low = 1, high = 3", "low = 3, high = 1", "low"),
    ("shape a list", '"normal"', '["normal"]', "distribution"),
    ("no unit", ', unit = "year"', "", "unit"),
    ("no unit on a rate", ', unit = "1/month"', "", "unit"),
    ("age in kilograms", 'unit = "year"', 'unit = "kg"', "unit"),
    ("unknown unit", '"1/month"', '"1/moon"', "1/moon"),
    ("unit that is code", '"1/month"', '"__import__"', "unit"),
    ("no grade", 'unit = "year", grade = "assumed"', 'unit = "year"', "grade"),
    ("unknown grade", 'unit = "year", grade = "assumed"', 'unit = "year", grade = "guessed"', "guessed"),
    ("assumed without a reason", 'unit = "year", grade = "assumed", reason = "test"', _BARE, "reason"),
    ("measured without a source", 'unit = "year", grade = "assumed"', 'unit = "year", grade = "measured"', "evidence"),
    ("unknown source", _BARE, 'unit = "year", grade = "measured", evidence = "nobody1900"', "nobody1900"),
    ("a name twice", "[parameters]", f"[parameters]\nage = {_MORE}", "age"),
    ("a bad name", "fixed =", '"not fixed" =', "not fixed"),
    ("a parameter that is a number", "fixed = {", "loose = 3\nfixed = {", "loose"),
    ("correlation with nobody", '["weight", "male"]', '["weight", "mail"]', "mail"),
    ("correlation with itself", '["weight", "male"]', '["weight", "weight"]', "between"),
    ("correlation of three", '["weight", "male"]', '["weight", "male", "age"]', "between"),
    ("correlation with a constant", '["weight", "male"]', '["weight", "fixed"]', "fixed"),
    ("correlation twice", '["kill", "growth"]', '["male", "weight"]', "between"),
    ("correlation of one", "value = 0.5", "value = 1", "value"),
    ("correlation without a value", "value = 0.5\n", "", "value"),
    ("correlation unknown key", "value = 0.5", "value = 0.5\nlag = 2", "lag"),
    ("correlation without a grade", 'value = 0.5\ngrade = "assumed"', "value = 0.5", "grade"),
    ("eligibility not a list", '["age >= 18 year", "weight < 120 kg"]', '"age >= 18 year"', "eligibility"),
    ("eligibility of nobody", "age >= 18 year", "ag >= 18 year", "ag"),
    ("eligibility without a unit", "age >= 18 year", "age >= 18", "unit"),
    ("eligibility of another dimension", "age >= 18 year", "age >= 18 kg", "kg"),
    ("eligibility without a number", "age >= 18 year", "age >= old", "old"),
    ("eligibility too large", "age >= 18 year", "age >= 1e999 year", "1e999"),
    ("eligibility not a bound", "age >= 18 year", "age about 18 year", "age about 18 year"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "word"), [one[1:] for one in CORRUPTED], ids=[one[0] for one in CORRUPTED]
)
def test_a_wrong_file_gives_one_sentence_that_names_file_and_key(
    tmp_path: Path, old: str, new: str, word: str
) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        _load(tmp_path, GOOD.replace(old, new, 1))
    said = str(caught.value)
    assert said.startswith("mine.toml")
    assert word in said
    assert "\n" not in said
    assert len(said) < 600


def test_correlations_no_patients_can_have_are_refused_with_file_and_names(tmp_path: Path) -> None:
    ties = "".join(
        f'\n[[correlation]]\nbetween = {pair}\nvalue = {value}\ngrade = "assumed"\nreason = "test"\n'
        for pair, value in (('["kill", "age"]', 0.9), ('["growth", "age"]', 0.9))
    )
    with pytest.raises(InputError, match=r"mine\.toml: correlation of age, growth, kill.*positive definite"):
        _load(tmp_path, GOOD + ties)


def test_a_population_that_is_not_there_is_said_with_its_neighbours() -> None:
    with pytest.raises(InputError, match=r'Did you mean "cml_newly_diagnosed"\?'):
        load_population("cml_newly_diagnozed")


def test_the_catalogue_holds_the_population_the_trials_use() -> None:
    assert find("populations", "cml_newly_diagnosed").is_file()
