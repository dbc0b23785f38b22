"""Model: equations with units. Species change by reactions and rates; rules are names for expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from offtarget.errors import InputError, nearest
from offtarget.evidence import Evidence, digest
from offtarget.models.expression import Call, Expression, Number, Symbol, infix, multiply, substitute, symbols

__all__ = ["Event", "Model", "Parameter", "Reaction", "Rule", "Species"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that stays put between events; a cohort column or a schedule may give it another value."""

    id: str
    value: float
    unit: str
    name: str = ""
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Species:
    """A state.

    Attributes:
        initial: an expression of parameters and their rules.
        counted: whether it is a number of cells.
        counted_below: below so many cells chance decides, where chance is simulated; zero: it always flows; None leaves
            it to the engine.
        evidence: where that number came from.
    """

    id: str
    initial: Expression
    unit: str
    name: str = ""
    counted: bool = False
    counted_below: float | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A name for an expression, true at every instant."""

    id: str
    expression: Expression
    unit: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """Something that happens at a rate and changes species by whole amounts.

    Attributes:
        rate: how often, in the species' unit a day.
        changes: (species, amount) pairs: what one firing adds.
        reversible: whether its author says that the rate may be a net one, of two directions.
    """

    id: str
    rate: Expression
    changes: tuple[tuple[str, float], ...]
    name: str = ""
    reversible: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """A change of states at the instant a condition becomes true, or ``delay`` after it, as SBML Level 3 defines it.

    Attributes:
        trigger: the condition; the event fires when it goes from false to true.
        assignments: (species, new value) pairs, all evaluated before any is written.
        delay: time from trigger to execution; None means at once.
        priority: of events due at one instant the highest goes first; None and equals go in random order.
        initially: what the trigger counts as just before the start: False lets it fire at time zero.
        persistent: whether it stays due when the trigger turns false again before it is executed.
        from_trigger_time: whether the new values are those of the instant of the trigger or of the execution.
    """

    id: str
    trigger: Expression
    assignments: tuple[tuple[str, Expression], ...]
    delay: Expression | None = None
    priority: Expression | None = None
    initially: bool = True
    persistent: bool = True
    from_trigger_time: bool = True
    name: str = ""

    def formulas(self) -> tuple[Expression, ...]:
        """Everything the event computes."""
        timing = tuple(one for one in (self.delay, self.priority) if one is not None)
        return (self.trigger, *timing, *(value for _, value in self.assignments))

    def written(self, names: Mapping[str, Expression]) -> Event:
        """The event with names in its formulas replaced; what it assigns to stays."""
        return replace(
            self,
            trigger=substitute(self.trigger, names),
            assignments=tuple((id, substitute(value, names)) for id, value in self.assignments),
            delay=None if self.delay is None else substitute(self.delay, names),
            priority=None if self.priority is None else substitute(self.priority, names),
        )


@dataclass(frozen=True, slots=True)
class Model:
    """A system of equations in canonical form: time in ``time_unit``, everything else in its stated unit.

    Attributes:
        rules: in an order in which each uses only parameters, species, time and earlier rules.
        rates: d/dt of species that reactions do not describe, as Rules named after the species.
        events: changes at the instant a condition becomes true; they assign to species only.
        clones: suffixes of the clone table's rows the model was built with, for example ``("wt", "T315I")``.
        outputs: names worth looking at: what a report draws when nobody says.
        source: reference key of the published model, or empty.
        delayed: whether parts of it repeat what others were some time ago. They repeat the equations and the events,
            and would miss what anything else changes: no schedule may act on such a model.
    """

    id: str
    title: str
    time_unit: str
    parameters: tuple[Parameter, ...]
    species: tuple[Species, ...]
    rules: tuple[Rule, ...]
    reactions: tuple[Reaction, ...]
    rates: tuple[Rule, ...] = ()
    events: tuple[Event, ...] = ()
    clones: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    source: str = ""
    delayed: bool = False

    def derivatives(self) -> Mapping[str, Expression]:
        """d/dt of every species, in the order of ``species``: its own rate, or the sum over reactions."""
        own = {rule.id: rule.expression for rule in self.rates}
        found: dict[str, Expression] = {one.id: Number(0.0) for one in self.species}
        for reaction in self.reactions:
            for species, amount in reaction.changes:
                found[species] = _with_term(found[species], Symbol(reaction.id), amount)
        return found | own

    def parameter(self, name: str) -> Parameter:
        """The parameter of this name.

        Raises:
            InputError: no such parameter.
        """
        found = {parameter.id: parameter for parameter in self.parameters}
        if name not in found:
            raise InputError(f'{self.id}: no parameter "{name}". {nearest(name, found, kind="parameter")}')
        return found[name]

    def names(self) -> frozenset[str]:
        """Every name the model defines."""
        groups = (self.parameters, self.species, self.rules, self.reactions)
        return frozenset(item.id for group in groups for item in group)

    def unit(self, name: str) -> str:
        """The unit of a parameter, species or rule."""
        for group in (self.parameters, self.species, self.rules):
            for item in group:
                if item.id == name:
                    return item.unit
        raise InputError(f'{self.id}: no name "{name}". {nearest(name, self.names(), kind="name")}')

    def static(self) -> frozenset[str]:
        """Rules that depend on parameters only: they change when a schedule says so, never within a step."""
        moving = {"time", *(one.id for one in self.species), *(one.id for one in self.reactions)}
        for rule in self.rules:
            if symbols(rule.expression) & moving:
                moving.add(rule.id)
        return frozenset(rule.id for rule in self.rules) - moving

    def text(self) -> str:
        """The equations, one a line, in a canonical order: what the digest is taken of."""
        lines = [f"time {self.time_unit}"]
        lines += [f"parameter {one.id} = {one.value!r} {one.unit}" for one in self.parameters]
        lines += [f"species {one.id} = {infix(one.initial)} {one.unit} {one.counted}" for one in self.species]
        lines += [f"rule {one.id} := {infix(one.expression)}" for one in self.rules]
        lines += [f"rate {one.id}' = {infix(one.expression)}" for one in self.rates]
        lines += [f"reaction {one.id}: {infix(one.rate)} {one.changes}" for one in self.reactions]
        lines += [f"event {_event(one)}" for one in self.events]
        return "\n".join(lines)

    def digest(self) -> str:
        """The SHA-256 of the equations and default values."""
        return digest(self.text())


def _event(one: Event) -> str:
    flags = f"{one.initially} {one.persistent} {one.from_trigger_time}"
    when = [infix(each) if each is not None else "-" for each in (one.trigger, one.delay, one.priority)]
    then = "; ".join(f"{name} = {infix(value)}" for name, value in one.assignments)
    return f"{one.id}: {' | '.join(when)} | {flags} | {then}"


def _with_term(total: Expression, law: Expression, amount: float) -> Expression:
    """A sum of reactions with one more term, written as its author would: ``a - b``, not ``a + (-1) * b``."""
    term = law if abs(amount) == 1 else multiply(Number(abs(amount)), law)
    if total == Number(0.0):
        return term if amount > 0 else Call("neg", (term,))
    return Call("+" if amount > 0 else "-", (total, term))
