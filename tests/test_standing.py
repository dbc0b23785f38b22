"""Resistant cells at diagnosis: against the theory of Luria and Delbrueck, a slow twin in time, promises of draws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import binomtest, chisquare

from offtarget.arrays.cohort import Cohort
from offtarget.errors import InputError
from offtarget.evidence import sources
from offtarget.models.model import Model
from offtarget.models.sbml import load_model
from offtarget.population import Population, load_population
from offtarget.randomness import stream
from offtarget.standing import born_before, check_standing, with_standing

Floats = NDArray[np.float64]
MANY = 40_000
LOAD = 1e6
#: Each test of a law rejects a true one this often; its seed is fixed, so it fails always or never.
ERROR = 1e-3


def drawn(
    births: float, fitness: float, *, turnover: float = 1.0, load: float = LOAD, n: int = MANY
) -> Floats:
    """Cells of n patients in whom so many mutants are expected to be born."""
    flat = np.ones(n)
    return born_before(
        stream(3, "standing", "one"), np.arange(n, dtype=np.uint64), load * flat,
        mutation=births / ((load - 1) * turnover) * flat, fitness=fitness * flat, turnover=turnover,
    )  # fmt: skip


def families(fitness: float, most: int) -> Floats:
    """The law of a family's size when the load at its birth is uniform: Yule and Simon's, of exponent 1 / fitness."""
    size = np.arange(1, most + 1)
    return np.concatenate([[0.0], np.exp(betaln(1 + 1 / fitness, size)) / fitness])


def luria(births: float, fitness: float, most: int) -> Floats:
    """The law of all cells, a Poisson number of families: Panjer's recursion."""
    sizes, law = families(fitness, most), np.zeros(most + 1)
    law[0] = np.exp(-births)
    for n in range(1, most + 1):
        j = np.arange(1, n + 1)
        law[n] = births / n * (j * sizes[j] * law[n - j]).sum()
    return law


def test_the_law_of_lea_and_coulson_is_the_one_of_equal_growth() -> None:
    """Their recursion, as Ma, Sandri and Sarkar (1992) wrote it, is Panjer's for fitness 1."""
    m, law = 1.3, luria(1.3, 1.0, 40)
    theirs = [np.exp(-m)]
    for n in range(1, 41):
        theirs.append(m / n * sum(theirs[i] / (n - i + 1) for i in range(n)))
    np.testing.assert_allclose(law, theirs, rtol=1e-12)


@pytest.mark.parametrize("fitness", [1.0, 0.574, 0.25])
@pytest.mark.parametrize("births", [0.02, 1.3])
def test_the_cells_at_diagnosis_follow_the_law_of_luria_and_delbrueck(births: float, fitness: float) -> None:
    found, law = drawn(births, fitness), luria(births, fitness, 25)
    most = int(np.flatnonzero(law * MANY >= 10)[-1])  # bins that hold ten patients or more are expected to
    law = np.append(law[: most + 1], 1 - law[: most + 1].sum())
    counts = np.bincount(np.minimum(found, most + 1).astype(int), minlength=most + 2)
    assert found.shape == (MANY,) and (found == np.floor(found)).all()
    assert chisquare(counts, law * MANY).pvalue > ERROR


@pytest.mark.parametrize("births", [0.0065, 0.3, 2.0])
def test_the_chance_of_no_mutant_is_that_of_no_birth(births: float) -> None:
    none = int((drawn(births, 0.574) == 0).sum())
    assert binomtest(none, MANY, np.exp(-births)).pvalue > ERROR


def test_mutants_of_no_growth_are_a_poisson_count() -> None:
    found = drawn(0.8, 0.0)
    assert found.mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.8 / MANY))
    assert found.var() == pytest.approx(0.8, rel=0.05)


@pytest.mark.parametrize("turnover", [1.0, 1.4, 4.0])
def test_families_that_also_die_have_kendalls_generating_function(turnover: float) -> None:
    """A family's: 1 - 1/((1/(1 - z) - turnover)/G + turnover) with G its mean; averaged over where it was born."""
    births, fitness = 1.0, 0.6
    found = drawn(births, fitness, turnover=turnover)
    at = (np.arange(200_000) + 0.5) / 200_000  # load at birth over load at diagnosis
    grown = at**-fitness
    for z in (0.0, 0.3, 0.8, 0.95):
        family = 1 - 1 / ((1 / (1 - z) - turnover) / grown + turnover)
        expected = np.exp(births * (family.mean() - 1))
        values = z**found
        assert values.mean() == pytest.approx(expected, abs=3.5 * values.std() / np.sqrt(MANY))


