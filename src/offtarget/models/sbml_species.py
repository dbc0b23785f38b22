"""Which names of an SBML model are states, which are rules and which stay put: the canonical form of quantities.

A species written as a concentration becomes an amount that changes and a rule that divides it by its compartment. Only
where a formula gives d/dt of a concentration itself, in a compartment that no event changes, is that the state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from offtarget.errors import InputError, UnsupportedError, sentence
from offtarget.models.expression import Call, Expression, Number, Symbol, add, divide, multiply, symbols, walk
from offtarget.models.model import Parameter, Rule, Species
from offtarget.models.sbml_source import Quantity, Source, Substance

__all__ = ["Places", "place_quantities"]

_BELONGS = ("cell", "item")
_ONE = Number(1.0)


@dataclass(slots=True)
class Places:
    """Where each quantity of a document went. The lists grow while it is read.

    Attributes:
        settled: values that an initial assignment gives and nothing changes afterwards.
        sizes: of compartments, as formulas may use them.
        amounts: species -> the name of its amount, where that is not the species' own name.
    """

    parameters: list[Parameter] = field(default_factory=list)
    species: list[Species] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    rates: list[Rule] = field(default_factory=list)
    settled: list[Rule] = field(default_factory=list)
    sizes: dict[str, Expression] = field(default_factory=dict)
    amounts: dict[str, str] = field(default_factory=dict)


def place_quantities(source: Source, free: Callable[[str], str], where: str) -> Places:
    """Every compartment, parameter, stoichiometry and species of a document as a parameter, a rule or a state.

    Args:
        source: what the document says.
        free: makes a name that nothing has yet out of the one wanted.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: a quantity without a finite value to start from.
    """
    return _Placer(source, free, where).place()


class _Placer:
    def __init__(self, source: Source, free: Callable[[str], str], where: str) -> None:
        self.source, self.free, self.where = source, free, where
        self.found = Places()

    def place(self) -> Places:
        for one in self.source.compartments.values():
            self._compartment(one)
        for one in (*self.source.parameters.values(), *self.source.references.values()):
            self._quantity(one, self._start(one, Number(one.value)))
        for species in self.source.species.values():
            self._species(species)
        return self.found

    def _compartment(self, one: Quantity) -> None:
        used = one.id in self.source.needed or one.initial is not None or one.moves
        if not used and (not one.stated or one.value == 1.0):
            self.found.sizes[one.id] = _ONE  # a place for species of amounts, and nothing more
            return
        self.found.sizes[one.id] = Symbol(one.id)
        self._quantity(one, self._start(one, Number(one.value)))

    def _start(self, one: Quantity, otherwise: Expression) -> Expression | None:
        """What holds at the start: what an initial assignment says, or else this; None where a rule says it."""
        if one.rule is not None:
            return None
        if one.initial is None and not (one.stated and one.value == one.value):
            raise UnsupportedError(_no_start(self.where, one.id))
        return one.initial or otherwise

    def _state(self, one: Species) -> None:
        """A state; a solver cannot take one from infinity."""
        if any(isinstance(part, Number) and not math.isfinite(part.value) for part in walk(one.initial)):
            raise UnsupportedError(_no_start(self.where, one.id))
        self.found.species.append(one)

    def _quantity(self, one: Quantity, start: Expression | None, rate: Expression | None = None) -> None:
        """A number, a rule, a value settled at the start, or a state of its own."""
        rate = rate or one.rate
        if start is None or one.rule is not None:
            assert one.rule is not None
            self.found.rules.append(Rule(one.id, one.rule, one.unit, one.name))
        elif rate is not None or one.evented:
            if rate is not None:
                self.found.rates.append(Rule(one.id, rate, one.unit, one.name))
            self._state(Species(one.id, start, one.unit, one.name))
        elif isinstance(start, Number) and math.isfinite(start.value):
            self.found.parameters.append(Parameter(one.id, start.value, one.unit, one.name))
        else:
            self.found.settled.append(Rule(one.id, start, one.unit, one.name))

    def _species(self, one: Substance) -> None:
        place, size = self.source.compartments[one.place], self.found.sizes[one.place]
        counted = one.substance in _BELONGS
        if one.counted_below is not None and not counted:
            where, got = f"{self.where}: {one.id}: annotation", one.substance or "an amount without a unit"
            raise InputError(sentence(where, expected="a number of cells, to be counted", got=got))
        if one.reacts and one.amount:
            start = self._start(one, self._beginning(one, size, amount=True))
            assert start is not None
            self._state(Species(one.id, start, one.unit, one.name, counted, one.counted_below))
        elif one.reacts:
            self._amount(one, size, counted, state=True)
        elif one.amount or not place.moves or one.rule is not None:
            self._quantity(one, self._start(one, self._folded(self._beginning(one, size, amount=one.amount))))
        elif one.rate is None:
            self._amount(one, size, counted, state=one.evented)
        elif not place.evented:
            if self._jumps(place):
                raise UnsupportedError(
                    f"{self.where}: {one.id}: a rate of a concentration, in a compartment that events change through "
                    "a rule, is not supported."
                )
            self._quantity(one, self._start(one, self._beginning(one, size, amount=False)))
        else:
            # d/dt of the concentration is given, but what an event that changes the size keeps is the amount
            terms = [multiply(one.rate, size)]
            terms += [multiply(Symbol(one.id), place.rate)] if place.rate is not None else []
            self._amount(one, size, counted, state=True, rate=add(*terms))

    def _jumps(self, place: Quantity) -> bool:
        """Whether an event changes a compartment's size through a rule."""
        quantities = self.source.quantities()
        waiting, seen = [place.id], {place.id}
        while waiting:
            one = quantities.get(waiting.pop())
            if one is not None and one.evented:
                return True
            used = symbols(one.rule) - seen if one is not None and one.rule is not None else frozenset()
            seen |= used
            waiting += used
        return False

    def _amount(
        self, one: Substance, size: Expression, counted: bool, *, state: bool, rate: Expression | None = None
    ) -> None:
        """A concentration as a rule, over an amount that is a state or stays put."""
        self._start(one, self._beginning(one, size, amount=False))
        start = (
            multiply(one.initial, size)
            if one.initial is not None
            else self._beginning(one, size, amount=True)
        )
        name, called = self.free(f"{one.id}_amount"), f"amount of {one.name or one.id}"
        self.found.amounts[one.id] = name
        if state:
            self._state(Species(name, start, one.substance, called, counted, one.counted_below))
        elif isinstance(start, Number) and math.isfinite(start.value):
            self.found.parameters.append(Parameter(name, start.value, one.substance, called))
        else:
            self.found.settled.append(Rule(name, start, one.substance, called))
        if rate is not None:
            self.found.rates.append(Rule(name, rate, one.substance, called))
        self.found.rules.append(Rule(one.id, divide(Symbol(name), size), one.unit, one.name))

    def _beginning(self, one: Substance, size: Expression, *, amount: bool) -> Expression:
        """The initial amount or concentration that a species' attributes state; NaN where they state none."""
        given = Number(one.value)
        if amount == one.given_amount or size == _ONE:
            return given
        return multiply(given, size) if amount else divide(given, size)

    def _folded(self, start: Expression) -> Expression:
        """A start that is one number where the size it mentions is a plain parameter."""
        if isinstance(start, Call):
            given, size = start.arguments
            value = next((one.value for one in self.found.parameters if Symbol(one.id) == size), 0.0)
            if isinstance(given, Number) and value:
                return Number(given.value * value if start.operator == "*" else given.value / value)
        return start


def _no_start(where: str, id: str) -> str:
    return f"{where}: {id} has no finite value to start from. Give it one."
