"""SBML to Model. What is not supported is refused by name before anything runs, never simulated wrongly.

A species written as a concentration becomes an amount that changes and a rule that divides it by its compartment, so
that every Model has one canonical form: states, rules, reactions and rates.
"""

from __future__ import annotations

import math
import re
from typing import Any
from xml.parsers import expat

import libsbml

from offtarget.errors import InputError, UnsupportedError, sentence
from offtarget.models.expression import Expression, Number, Symbol, divide, multiply, substitute, symbols
from offtarget.models.model import Model, Parameter, Reaction, Rule, Species
from offtarget.models.ordering import in_order
from offtarget.models.sbml_math import Functions, from_ast
from offtarget.models.sbml_units import unit_texts

__all__ = ["read_sbml"]

_LARGEST = 20_000_000
_DEEPEST = 500
_BELONGS = ("cell", "item")


def read_sbml(text: str, *, where: str) -> Model:
    """The model in an SBML document (core, Level 2 and 3).

    Args:
        text: the document.
        where: the file or place, for error sentences.

    Raises:
        InputError: not SBML, or not valid.
        UnsupportedError: valid, but it uses something this package refuses to simulate; the text names it.
    """
    _refuse_hostile(text, where)
    document = libsbml.readSBMLFromString(text)
    _refuse_errors(document, where)
    document = _flattened(document, where)
    model = document.getModel()
    if model is None:
        raise InputError(sentence(where, expected="an SBML document with a model", got="none"))
    _refuse_unsupported(model, where)
    return _Reader(model, where).read()


def _refuse_hostile(text: str, where: str) -> None:
    """Refuse what could harm before libSBML sees it: it resolves document types and recurses into nested elements."""
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
    except expat.ExpatError as problem:
        raise InputError(sentence(where, expected="a valid SBML document", got=str(problem))) from None
    if deepest > _DEEPEST:
        then = "Split the formula into rules."
        raise InputError(
            sentence(where, expected=f"elements at most {_DEEPEST} deep", got=str(deepest), then=then)
        )


def _refuse_errors(document: Any, where: str) -> None:
    for number in range(document.getNumErrors()):
        problem = document.getError(number)
        if problem.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            said = " ".join(problem.getMessage().split()) or "it cannot be parsed"
            got = f"line {problem.getLine()}: {said}"
            raise InputError(sentence(where, expected="a valid SBML document", got=got))


def _flattened(document: Any, where: str) -> Any:
    for number in range(document.getNumPlugins()):
        name = document.getPlugin(number).getPackageName()
        if name not in ("comp", "l3v2extendedmath") and document.getPackageRequired(name):
            raise UnsupportedError(f'{where}: the SBML package "{name}" is not supported.')
    plugin = document.getPlugin("comp")
    if plugin is None:
        return document
    options = libsbml.ConversionProperties()
    options.addOption("flatten comp", True)
    options.addOption("performValidation", False)
    if document.convert(options) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise UnsupportedError(f"{where}: the hierarchical model could not be flattened.")
    return document


def _refuse_unsupported(model: Any, where: str) -> None:
    refused = {
        "events": model.getNumEvents() > 0,
        "constraints": model.getNumConstraints() > 0,
        "algebraic rules": any(rule.isAlgebraic() for rule in model.getListOfRules()),
        "fast reactions": any(
            reaction.isSetFast() and reaction.getFast() for reaction in model.getListOfReactions()
        ),
        "conversion factors": model.isSetConversionFactor()
        or any(species.isSetConversionFactor() for species in model.getListOfSpecies()),
        "variable stoichiometry": any(_varies(model, one) for one in _references(model)),
        "compartments that change": any(
            model.getRuleByVariable(one.getId()) is not None for one in model.getListOfCompartments()
        ),
    }
    found = [name for name, present in refused.items() if present]
    if found:
        raise UnsupportedError(f"{where}: {' and '.join(found)}: not supported yet. Nothing was simulated.")


def _references(model: Any) -> list[Any]:
    lists = [(one.getListOfReactants(), one.getListOfProducts()) for one in model.getListOfReactions()]
    return [reference for pair in lists for side in pair for reference in side]


def _varies(model: Any, reference: Any) -> bool:
    id = reference.getId()
    targeted = bool(id) and (model.getRule(id) is not None or model.getInitialAssignment(id) is not None)
    return reference.isSetStoichiometryMath() or targeted or math.isnan(reference.getStoichiometry())