def test_any_course_in_time_gives_the_same_cells() -> None:
    """The slow twin: logistic growth in small steps of time to 95 % of the room, mutants braked as the wild type is."""
    room, load, births, fitness, n = 2000.0, 1900.0, 1.2, 0.7, 20_000
    rng, step = np.random.default_rng(8), 0.005

    def size(time: float) -> float:
        return float(room / (1 + (room - 1) * np.exp(-time)))

    mutants, time = np.zeros(n, np.int64), 0.0
    end = float(np.log((room - 1) * load / (room - load)))
    while time < end:
        until = min(time + step, end)
        brake = 1 - size((time + until) / 2) / room
        living = np.flatnonzero(mutants)
        stays = np.exp(-fitness * brake * (until - time))
        mutants[living] += rng.negative_binomial(mutants[living], stays)
        mutants += rng.poisson(births * (size(until) - size(time)) / (load - 1), n)
        time = until
    found = drawn(births, fitness, load=load)
    edges = [0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 50, np.inf]
    slow, fast = (np.histogram(one, edges)[0] for one in (mutants, found))
    pooled = (slow + fast) / (n + MANY)
    statistic = sum(
        (((one - size * pooled) ** 2) / (size * pooled)).sum() for one, size in ((slow, n), (fast, MANY))
    )
    from scipy.stats import chi2

    assert chi2.sf(statistic, pooled.size - 1) > ERROR


def test_more_mutation_or_a_larger_load_never_gives_a_patient_fewer_cells() -> None:
    few = drawn(0.5, 0.6)
    assert (drawn(0.7, 0.6) >= few).all()
    luck, who, flat = stream(3, "standing", "one"), np.arange(MANY, dtype=np.uint64), np.ones(MANY)
    rate = 0.5 / (LOAD - 1)
    more = born_before(luck, who, 1.3 * LOAD * flat, mutation=rate * flat, fitness=0.6 * flat, turnover=1.0)
    assert (more >= few).all() and (more > few).any()


# --- in a population


@pytest.fixture(scope="module")
def cml() -> Model:
    return load_model("cml")


@pytest.fixture(scope="module")
def people() -> Population:
    return load_population("cml_newly_diagnosed")


def enrolled(people: Population, model: Model, n: int, first: int = 0) -> Cohort:
    assert people.standing is not None
    return with_standing(people.standing, people.sample(n, 7, first=first), model, 7)


def mutated(model: Model, factor: float) -> Model:
    """The model with mutation so much more frequent that many patients have mutants."""
    return replace(
        model,
        parameters=tuple(
            replace(one, value=one.value * factor) if one.id.startswith("mu_") else one
            for one in model.parameters
        ),
    )


def test_every_resistant_clone_is_drawn_and_about_two_patients_in_a_hundred_have_one(
    people: Population, cml: Model
) -> None:
    cohort = enrolled(people, cml, 50_000)
    cells = np.stack([cohort.column(f"initial_{clone}") for clone in cml.clones[1:]])
    assert (cells == np.floor(cells)).all() and (cells >= 0).all()
    assert "initial_wt" not in cohort.columns
    births = sum(cml.parameter(f"mu_{clone}").value for clone in cml.clones[1:]) * cohort.column("P0").mean()
    with_any = int((cells.sum(axis=0) > 0).sum())
    assert binomtest(with_any, 50_000, 1 - np.exp(-births)).pvalue > ERROR


def test_any_division_of_the_patients_gives_the_same_cells(people: Population, cml: Model) -> None:
    model = mutated(cml, 200)
    whole = enrolled(people, model, 700)
    parts = Cohort.joined([enrolled(people, model, 300), enrolled(people, model, 400, first=300)])
    for clone in cml.clones[1:]:
        np.testing.assert_array_equal(whole.column(f"initial_{clone}"), parts.column(f"initial_{clone}"))
    assert (whole.column("initial_T315I") > 1).sum() > 50


