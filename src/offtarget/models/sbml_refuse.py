"""What the reader of SBML refuses, by name: texts that could harm, and features this package does not simulate."""

from __future__ import annotations

import math
from typing import Any
from xml.parsers import expat

from offtarget.errors import InputError, UnsupportedError, sentence

__all__ = ["mentioned", "refuse_hostile", "refuse_unsupported"]

_LARGEST = 20_000_000
_DEEPEST = 500


def refuse_hostile(text: str, where: str) -> None:
    """Refuse what could harm before libSBML sees it: it resolves document types and recurses into nested elements.

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
    depth = deepest = 0

    def enter(*_: object) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)

    def leave(*_: object) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = enter, leave
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, ValueError) as problem:  # ValueError: an encoding that is not known
        raise InputError(sentence(where, expected="a valid SBML document", got=str(problem))) from None
    if deepest > _DEEPEST:
        then = "Split the formula into rules."
        raise InputError(
            sentence(where, expected=f"elements at most {_DEEPEST} deep", got=str(deepest), then=then)
        )


def refuse_unsupported(model: Any, where: str) -> None:
    """Refuse, by name, a libSBML Model that asks for more than this package simulates.

    Raises:
        UnsupportedError: the features, all of them.
    """
    reactions, references = model.getListOfReactions(), _references(model)
    named = {one.getId() for one in references if one.getId()}
    refused = {
        "events": model.getNumEvents() > 0,
        "constraints": model.getNumConstraints() > 0,
        "algebraic rules": any(rule.isAlgebraic() for rule in model.getListOfRules()),
        "fast reactions": any(one.isSetFast() and one.getFast() for one in reactions),
        "conversion factors": model.isSetConversionFactor()
        or any(species.isSetConversionFactor() for species in model.getListOfSpecies()),
        "variable stoichiometry": any(_varies(model, one) for one in references),
        "stoichiometry used in a formula": bool(named & mentioned(model)),
        "compartments that change": any(
            model.getRuleByVariable(one.getId()) is not None for one in model.getListOfCompartments()
        ),
        'a name "time", which a formula here cannot tell from time': "time" in _names(model),
    }
    found = [name for name, present in refused.items() if present]
    if found:
        raise UnsupportedError(f"{where}: {' and '.join(found)}: not supported yet. Nothing was simulated.")


def _names(model: Any) -> set[str]:
    """Every name that a formula of the model may use for a number of its own."""
    groups = [model.getListOfCompartments(), model.getListOfParameters(), model.getListOfSpecies(),
              model.getListOfReactions()]  # fmt: skip
    laws = [one.getKineticLaw() for one in model.getListOfReactions() if one.getKineticLaw() is not None]
    groups += [group for law in laws for group in (law.getListOfLocalParameters(), law.getListOfParameters())]
    functions = model.getListOfFunctionDefinitions()
    arguments = {one.getArgument(i).getName() for one in functions for i in range(one.getNumArguments())}
    return {one.getId() for group in groups for one in group} | arguments


def _references(model: Any) -> list[Any]:
    lists = [(one.getListOfReactants(), one.getListOfProducts()) for one in model.getListOfReactions()]
    return [reference for pair in lists for side in pair for reference in side]


def _varies(model: Any, reference: Any) -> bool:
    id = reference.getId()
    targeted = bool(id) and (model.getRule(id) is not None or model.getInitialAssignment(id) is not None)
    return reference.isSetStoichiometryMath() or targeted or math.isnan(reference.getStoichiometry())


def mentioned(model: Any) -> set[str]:
    """Every name in a formula of a libSBML Model, outside function definitions."""
    laws = [one.getKineticLaw() for one in model.getListOfReactions() if one.getKineticLaw() is not None]
    owners = [*model.getListOfRules(), *model.getListOfInitialAssignments(), *laws]
    waiting = [one.getMath() for one in owners if one.getMath() is not None]
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node.isName():
            names.add(node.getName())
        waiting += [node.getChild(i) for i in range(node.getNumChildren())]
    return names
