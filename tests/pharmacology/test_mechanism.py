"""Mechanisms, and the model they make of a model."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from offtarget.catalog import find, ids
from offtarget.errors import InputError, UnsupportedError
from offtarget.evidence import Grade, cite, grades
from offtarget.models.dimensions import check_dimensions
from offtarget.models.model import Model
from offtarget.models.sbml import load_model, read_model, write_sbml
from offtarget.pharmacology.drug import Drug
from offtarget.pharmacology.mechanism import Mechanism, Potency, load_mechanism, mechanisms_for, treat

FORMS = ("averaged", "dosed")
NAMES = (
    "dc_nk_licensing", "humoral_loss", "myeloid_depletion", "nkg2d_ligand_loss", "on_target_kill", "t_cell_brake",
    "treg_loss",
)  # fmt: skip
#: A state and parameters at which every term of the model is alive.
ALIVE = {
    "P_wt": 4e4, "Q_wt": 300.0, "P_T315I": 70.0, "Q_T315I": 2.0, "T": 500.0, "N": 0.8, "S": 1.4, "R": 1.2,
    "kill_drug_wt": 0.01, "kill_drug_T315I": 0.02, "visible_wt": 0.9, "NK_drive": 1.1,
}  # fmt: skip
TAKEN = {
    "dose_imatinib": 400.0,
    "interval_imatinib": 1.0,
    "adherence_imatinib": 0.8,
    "central_imatinib": 350.0,
}


@pytest.fixture(scope="module")
def mechanisms(cml: Model, imatinib: Drug) -> tuple[Mechanism, ...]:
    return mechanisms_for(cml, [imatinib])


@pytest.fixture(scope="module", params=FORMS)
def treated(
    request: pytest.FixtureRequest, cml: Model, imatinib: Drug, mechanisms: tuple[Mechanism, ...]
) -> Model:
    return treat(cml, [imatinib], mechanisms, exposure=request.param)


def known(model: Model, given: dict[str, float]) -> dict[str, float]:
    names = model.names()
    return {name: value for name, value in given.items() if name in names}


# --- the catalogue's mechanisms


def test_imatinib_has_its_seven_mechanisms_in_cml(mechanisms: tuple[Mechanism, ...]) -> None:
    assert tuple(one.id for one in mechanisms) == NAMES
    assert {one.id: one.sign for one in mechanisms} == {
        "on_target_kill": "benefit", "dc_nk_licensing": "benefit", "treg_loss": "benefit",
        "myeloid_depletion": "benefit", "nkg2d_ligand_loss": "harm", "t_cell_brake": "harm", "humoral_loss": "harm",
    }  # fmt: skip


@pytest.mark.parametrize("name", ids("mechanisms"))
def test_every_mechanism_names_its_claims_and_sources_and_says_why_it_assumes(name: str) -> None:
    one = load_mechanism(name)
    assert one.claims and all(re.fullmatch(r"[A-Z]+-\d\d", claim) for claim in one.claims)
    assert one.support and {ref.key for ref in one.support} <= {ref.key for ref in cite(one)}
    assert one.note and one.title
    assert sum(grades(one).values()) == 1 + 2 * len(one.potencies)
    quantities = [
        one.maximum,
        *(q for potency in one.potencies.values() for q in (potency.half, potency.hill)),
    ]
    for quantity in quantities:
        assert quantity.evidence.source or quantity.evidence.grade is Grade.ASSUMED
        assert quantity.evidence.note, f"{name}: a number that is not measured says how it came about"


def test_potencies_stand_in_the_order_of_the_concentration_ladder() -> None:
    """KIT below the clinical free level (290 nM), regulatory T cells just above it, effector T cells far above."""
    kit, treg, effector = (
        load_mechanism(name).potencies["imatinib"].half.to("nM")
        for name in ("dc_nk_licensing", "treg_loss", "t_cell_brake")
    )
    assert kit / 290 == pytest.approx(0.32, abs=0.01)
    assert treg / 290 == pytest.approx(1.17, abs=0.01)
    assert 986 < effector < 1326 and effector == pytest.approx(np.sqrt(986 * 1326), rel=0.001)


# --- the treated model


def test_equations_agree_in_dimension(treated: Model) -> None:
    assert check_dimensions(treated) == ()


def test_it_exports_as_sbml_that_reads_back_to_the_same_derivatives(
    treated: Model, maths: SimpleNamespace
) -> None:
    back = read_model(write_sbml(treated), where="treated.xml")
    given = known(treated, ALIVE | TAKEN)
    expected, found = maths.derivatives(treated, given), maths.derivatives(back, given)
    assert set(expected) == set(found)
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), rel=1e-10, abs=1e-12), name


def test_every_switch_off_restores_the_untreated_derivatives_exactly(
    treated: Model, cml: Model, mechanisms: tuple[Mechanism, ...], maths: SimpleNamespace
) -> None:
    off = {one.switch: 0.0 for one in mechanisms}
    expected = maths.derivatives(cml, known(cml, ALIVE))
    found = maths.derivatives(treated, known(treated, ALIVE | TAKEN | off))
    assert {name: float(found[name]) for name in expected} == {k: float(v) for k, v in expected.items()}


def test_no_dose_restores_the_untreated_derivatives_exactly(
    treated: Model, cml: Model, maths: SimpleNamespace
) -> None:
    expected = maths.derivatives(cml, known(cml, ALIVE))
    found = maths.derivatives(treated, known(treated, ALIVE | {"adherence_imatinib": 0.8}))
    assert {name: float(found[name]) for name in expected} == {k: float(v) for k, v in expected.items()}


def test_no_dose_gives_outputs_of_exactly_zero(treated: Model, cml: Model, maths: SimpleNamespace) -> None:
    found = maths.values(treated, {"adherence_imatinib": 0.8})
    added = [name for name in treated.outputs if name not in cml.outputs]
    assert {"trough_imatinib", "average_imatinib", "free_average_imatinib", "humoral_loss_index"} <= set(
        added
    )
    assert [name for name in added if found[name] != 0] == []


def test_each_mechanism_moves_its_own_parameter_its_own_way(
    treated: Model, cml: Model, imatinib: Drug, mechanisms: tuple[Mechanism, ...], maths: SimpleNamespace
) -> None:
    given = known(treated, ALIVE | TAKEN)
    untreated = maths.values(cml, known(cml, ALIVE))
    sensitive = [clone for clone in cml.clones if not imatinib.targets.sensitivity(clone).insensitive]
    for one in mechanisms:
        others = {other.switch: 0.0 for other in mechanisms if other is not one}
        found = maths.values(treated, given | others)
        moved = {}
        for name in untreated:
            if f"{name}_treated" in found and found[f"{name}_treated"] != untreated[name]:
                moved[name] = np.sign(found[f"{name}_treated"] - untreated[name])
        clones = sensitive if one.per_clone else [""]
        expected = [one.moves.replace("{clone}", clone) for clone in clones if one.moves]
        assert moved == dict.fromkeys(expected, -1.0 if one.effect == "decrease" else 1.0), one.id


def test_an_insensitive_clone_is_neither_killed_nor_hidden(treated: Model, maths: SimpleNamespace) -> None:
    found = maths.values(
        treated, known(treated, TAKEN | {"dose_imatinib": 4000.0, "central_imatinib": 5000.0})
    )
    assert found["occupancy_BCR_ABL1_T315I"] == 0 == found["kill_drug_T315I_treated"]
    assert found["visible_T315I_treated"] == 1
    assert found["occupancy_BCR_ABL1_wt"] > 0.99


def test_the_kill_is_the_models_largest_kill_times_the_occupancy(
    treated: Model, maths: SimpleNamespace
) -> None:
    found = maths.values(treated, known(treated, TAKEN))
    assert 0 < found["occupancy_BCR_ABL1_wt"] < 1
    assert found["kill_drug_wt_treated"] == pytest.approx(
        float(found["kill_max"] * found["occupancy_BCR_ABL1_wt"])
    )


def test_the_static_part_stays_small_enough_to_compile(
    cml: Model, imatinib: Drug, mechanisms: tuple[Mechanism, ...]
) -> None:
    averaged, dosed = (treat(cml, [imatinib], mechanisms, exposure=form) for form in FORMS)
    assert len(averaged.static()) <= 400 and len(dosed.static()) < 30
    exposure = {rule.id for rule in averaged.rules if rule.id.startswith(("free_", "occupancy_"))}
    assert exposure <= averaged.static()


def test_nothing_given_changes_nothing(cml: Model) -> None:
    for form in FORMS:
        assert treat(cml, [], [], exposure=form) == cml


# --- several drugs


@pytest.fixture(scope="module")
def for_both(mechanisms: tuple[Mechanism, ...]) -> tuple[Mechanism, ...]:
    return tuple(
        one
        if one.per_clone
        else replace(one, potencies={**one.potencies, "second": one.potencies["imatinib"]})
        for one in mechanisms
    )


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_drugs_and_of_mechanisms_does_not_matter(
    form: str, cml: Model, imatinib: Drug, second: Drug, for_both: tuple[Mechanism, ...]
) -> None:
    one = treat(cml, [imatinib, second], for_both, exposure=form)
    other = treat(cml, [second, imatinib], tuple(reversed(for_both)), exposure=form)
    assert one == other and one.digest() == other.digest()
    assert check_dimensions(one) == ()


def occupancies(found: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items() if name.startswith("occupancy_")}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("taken", ["imatinib", "second"])
def test_a_drug_that_is_not_taken_is_not_there(
    form: str, taken: str, cml: Model, imatinib: Drug, second: Drug, for_both: tuple[Mechanism, ...],
    mechanisms: tuple[Mechanism, ...], maths: SimpleNamespace,
) -> None:  # fmt: skip
    alone, both = (
        treat(cml, [imatinib], mechanisms, exposure=form),
        treat(cml, [imatinib, second], for_both, exposure=form),
    )
    given = {name.replace("imatinib", taken): value for name, value in TAKEN.items()}
    expected = occupancies(maths.values(alone, known(alone, TAKEN)))
    assert occupancies(maths.values(both, known(both, given))) == pytest.approx(expected, rel=1e-12)


def test_a_drug_split_into_two_names_does_what_the_whole_did(
    cml: Model, imatinib: Drug, second: Drug, for_both: tuple[Mechanism, ...], mechanisms: tuple[Mechanism, ...],
    maths: SimpleNamespace,
) -> None:  # fmt: skip
    """Exact with instantaneous concentrations; averaged, each half sees the other at its mean, so close.

    Every dose is taken: halves missed apart are another treatment than wholes missed.
    """
    taken = TAKEN | {"adherence_imatinib": 1.0}
    halves = {f"{name.removesuffix('imatinib')}{drug}": value / (2 if name[:3] in ("dos", "cen") else 1)
              for name, value in taken.items() for drug in ("imatinib", "second")}  # fmt: skip
    for form, tolerance in (("dosed", 1e-12), ("averaged", 0.02)):
        alone = treat(cml, [imatinib], mechanisms, exposure=form)
        both = treat(cml, [imatinib, second], for_both, exposure=form)
        expected = occupancies(maths.values(alone, known(alone, taken)))
        assert occupancies(maths.values(both, known(both, halves))) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("form", FORMS)
def test_drugs_of_different_steepness_keep_their_own_when_alone_and_give_nothing_when_absent(
    form: str, cml: Model, imatinib: Drug, second: Drug, maths: SimpleNamespace
) -> None:
    one = load_mechanism("dc_nk_licensing")
    steep = Potency(one.potencies["imatinib"].half, replace(one.potencies["imatinib"].hill, value=3.0))
    both = treat(
        cml, [imatinib, second], [replace(one, potencies={**one.potencies, "second": steep})], exposure=form
    )
    site = "occupancy_KIT_dendritic_cell"
    for drug, potency in (("imatinib", one.potencies["imatinib"]), ("second", steep)):
        given = {name.replace("imatinib", drug): value for name, value in TAKEN.items()}
        single = treat(cml, [imatinib], [replace(one, potencies={"imatinib": potency})], exposure=form)
        expected = maths.values(single, known(single, TAKEN))[site]
        assert maths.values(both, known(both, given))[site] == pytest.approx(float(expected), rel=1e-12)
    assert maths.values(both, {})[site] == 0


# --- refusals


def test_a_mechanism_without_a_drug_or_a_parameter_or_twice_is_one_sentence(
    cml: Model, imatinib: Drug, second: Drug, mechanisms: tuple[Mechanism, ...]
) -> None:
    brake = load_mechanism("t_cell_brake")
    month = replace(cml, time_unit="month")
    cases = [
        (cml, [second], [brake], "averaged", "expected a drug with a potency in this mechanism"),
        (cml, [imatinib], [replace(brake, moves="expand_X")], "averaged", 'has no parameter "expand_X"'),
        (cml, [imatinib], [brake, brake], "averaged", 'mechanism "t_cell_brake" is there twice'),
        (cml, [imatinib, imatinib], [brake], "averaged", 'drug "imatinib" is there twice'),
        (cml, [imatinib], [brake], "sometimes", 'expected "averaged" or "dosed"'),
        (month, [imatinib], [brake], "averaged", "expected a model in days"),
        (replace(cml, clones=()), [imatinib], mechanisms, "averaged", "expected a model with clones"),
        (replace(cml, clones=("wt", "Z1Z")), [imatinib], mechanisms, "averaged", 'no clone "Z1Z"'),
    ]
    for model, drugs, given, form, said in cases:
        with pytest.raises(InputError, match=re.escape(said)) as caught:
            treat(model, drugs, given, exposure=form)
        assert "\n" not in str(caught.value)


def test_a_model_that_uses_a_drugs_name_is_refused(cml: Model, imatinib: Drug) -> None:
    clash = replace(cml, parameters=(*cml.parameters, replace(cml.parameters[0], id="dose_imatinib")))
    with pytest.raises(InputError, match="names that drugs do not use"):
        treat(clash, [imatinib], [load_mechanism("t_cell_brake")])


def test_a_model_in_months_is_unsupported_and_says_so(imatinib: Drug) -> None:
    with pytest.raises(UnsupportedError, match="days"):
        treat(load_model("hahnel2020"), [imatinib], [])


GOOD = find("mechanisms", "t_cell_brake").read_text(encoding="utf-8")
SLIPS = {
    "effect": ('effect = "decrease"', 'effect = "reduce"'),
    "maximum above one": ("maximum = { value = 1,", "maximum = { value = 1.5,"),
    "maximum below zero": ("maximum = { value = 1,", "maximum = { value = -1,"),
    "clone in a plain mechanism": ('moves = "expand_T"', 'moves = "expand_{clone}"'),
    "per clone without clone": ('moves = "expand_T"', 'moves = "expand_T"\nper_clone = true'),
    "cell of two words": ('cell = "effector_T_cell"', 'cell = "effector T cell"'),
    "sign": ('sign = "harm"', 'sign = "bad"'),
    "strength": ('strength = "moderate"', 'strength = "fair"'),
    "support": ('support = ["seggewiss2005"', 'support = ["seggewis2005"'),
    "potency in a mass unit": ('unit = "nM"', 'unit = "ng/mL"'),
    "potency zero": ("half = { value = 1143", "half = { value = 0"),
    "no potency": ("[potency.imatinib]", "[potencies.imatinib]"),
    "assumed without a reason": (', reason = "one binding site; no curve was seen"', ""),
    "no claims": ("claims = [", "claim = ["),
    "no scale": ('effect = "decrease"', 'effect = "add"'),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_mechanism_file_is_one_sentence(slip: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    old, new = SLIPS[slip]
    assert old in GOOD
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=r"^mine\.toml") as caught:
        load_mechanism(str(path))
    assert "\n" not in str(caught.value)