def test_another_clone_in_the_table_changes_no_draw_of_the_others(people: Population, cml: Model) -> None:
    model = mutated(cml, 200)
    fewer = replace(model, clones=("wt", "F317L", "T315I"))
    one, other = enrolled(people, model, 500), enrolled(people, fewer, 500)
    for clone in ("T315I", "F317L"):
        np.testing.assert_array_equal(one.column(f"initial_{clone}"), other.column(f"initial_{clone}"))
    assert "initial_M244V" not in other.columns
    assert (one.column("initial_T315I") != one.column("initial_F317L")).any()


def test_cells_that_the_population_gives_itself_stand(people: Population, cml: Model) -> None:
    assert people.standing is not None
    cohort = people.sample(50, 7).with_columns({"initial_T315I": np.full(50, 3.0)}, {"initial_T315I": "cell"})
    drawn = with_standing(people.standing, cohort, cml, 7)
    assert (drawn.column("initial_T315I") == 3).all()
    assert "initial_M244V" in drawn.columns


def test_a_population_that_samples_growth_or_mutation_is_drawn_with_its_own(
    people: Population, cml: Model
) -> None:
    assert people.standing is not None
    cohort = people.sample(400, 7)
    rate = np.where(np.arange(400) < 200, 0.0, 1e-5)
    given = cohort.with_columns({"mu_T315I": rate}, {"mu_T315I": ""})
    cells = with_standing(people.standing, given, cml, 7).column("initial_T315I")
    assert not cells[:200].any() and (cells[200:] > 0).mean() > 0.95


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mu_T315I", -1e-9, "from 0 to 1"), ("mu_T315I", 1.5, "from 0 to 1"), ("mu_T315I", 0.1, "at most 10000"),
        ("mu_T315I", np.nan, "from 0 to 1"), ("fitness_T315I", 1.2, "from 0 to 1"), ("fitness_T315I", -0.1, "growth"),
        ("fitness_T315I", np.nan, "growth"), ("P0", np.inf, "at most 10000"),
    ],
)  # fmt: skip
def test_what_the_theory_is_not_about_is_refused_in_a_sentence(
    people: Population, cml: Model, name: str, value: float, words: str
) -> None:
    assert people.standing is not None
    cohort = people.sample(3, 7).with_columns({name: np.full(3, value)}, {name: ""})
    with pytest.raises(InputError, match=words):
        with_standing(people.standing, cohort, cml, 7)


_GOOD = (Path(__file__).parents[1] / "src/offtarget/catalog/populations/cml_newly_diagnosed.toml").read_text(
    encoding="utf-8"
)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('load = "P0"\n', "", "standing: load"),
        ('cells = "initial_{clone}"', 'cells = "initial_T315I"', "clone"),
        ("turnover = { value = 1,", "turnover = { value = 0.5,", "one or more"),
        ('mutation = "mu_{clone}"', "mutation = 4e-8", "mutation"),
        ("[standing]", '[standing]\ncolour = "red"', "colour"),
        ('evidence = "houchmandzadeh2015"', 'evidence = "houchmandzade2015"', "Did you mean"),
    ],
)
def test_a_standing_table_that_makes_no_sense_is_refused(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in _GOOD
    path = tmp_path / "mine.toml"
    path.write_text(_GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_population(str(path))


def test_a_model_that_lacks_the_names_is_refused_before_anything_runs(people: Population, cml: Model) -> None:
    assert people.standing is not None
    check_standing(people.standing, cml, where="people.toml")
    with pytest.raises(InputError, match='no "mutation_M244V"'):
        check_standing(replace(people.standing, mutation="mutation_{clone}"), cml, where="people.toml")
    with pytest.raises(InputError, match=r'no "P_0".*Did you mean "P0"'):
        check_standing(replace(people.standing, load="P_0"), cml, where="people.toml")
    with pytest.raises(InputError, match="which has none"):
        check_standing(people.standing, load_model("hahnel2020"), where="people.toml")


def test_citing_a_population_names_the_source_of_its_standing_variation(people: Population) -> None:
    assert "houchmandzadeh2015" in sources(people)
