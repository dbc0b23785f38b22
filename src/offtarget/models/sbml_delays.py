"""``delay(x, d)`` as equations: a second copy of what x depends on, which runs d behind.

The copy z(t) = y(t - d) of equations y' = f(y, t) follows z' = f(z, t - d) from t = d on, when an event lets it go, and
stays at its start until then, as SBML has it: before the start states are what they start from, and rules and initial
assignments are what they say of an earlier time. That is exact as long as nothing that x depends on depends on a delay
itself, and no event changes it. Otherwise the past has to be remembered, which this package does not do; it is refused
by name. So is a schedule that acts on such a model: the copies would not hear of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from offtarget.errors import UnsupportedError
from offtarget.models.expression import (
    Call,
    Expression,
    Number,
    Symbol,
    infix,
    multiply,
    substitute,
    symbols,
    walk,
)
from offtarget.models.model import Event
from offtarget.models.sbml_math import DELAY, rate_of
from offtarget.models.sbml_roots import value_at
from offtarget.models.sbml_source import Process, Quantity, Source, Substance

__all__ = ["undelayed"]

_MOST_DELAYS = 20  # each may double the equations
_GROUPS = ("compartments", "parameters", "references", "species")
_ZERO, _ONE = Number(0.0), Number(1.0)


def undelayed(source: Source, where: str) -> Source:
    """The document with every ``delay`` written as equations.

    Args:
        source: what the document says.
        where: the file or place, for error sentences.

    Raises:
        UnsupportedError: a delay of what an event changes or what depends on a delay, or one that is not constant.
    """
    if not any(_delays(formula) for formula in _formulas(source)):
        return source
    return _Copier(source, where).written()


def _formulas(source: Source) -> Iterator[Expression | None]:
    for one in source.quantities().values():
        yield from (one.initial, one.rule, one.rate)
    for process in source.processes:
        yield process.rate
        yield from (amount for _, _, amount in process.terms)
    for event in source.events:
        yield from event.formulas()


def _delays(formula: Expression | None) -> bool:
    return formula is not None and any(
        isinstance(one, Call) and one.operator == DELAY for one in walk(formula)
    )


class _Copier:
    """Writes formulas without delays, and makes the copies that they need."""

    def __init__(self, source: Source, where: str) -> None:
        self.source, self.where = source, where
        self.quantities = source.quantities()
        self.processes = {one.id: one for one in source.processes}
        self.touching: dict[str, list[str]] = {}
        for one in source.processes:
            for id, _, _ in one.terms:
                self.touching.setdefault(id, []).append(one.id)
        self.taken = {*self.quantities, *self.processes, *(one.id for one in source.events)}
        self.taken |= {own.id for one in source.processes for own in one.own}
        #: delay -> what it is called there -> its copy
        self.names: dict[Expression, dict[str, str]] = {}
        self.copies: dict[str, dict[str, Quantity]] = {group: {} for group in _GROUPS}
        self.running: dict[tuple[Expression, str], str] = {}
        self.copied: list[Process] = []
        self.begun: dict[Expression, str] = {}
        self.aging = self._aging()

    def written(self) -> Source:
        changed: dict[str, Any] = {
            group: {id: self._quantity(one) for id, one in getattr(self.source, group).items()}
            for group in _GROUPS
        }
        processes = [self._process(one) for one in self.source.processes]
        events = tuple(self._event(one) for one in self.source.events)
        for delay, names in self.names.items():
            self.copied += [
                self._process_copy(self.processes[id], names, delay) for id in names if id in self.processes
            ]
        changed = {group: {**changed[group], **self.copies[group]} for group in _GROUPS}
        switches, begins = self._switches()
        changed["parameters"] |= switches
        return replace(
            self.source,
            processes=(*processes, *self.copied),
            events=(*events, *begins),
            delayed=True,
            **changed,
        )

    # --- formulas as they are without delays ---

    def _now(self, formula: Expression | None) -> Any:
        """A formula, its delays replaced."""
        if not isinstance(formula, Call):
            return formula
        if formula.operator != DELAY:
            return Call(formula.operator, tuple(self._now(part) for part in formula.arguments))
        what, delay = formula.arguments
        if _delays(what) or not all(map(self._stays, symbols(delay))) or value_at(delay, {}) < 0.0:
            called = f"delay({infix(what)}, {infix(delay)})"
            raise self._refused(called, "a delay of a delay, or one that changes or is below zero,")
        if len(self.names.setdefault(delay, {})) == 0 and len(self.names) > _MOST_DELAYS:
            raise self._refused("delay()", f"more than {_MOST_DELAYS} different delays")
        return self._then(what, delay)

    def _quantity(self, one: Quantity) -> Quantity:
        return replace(
            one, initial=self._now(one.initial), rule=self._now(one.rule), rate=self._now(one.rate)
        )

    def _process(self, one: Process) -> Process:
        terms = tuple((id, sign, self._now(amount)) for id, sign, amount in one.terms)
        return replace(one, rate=self._now(one.rate), terms=terms)

    def _event(self, one: Event) -> Event:
        return replace(
            one, trigger=self._now(one.trigger), delay=self._now(one.delay), priority=self._now(one.priority),
            assignments=tuple((id, self._now(value)) for id, value in one.assignments),
        )  # fmt: skip

    # --- formulas as they were ---

    def _then(self, formula: Expression, delay: Expression) -> Expression:
        """A formula of so long ago."""
        if _delays(formula):
            raise self._refused("delay()", "a delay of what depends on a delay")
        past: dict[str, Expression] = {"time": Call("-", (Symbol("time"), delay))}
        for name in sorted(symbols(formula)):
            plain = name.removeprefix("rateOf(").removesuffix(")") if name not in self.taken else name
            if self._moves(plain) or plain in self.aging:
                called = self._copy(plain, delay)
                past[name] = Symbol(called if plain == name else rate_of(called))
        return substitute(formula, past)

    def _moves(self, name: str) -> bool:
        one = self.quantities.get(name)
        return name in self.processes or (one is not None and (one.moves or self._reacts(one)))

    def _aging(self) -> frozenset[str]:
        """What an initial assignment gives another value before the start, because it goes by the time."""
        found: set[str] = set()
        by_time = {"time"}
        while more := {id for id, one in self.quantities.items() for formula in (one.rule, one.initial)
                       if formula is not None and symbols(formula) & by_time} - by_time:  # fmt: skip
            by_time |= more
        for id in by_time - {"time"}:
            if self.quantities[id].initial is not None:
                found.add(id)
        return frozenset(found)

    def _stays(self, name: str) -> bool:
        return name in self.taken and not self._moves(name) and name not in self.aging

    def _reacts(self, one: Quantity) -> bool:
        return isinstance(one, Substance) and one.reacts and one.id in self.touching

    def _copy(self, name: str, delay: Expression) -> str:
        """What a quantity or a reaction of so long ago is called, made if there is none yet."""
        names = self.names[delay]
        if name in names:
            return names[name]
        names[name] = self._free(f"{name}_delayed")
        if name in self.processes:
            self._then(self.processes[name].rate, delay)
        elif name not in self.aging:
            self._follow(names[name], self.quantities[name], delay)
        else:
            one, running = self.quantities[name], name
            if self._moves(name):
                running = self._free(f"{name}_running")
                self._follow(running, one, delay)
            assert one.initial is not None
            begun = Call(">=", (Symbol("time"), delay))
            past = Call("piecewise", (Symbol(running), begun, self._then(one.initial, delay)))
            self.copies["parameters"][names[name]] = Quantity(
                names[name], f"{one.name or name}, delayed", one.unit, math.nan, stated=False, constant=False,
                initial=None, rule=past, rate=None, evented=False,
            )  # fmt: skip
        return names[name]

    def _follow(self, called: str, one: Quantity, delay: Expression) -> None:
        """Make the copy of a quantity that follows its equations."""
        if one.evented:
            raise self._refused(f"delay() of {one.id}", "a delay of what an event changes")
        self.running[delay, one.id] = called
        changes: dict[str, Any] = {"id": called, "name": f"{one.name or one.id}, delayed"}
        if one.rule is not None:
            changes |= {"rule": self._then(one.rule, delay)}
        else:
            changes |= {"initial": Symbol(one.id)}
        if one.rate is not None:
            changes |= {"rate": self._gated(self._then(one.rate, delay), delay)}
        if isinstance(one, Substance) and self._moves(one.place):
            changes |= {"place": self._copy(one.place, delay)}
        group = next(group for group in _GROUPS if one.id in getattr(self.source, group))
        self.copies[group][called] = replace(one, **changes)
        for process in self.touching.get(one.id, ()) if self._reacts(one) else ():
            self._copy(process, delay)
            for _, _, amount in self.processes[process].terms:
                self._then(amount, delay)

    def _process_copy(self, one: Process, names: Mapping[str, str], delay: Expression) -> Process:
        """A reaction of so long ago; of what it changes, only what has a copy."""
        terms = tuple(
            (self.running[delay, id], sign, self._gated(self._then(amount, delay), delay))
            for id, sign, amount in one.terms
            if (delay, id) in self.running
        )
        return Process(names[one.id], one.name, self._then(one.rate, delay), (), terms, one.reversible)

    def _gated(self, rate: Expression, delay: Expression) -> Expression:
        """A rate that begins when the copy does; an event switches it, so that no step of a solver is half and half."""
        if delay not in self.begun:
            self.begun[delay] = self._free("begun")
        begun = Symbol(self.begun[delay])
        return begun if rate == _ONE else multiply(begun, rate)

    def _switches(self) -> tuple[dict[str, Quantity], tuple[Event, ...]]:
        """What says whether copies have begun, and the events that set it."""
        switches, events = {}, []
        for delay, id in self.begun.items():
            switches[id] = Quantity(id, f"whether {infix(delay)} has passed", "", 0.0, stated=True, constant=False,
                                    initial=None, rule=None, rate=None, evented=True)  # fmt: skip
            # a patient's parameters may make a delay negative, and there is no number for that
            begin = Call("piecewise", (_ONE, Call(">=", (delay, _ZERO))))
            passed = Call(">=", (Symbol("time"), delay))
            events.append(Event(self._free(f"{id}_event"), passed, ((id, begin),), initially=False))
        return switches, tuple(events)

    def _free(self, name: str) -> str:
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def _refused(self, what: str, why: str) -> UnsupportedError:
        return UnsupportedError(f"{self.where}: {what}: {why} is not supported. Nothing was simulated.")
