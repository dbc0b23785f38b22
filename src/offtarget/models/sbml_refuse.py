"""What the reader of SBML refuses, by name: texts that could harm, and features this package does not simulate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from offtarget.errors import InputError, UnsupportedError, sentence

__all__ = ["has_law", "mentioned", "references_of", "refuse_hostile", "refuse_unsupported"]

_LARGEST = 20_000_000
_DEEPEST = 500
_SBML = "http://www.sbml.org/sbml"
#: (level, version) -> namespace. libSBML ends the whole process when they do not belong together.
_NAMESPACES = {("2", "1"): f"{_SBML}/level2", ("3", "1"): f"{_SBML}/level3/version1/core",
               ("3", "2"): f"{_SBML}/level3/version2/core"}  # fmt: skip
_NAMESPACES |= {("2", version): f"{_SBML}/level2/version{version}" for version in "2345"}


def refuse_hostile(text: str, where: str) -> None:
    """Refuse what could harm before libSBML sees it.

    It resolves document types, recurses into nested elements, and aborts on namespaces it does not know.

    Args:
        text: an XML document.
        where: the file or place, for the error sentence.

    Raises:
        InputError: too large, a document type, not XML, or nested too deeply.
    """
    if len(text) > _LARGEST:
        raise InputError(sentence(where, expected="a model below 20 MB", got=f"{len(text)} characters"))
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        then = "Remove the document type: SBML never needs one."
        raise InputError(sentence(where, expected="SBML without a document type", got="<!DOCTYPE", then=then))
    found = _scanned(text, where)
    if found.encoding.lower() not in ("", "utf-8", "us-ascii"):
        raise InputError(
            sentence(where, expected="SBML in UTF-8", got=found.encoding, then="Save it as UTF-8.")
        )
    if _NAMESPACES.get((found.level, found.version)) != found.root.removesuffix(" sbml"):
        got = f"{found.root}, level {found.level or '?'} version {found.version or '?'}"
        expected = "a document of SBML Level 2 or 3 that states its level, version and namespace"
        raise InputError(sentence(where, expected=expected, got=got))
    if found.deepest > _DEEPEST:
        then = "Split the formula into rules."
        raise InputError(
            sentence(where, expected=f"elements at most {_DEEPEST} deep", got=str(found.deepest), then=then)
        )


@dataclass(slots=True)
class _Scan:
    """What one pass over an XML document saw."""

    encoding: str = ""
    root: str = ""  # namespace, a blank, name
    level: str = ""
    version: str = ""
    depth: int = 0
    deepest: int = 0

    def declare(self, version: str, encoding: str | None, standalone: int) -> None:
        self.encoding = encoding or ""

    def enter(self, name: str, attributes: dict[str, str]) -> None:
        if not self.deepest:
            self.root, self.level, self.version = (
                name,
                attributes.get("level", ""),
                attributes.get("version", ""),
            )
        self.depth += 1
        self.deepest = max(self.deepest, self.depth)

    def leave(self, name: str) -> None:
        self.depth -= 1


def _scanned(text: str, where: str) -> _Scan:
    found = _Scan()
    parser = expat.ParserCreate("utf-8", namespace_separator=" ")
    parser.XmlDeclHandler = found.declare
    parser.StartElementHandler, parser.EndElementHandler = found.enter, found.leave
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, ValueError) as problem:
        raise InputError(sentence(where, expected="a valid SBML document", got=str(problem))) from None
    return found


def refuse_unsupported(model: Any, where: str) -> None:
    """Refuse, by name, a libSBML Model that asks for more than this package simulates.

    Raises:
        UnsupportedError: the first such feature.
    """
    if any(one.isSetMath() for one in model.getListOfConstraints()):
        raise UnsupportedError(
            f"{where}: constraints, which say when a simulation stops to count, are not supported yet. Nothing was "
            "simulated. Take them out, and look at what they are about among the results."
        )
    if any(one.isSetFast() and one.getFast() for one in model.getListOfReactions()):
        raise UnsupportedError(f"{where}: fast reactions: not supported yet. Nothing was simulated.")
    _refuse_lawless(model, where)


def _refuse_lawless(model: Any, where: str) -> None:
    """Refuse a reaction whose rate nobody states but something needs.

    A law that is there and empty, as Level 3 Version 2 lets it be, says nothing and so adds nothing. Without any law,
    no rate could stand for it, unless nothing asks for one.
    """
    used = mentioned(model)
    for one in model.getListOfReactions():
        if has_law(one):
            continue
        changed = (model.getSpecies(reference.getSpecies()) for reference in _sides(one))
        adds = any(not (two.getBoundaryCondition() or two.getConstant()) for two in changed)
        if one.getId() in used or (one.getKineticLaw() is None and adds):
            then = "Give it one, or take it out."
            raise UnsupportedError(f"{where}: reaction {one.getId()} has no kinetic law. {then}")


def has_law(reaction: Any) -> bool:
    """Whether a libSBML Reaction says how fast it is."""
    law = reaction.getKineticLaw()
    return law is not None and bool(law.isSetMath())


def _sides(reaction: Any) -> list[Any]:
    return [*reaction.getListOfReactants(), *reaction.getListOfProducts()]


def references_of(model: Any) -> list[Any]:
    """Every reactant and product of a libSBML Model: what a reaction changes, and by how much."""
    return [reference for one in model.getListOfReactions() for reference in _sides(one)]


def mentioned(model: Any) -> set[str]:
    """Every name in a formula of a libSBML Model, outside function definitions."""
    laws = [one.getKineticLaw() for one in model.getListOfReactions()]
    varied = [one.getStoichiometryMath() for one in references_of(model)]
    owners = [*model.getListOfRules(), *model.getListOfInitialAssignments(), *laws, *varied]
    for event in model.getListOfEvents():
        owners += [
            event.getTrigger(),
            event.getDelay(),
            event.getPriority(),
            *event.getListOfEventAssignments(),
        ]
    waiting = [one.getMath() for one in owners if one is not None and one.getMath() is not None]
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.isName():
            names.add(node.getName())
        waiting += [node.getChild(i) for i in range(node.getNumChildren())]
    return names