class _Reader:
    """One pass over a libSBML model."""

    def __init__(self, model: Any, where: str) -> None:
        self.model, self.where = model, where
        self.units = unit_texts(model)
        self.functions = self._functions()
        self.locals: dict[str, dict[str, Expression]] = {}
        self.parameters: list[Parameter] = []
        self.species: list[Species] = []
        self.rules: list[Rule] = []
        self.rates: list[Rule] = []
        self.reactions: list[Reaction] = []
        self.initial: dict[str, Expression] = {}

    def read(self) -> Model:
        mentioned = _mentioned(self.model)
        for compartment in self.model.getListOfCompartments():
            if compartment.getSize() == 1.0 and compartment.getId() not in mentioned:
                continue  # a place for species of amounts, and nothing more
            self._quantity(
                compartment,
                compartment.getSize() if compartment.isSetSize() else 1.0,
                self._unit(compartment),
            )
        for parameter in self.model.getListOfParameters():
            self._quantity(parameter, parameter.getValue(), self._unit(parameter))
        for species in self.model.getListOfSpecies():
            self._one_species(species)
        for reaction in self.model.getListOfReactions():
            self._reaction(reaction)
        rules = in_order(tuple(self.rules), where=self.where)
        species = tuple(self._started(one) for one in self.species)
        return Model(
            id=self.model.getId() or "model", title=self.model.getName() or self.model.getId() or "model",
            time_unit=self._time_unit(), parameters=tuple(self.parameters), species=species,
            rules=rules, reactions=tuple(self.reactions), rates=tuple(self.rates),
        )  # fmt: skip

    def _functions(self) -> Functions:
        found: dict[str, tuple[tuple[str, ...], Expression]] = {}
        for one in self.model.getListOfFunctionDefinitions():
            names = tuple(one.getArgument(i).getName() for i in range(one.getNumArguments()))
            found[one.getId()] = (
                names,
                from_ast(one.getBody(), functions=found, where=f"{self.where}: {one.getId()}"),
            )
        return found

    def _math(self, owner: Any, id: str) -> Expression:
        return from_ast(owner.getMath(), functions=self.functions, where=f"{self.where}: {id}")

    def _unit(self, owner: Any) -> str:
        return self.units.get(owner.getUnits(), "")

    def _time_unit(self) -> str:
        return self.units.get(self.model.getTimeUnits(), "") or "day"

    def _quantity(self, owner: Any, value: float, unit: str) -> None:
        """A parameter or compartment: a number, a rule, or a state of its own."""
        id, name = owner.getId(), owner.getName()
        rule = self.model.getRuleByVariable(id)
        if rule is not None and rule.isAssignment():
            self.rules.append(Rule(id, self._math(rule, id), unit, name))
        elif rule is not None:
            self.rates.append(Rule(id, self._math(rule, id), unit, name))
            self.species.append(Species(id, self._start(id, value), unit, name))
        elif self.model.getInitialAssignment(id) is not None:
            self.rules.append(Rule(id, self._start(id, value), unit, name))
        else:
            self.parameters.append(Parameter(id, self._finite(value, id), unit, name))

    def _start(self, id: str, value: float) -> Expression:
        assignment = self.model.getInitialAssignment(id)
        if assignment is None:
            return Number(self._finite(value, id))
        found = self._math(assignment, id)
        self.initial[id] = found
        return found

    def _finite(self, value: float, id: str) -> float:
        if not math.isfinite(value):
            raise UnsupportedError(f"{self.where}: {id} has no finite value to start from. Give it one.")
        return float(value)

    def _one_species(self, one: Any) -> None:
        id, name = one.getId(), one.getName()
        substance = self.units.get(one.getSubstanceUnits() or self.model.getSubstanceUnits(), "")
        size = Symbol(one.getCompartment())
        amount = one.getHasOnlySubstanceUnits()
        rule = self.model.getRuleByVariable(id)
        unit = (
            substance
            if amount
            else _per(substance, self.model.getCompartment(one.getCompartment()), self.units)
        )
        if rule is not None:
            beginning = _concentration(one, amount, self.model)
            if rule.isAssignment():
                self.rules.append(Rule(id, self._math(rule, id), unit, name))
            else:
                self.rates.append(Rule(id, self._math(rule, id), unit, name))
                self.species.append(Species(id, self._start(id, beginning), unit, name))
        elif one.getConstant() or one.getBoundaryCondition():
            self._quantity(one, _concentration(one, amount, self.model), unit)
        elif amount:
            counted = substance in _BELONGS
            self.species.append(Species(id, self._start(id, _amount(one, self.model)), unit, name, counted))
        else:
            start = self._start(id, _concentration(one, False, self.model))
            self.species.append(
                Species(f"{id}_amount", multiply(start, size), substance, f"amount of {name or id}")
            )
            self.rules.append(Rule(id, divide(Symbol(f"{id}_amount"), size), unit, name))

    def _reaction(self, one: Any) -> None:
        law = one.getKineticLaw()
        if law is None or law.getMath() is None:
            raise UnsupportedError(f"{self.where}: reaction {one.getId()} has no kinetic law.")
        own: dict[str, Expression] = {}
        for local in [*law.getListOfLocalParameters(), *law.getListOfParameters()]:
            renamed = f"{one.getId()}_{local.getId()}"
            own[local.getId()] = Symbol(renamed)
            if renamed not in {parameter.id for parameter in self.parameters}:
                self.parameters.append(
                    Parameter(renamed, self._finite(local.getValue(), renamed), self._unit(local))
                )
        rate = substitute(self._math(law, one.getId()), own)
        self.reactions.append(Reaction(one.getId(), rate, self._changes(one), one.getName()))

    def _changes(self, one: Any) -> tuple[tuple[str, float], ...]:
        """What one firing adds to each state, reactants negative; boundary and constant species do not change."""
        known = {species.id for species in self.species} - {rule.id for rule in self.rates}
        total: dict[str, float] = {}
        for sign, side in ((-1.0, one.getListOfReactants()), (1.0, one.getListOfProducts())):
            for reference in side:
                id = reference.getSpecies()
                state = id if id in known else f"{id}_amount"
                if state in known:
                    total[state] = total.get(state, 0.0) + sign * reference.getStoichiometry()
        return tuple((state, amount) for state, amount in total.items() if amount)

    def _started(self, one: Species) -> Species:
        """A species whose initial expression mentions no other state: their own beginnings are written in."""
        initial = one.initial
        beginnings = {species.id: species.initial for species in self.species} | {"time": Number(0.0)}
        moving = {rule.id: rule.expression for rule in self.rules}
        for _ in range(len(beginnings) + len(moving)):
            used = symbols(initial)
            if not used & (beginnings.keys() | moving.keys()):
                break
            initial = substitute(initial, {**moving, **beginnings})
        else:
            raise InputError(
                f"{self.where}: the initial value of {one.id} depends on itself. Break the circle."
            )
        return Species(one.id, initial, one.unit, one.name, one.counted)


