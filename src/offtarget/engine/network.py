"""A Model read as chance: reactions that fire one at a time. What such a reading cannot mean is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from offtarget.engine.appointments import Diary
from offtarget.engine.event_code import comparisons
from offtarget.engine.stepwise import Fluid
from offtarget.errors import UnsupportedError
from offtarget.models.expression import (
    Call,
    Expression,
    Number,
    Symbol,
    draws,
    infix,
    symbols,
    walk,
)
from offtarget.models.model import Model, Reaction

__all__ = ["Network", "Site"]

#: Whole numbers are exact up to here.
_LARGEST = 2.0**53


@dataclass(frozen=True, slots=True)
class Site:
    """A place in a model where a number is drawn from a distribution.

    Attributes:
        owner: the event, or "start".
        target: what the number is for: a state, or "delay".
        place: which draw of that formula.
        event: the event's number; -1 at the start.
        late: whether it is drawn when the event is executed, and not when it is triggered.
    """

    owner: str
    target: str
    place: int
    event: int
    late: bool


class Network:
    """What the compiled code needs to know of a model, and the refusals.

    Attributes:
        model: the model; its rates no longer name reactions.
        reactions: those that change something.
        counted: the species they change, in the model's order.
        lines: d/dt of the states that are straight lines between jumps.

    Args:
        model: the equations.

    Raises:
        UnsupportedError: what has no meaning in counts, by name.
    """

    def __init__(self, model: Model) -> None:
        if model.delayed:  # a copy that runs behind would have luck of its own
            raise _refused(model, "delay()", "Write what happens later as an event with a delay.")
        _refuse_varied(model)
        self.model = model
        self.reactions = tuple(one for one in model.reactions if one.changes)
        changed = {id for one in self.reactions for id, _ in one.changes}
        self.counted = tuple(one.id for one in model.species if one.id in changed)
        self.lines = model.rates
        _refuse_fractions(model, changed)
        self._refuse_circles()
        for one in self.reactions:
            self._refuse_net(one)
        self._refuse_flow()

    @cached_property
    def definitions(self) -> Mapping[str, Expression]:
        """Rules and reactions by name."""
        rules = {one.id: one.expression for one in self.model.rules}
        return rules | {one.id: one.rate for one in self.model.reactions}

    def reached(self, formulas: Iterable[Expression]) -> set[str]:
        """Every name that formulas hang on, through rules."""
        found: set[str] = set()
        waiting = [name for one in formulas for name in symbols(one)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += symbols(self.definitions[name]) if name in self.definitions else ()
        return found

    @cached_property
    def diary(self) -> Diary:
        """What is known beforehand while no reaction fires: then counts are as good as parameters."""
        return Diary(replace(self.model, reactions=()))

    @cached_property
    def fluid(self) -> Fluid:
        """How expressions move between jumps."""
        lines = {"time", *(one.id for one in self.lines)}
        moving = lines | {name for name in self.definitions if self.reached([Symbol(name)]) & lines}
        return Fluid(lines, moving)

    @cached_property
    def timed(self) -> tuple[tuple[Expression, bool], ...]:
        """Rates and triggers that move with time, written out, and whether each is a trigger."""
        formulas = [(one.rate, False) for one in self.reactions]
        formulas += [(one.trigger, True) for one in self.model.events]
        written = ((self.diary.written_out(one), trigger) for one, trigger in formulas)
        return tuple((one, trigger) for one, trigger in written if not self.fluid.still(one))

    @cached_property
    def watched(self) -> tuple[tuple[Expression, int], ...]:
        """Comparisons that may change with time alone, as differences, and what counts as a change of each."""
        # x > 1 and x >= 1 are one difference, and two changes
        found = dict.fromkeys(pair for one, trigger in self.timed for pair in comparisons(one, trigger))
        return tuple((one, kind) for one, kind in found if not self.fluid.still(one))

    @cached_property
    def appointments(self) -> tuple[Expression, ...]:
        """Instants at which time alone may change something; the first never comes, so that there is one."""
        found = [instant for one, _ in self.timed for instant in self.diary.appointments(one)]
        found += [instant for one, _ in self.watched for instant in self.diary.appointments(one)]
        return tuple(dict.fromkeys((Number(-float("inf")), *found))) if self.timed else ()

    def neighbours(self) -> list[list[int]]:
        """For each reaction the others whose rates it changes."""
        uses = [self.reached([one.rate]) for one in self.reactions]
        changes = [{id for id, _ in one.changes} for one in self.reactions]
        users: dict[str, list[int]] = {id: [] for id in self.counted}
        for j, names in enumerate(uses):
            for id in names & users.keys():
                users[id].append(j)
        return [sorted({j for id in changes[k] for j in users[id]} - {k}) for k in range(len(self.reactions))]

    def looked_at(self) -> list[bool]:
        """Whether each reaction changes what a trigger, a line or a known instant hangs on."""
        formulas = [*(one.trigger for one in self.model.events), *(one.expression for one in self.lines)]
        formulas += [*self.appointments, *(one for one, _ in self.watched)]
        names = self.reached(formulas)
        return [any(id in names for id, _ in one.changes) for one in self.reactions]

    def sites(self) -> Iterator[Site]:
        """Every draw: of starts, of rules, of delays, of assignments; in a formula, outer ones first."""
        starts = [(one.id, one.initial) for one in self.model.species]
        starts += [(one.id, one.expression) for one in self.model.rules]
        for id, formula in starts:
            yield from (Site("start", id, n, -1, False) for n in range(len(draws(formula))))
        events = tuple(enumerate(self.model.events))
        for number, event in events:
            formula = event.delay or Number(0.0)
            yield from (Site(event.id, "delay", n, number, False) for n in range(len(draws(formula))))
        for number, event in events:
            late = not event.from_trigger_time
            for id, formula in event.assignments:
                yield from (Site(event.id, id, n, number, late) for n in range(len(draws(formula))))

    def _refuse_net(self, one: Reaction) -> None:
        """A rate of two directions is a difference, and says nothing about how often either happens."""
        if not one.reversible:
            return
        law = self.diary.written_out(one.rate)
        subtracts = any(isinstance(part, Call) and part.operator in ("-", "neg") for part in walk(law))
        if subtracts and not _factors(law) & {id for id, amount in one.changes if amount < 0}:
            raise _refused(
                self.model, f"reaction {one.id} is reversible and its rate may be the difference of two directions",
                "Write the two directions as two reactions, or say that it is not reversible.",
            )  # fmt: skip

    def _refuse_circles(self) -> None:
        """A start hangs on parameters; what moves is not there yet."""
        states = {one.id for one in self.model.species}
        for one in self.model.species:
            used = sorted(self.reached([one.initial]) & states)
            if used:
                raise _refused(
                    self.model, f"{one.id} begins at a value made of {used[0]}", "Write it in parameters."
                )

    def _refuse_flow(self) -> None:
        for one in self.lines:
            if not self.fluid.still(self.diary.written_out(one.expression)):
                raise _refused(
                    self.model, f"{one.id} flows along a curve between reactions: its rate is "
                    f"{infix(one.expression)[:90]}", "Only rates that are constant between two reactions are followed.",
                )  # fmt: skip
        for reaction in self.reactions:
            if not self.fluid.steps(self.diary.written_out(reaction.rate)):
                raise _refused(
                    self.model, f"the rate of reaction {reaction.id} moves with time between reactions",
                    "It may depend on time through conditions such as time < 30 only.",
                )  # fmt: skip
        for event in self.model.events:
            if not self.fluid.condition(self.diary.written_out(event.trigger)):
                raise _refused(
                    self.model, f"event {event.id} waits for a curve in time: {infix(event.trigger)[:90]}",
                    "Triggers may compare straight lines in time.",
                )  # fmt: skip


def _refused(model: Model, what: str, then: str) -> UnsupportedError:
    return UnsupportedError(f"{model.id}: {what}: not supported as counts that change by chance. {then}")


def _refuse_varied(model: Model) -> None:
    names = {one.id for one in model.reactions}
    for rate in model.rates:
        used = sorted(symbols(rate.expression) & names)
        if used:
            raise _refused(
                model, f"{rate.id} changes by the rate of reaction {used[0]}, not by whole amounts",
                "It has a conversion factor, a stoichiometry that varies, or a rate rule that uses the reaction.",
            )  # fmt: skip


def _refuse_fractions(model: Model, changed: set[str]) -> None:
    for one in model.reactions:
        for id, amount in one.changes:
            if amount != round(amount) or abs(amount) > _LARGEST:
                raise _refused(
                    model, f"reaction {one.id} changes {id} by {amount:g}", "Counts change by whole numbers."
                )
    for species in model.species:
        start = species.initial
        if species.id in changed and isinstance(start, Number) and not _countable(start.value):
            raise _refused(
                model, f"{species.id} begins at {start.value:g}",
                "Counts are whole numbers: give amounts as items, not as moles or as concentrations of them.",
            )  # fmt: skip


def _countable(value: float) -> bool:
    near = round(value) if abs(value) <= _LARGEST else -1
    return near >= 0 and abs(value - near) <= 1e-9 * max(1.0, near)


def _factors(law: Expression) -> set[str]:
    """Names that a law is a multiple of: it is zero where one of them is."""
    if isinstance(law, Symbol):
        return {law.name}
    if not isinstance(law, Call):
        return set()
    if law.operator == "*":
        return set().union(*map(_factors, law.arguments))
    if law.operator in ("/", "neg"):
        return _factors(law.arguments[0])
    if law.operator == "^" and isinstance(law.arguments[1], Number) and law.arguments[1].value > 0:
        return _factors(law.arguments[0])
    if law.operator in ("+", "-"):
        return set.intersection(*map(_factors, law.arguments)) if law.arguments else set()
    return set()
