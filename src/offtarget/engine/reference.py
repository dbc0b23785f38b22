"""The slow twin: SciPy integrating the same Model by walking its expressions. It shares no generated code.

What the fast engine answers, this answers too, from the same Cohort and Schedule but by another road: its own reading
of the expressions, another solver, restarts at every event. Tests hold the two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from offtarget.arrays.cohort import Cohort
from offtarget.arrays.schedule import Action, Schedule
from offtarget.arrays.trajectories import Status, Trajectories
from offtarget.engine.reference_events import Failure, Happenings
from offtarget.errors import InputError, UnsupportedError, nearest
from offtarget.models.expression import Expression, Number, Symbol, symbols
from offtarget.models.model import Model
from offtarget.randomness import stream

__all__ = ["simulate_reference"]

Values = dict[str, float]
Rule = Callable[[Mapping[str, float]], float]


def simulate_reference(
    model: Model, cohort: Cohort, schedule: Schedule, *, times: ArrayLike, outputs: tuple[str, ...] = (),
    tolerance: float = 1e-10, solver: str = "LSODA", seed: int = 0,
) -> Trajectories:  # fmt: skip
    """The same Trajectories as ``ensemble.simulate``, slowly.

    Args:
        model: the equations.
        cohort, schedule: n patients, as for ``simulate``.
        times: shape (m,), ascending.
        outputs: names of species, parameters, rules or reactions; by default the model's own choice.
        tolerance: relative tolerance given to SciPy; the absolute one is a millionth of it, in each species' own unit.
        solver: a method of ``scipy.integrate.solve_ivp``.
        seed: as for ``simulate``.

    Raises:
        InputError: a name the model does not have.
    """
    at = np.array(times, np.float64)
    names = outputs or model.outputs or (*(one.id for one in model.species), *(one.id for one in model.rules))
    if model.delayed and schedule.time.size:
        raise UnsupportedError(f"{model.id}: a schedule for a model that uses delay() is not supported.")
    twin = _Twin(model, names)
    values = np.full((cohort.size, at.size, len(names)), np.nan)
    status = np.full(cohort.size, Status.FINISHED, np.int8)
    steps = np.zeros(cohort.size, np.int64)
    for i in range(cohort.size):
        own = {one.id: one.value for one in model.parameters}
        own |= {name: float(column[i]) for name, column in cohort.columns.items() if name in own}
        happenings = Happenings(model, _closure, stream(seed, "event order"), int(cohort.patients[i]))
        follow = twin.follow_events if model.events else twin.follow
        try:
            steps[i] = follow(own, _events(schedule, i), at, values[i], solver, tolerance, happenings)
        except ArithmeticError:
            status[i] = Status.NOT_FINITE
        except Failure as failure:
            status[i] = failure.status
    units = tuple(twin.unit(name) for name in names)
    return Trajectories(cohort.patients, at, names, units, values, status, steps)


def _events(schedule: Schedule, i: int) -> list[tuple[float, int, str, float]]:
    """A patient's events as (time, action, name, value)."""
    rows = slice(int(schedule.offsets[i]), int(schedule.offsets[i + 1]))
    names = [schedule.names[target] for target in schedule.target[rows]]
    return list(zip(schedule.time[rows].tolist(), schedule.action[rows].tolist(), names,
                    schedule.value[rows].tolist(), strict=True))  # fmt: skip


