"""SBML to Model. What is not supported is refused by name before anything runs, never simulated wrongly.

A species written as a concentration becomes an amount that changes and a rule that divides it by its compartment, so
that every Model has one canonical form: states, rules, reactions and rates.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import libsbml

from offtarget.errors import InputError, UnsupportedError, sentence
from offtarget.models.expression import (
    Call,
    Expression,
    Number,
    Symbol,
    divide,
    multiply,
    substitute,
    walk,
)
from offtarget.models.model import Model, Parameter, Reaction, Rule, Species
from offtarget.models.ordering import in_order, refuse_undefined
from offtarget.models.sbml_math import Functions, from_ast
from offtarget.models.sbml_refuse import mentioned, refuse_hostile, refuse_unsupported
from offtarget.models.sbml_units import unit_texts
from offtarget.models.starting import at_start

__all__ = ["read_sbml"]

_BELONGS = ("cell", "item")
_LONGEST_WORDS = 300
#: Questions of taste or of units, which are judged elsewhere or not at all.
_UNJUDGED = (
    libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
    libsbml.LIBSBML_CAT_MODELING_PRACTICE,
)  # fmt: skip


def read_sbml(text: str, *, where: str) -> Model:
    """The model in an SBML document (core, Level 2 and 3).

    Args:
        text: the document.
        where: the file or place, for error sentences.

    Raises:
        InputError: not SBML, or not valid.
        UnsupportedError: valid, but it uses something this package refuses to simulate; the text names it.
    """
    refuse_hostile(text, where)
    document = libsbml.readSBMLFromString(text)
    _refuse_errors(document, where)
    document = _flattened(document, where)
    for category in _UNJUDGED:
        document.setConsistencyChecks(category, False)
    document.checkConsistency()
    _refuse_errors(document, where)
    model = document.getModel()
    if model is None:
        raise InputError(sentence(where, expected="an SBML document with a model", got="none"))
    refuse_unsupported(model, where)
    return _Reader(model, where).read()


def _refuse_errors(document: Any, where: str) -> None:
    for number in range(document.getNumErrors()):
        problem = document.getError(number)
        if problem.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            # libSBML cites the rule at length, then says on its last line what broke it
            lines = [" ".join(line.split()) for line in problem.getMessage().splitlines() if line.strip()]
            got = f"a mistake in line {problem.getLine()}"
            then = lines[-1][:_LONGEST_WORDS] if lines else "It cannot be parsed."
            raise InputError(sentence(where, expected="a valid SBML document", got=got, then=then))


def _flattened(document: Any, where: str) -> Any:
    if document.getLevel() < 3:
        return document  # packages came with Level 3; what libSBML reports below it are annotations
    for number in range(document.getNumPlugins()):
        name = document.getPlugin(number).getPackageName()
        if name not in ("comp", "l3v2extendedmath") and document.getPackageRequired(name):
            raise UnsupportedError(f'{where}: the SBML package "{name}" is not supported.')
    plugin = document.getPlugin("comp")
    if plugin is None:
        return document
    if plugin.getNumExternalModelDefinitions():
        raise UnsupportedError(f"{where}: definitions in other files are not supported.")
    options = libsbml.ConversionProperties()
    options.addOption("flatten comp", True)
    options.addOption("performValidation", False)
    if document.convert(options) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise UnsupportedError(f"{where}: the hierarchical model could not be flattened.")
    return document


class _Reader:
    """One pass over a libSBML model."""

    def __init__(self, model: Any, where: str) -> None:
        self.model, self.where = model, where
        self.units = unit_texts(model)
        self.functions = self._functions()
        self.parameters: list[Parameter] = []
        self.species: list[Species] = []
        self.rules: list[Rule] = []
        self.rates: list[Rule] = []
        self.reactions: list[Reaction] = []
        self.settled: list[
            Rule
        ] = []  # values that an initial assignment gives and nothing changes afterwards
        self.sizes: dict[str, Expression] = {}  # of compartments
        self.states: dict[str, str] = {}  # species of SBML -> the state that reactions change
        groups = (model.getListOfCompartments(), model.getListOfParameters(), model.getListOfSpecies(),
                  model.getListOfReactions())  # fmt: skip
        self.taken = {one.getId() for group in groups for one in group}

    def read(self) -> Model:
        needed = _needed(self.model)
        for compartment in self.model.getListOfCompartments():
            self._compartment(compartment, needed)
        for parameter in self.model.getListOfParameters():
            self._quantity(parameter, Number(parameter.getValue()), self._unit(parameter))
        for one in self.model.getListOfSpecies():
            self._one_species(one)
        for reaction in self.model.getListOfReactions():
            self._reaction(reaction)
        self._without_rates_by_name()
        species, settled = self._started()
        read = Model(
            id=self.model.getId() or "model", title=self.model.getName() or self.model.getId() or "model",
            time_unit=self._time_unit(), parameters=tuple(self.parameters), species=species,
            rules=in_order((*settled, *self.rules), where=self.where), reactions=tuple(self.reactions),
            rates=tuple(self.rates),
        )  # fmt: skip
        refuse_undefined(read, where=self.where)
        return read

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
        """The model's unit of time; of a model that states none, the second in Level 2, else the house's day."""
        if self.model.getLevel() < 3:
            return self.units.get("time", "s") or "s"
        return self.units.get(self.model.getTimeUnits(), "") or "day"

    def _compartment(self, one: Any, needed: set[str]) -> None:
        id = one.getId()
        settled = self.model.getInitialAssignment(id) is not None
        if id not in needed and not settled and (not one.isSetSize() or one.getSize() == 1.0):
            self.sizes[id] = Number(1.0)  # a place for species of amounts, and nothing more
            return
        self.sizes[id] = Symbol(id)
        flat = one.isSetSpatialDimensions() and one.getSpatialDimensionsAsDouble() == 0
        self._quantity(one, Number(1.0 if flat else one.getSize()), self._unit(one))

    def _quantity(self, owner: Any, start: Expression, unit: str) -> None:
        """A parameter, compartment or unreacting species: a number, a rule, or a state of its own."""
        id, name = owner.getId(), owner.getName()
        rule = self.model.getRuleByVariable(id)
        if rule is not None and rule.isAssignment():
            self.rules.append(Rule(id, self._math(rule, id), unit, name))
            return
        start = self._assigned(id, start)
        if rule is not None:
            self.rates.append(Rule(id, self._math(rule, id), unit, name))
            self.species.append(Species(id, start, unit, name))
        elif isinstance(start, Number):
            self.parameters.append(Parameter(id, start.value, unit, name))
        else:
            self.settled.append(Rule(id, start, unit, name))

    def _assigned(self, id: str, start: Expression) -> Expression:
        """What an initial assignment says, or else this start."""
        assignment = self.model.getInitialAssignment(id)
        found = start if assignment is None else self._math(assignment, id)
        if any(isinstance(part, Number) and not math.isfinite(part.value) for part in walk(found)):
            raise UnsupportedError(f"{self.where}: {id} has no finite value to start from. Give it one.")
        return found

    def _one_species(self, one: Any) -> None:
        id, name = one.getId(), one.getName()
        substance = self.units.get(one.getSubstanceUnits() or self.model.getSubstanceUnits(), "")
        amount = one.getHasOnlySubstanceUnits()
        place = self.model.getCompartment(one.getCompartment())
        unit = substance if amount else _per(substance, place, self.units)
        own_rule = self.model.getRuleByVariable(id) is not None
        if own_rule or one.getConstant() or one.getBoundaryCondition():
            self._quantity(one, self._folded(self._beginning(one, amount=amount)), unit)
            return
        start = self._assigned(id, self._beginning(one, amount=amount))
        counted = substance in _BELONGS
        if amount:
            self.states[id] = id
            self.species.append(Species(id, start, unit, name, counted))
            return
        size, assigned = self.sizes[one.getCompartment()], self.model.getInitialAssignment(id) is not None
        start = multiply(start, size) if assigned else self._beginning(one, amount=True)
        self.states[id] = self._free(f"{id}_amount")
        self.species.append(Species(self.states[id], start, substance, f"amount of {name or id}", counted))
        self.rules.append(Rule(id, divide(Symbol(self.states[id]), size), unit, name))

    def _beginning(self, one: Any, *, amount: bool) -> Expression:
        """The initial amount or concentration that a species' attributes state; NaN where they state none."""
        size = self.sizes[one.getCompartment()]
        if one.isSetInitialAmount():
            given = Number(one.getInitialAmount())
            return given if amount or size == Number(1.0) else divide(given, size)
        given = Number(one.getInitialConcentration() if one.isSetInitialConcentration() else math.nan)
        return multiply(given, size) if amount and size != Number(1.0) else given

    def _folded(self, start: Expression) -> Expression:
        """A start that is one number where the size it mentions is a plain parameter."""
        if isinstance(start, Call):
            given, size = start.arguments
            value = next((one.value for one in self.parameters if Symbol(one.id) == size), 0.0)
            if isinstance(given, Number) and value:
                return Number(given.value * value if start.operator == "*" else given.value / value)
        return start

    def _free(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _reaction(self, one: Any) -> None:
        law = one.getKineticLaw()
        if law is None or law.getMath() is None:
            raise UnsupportedError(f"{self.where}: reaction {one.getId()} has no kinetic law.")
        own: dict[str, Expression] = {}
        for local in [*law.getListOfLocalParameters(), *law.getListOfParameters()]:
            if local.getId() not in own:
                renamed = self._free(f"{one.getId()}_{local.getId()}")
                own[local.getId()] = Symbol(renamed)
                value = self._assigned(renamed, Number(local.getValue()))
                assert isinstance(value, Number)  # nothing assigns to a name made here
                self.parameters.append(Parameter(renamed, value.value, self._unit(local)))
        rate = substitute(self._math(law, one.getId()), own)
        self.reactions.append(Reaction(one.getId(), rate, self._changes(one), one.getName()))

    def _changes(self, one: Any) -> tuple[tuple[str, float], ...]:
        """What one firing adds to each state, reactants negative; boundary and constant species do not change."""
        total: dict[str, float] = {}
        for sign, side in ((-1.0, one.getListOfReactants()), (1.0, one.getListOfProducts())):
            for reference in side:
                state = self.states.get(reference.getSpecies())
                if state is not None:
                    total[state] = total.get(state, 0.0) + sign * reference.getStoichiometry()
        return tuple((state, amount) for state, amount in total.items() if amount)

    def _without_rates_by_name(self) -> None:
        """A formula may use the rate of a reaction by its name; here its law is written in."""
        meanings = {one.id: one.rate for one in self.reactions}
        laws = at_start(meanings, meanings, where=self.where)
        self.rules = [replace(one, expression=substitute(one.expression, laws)) for one in self.rules]
        self.rates = [replace(one, expression=substitute(one.expression, laws)) for one in self.rates]
        self.reactions = [replace(one, rate=laws[one.id]) for one in self.reactions]

    def _started(self) -> tuple[tuple[Species, ...], tuple[Rule, ...]]:
        """States and settled values, their starts written in parameters alone."""
        meanings: dict[str, Expression] = {"time": Number(0.0)}
        meanings |= {one.id: one.initial for one in self.species}
        meanings |= {one.id: one.expression for one in (*self.rules, *self.settled)}
        meanings |= {one.id: one.rate for one in self.reactions}
        wanted = [one.id for one in self.species] + [one.id for one in self.settled]
        starts = at_start(wanted, meanings, where=self.where)
        return (
            tuple(replace(one, initial=starts[one.id]) for one in self.species),
            tuple(replace(one, expression=starts[one.id]) for one in self.settled),
        )


def _needed(model: Any) -> set[str]:
    """Compartments a formula could see: by name, or through a species written as a concentration."""
    through = {one.getCompartment() for one in model.getListOfSpecies() if not one.getHasOnlySubstanceUnits()}
    return mentioned(model) | through


def _per(substance: str, compartment: Any, units: dict[str, str]) -> str:
    volume = units.get(compartment.getUnits(), "")
    return f"{substance}/{volume}" if substance and volume else substance
