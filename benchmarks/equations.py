"""A Model as plain Python functions for any array library: what a user of JAX or SciPy would write by hand.

Expressions of parameters only are apart, so that they are computed once and not at every step.
"""

from __future__ import annotations

from offtarget.models.expression import Call, Expression, Number, Symbol, symbols
from offtarget.models.model import Model

_INFIX = {"+": "+", "*": "*", "-": "-", "/": "/", "^": "**", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
          "==": "==", "!=": "!="}  # fmt: skip
_NAMES = {"exp": "exp", "ln": "log", "log10": "log10", "sqrt": "sqrt", "abs": "abs", "min": "minimum",
          "max": "maximum"}  # fmt: skip


def python_source(model: Model) -> str:
    """Text of ``static(p)``, ``initial(p, s)`` and ``rhs(t, y, p, s)``, each returning a tuple; functions are names."""
    places = {one.id: f"p[{i}]" for i, one in enumerate(model.parameters)}
    fixed = model.static()
    statics = [rule for rule in model.rules if rule.id in fixed]
    lines, inner = ["def static(p):"], dict(places)
    for i, rule in enumerate(statics):
        lines.append(f"    s{i} = {_text(rule.expression, inner)}")
        inner[rule.id] = f"s{i}"
    lines += [f"    return ({''.join(f's{i}, ' for i in range(len(statics)))})", "", "", "def initial(p, s):"]
    places |= {rule.id: f"s[{i}]" for i, rule in enumerate(statics)}
    initial, local = [], dict(places)
    for one in sorted(model.species, key=lambda one: len(symbols(one.initial))):
        initial.append(f"    v_{one.id} = {_text(one.initial, local)}")
        local[one.id] = f"v_{one.id}"
    lines += [*initial, f"    return ({', '.join(f'v_{one.id}' for one in model.species)},)", "", ""]
    lines += ["def rhs(t, y, p, s):"]
    places |= {one.id: f"y[{i}]" for i, one in enumerate(model.species)} | {"time": "t"}
    moving = [(rule.id, rule.expression) for rule in model.rules if rule.id not in fixed]
    moving += [(one.id, one.rate) for one in model.reactions]
    needed = _needed(model, dict(moving))
    for name, expression in moving:
        if name in needed:
            lines.append(f"    v_{name} = {_text(expression, places)}")
            places[name] = f"v_{name}"
    slopes = (_text(slope, places) for slope in model.derivatives().values())
    return "\n".join([*lines, f"    return ({', '.join(slopes)},)", ""])


def _needed(model: Model, definitions: dict[str, Expression]) -> set[str]:
    found: set[str] = set()
    waiting = [name for slope in model.derivatives().values() for name in symbols(slope)]
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in found:
            found.add(name)
            waiting += symbols(definitions[name])
    return found


def _text(node: Expression, places: dict[str, str]) -> str:
    if isinstance(node, Number):
        return f"({float(node.value)!r})"
    if isinstance(node, Symbol):
        return places[node.name]
    return _call(node, [_text(part, places) for part in node.arguments])


def _call(node: Call, parts: list[str]) -> str:
    word = node.operator
    if word == "neg":
        return f"(-{parts[0]})"
    if word in _INFIX:
        return f"({f' {_INFIX[word]} '.join(parts)})"
    if word == "piecewise":
        text = parts[-1]
        for value, condition in zip(parts[-3::-2], parts[-2::-2], strict=True):
            text = f"where({condition}, {value}, {text})"
        return text
    text = parts[0]
    if word in ("min", "max"):
        for part in parts[1:]:
            text = f"{_NAMES[word]}({text}, {part})"
        return text
    return f"{_NAMES[word]}({text})"