class _Twin:
    """The equations of one model as a chain of plain Python closures."""

    def __init__(self, model: Model, outputs: Sequence[str]) -> None:
        self.model, self.outputs = model, outputs
        for name in outputs:
            if name not in model.names() | {"time"}:
                raise InputError(
                    f'{model.id}: no output "{name}". {nearest(name, model.names(), kind="name")}'
                )
        self.species = [one.id for one in model.species]
        self.rules = [(rule.id, _closure(rule.expression)) for rule in model.rules]
        self.rules += [(reaction.id, _closure(reaction.rate)) for reaction in model.reactions]
        self.slopes = [_closure(slope) for slope in model.derivatives().values()]

    def unit(self, name: str) -> str:
        """The unit of an output; of a rate, that of a species it changes, per time."""
        for reaction in self.model.reactions:
            if reaction.id == name:
                return (
                    f"{self.model.unit(reaction.changes[0][0])}/{self.model.time_unit}"
                    if reaction.changes
                    else ""
                )
        return self.model.time_unit if name == "time" else self.model.unit(name)

    def initial(self, own: Values) -> NDArray[np.float64]:
        """The state at the start: names are looked up as they are needed."""
        waiting: dict[str, Expression] = {rule.id: rule.expression for rule in self.model.rules}
        waiting |= {one.id: one.initial for one in self.model.species}
        known = {**own, "time": 0.0}
        while any(name in waiting for name in self.species):
            ready = [name for name, expression in waiting.items() if symbols(expression) <= known.keys()]
            if not ready:
                raise InputError(f"{self.model.id}: initial values are defined in a circle.")
            for name in ready:
                known[name] = _closure(waiting.pop(name))(known)
        return np.array([known[name] for name in self.species])

    def look(self, t: float, y: NDArray[np.float64], own: Values) -> Values:
        """Every name's value at one instant."""
        known = {**own, "time": t, **dict(zip(self.species, y.tolist(), strict=True))}
        for name, rule in self.rules:
            known[name] = rule(known)
        return known

    def slope(self, t: float, y: NDArray[np.float64], own: Values) -> list[float]:
        """d/dt of every species."""
        known = self.look(t, y, own)
        return [slope(known) for slope in self.slopes]

    def follow(
        self, own: Values, events: list[tuple[float, int, str, float]], times: NDArray[np.float64],
        values: NDArray[np.float64], solver: str, tolerance: float, _: Happenings,
    ) -> int:  # fmt: skip
        """One patient from event to event; the number of evaluations comes back."""
        now, y, cost = min(0.0, float(times[0])) if times.size else 0.0, self.initial(own), 0
        _demand_finite([*own.values(), *y])
        events = [event for event in events if event[0] >= now]
        row = 0
        while row < times.size:
            end = min(events[0][0], float(times[-1])) if events else float(times[-1])
            inside = int(np.searchsorted(times, end, side="right"))
            if end > now:
                solved = self._segment(own, now, end, y, times[row:inside], solver, tolerance)
                cost, y, states = cost + solved[0], solved[1], solved[2]
            else:
                states = np.repeat(y[None, :], inside - row, axis=0)
            for j, state in enumerate(states, start=row):
                known = self.look(float(times[j]), state, own)
                values[j] = [known[name] for name in self.outputs]
            now, row = end, inside
            while events and events[0][0] <= now:
                self._apply(events.pop(0), own, y)
        return cost

    def follow_events(
        self, own: Values, events: list[tuple[float, int, str, float]], times: NDArray[np.float64],
        values: NDArray[np.float64], solver: str, tolerance: float, happenings: Happenings,
    ) -> int:  # fmt: skip
        """The same for a model with events of its own: at one instant these, then outputs, then the schedule's."""
        now, y, cost, row = min(0.0, float(times[0])) if times.size else 0.0, self.initial(own), 0, 0
        _demand_finite([*own.values(), *y])
        events = [event for event in events if event[0] >= now]

        def look(t: float, state: NDArray[np.float64]) -> Values:
            return self.look(t, state, own)

        happenings.settle(now, y, look)
        while True:
            while row < times.size and times[row] <= now:
                known = look(now, y)
                values[row], row = [known[name] for name in self.outputs], row + 1
            if row == times.size:
                return cost
            if events and events[0][0] <= now:
                while events and events[0][0] <= now:
                    self._apply(events.pop(0), own, y)
                happenings.settle(now, y, look)
                continue
            end = min(float(times[row]), happenings.due, events[0][0] if events else np.inf)
            if end - now > 1e-14 * abs(now):
                solved: Any = solve_ivp(
                    self.slope, (now, end), y, method=solver, args=(own,), rtol=max(tolerance, 3e-14),
                    atol=tolerance * 1e-6, dense_output=True,
                )  # fmt: skip
                if not solved.success:
                    raise ArithmeticError(solved.message)
                found = happenings.first_change(solved.t, solved.sol, look)
                end = end if found is None else found
                cost, y = cost + solved.nfev, solved.sol(end) if found is not None else solved.y[:, -1].copy()
            _demand_finite(y)
            now = end
            happenings.settle(now, y, look)

    def _segment(
        self, own: Values, now: float, end: float, y: NDArray[np.float64], at: NDArray[np.float64], solver: str,
        tolerance: float,
    ) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
        stops = np.unique(np.append(at, end))
        solved: Any = solve_ivp(
            self.slope, (now, end), y, method=solver, t_eval=stops, args=(own,), rtol=max(tolerance, 3e-14),
            atol=tolerance * 1e-6,
        )  # fmt: skip
        if not solved.success:
            raise ArithmeticError(solved.message)
        _demand_finite(solved.y.ravel())
        return solved.nfev, solved.y[:, -1].copy(), solved.y.T[np.searchsorted(stops, at)]

    def _apply(self, event: tuple[float, int, str, float], own: Values, y: NDArray[np.float64]) -> None:
        _, action, name, value = event
        if name in own:
            own[name] = value
        elif name in self.species:
            place = self.species.index(name)
            y[place] = {Action.SET: value, Action.ADD: y[place] + value, Action.MULTIPLY: y[place] * value}[
                Action(action)
            ]
        else:
            raise InputError(
                f'{self.model.id}: an event acts on "{name}", which is no parameter and no species.'
            )


