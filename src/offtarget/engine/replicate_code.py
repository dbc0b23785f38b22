"""A reaction network as the text of a Python module that numba compiles: readable, and the same on every machine.

Sections of the module: static expressions, initial state, the rate of each reaction, slopes of what is a straight line
between jumps, outputs, what events need, and the one entry that takes replicates through time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from offtarget.engine.formula import Namer, python
from offtarget.engine.network import Network
from offtarget.errors import InputError, nearest
from offtarget.models.expression import DRAWS, Call, Expression, Number, Symbol, symbols

__all__ = ["generate"]

#: Static expressions, and rates, to a function: numba's time grows faster than a function's length.
_CHUNK = 40

_HEAD = '''"""The model {id} by chance, written by offtarget from its reactions. Changes here are lost."""

from math import (
    acos, acosh, asin, asinh, atan, atanh, cos, cosh, exp, inf, log, log10, nan, sin, sinh, sqrt, tan, tanh,
)

from numba import njit

from offtarget.engine.draws import (
    bernoulli, binomial, cauchy, chisquare, exponential, gamma, laplace, lognormal, normal, poisson, rayleigh, roll,
    uniform_between,
)
from offtarget.engine.functions import (
    ceil, cube, factorial, floor, fourth, largest, least, quotient, real_power, rem, square,
)
from offtarget.engine.replicate_layout import SIGNATURE
from offtarget.engine.replicate_march import replicator
from offtarget.engine.steppers import compiled
'''

_ENTRY = '''

march = replicator(
    static, initial, propensity, slopes, outputs, triggers, watched, effects, appointments,
    species={species}, statics={statics}, eventful={eventful}, timed={timed},
)


@njit(SIGNATURE, cache=True, nogil=True, error_model="numpy")
def advance(replicates, fortune, net, plan, events, limits, times, out, first, last):
    """Take replicates first to last through the times."""
    march(replicates, fortune, net, plan, events, limits, times, out, first, last)
'''
_RESERVED = ("k", "dice", "roll", "uniform_between", "propensity", "slopes", "replicator", "advance", *DRAWS)


def generate(network: Network, outputs: Sequence[str]) -> str:
    """The module's text.

    Args:
        network: the model, read as chance.
        outputs: names of species, parameters, rules or reactions, in the order of the output columns.

    Raises:
        InputError: an output that the model does not have.
        UnsupportedError: a function that the engine does not have.
    """
    return _Writer(network, outputs).module()


class _Writer:
    """Writes the module of one network."""

    def __init__(self, network: Network, outputs: Sequence[str]) -> None:
        self.network, self.model, self.outputs = network, network.model, tuple(outputs)
        known = self.model.names() | {"time"}
        for name in self.outputs:
            if name not in known:
                raise InputError(f'{self.model.id}: no output "{name}". {nearest(name, known, kind="name")}')
        static = self.model.static()
        self.statics = tuple(one.id for one in self.model.rules if one.id in static)
        self.sites = 0
        self.namer = Namer()
        for word in _RESERVED:
            self.namer.fresh(word)
        self.places = {"time": "t"}
        self.places |= {one.id: f"p[{i}]" for i, one in enumerate(self.model.parameters)}
        self.places |= {one.id: f"y[{i}]" for i, one in enumerate(self.model.species)}
        self.places |= {name: f"s[{i}]" for i, name in enumerate(self.statics)}
        for name in (*self.places, *network.definitions):
            self.namer(name)

    def module(self) -> str:
        """The whole text. Draws are numbered as ``Network.sites`` has them: at the start, then event by event."""
        model, network = self.model, self.network
        initial = self._initial()
        static = self._static()
        events = model.events
        effects = [event.delay or Number(0.0) for event in events]
        effects += [event.priority or Number(float("nan")) for event in events]
        effects += [value for event in events for _, value in event.assignments]
        slopes = {one.id: one.expression for one in network.lines}
        return "".join([
            _HEAD.format(id=model.id),
            *static,
            initial,
            *self._propensities(),
            self._lines(slopes),
            self._vector("outputs", "What is looked at.", [Symbol(name) for name in self.outputs]),
            self._vector("triggers", "The condition of each event.", [one.trigger for one in events]),
            self._vector("watched", "Comparisons that time may change, as differences.",
                         [one for one, _ in network.watched]),
            self._vector("effects", "Delays, priorities (nan: none) and new values.", effects, "t, y, p, s, dice, out"),
            self._vector("appointments", "Instants known beforehand.", network.appointments),
            _ENTRY.format(species=len(model.species), statics=len(self.statics), eventful=bool(events),
                          timed=bool(network.timed)),
        ])  # fmt: skip

    def _function(self, head: str, says: str, lines: Iterable[str]) -> str:
        body = "".join(f"    {line}\n" for line in [*lines] or ["pass"])
        return f'\n\n@compiled\ndef {head}:\n    """{says}"""\n{body}'

    def _moving(self, roots: Iterable[Expression]) -> list[str]:
        """The definitions, static ones left out, that the roots need, each after those it needs itself."""
        needed = self.network.reached(roots)
        return [name for name in self.network.definitions if name in needed and name not in self.statics]

    def _reading(self, formulas: Sequence[Expression], own: Iterable[str] = ()) -> list[str]:
        """Lines that make every name of the formulas known: read out of the arrays, or computed."""
        names = self._moving(formulas)
        definitions = self.network.definitions
        used = set().union(*map(symbols, formulas), *(symbols(definitions[name]) for name in names)) - set(
            own
        )
        lines = [f"{self.namer(k)} = {place}" for k, place in self.places.items() if k in used]
        return lines + [f"{self.namer(name)} = {python(definitions[name], self.namer)}" for name in names]

    def _drawn(self, formula: Expression, lines: list[str]) -> Expression:
        """The formula with its draws made before it, each under a name of its own."""
        if not isinstance(formula, Call):
            return formula
        # outer draws have the lower numbers, as walk() has them
        site, draw = self.sites, formula.operator in DRAWS
        self.sites += draw
        inside = tuple(self._drawn(part, lines) for part in formula.arguments)
        if not draw:
            return Call(formula.operator, inside)
        word, most = formula.operator, DRAWS[formula.operator][-1]
        given = [python(part, self.namer) for part in inside]
        if word in ("cauchy", "laplace") and len(given) == 1:
            given.insert(0, "0.0")
        bounds = ["-inf", "inf"] if len(given) < most and most > 2 else []
        called = {"uniform": "uniform_between"}.get(word, word)
        name = self.namer.local("draw")
        lines.append(f"{name} = {called}({', '.join([f'roll(dice, {site})', *given, *bounds])})")
        return Symbol(name)

    def _vector(
        self, name: str, says: str, values: Sequence[Expression], arguments: str = "t, y, p, s, out"
    ) -> str:
        """A function that fills a vector with these values."""
        lines = self._reading(values)
        for i, value in enumerate(values):
            plain = self._drawn(value, lines)
            lines.append(f"out[{i}] = {python(plain, self.namer)}")
        return self._function(f"{name}({arguments})", says, lines)

    def _lines(self, slopes: Mapping[str, Expression]) -> str:
        lines = self._reading(list(slopes.values()))
        place = {one.id: i for i, one in enumerate(self.model.species)}
        lines += [f"f[{place[id]}] = {python(slope, self.namer)}  # {id}" for id, slope in slopes.items()]
        return self._function(
            "slopes(t, y, p, s, f)", "d/dt of what is a straight line between jumps.", lines
        )

    def _propensities(self) -> Iterator[str]:
        """The rate of one reaction, by its number."""
        reactions = self.network.reactions
        calls = []
        for number, first in enumerate(range(0, max(1, len(reactions)), _CHUNK)):
            lines = []
            for k, one in enumerate(reactions[first : first + _CHUNK], first):
                lines.append(f"if k == {k}:  # {' '.join(one.id.split())}")
                lines += [f"    {line}" for line in self._reading([one.rate])]
                lines.append(f"    return {python(one.rate, self.namer)}")
            yield self._function(
                f"propensity_{number}(k, t, y, p, s)", "How often a reaction fires.", [*lines, "return 0.0"]
            )
            calls += [f"if k < {first + _CHUNK}:", f"    return propensity_{number}(k, t, y, p, s)"]
        yield self._function(
            "propensity(k, t, y, p, s)", "How often a reaction fires.", [*calls, "return 0.0"]
        )

    def _static(self) -> list[str]:
        parts, calls = [], []
        definitions = self.network.definitions
        for number, first in enumerate(range(0, len(self.statics), _CHUNK)):
            chunk = self.statics[first : first + _CHUNK]
            used = set().union(*(symbols(definitions[name]) for name in chunk)) - set(chunk)
            lines = [f"{self.namer(k)} = {place}" for k, place in self.places.items() if k in used]
            for name in chunk:
                plain = self._drawn(definitions[name], lines)
                lines += [
                    f"{self.namer(name)} = {python(plain, self.namer)}",
                    f"{self.places[name]} = {self.namer(name)}",
                ]
            parts.append(
                self._function(f"static_{number}(p, s, dice)", "Expressions of parameters only.", lines)
            )
            calls.append(f"static_{number}(p, s, dice)")
        return [
            *parts,
            self._function("static(p, s, dice)", "All expressions of parameters only, in order.", calls),
        ]

    def _initial(self) -> str:
        """Starts are written in parameters and what is static."""
        values = [one.initial for one in self.model.species]
        lines = self._reading(values)
        for i, value in enumerate(values):
            plain = self._drawn(value, lines)
            lines.append(f"y[{i}] = {python(plain, self.namer)}")
        return self._function("initial(t, p, s, dice, y)", "The state at the start.", lines)
