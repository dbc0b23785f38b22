"""Target profiles and clone tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from offtarget.catalog import find
from offtarget.errors import InputError
from offtarget.evidence import Grade
from offtarget.pharmacology.targets import load_targets

TOML = find("targets", "imatinib")
CSV = TOML.parent / "imatinib_clones.csv"
PANEL = ("ABL2", "KIT", "PDGFRA", "PDGFRB", "CSF1R", "DDR1", "DDR2", "LCK", "FYN", "LYN", "NQO2")


def test_the_off_targets_that_matter_are_there_in_nanomolar() -> None:
    targets = load_targets("imatinib")
    for name in PANEL:
        assert 0 < targets.affinities[name].to("nM") < 10_000
    assert targets.affinities["KIT"].to("nM") == 13 and targets.affinities["LCK"].to("nM") == 40
    assert {"SRC", "BTK"} <= set(targets.not_bound) and not set(targets.not_bound) & set(targets.affinities)


def test_a_clones_free_potency_is_the_nominal_one_times_the_free_share_of_the_medium() -> None:
    targets = load_targets("imatinib")
    assert len(targets.clones) == 20
    for clone in targets.clones.values():
        assert clone.free.value == pytest.approx(0.34 * clone.nominal.value)
        assert clone.free.evidence.grade is Grade.DERIVED and "unboundtki" in clone.free.evidence.note
    assert targets.sensitivity("wt").free.to("nM") == pytest.approx(63.78, abs=0.01)
    assert targets.sensitivity("wt").hill.value == 2.605


def test_t315i_and_e255v_and_no_other_clone_are_insensitive() -> None:
    insensitive = {name for name, one in load_targets("imatinib").clones.items() if one.insensitive}
    assert insensitive == {"T315I", "E255V"}


def test_an_unknown_clone_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r'no clone "T315J".*Did you mean "T315I"'):
        load_targets("imatinib").sensitivity("T315J")


SLIPS = {
    "potency zero": ("wt,187.593,", "wt,0,"),
    "potency text": ("wt,187.593,", "wt,many,"),
    "potency not finite": ("wt,187.593,", "wt,inf,"),
    "flag": ("wt,187.593,2.605,no", "wt,187.593,2.605,maybe"),
    "column": ("clone,ic50_nM", "clone,ic50"),
    "short row": ("wt,187.593,2.605,no,", "wt,187.593"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_a_clone_table_is_one_sentence(slip: str, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML.read_text(encoding="utf-8"), encoding="utf-8")
    old, new = SLIPS[slip]
    text = CSV.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / CSV.name).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_targets(str(tmp_path / "mine.toml"))
    assert "imatinib_clones.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_an_affinity_of_zero_is_refused(tmp_path: Path) -> None:
    text = TOML.read_text(encoding="utf-8").replace("KIT = { value = 13.0", "KIT = { value = 0")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    (tmp_path / CSV.name).write_text(CSV.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(InputError, match="KIT: expected more than zero"):
        load_targets(str(tmp_path / "mine.toml"))