def _demand_finite(values: Any) -> None:
    if not np.all(np.isfinite(values)):
        raise ArithmeticError("not finite")


def _closure(node: Expression) -> Rule:
    """An expression as a function of the values of its names."""
    if isinstance(node, Number):
        value = float(node.value)
        return lambda _: value
    if isinstance(node, Symbol):
        name = node.name
        return lambda known: known[name]
    parts = [_closure(part) for part in node.arguments]
    if node.operator == "piecewise":
        return _piecewise(parts)
    if node.operator not in _FUNCTIONS:
        raise UnsupportedError(f'the reference has no function "{node.operator}".')
    function = _FUNCTIONS[node.operator]
    return lambda known: float(function(*[part(known) for part in parts]))


def _piecewise(parts: list[Rule]) -> Rule:
    def chosen(known: Mapping[str, float]) -> float:
        for value, condition in zip(parts[0 : len(parts) - 1 : 2], parts[1::2], strict=True):
            if condition(known):
                return value(known)
        return parts[-1](known) if len(parts) % 2 else math.nan

    return chosen


def _quiet(function: Callable[..., float]) -> Callable[..., float]:
    """The function with IEEE answers (nan, inf) where Python would raise."""

    def call(*arguments: float) -> float:
        with np.errstate(all="ignore"):
            return float(function(*map(np.float64, arguments)))

    return call


def _xor(*arguments: float) -> bool:
    return sum(bool(argument) for argument in arguments) % 2 == 1


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "+": lambda *a: math.fsum(a) if len(a) > 2 else sum(a), "*": lambda *a: math.prod(a), "-": lambda a, b: a - b,
    "neg": lambda a: -a, "/": _quiet(np.divide), "^": _quiet(np.power), "exp": _quiet(np.exp), "ln": _quiet(np.log),
    "log10": _quiet(np.log10), "sqrt": _quiet(np.sqrt), "abs": abs, "floor": _quiet(np.floor), "ceil": _quiet(np.ceil),
    "factorial": lambda a: math.gamma(a + 1.0), "sin": _quiet(np.sin), "cos": _quiet(np.cos), "tan": _quiet(np.tan),
    "asin": _quiet(np.arcsin), "acos": _quiet(np.arccos), "atan": _quiet(np.arctan), "sinh": _quiet(np.sinh),
    "cosh": _quiet(np.cosh), "tanh": _quiet(np.tanh), "asinh": _quiet(np.arcsinh), "acosh": _quiet(np.arccosh),
    "atanh": _quiet(np.arctanh), "min": min, "max": max, "rem": math.fmod, "quotient": lambda a, b: math.trunc(a / b),
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "and": lambda *a: all(a), "or": lambda *a: any(a),
    "xor": _xor, "not": lambda a: not a, "implies": lambda a, b: (not a) or bool(b),
}  # fmt: skip