def _mentioned(model: Any) -> set[str]:
    """Compartments a formula could see: by name, or through a species written as a concentration."""
    text = " ".join(libsbml.formulaToL3String(one.getMath()) or "" for one in _formulas(model))
    by_name = set(re.findall(r"[A-Za-z_]\w*", text))
    through = {one.getCompartment() for one in model.getListOfSpecies() if not one.getHasOnlySubstanceUnits()}
    return by_name | through


def _formulas(model: Any) -> list[Any]:
    laws = [one.getKineticLaw() for one in model.getListOfReactions() if one.getKineticLaw() is not None]
    owners = [*model.getListOfRules(), *model.getListOfInitialAssignments(), *laws]
    return [one for one in owners if one.getMath() is not None]


def _amount(one: Any, model: Any) -> float:
    if one.isSetInitialAmount():
        return float(one.getInitialAmount())
    size = model.getCompartment(one.getCompartment()).getSize()
    return float(one.getInitialConcentration() * size) if one.isSetInitialConcentration() else math.nan


def _concentration(one: Any, amount: bool, model: Any) -> float:
    if amount:
        return _amount(one, model)
    if one.isSetInitialConcentration():
        return float(one.getInitialConcentration())
    size = model.getCompartment(one.getCompartment()).getSize()
    return float(one.getInitialAmount() / size) if one.isSetInitialAmount() else math.nan


def _per(substance: str, compartment: Any, units: dict[str, str]) -> str:
    volume = units.get(compartment.getUnits(), "")
    return f"{substance}/{volume}" if substance and volume else substance
