"""Which clones a drug holds: against the profile in numbers, against the equations run in time, and in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Schedule
from offtarget.catalog import find, ids
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError
from offtarget.evidence import sources
from offtarget.models.model import Model
from offtarget.models.sbml import load_model
from offtarget.pharmacology.drug import Drug, load_drug
from offtarget.pharmacology.held import CloneTable, held_clones
from offtarget.pharmacology.mechanism import load_mechanism, treat
from offtarget.pharmacology.profile import steady_state_concentration
from offtarget.population import load_population
from offtarget.reports.pages import load, page, plain

DOSES = (300.0, 400.0, 600.0, 800.0)


@pytest.fixture(scope="module")
def patient(imatinib: Drug) -> Cohort:
    return imatinib.median(load_population("cml_newly_diagnosed").median())


@pytest.fixture(scope="module")
def table(imatinib: Drug, cml: Model, patient: Cohort) -> CloneTable:
    return held_clones(imatinib, cml, patient, said="somebody")


def test_every_clone_of_the_model_stands_there_at_every_dose(table: CloneTable, cml: Model) -> None:
    assert tuple(row.clone for row in table.rows) == cml.clones
    assert tuple(table.free_average) == ("300 mg", "400 mg", "600 mg", "800 mg")
    for row in table.rows:
        assert tuple(row.effects) == tuple(row.kill) == tuple(row.held) == tuple(table.free_average)
    assert "G250E" in table.elsewhere and "T315I" not in table.elsewhere


def test_the_effect_is_the_mean_over_an_interval_of_the_profile_in_numbers(
    table: CloneTable, imatinib: Drug, patient: Cohort
) -> None:
    """The slow twin: the concentrations of ``profile`` at many instants, the last two doses taken or missed."""
    taken = float(patient.column("adherence_imatinib")[0])
    free = 1e6 * float(patient.column("fu_imatinib")[0]) / imatinib.molar_mass.to("g/mol")  # nM for each mg/L
    instants = (np.arange(4000) + 0.5) / 4000
    for row in table.rows:
        for dose in DOSES:
            mean = 0.0
            for last in (0.0, 1.0):
                for before in (0.0, 1.0):
                    chance = (taken if last else 1 - taken) * (taken if before else 1 - taken)
                    found = steady_state_concentration(
                        imatinib.kinetics(patient), dose=dose, interval=1.0, fraction=instants,
                        taken=(last, before), adherence=taken,
                    )  # fmt: skip
                    relative = (free * found / row.sensitivity.free.value) ** row.sensitivity.hill.value
                    mean += chance * float((relative / (1 + relative)).mean())
            expected = 0.0 if row.sensitivity.insensitive else mean
            assert row.effects[f"{dose:g} mg"] == pytest.approx(expected, abs=1e-4), (row.clone, dose)


def test_a_clone_is_held_where_its_cells_fall_when_the_equations_are_run(
    table: CloneTable, imatinib: Drug, cml: Model, patient: Cohort
) -> None:
    model = treat(cml, [imatinib], [load_mechanism("on_target_kill")])
    n, names = len(DOSES), model.names()
    columns = {name: np.repeat(values, n) for name, values in patient.columns.items() if name in names}
    columns |= {f"initial_{clone}": np.ones(n) for clone in cml.clones[1:]}
    columns |= {
        "P0": np.ones(n), "K": np.full(n, 1e12), "on_immunity": np.zeros(n), "deactivation": np.zeros(n),
        "dose_imatinib": np.array(DOSES), "interval_imatinib": np.ones(n),
    }  # fmt: skip
    people = Cohort(np.arange(n, dtype=np.uint64), columns, dict.fromkeys(columns, ""))
    run = simulate_reference(model, people, Schedule.empty(n), times=[0.0, 20.0], tolerance=1e-10)
    for row in table.rows:
        cells = run.of(f"P_{row.clone}")
        rate = np.log(cells[:, 1] / cells[:, 0]) / 20.0
        for label, found in zip(row.held, rate, strict=True):
            assert row.growth - row.kill[label] == pytest.approx(found, abs=1e-6)
            assert row.held[label] == (found < 0)


def test_more_of_the_drug_never_lets_a_clone_go_and_nothing_holds_an_insensitive_one(
    table: CloneTable,
) -> None:
    for row in table.rows:
        effects, held = list(row.effects.values()), list(row.held.values())
        assert effects == sorted(effects) and held == sorted(held)
        if row.sensitivity.insensitive:
            assert not any(effects) and not any(held)
    held_at_400 = {row.clone for row in table.rows if row.held["400 mg"]}
    assert "wt" in held_at_400 and not {"T315I", "E255V", "Y253H", "E255K"} & held_at_400


def test_the_median_of_many_patients_is_the_median_patients(imatinib: Drug) -> None:
    """Columns drawn for many patients have the medians of the one, age and weight apart, which move clearance."""
    people = load_population("cml_newly_diagnosed")
    one = imatinib.median(people.median())
    many = imatinib.sample(people.sample(20_000, 3), 3)
    for name in ("CL_imatinib", "V_imatinib", "fu_imatinib", "adherence_imatinib", "age", "kill_max"):
        assert np.median(many.column(name)) == pytest.approx(float(one.column(name)[0]), rel=0.12), name
    assert one.column("male")[0] == 1


def test_the_page_and_the_data_say_who_is_held_and_from_which_source(table: CloneTable) -> None:
    noun = load("clone", "imatinib")
    text, data = page(noun), plain(noun)
    assert "| T315I | 5885 | 2001 | 7.496 | 0.574 |" in text
    assert "T315I is insensitive" in text and "What is assumed" in text
    assert text.count(" held |") == sum(sum(row.held.values()) for row in noun.rows)
    for key in ("leighow2020", "hahnel2020", "kretz2004", "widmer2006"):
        assert f"[{key}]" in text and key in sources(noun)
    assert data["rows"][1]["clone"] == "M244V" and data["rows"][1]["held"]["400 mg"] is True
    assert data["rows"][0]["sensitivity"]["free"]["evidence"]["grade"] == "derived"
    assert table.rows[3].effects == pytest.approx(noun.rows[3].effects)


def test_a_drug_without_a_table_of_clones_gets_a_sentence(
    imatinib: Drug, cml: Model, patient: Cohort
) -> None:
    bare = replace(imatinib, targets=replace(imatinib.targets, clones={}, clone_target=""))
    with pytest.raises(InputError, match=r"drug imatinib: expected one with a table of clones, got \"none\""):
        held_clones(bare, cml, patient, said="somebody")
    kit = replace(imatinib, targets=replace(imatinib.targets, clone_target="KIT"))
    with pytest.raises(InputError, match="a table of KIT clones"):
        held_clones(kit, cml, patient, said="somebody")


def test_a_drug_that_names_no_doses_is_looked_at_where_troughs_were_published_or_not_at_all(
    imatinib: Drug, cml: Model, patient: Cohort
) -> None:
    silent = replace(imatinib, daily_doses=())
    assert tuple(held_clones(silent, cml, patient, said="x").free_average) == ("400 mg", "800 mg")
    with pytest.raises(InputError, match="Add daily_doses"):
        held_clones(replace(silent, observed=()), cml, patient, said="somebody")


def test_a_model_without_growth_by_name_gets_a_sentence(imatinib: Drug, cml: Model, patient: Cohort) -> None:
    renamed = replace(
        cml, parameters=tuple(replace(one, id=one.id.replace("fitness_wt", "vigour_wt")) for one in cml.parameters)
    )  # fmt: skip
    with pytest.raises(InputError, match='no "fitness_wt", so growth is not known'):
        held_clones(imatinib, renamed, patient, said="somebody")


@pytest.mark.parametrize(
    ("doses", "words"),
    [('["400"]', "daily_doses"), ('["0 mg"]', "different doses above zero"), ('["400 mg", "0.4 g"]', "different"),
     ('"400 mg"', "list of texts"), ('["400 nM"]', "daily_doses")],
)  # fmt: skip
def test_daily_doses_that_make_no_sense_are_refused(tmp_path: Path, doses: str, words: str) -> None:
    text = find("drugs", "imatinib").read_text(encoding="utf-8")
    good = 'daily_doses = ["300 mg", "400 mg", "600 mg", "800 mg"]'
    assert good in text
    (tmp_path / "mine.toml").write_text(text.replace(good, f"daily_doses = {doses}"), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_drug(str(tmp_path / "mine.toml"))


def test_a_users_own_drug_is_looked_at_like_any_other(tmp_path: Path) -> None:
    text = find("drugs", "imatinib").read_text(encoding="utf-8")
    (tmp_path / "twin.toml").write_text(text, encoding="utf-8")
    mine = load_drug(str(tmp_path / "twin.toml"))
    model, people = load_model("cml"), load_population("cml_newly_diagnosed")
    found = held_clones(mine, model, mine.median(people.median()), said="somebody")
    assert [row.effects for row in found.rows] == [row.effects for row in load("clone", "imatinib").rows]
    assert "imatinib" in ids("drugs")
