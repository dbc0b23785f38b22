"""What this package says about a model in SBML's annotations: below how many cells chance decides about a species."""

from __future__ import annotations

from math import inf, isinf
from typing import Any

from offtarget.errors import InputError, sentence
from offtarget.models.model import Species

__all__ = ["NAMESPACE", "annotate", "counted_below"]

#: The namespace of our annotations; a reader that does not know it passes over them.
NAMESPACE = "urn:offtarget:annotations:1"


def counted_below(owner: Any, where: str) -> float | None:
    """The number of cells below which chance decides about a species, as its annotation says; None where it says none.

    Args:
        owner: a libSBML Species.
        where: the file or place, for error sentences.

    Raises:
        InputError: an annotation of ours that is no number of cells.
    """
    found = owner.getAnnotation()
    for number in range(found.getNumChildren() if found is not None else 0):
        child = found.getChild(number)
        if (child.getURI(), child.getName()) == (NAMESPACE, "counted"):
            return _number(
                child.getAttrValue("below"), f"{where}: {owner.getId()}: annotation: counted below"
            )
    return None


def _number(text: str, where: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -inf
    if not found >= 0.0:
        raise InputError(sentence(where, expected="a number of cells from 0", got=text))
    return found


def annotate(owner: Any, one: Species) -> None:
    """Write what ``counted_below`` reads.

    Args:
        owner: a libSBML Species.
        one: the species.
    """
    if one.counted_below is not None:
        below = "INF" if isinf(one.counted_below) else repr(one.counted_below)
        owner.appendAnnotation(f'<counted xmlns="{NAMESPACE}" below="{below}"/>')
