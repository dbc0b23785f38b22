"""A page for any entry of the catalogue: what it says, with units, and where each number came from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from offtarget.distributions import Distribution
from offtarget.evidence import Evidence, Quantity, Reference, cite, grades
from offtarget.models.expression import Call, Number, Symbol, infix
from offtarget.models.model import Model
from offtarget.models.page import page as model_page
from offtarget.models.sbml import load_model
from offtarget.pharmacology.drug import load_drug
from offtarget.pharmacology.held import CloneTable, held_clones
from offtarget.pharmacology.mechanism import load_mechanism
from offtarget.pharmacology.targets import load_targets
from offtarget.population import load_population
from offtarget.reports.clones import clones_page
from offtarget.trials.study import load_trial
from offtarget.trials.toml import write_toml
from offtarget.trials.trial import Trial

__all__ = ["load", "page", "plain"]

#: The model and the population in which a drug's clones are looked at.
_CLONES_IN, _CLONES_OF = "cml", "cml_newly_diagnosed"


def _load_clones(drug: str) -> CloneTable:
    """The clones a drug holds, in the median patient."""
    found, model = load_drug(drug), load_model(_CLONES_IN)
    patient = found.median(load_population(_CLONES_OF).median())
    return held_clones(found, model, patient, said=f"the median patient of {_CLONES_OF}")


_LOADERS: Mapping[str, Callable[[str], Any]] = {
    "drug": load_drug, "mechanism": load_mechanism, "model": load_model, "population": load_population,
    "target": load_targets, "trial": load_trial, "clone": _load_clones,
}  # fmt: skip
#: Fields that repeat, in another form, what the page already says.
_HIDDEN = frozenset({"record", "condition", "regimens"})


def load(kind: str, name: str) -> Any:
    """The catalogue's entry, or the user's file, as a noun.

    Args:
        kind: drug, mechanism, model, population, target or trial; clone for the clones a drug holds.
        name: a name in the catalogue, or a path; of a drug for its clones.
    """
    return _LOADERS[kind](name)


def page(noun: Any) -> str:
    """A noun as a Markdown page: its fields (a trial as its study), the grades of its numbers, its references."""
    if isinstance(noun, Model):
        return model_page(noun)
    if isinstance(noun, CloneTable):
        return "\n".join([*clones_page(noun), *_references(noun)])
    if isinstance(noun, Trial):
        return "\n".join(
            [f"# {noun.title}", "", "```toml", write_toml(noun.record).strip(), "```", *_references(noun)]
        )
    title = next((getattr(noun, name) for name in ("title", "name", "id") if getattr(noun, name, "")), "")
    lines = [f"# {title}", "", *_fields(noun, 0)]
    counted = ", ".join(f"{count} {grade}" for grade, count in grades(noun).items() if count)
    if counted:
        lines += ["", f"Numbers behind this entry: {counted}."]
    return "\n".join([*lines, *_references(noun)])


def _references(noun: Any) -> list[str]:
    references = [f"- [{one.key}] {one.line()}" for one in cite(noun)]
    return ["", "## References", "", *references] if references else []


def _fields(noun: Any, depth: int) -> Iterator[str]:
    for field in dataclasses.fields(noun):
        if field.name not in _HIDDEN:
            yield from _field(field.name.replace("_", " "), getattr(noun, field.name), depth)


def _field(name: str, value: Any, depth: int) -> Iterator[str]:
    bullet = "  " * depth + "- "
    if value is None or value in ("", (), {}):
        return
    said = _said(value)
    if said is not None:
        yield f"{bullet}{name}: {said}"
        return
    yield f"{bullet}{name}:"
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _field(str(key), item, depth + 1)
    elif isinstance(value, tuple | list | frozenset):
        for number, item in enumerate(value, 1):
            label = str(getattr(item, "name", "") or getattr(item, "id", "") or number)
            yield from _field(label, item, depth + 1)
    else:
        yield from _fields(value, depth + 1)


def _said(value: Any) -> str | None:
    """A value as a few words, or None when it needs lines of its own."""
    if isinstance(value, Quantity):
        return f"{value.value:g} {value.unit} ({_source(value.evidence)})"
    if isinstance(value, Distribution):
        arguments = ", ".join(f"{name} {number:g}" for name, number in value.arguments.items())
        return f"{value.shape}: {arguments} {value.unit} ({_source(value.evidence)})"
    if isinstance(value, Evidence):
        return _source(value)
    if isinstance(value, Reference):
        return value.key
    if isinstance(value, Number | Symbol | Call):
        return f"`{infix(value)}`"
    if hasattr(value, "text") and isinstance(value.text, str):
        return str(value.text)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, str | int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple | list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value)
    return None


def _source(evidence: Evidence) -> str:
    parts = [str(evidence.grade.value), evidence.source, evidence.note]
    return ", ".join(part for part in parts if part)


def plain(noun: Any) -> Any:
    """A noun as JSON-ready data; expressions as formulas, NaN and infinity as null."""
    if isinstance(noun, Number | Symbol | Call):
        return infix(noun)
    if dataclasses.is_dataclass(noun) and not isinstance(noun, type):
        names = [field.name for field in dataclasses.fields(noun) if field.name not in _HIDDEN]
        return {name: plain(getattr(noun, name)) for name in names}
    if isinstance(noun, Mapping):
        return {str(key): plain(value) for key, value in noun.items()}
    if isinstance(noun, tuple | list | frozenset):
        return [plain(item) for item in noun]
    if isinstance(noun, Enum):
        return noun.value
    if isinstance(noun, float) and not math.isfinite(noun):
        return None
    return noun
