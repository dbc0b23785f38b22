"""Clones are rows of a table: nine in the catalogue, as many as a user likes in a table of their own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from offtarget.arrays.schedule import Schedule
from offtarget.catalog import find, ids
from offtarget.engine.reference import simulate_reference
from offtarget.errors import InputError
from offtarget.models.dimensions import raise_on_bad_dimensions
from offtarget.models.model import Model
from offtarget.models.sbml import load_model
from offtarget.pharmacology.drug import load_drug
from offtarget.pharmacology.mechanism import load_mechanism, mechanisms_for, treat

#: Growth without drug, and share among resistance mutations, as tabulated by leighow2020.
PUBLISHED = {
    "M244V": (0.495, 0.038), "Y253H": (0.586, 0.055), "E255K": (0.554, 0.13), "E255V": (0.548, 0.0046),
    "T315I": (0.574, 0.18), "F317L": (0.626, 0.077), "M351T": (0.522, 0.055), "F359V": (0.482, 0.0092),
}  # fmt: skip
ANY_RESISTANCE = 4e-8  # a division, michor2005


@pytest.fixture
def thirty(tmp_path: Path) -> Model:
    """The cml model with a user's own table of thirty clones: the catalogue's nine, and others that differ little."""
    for path in find("models", "cml").parent.iterdir():
        shutil.copy(path, tmp_path)
    with (tmp_path / "clones.csv").open("a", encoding="utf-8") as table:
        table.writelines(f"X{number},{0.4 + 0.02 * number:.2f},1,1e-10\n" for number in range(21))
    return load_model(str(tmp_path / "cml.ant.j2"))


def test_the_catalogues_clones_carry_the_published_growth_and_share_of_mutations() -> None:
    model = load_model("cml")
    assert model.clones == ("wt", *PUBLISHED)
    assert (model.parameter("fitness_wt").value, model.parameter("mu_wt").value) == (1, 0)
    for clone, (growth, share) in PUBLISHED.items():
        assert model.parameter(f"fitness_{clone}").value == growth
        assert model.parameter(f"mu_{clone}").value == pytest.approx(ANY_RESISTANCE * share, rel=1e-12)


def test_every_drug_with_a_clone_table_knows_every_clone_of_the_models_it_acts_in() -> None:
    drugs = [drug for drug in map(load_drug, ids("drugs")) if drug.targets.clones]
    models = [model for model in map(load_model, ids("models")) if model.clones]
    assert drugs and models
    for drug in drugs:
        for model in models:
            assert set(model.clones) <= set(drug.targets.clones), (drug.id, model.id)


def test_a_table_of_thirty_clones_is_treated_and_its_dimensions_agree(thirty: Model) -> None:
    imatinib = load_drug("imatinib")
    rows = {clone: replace(imatinib.targets.sensitivity("F317L"), clone=clone) for clone in thirty.clones}
    profile = replace(imatinib.targets, clones={**rows, **imatinib.targets.clones})
    drug = replace(imatinib, targets=profile)
    model = treat(thirty, [drug], mechanisms_for(thirty, [drug]))
    raise_on_bad_dimensions(model)
    names = model.names()
    assert len(thirty.clones) == 30
    for clone in thirty.clones:
        assert {f"kill_drug_{clone}_treated", f"occupancy_BCR_ABL1_{clone}", f"mu_{clone}"} <= names


def test_clones_nobody_has_change_nothing_for_those_they_have(thirty: Model, write: SimpleNamespace) -> None:
    patients = write.cohort(2, initial_T315I=np.array([0.0, 1e4]), kill_drug_wt=np.array([0.09, 0.09]))
    days = np.linspace(0.0, 900.0, 10)
    many, few = (
        simulate_reference(model, patients, Schedule.empty(2), times=days, tolerance=1e-10)
        for model in (thirty, load_model("cml"))
    )
    assert few.of("P_T315I")[1, -1] > 1
    for name in ("bcr_abl1", "P_wt", "P_T315I", "T", "R"):
        assert_allclose(many.of(name), few.of(name), rtol=1e-6, atol=1e-6)
    assert not many.of("P_X3").any()


def test_clones_of_equal_rows_share_the_load_in_proportion(thirty: Model, write: SimpleNamespace) -> None:
    """Two clones alike in everything keep the ratio they began with, whatever the immune system does."""
    alike = {f"fitness_{clone}": np.full(1, 0.8) for clone in ("X1", "X2")}
    patients = write.cohort(1, initial_X1=np.full(1, 3e4), initial_X2=np.full(1, 1e4), **alike)
    run = simulate_reference(thirty, patients, Schedule.empty(1), times=[0.0, 200.0, 800.0], tolerance=1e-11)
    assert_allclose(run.of("P_X1") / run.of("P_X2"), 3.0, rtol=1e-7)
    parts = sum(run.of(f"P_{clone}") for clone in thirty.clones)
    assert_allclose(run.of("L"), parts, rtol=1e-12)


def test_a_clone_missing_from_the_drugs_table_is_named_before_anything_runs(thirty: Model) -> None:
    with pytest.raises(InputError, match=r'no clone "X0"'):
        treat(thirty, [load_drug("imatinib")], [load_mechanism("on_target_kill")])
