"""Model to SBML Level 3 Version 2, which ``read_sbml`` reads back to the same equations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import libsbml

from offtarget.models.expression import Expression, Number, draws, substitute, symbols
from offtarget.models.model import Event, Model, Parameter, Reaction, Rule, Species
from offtarget.models.sbml_annotations import annotate
from offtarget.models.sbml_math import to_ast
from offtarget.models.sbml_units import define_unit

__all__ = ["write_sbml"]


def write_sbml(model: Model) -> str:
    """The model as an SBML document.

    Species that reactions change are SBML species of amounts in one compartment of size 1; states with rates of their
    own are parameters with rate rules, and states that only events change are parameters that vary. SBML has one unit
    for the extent of every reaction, so where reactions change species of several units, those in a unit other than the
    first get a rate rule, and say the same thing.

    Args:
        model: the equations.

    Returns:
        SBML Level 3 Version 2 core, and the package ``distrib`` where the model draws by chance.

    Raises:
        InputError: a unit that SBML cannot express.
    """
    chance = any(draws(formula) for formula in _drawing(model))
    document = libsbml.SBMLDocument(
        libsbml.SBMLNamespaces(3, 2, "distrib", 1) if chance else libsbml.SBMLNamespaces(3, 2)
    )
    if chance:
        document.setPackageRequired("distrib", True)
    written = document.createModel()
    written.setId(model.id)
    written.setName(model.title)
    extent = _extent(model)
    written.setTimeUnits(define_unit(written, model.time_unit))
    if extent is not None:
        written.setExtentUnits(define_unit(written, extent))
        written.setSubstanceUnits(define_unit(written, extent))
    body = _body(written, model)
    reacting = _reacting(model, extent)
    for parameter in model.parameters:
        _parameter(written, parameter)
    for species in model.species:
        if species.id in reacting:
            _species(written, species, body)
        else:
            _state(written, species)
    for rule in model.rules:
        _rule(written, rule)
    kept = [one for one in model.reactions if not one.changes or any(id in reacting for id, _ in one.changes)]
    lost = {one.id: one.rate for one in model.reactions if one not in kept}
    slopes = model.derivatives()
    evented = {id for event in model.events for id, _ in event.assignments}
    for species in model.species:
        still = (
            species.id in evented and slopes[species.id] == Number(0.0) and species.id not in _rated(model)
        )
        if species.id not in reacting and not still:
            _rate(written, species.id, substitute(slopes[species.id], lost))
    for reaction in kept:
        _reaction(written, reaction, reacting)
    for event in model.events:
        _event(written, event)
    return str(libsbml.writeSBMLToString(document))


def _drawing(model: Model) -> Iterator[Expression]:
    """Every formula that may draw by chance."""
    yield from (one.initial for one in model.species)
    yield from (one.expression for one in model.rules)
    for event in model.events:
        yield from event.formulas()


def _body(written: Any, model: Model) -> str:
    """The id of the one compartment, of size 1, under a name the model does not use."""
    name = "body"
    while name in model.names():
        name += "_"
    body = written.createCompartment()
    body.setId(name)
    body.setConstant(True)
    body.setSize(1.0)
    body.setSpatialDimensions(3)
    body.setUnits("dimensionless")
    return name


def _extent(model: Model) -> str | None:
    """The unit that reactions count in: that of the first species a reaction changes."""
    units = {one.id: one.unit for one in model.species}
    return next((units[id] for reaction in model.reactions for id, _ in reaction.changes), None)


def _reacting(model: Model, extent: str | None) -> frozenset[str]:
    changed = {id for reaction in model.reactions for id, _ in reaction.changes}
    same = {one.id for one in model.species if one.unit == extent}
    return frozenset((changed & same) - _rated(model))


def _parameter(written: Any, one: Parameter) -> None:
    found = written.createParameter()
    found.setId(one.id)
    found.setName(one.name)
    found.setConstant(True)
    found.setValue(one.value)
    found.setUnits(define_unit(written, one.unit))


def _species(written: Any, one: Species, body: str) -> None:
    found = written.createSpecies()
    found.setId(one.id)
    found.setName(one.name)
    found.setCompartment(body)
    found.setHasOnlySubstanceUnits(True)
    found.setBoundaryCondition(False)
    found.setConstant(False)
    found.setSubstanceUnits(define_unit(written, one.unit))
    annotate(found, one)
    if isinstance(one.initial, Number):
        found.setInitialAmount(one.initial.value)
    else:
        _assignment(written, one.id, one.initial)


def _state(written: Any, one: Species) -> None:
    found = written.createParameter()
    found.setId(one.id)
    found.setName(one.name)
    found.setConstant(False)
    found.setUnits(define_unit(written, one.unit))
    if isinstance(one.initial, Number):
        found.setValue(one.initial.value)
    else:
        _assignment(written, one.id, one.initial)


def _assignment(written: Any, id: str, expression: Expression) -> None:
    found = written.createInitialAssignment()
    found.setSymbol(id)
    found.setMath(to_ast(expression))


def _rule(written: Any, one: Rule) -> None:
    parameter = written.createParameter()
    parameter.setId(one.id)
    parameter.setName(one.name)
    parameter.setConstant(False)
    parameter.setUnits(define_unit(written, one.unit))
    found = written.createAssignmentRule()
    found.setVariable(one.id)
    found.setMath(to_ast(one.expression))


def _rate(written: Any, id: str, slope: Expression) -> None:
    found = written.createRateRule()
    found.setVariable(id)
    found.setMath(to_ast(slope))


def _rated(model: Model) -> frozenset[str]:
    return frozenset(rule.id for rule in model.rates)


def _event(written: Any, one: Event) -> None:
    found = written.createEvent()
    found.setId(one.id)
    found.setName(one.name)
    found.setUseValuesFromTriggerTime(one.from_trigger_time)
    trigger = found.createTrigger()
    trigger.setInitialValue(one.initially)
    trigger.setPersistent(one.persistent)
    trigger.setMath(to_ast(one.trigger))
    if one.delay is not None:
        found.createDelay().setMath(to_ast(one.delay))
    if one.priority is not None:
        found.createPriority().setMath(to_ast(one.priority))
    for name, value in one.assignments:
        assignment = found.createEventAssignment()
        assignment.setVariable(name)
        assignment.setMath(to_ast(value))


def _reaction(written: Any, one: Reaction, reacting: frozenset[str]) -> None:
    found = written.createReaction()
    found.setId(one.id)
    found.setName(one.name)
    found.setReversible(one.reversible)
    for id, amount in one.changes:
        if id in reacting:
            reference = found.createReactant() if amount < 0 else found.createProduct()
            reference.setSpecies(id)
            reference.setStoichiometry(abs(amount))
            reference.setConstant(True)
    for id in sorted((symbols(one.rate) & reacting) - {id for id, _ in one.changes}):
        found.createModifier().setSpecies(id)
    law = found.createKineticLaw()
    law.setMath(to_ast(one.rate))
