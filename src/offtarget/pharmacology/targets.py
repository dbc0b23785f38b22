"""TargetProfile: what a drug binds and how tightly, and how sensitive each tumour clone is to it.

A binding constant is not a cell potency. Affinities are for a reader and for occupancy in a cell-free sense; the
potencies that act in a model are those of the mechanisms and of the clone table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from offtarget.catalog import find
from offtarget.errors import InputError, nearest, sentence
from offtarget.evidence import Evidence, Grade, Quantity
from offtarget.records import Table, read_csv, read_toml

__all__ = ["Sensitivity", "TargetProfile", "load_targets"]

_COLUMNS = ("clone", "ic50_nM", "hill", "insensitive", "note")


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How sensitive a clone is to a drug.

    Attributes:
        clone: the allele, ``wt`` for the unmutated kinase.
        nominal: concentration added to culture medium that halves the effect, nM.
        free: the part of it that is free in the medium, nM: what compares with free drug in plasma.
        hill: steepness, dimensionless.
        insensitive: the measured curve is not inhibition of the kinase: the drug's effect on this clone is zero.
    """

    clone: str
    nominal: Quantity
    free: Quantity
    hill: Quantity
    insensitive: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class TargetProfile:
    """What a drug binds.

    Attributes:
        affinities: target -> binding constant or half-inhibiting concentration in a cell-free assay.
        not_bound: targets tested and not bound up to ``tested_up_to``.
        clone_target: the kinase whose alleles ``clones`` lists, for example ``BCR-ABL1``.
        clones: allele -> sensitivity of a cell line that depends on it.
    """

    id: str
    title: str
    affinities: Mapping[str, Quantity]
    not_bound: tuple[str, ...]
    tested_up_to: Quantity
    clone_target: str
    clones: Mapping[str, Sensitivity]

    def sensitivity(self, clone: str) -> Sensitivity:
        """The sensitivity of a clone.

        Raises:
            InputError: no such clone in this drug's table.
        """
        if clone not in self.clones:
            raise InputError(
                f'targets of {self.id}: no clone "{clone}". {nearest(clone, self.clones, kind="clone")}'
            )
        return self.clones[clone]


def load_targets(name: str) -> TargetProfile:
    """The target profile in the catalogue, or in the user's file.

    Args:
        name: a catalogue name (``imatinib``) or a path to a TOML file; its clone table is a CSV file beside it.

    Raises:
        InputError: not found, or wrong: the sentence names file, key, what was expected and what came.

    Example:
        >>> load_targets("imatinib").affinities["KIT"].value
        13.0
    """
    path = find("targets", name)
    table = read_toml(path)
    affinities = table.table("affinity")
    known = {target: affinities.quantity(target, of="nM") for target in affinities.data}
    _positive(known, affinities)
    target: str = ""
    clones: dict[str, Sensitivity] = {}
    if table.has("clones"):
        target, clones = _clones(table.table("clones"), path)
    profile = TargetProfile(
        id=path.stem, title=table.text("title"), affinities=known, not_bound=table.texts("not_bound", default=()),
        tested_up_to=table.quantity("tested_up_to", of="nM"), clone_target=target, clones=clones,
    )  # fmt: skip
    table.done()
    return profile


def _positive(known: Mapping[str, Quantity], table: Table) -> None:
    for target, quantity in known.items():
        if quantity.value <= 0:
            raise InputError(sentence(table.at(target), expected="more than zero", got=quantity.value))


def _clones(table: Table, path: Path) -> tuple[str, dict[str, Sensitivity]]:
    """The clone table: nominal potencies, and the free share in the culture medium that all of them are given."""
    target, file = table.text("target"), path.parent / table.text("file")
    share, evidence = table.quantity("culture_free_fraction", of="dimensionless"), table.evidence()
    table.done()
    derived = Evidence(
        evidence.source, Grade.DERIVED, f"nominal x {share.value:g} free ({share.evidence.source})"
    )
    found: dict[str, Sensitivity] = {}
    for number, row in enumerate(read_csv(file, columns=_COLUMNS), 1):
        where = f"{file.name}: row {number}"
        nominal, hill = (_number(row[key], f"{where}: {key}") for key in ("ic50_nM", "hill"))
        if row["insensitive"] not in ("yes", "no"):
            raise InputError(sentence(f"{where}: insensitive", expected="yes or no", got=row["insensitive"]))
        found[row["clone"]] = Sensitivity(
            row["clone"], Quantity(nominal, "nM", evidence), Quantity(nominal * share.value, "nM", derived),
            Quantity(hill, "", evidence), row["insensitive"] == "yes", row["note"],
        )  # fmt: skip
    return target, found


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise InputError(sentence(where, expected="a number above zero", got=text))
    return value
