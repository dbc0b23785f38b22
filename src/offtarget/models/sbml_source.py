"""What an SBML document says, as plain nouns: quantities, species, reactions, events, with every formula an Expression.

Nothing is decided here about what is a state and what is a rule; ``sbml_read`` does that. A formula that Level 3
Version 2 lets be empty says nothing, so what holds it is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from offtarget.errors import UnsupportedError
from offtarget.models.expression import Expression, Number, Symbol, substitute
from offtarget.models.model import Event, Parameter
from offtarget.models.sbml_annotations import counted_below
from offtarget.models.sbml_math import Functions, from_ast, functions_of, rate_of
from offtarget.models.sbml_refuse import has_law, mentioned, references_of
from offtarget.models.sbml_units import time_text, unit_texts

__all__ = ["Process", "Quantity", "Source", "Substance", "read_source"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A compartment, parameter or stoichiometry that formulas may use.

    Attributes:
        value: what its attributes state; NaN where they state nothing.
        stated: whether they do.
        constant: whether the document promises that nothing changes it.
        initial, rule, rate: its formulas at the start, at every instant, and for d/dt.
        evented: whether an event assigns to it.
    """

    id: str
    name: str
    unit: str
    value: float
    stated: bool
    constant: bool
    initial: Expression | None
    rule: Expression | None
    rate: Expression | None
    evented: bool

    @property
    def moves(self) -> bool:
        """Whether it may change with time."""
        return self.rule is not None or self.rate is not None or self.evented


@dataclass(frozen=True, slots=True)
class Substance(Quantity):
    """A species.

    Attributes:
        place: its compartment.
        amount: whether formulas that use its name mean an amount; else a concentration.
        given_amount: whether ``value`` is an amount.
        boundary: whether reactions leave it alone.
        substance: the unit of its amount.
        factor: the parameter that converts the extent of reactions into its amount, or empty.
        counted_below: as for ``model.Species``.
    """

    place: str
    amount: bool
    given_amount: bool
    boundary: bool
    substance: str
    factor: str
    counted_below: float | None

    @property
    def reacts(self) -> bool:
        """Whether reactions may change it."""
        return not (self.boundary or self.constant or self.rule is not None or self.rate is not None)


