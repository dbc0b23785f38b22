"""Sequencing: which clones a laboratory finds in a sample, by their share of the BCR-ABL1 transcripts.

A clone's share of the transcripts is its share of the proliferating cells. It is reported from the method's detection
limit on, as it is: no error of the method is simulated beyond the limit, none being at hand, and the depth at which
molecules are sampled is not either. Where BCR-ABL1 is too low, nothing can be amplified and nothing is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offtarget.errors import InputError, sentence
from offtarget.evidence import Evidence, Grade, Quantity
from offtarget.records import Table

__all__ = ["Sequencing", "read_sequencing"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SANGER = Quantity(
    20.0,
    "percent",
    Evidence("soverini2019", Grade.ASSUMED, "one transcript in five; laboratories say 10 to 20 %"),
)
#: BCR-ABL1 below which a sample is not sequenced, percent IS.
_NEEDS = Quantity(
    0.1,
    "percent",
    Evidence("cross2023", Grade.DERIVED, "sequencing is generally not recommended at or below 0.1 % IS"),
)
_KINDS = '"sanger", or "deep 1 %" with the share that deep sequencing still finds'


@dataclass(frozen=True, slots=True)
class Sequencing:
    """A way to find clones in a sample.

    Attributes:
        method: as the study says it: ``sanger`` or ``deep 1 %``.
        limit: least share of the BCR-ABL1 transcripts at which a clone is found, percent.
        needs: BCR-ABL1 above which a sample can be sequenced, percent IS.
    """

    method: str
    limit: Quantity
    needs: Quantity

    def shares(self, cells: Floats, *, measured: Floats, usable: Mask) -> Floats:
        """What is reported of each clone, percent of the transcripts, shape (clones, n).

        Zero where the clone is not found; NaN where the sample is not sequenced.

        Args:
            cells: proliferating cells of each clone, shape (clones, n).
            measured: BCR-ABL1 in the sample, percent IS, shape (n,).
            usable: whether there is a sample with a transcript in it, shape (n,).
        """
        whole = cells.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = 100.0 * cells / whole
            done = usable & (measured > self.needs.value) & (whole > 0)
        return np.where(done, np.where(share >= self.limit.value, share, 0.0), np.nan)


def read_sequencing(table: Table) -> Sequencing | None:
    """The sequencing of a study's ``[assay]`` table, None where it says nothing of it.

    Args:
        table: with ``sequencing`` ("sanger" or "deep 1 %"), and perhaps ``sequencing_needs`` (percent IS).

    Raises:
        InputError: a method or a number that makes no sense.
    """
    stated = Evidence("", Grade.ASSUMED, "stated by the study")
    if not table.has("sequencing"):
        return None
    text = table.text("sequencing")
    deep = re.fullmatch(r"deep\s+([0-9]+\.?[0-9]*|\.[0-9]+)\s*%", text, flags=re.IGNORECASE)
    if deep is None and text.lower() != "sanger":
        raise InputError(sentence(table.at("sequencing"), expected=_KINDS, got=text))
    limit = _SANGER if deep is None else Quantity(float(deep[1]), "percent", stated)
    if not 0 < limit.value <= 100:
        raise InputError(
            sentence(table.at("sequencing"), expected="a share above 0 and up to 100 %", got=text)
        )
    needs = _NEEDS
    if table.has("sequencing_needs"):
        needs = Quantity(table.number("sequencing_needs", low=0.0, high=100.0), "percent", stated)
    return Sequencing(text, limit, needs)