@dataclass(frozen=True, slots=True)
class Process:
    """A reaction: its rate, its parameters under names of their own, and what one extent of it adds to each species."""

    id: str
    name: str
    rate: Expression
    own: tuple[Parameter, ...]
    terms: tuple[tuple[str, float, Expression], ...]  #: species, sign, stoichiometry
    reversible: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A document's model; the mappings are by id, in the document's order."""

    id: str
    title: str
    time_unit: str
    compartments: Mapping[str, Quantity]
    parameters: Mapping[str, Quantity]
    references: Mapping[str, Quantity]
    species: Mapping[str, Substance]
    processes: tuple[Process, ...]
    events: tuple[Event, ...]  #: their assignments go to names of the document
    algebraic: tuple[Expression, ...]  #: each is zero at every instant
    needed: frozenset[str]  #: compartments a formula could see
    delayed: bool = False  #: whether delays were written as copies

    def quantities(self) -> dict[str, Quantity]:
        """Everything a formula may use but reactions, by id."""
        return {**self.compartments, **self.parameters, **self.references, **self.species}


def read_source(model: Any, where: str) -> Source:
    """A libSBML Model as plain nouns.

    Args:
        model: a valid libSBML Model.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: a formula or a reaction this package refuses, named.
    """
    return _Source(model, where).read()


class _Source:
    """One pass over a libSBML model."""

    def __init__(self, model: Any, where: str) -> None:
        self.model, self.where = model, where
        self.units = unit_texts(model)
        references = references_of(model)
        groups = (model.getListOfCompartments(), model.getListOfParameters(), model.getListOfSpecies(),
                  model.getListOfReactions(), references)  # fmt: skip
        self.taken = {one.getId() for group in groups for one in group if one.getId()}
        # SBML may call anything "time"; a formula here means the time by it
        self.renamed = {"time": self.free("time_")} if "time" in self.taken | _local(model) else {}
        self.functions: Functions = functions_of(model, where)
        self.rules = {rule.getVariable(): rule for rule in model.getListOfRules() if not rule.isAlgebraic()}
        self.targets = {one.getVariable() for event in model.getListOfEvents()
                        for one in event.getListOfEventAssignments() if one.isSetMath()}  # fmt: skip
        self.mentioned = mentioned(model)
        # a stoichiometry that formulas use or something sets is a quantity; any other is a number of its reaction
        settable = {*self.rules, *self.targets, *self.mentioned}
        settable |= {one.getSymbol() for one in model.getListOfInitialAssignments()}
        self.references = {one.getId(): one for one in references if one.getId() in settable}

    def free(self, name: str) -> str:
        """This name, or the like of it that nothing has."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def read(self) -> Source:
        model = self.model
        algebraic = (
            self._math(rule, "an algebraic rule") for rule in model.getListOfRules() if rule.isAlgebraic()
        )
        return Source(
            id=model.getId() or "model", title=model.getName() or model.getId() or "model",
            time_unit=time_text(model) or "day",  # the house's
            compartments=_by_id(Quantity(**self._common(one), **self._size(one))
                                for one in model.getListOfCompartments()),
            parameters=_by_id(Quantity(**self._common(one), value=one.getValue(), stated=one.isSetValue(),
                                       unit=self._unit(one)) for one in model.getListOfParameters()),
            references=_by_id(Quantity(**self._common(one), value=one.getStoichiometry(), unit="",
                                       stated=one.isSetStoichiometry()) for one in self.references.values()),
            species=_by_id(self._substance(one) for one in model.getListOfSpecies()),
            processes=tuple(self._process(one) for one in model.getListOfReactions() if has_law(one)),
            events=tuple(found for one in model.getListOfEvents() if (found := self._event(one)) is not None),
            algebraic=tuple(one for one in algebraic if one is not None),
            needed=frozenset(self.mentioned | {one.getCompartment() for one in model.getListOfSpecies()
                                               if not one.getHasOnlySubstanceUnits()}),
        )  # fmt: skip

    def _math(self, owner: Any, place: str) -> Expression | None:
        """An owner's formula; None where it is missing or empty."""
        if owner is None or not owner.isSetMath():
            return None
        at = f"{self.where}: {place}"
        return from_ast(owner.getMath(), functions=self.functions, where=at, renamed=self.renamed)

    def _unit(self, owner: Any) -> str:
        return self.units.get(owner.getUnits(), "")

    def _common(self, one: Any) -> dict[str, Any]:
        """What compartments, parameters, stoichiometries and species alike have."""
        id, rule = one.getId(), self.rules.get(one.getId())
        formula = self._math(rule, id)
        rated = rule is not None and rule.isRate()
        return {
            "id": self.renamed.get(id, id), "name": one.getName(), "constant": bool(one.getConstant()),
            "initial": self._math(self.model.getInitialAssignment(id), id),
            "rule": None if rated else formula, "rate": formula if rated else None, "evented": id in self.targets,
        }  # fmt: skip

    def _size(self, one: Any) -> dict[str, Any]:
        """A compartment without dimensions needs no size: what is in it has an amount and that is all."""
        flat = one.isSetSpatialDimensions() and one.getSpatialDimensionsAsDouble() == 0
        given = one.isSetSize()
        return {
            "value": one.getSize() if given or not flat else 1.0,
            "stated": given or flat,
            "unit": self._unit(one),
        }

    def _substance(self, one: Any) -> Substance:
        substance = self.units.get(one.getSubstanceUnits() or self.model.getSubstanceUnits(), "")
        volume = self.units.get(self.model.getCompartment(one.getCompartment()).getUnits(), "")
        amount, given = one.getHasOnlySubstanceUnits(), one.isSetInitialAmount()
        stated = given or one.isSetInitialConcentration()
        value = one.getInitialAmount() if given else one.getInitialConcentration() if stated else math.nan
        factor = one.getConversionFactor() or self.model.getConversionFactor()
        return Substance(
            **self._common(one), value=value, stated=stated, given_amount=given, place=one.getCompartment(),
            unit=substance if amount or not (substance and volume) else f"{substance}/{volume}", amount=amount,
            boundary=one.getBoundaryCondition(), substance=substance, factor=self.renamed.get(factor, factor),
            counted_below=counted_below(one, self.where),
        )  # fmt: skip

    def _process(self, one: Any) -> Process:
        id, law = one.getId(), one.getKineticLaw()
        own: dict[str, Expression] = {}
        parameters: list[Parameter] = []
        for local in [*law.getListOfLocalParameters(), *law.getListOfParameters()]:
            name = self.renamed.get(local.getId(), local.getId())
            if name not in own:
                called = self.free(f"{id}_{local.getId()}")
                own |= {name: Symbol(called), rate_of(name): Symbol(rate_of(called))}
                parameters.append(Parameter(called, local.getValue(), self._unit(local)))
        rate = self._math(law, id) or Number(0.0)
        terms = [(self.renamed.get(two.getSpecies(), two.getSpecies()), sign, self._stoichiometry(two))
                 for sign, side in ((-1.0, one.getListOfReactants()), (1.0, one.getListOfProducts()))
                 for two in side]  # fmt: skip
        return Process(
            self.renamed.get(id, id), one.getName(), substitute(rate, own), tuple(parameters), tuple(terms),
            bool(one.getReversible()),
        )  # fmt: skip

    def _stoichiometry(self, reference: Any) -> Expression:
        id = reference.getId()
        if reference.isSetStoichiometryMath():
            formula = self._math(
                reference.getStoichiometryMath(), f"a stoichiometry of {reference.getSpecies()}"
            )
            return formula or Number(1.0)
        if id and id in self.references:
            return Symbol(self.renamed.get(id, id))
        value, species = reference.getStoichiometry(), self.model.getSpecies(reference.getSpecies())
        if math.isnan(value) and not (species.getBoundaryCondition() or species.getConstant()):
            said = f"the stoichiometry of {species.getId()} has no value. Give it one."
            raise UnsupportedError(f"{self.where}: {said}")
        return Number(value)

    def _event(self, one: Any) -> Event | None:
        """The event; None where it never fires or changes nothing."""
        id = one.getId() or self.free("event")
        trigger = self._math(one.getTrigger(), id)
        said = [(self.renamed.get(each.getVariable(), each.getVariable()), self._math(each, id))
                for each in one.getListOfEventAssignments()]  # fmt: skip
        assignments = tuple((name, formula) for name, formula in said if formula is not None)
        if trigger is None or not assignments:
            return None
        level_3 = self.model.getLevel() > 2
        return Event(
            id=self.renamed.get(id, id), trigger=trigger, assignments=assignments, name=one.getName(),
            delay=self._math(one.getDelay(), id), priority=self._math(one.getPriority(), id) if level_3 else None,
            initially=one.getTrigger().getInitialValue() if level_3 else True,
            persistent=one.getTrigger().getPersistent() if level_3 else True,
            from_trigger_time=one.getUseValuesFromTriggerTime(),
        )  # fmt: skip


def _local(model: Any) -> set[str]:
    """Names of parameters that belong to one reaction."""
    laws = [law for one in model.getListOfReactions() if (law := one.getKineticLaw()) is not None]
    return {
        one.getId() for law in laws for one in (*law.getListOfLocalParameters(), *law.getListOfParameters())
    }


def _by_id(found: Iterable[Any]) -> dict[str, Any]:
    return {one.id: one for one in found}
