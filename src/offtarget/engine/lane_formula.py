"""An Expression as Python text over lanes: what branches in ``formula`` is chosen lane by lane here."""

from __future__ import annotations

from collections.abc import Callable

from offtarget.engine.formula import constant
from offtarget.errors import UnsupportedError
from offtarget.models.expression import Call, Expression, Number, Symbol

__all__ = ["lane_text"]

_INFIX = ("+", "-", "*", "/")
_COMPARE = ("<", "<=", ">", ">=", "==", "!=")
_LOGIC = {"and": " & ", "or": " | ", "xor": " ^ "}
_POWERS = {2.0: "square", 3.0: "cube", 4.0: "fourth"}
#: Functions by their name over lanes; the others have the name they have in ``lane_math``.
_NAMES = {"exp": "lane.exp", "ln": "lane.log", "sqrt": "root", "abs": "absolute", "floor": "lane.floor",
          "ceil": "lane.ceil", "min": "lane.least", "max": "lane.largest", "rem": "lane.rem",
          "quotient": "lane.quotient"}  # fmt: skip
_RARE = (
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cos",
    "cosh",
    "log10",
    "sin",
    "sinh",
    "tan",
    "tanh",
)


def lane_text(node: Expression, name: Callable[[str], str]) -> str:
    """The expression as text whose names are lanes.

    Args:
        node: the expression; conditions and numbers stand for each other as in ``formula.python``.
        name: the identifier of each model name.

    Raises:
        UnsupportedError: an operator that the engine does not have.
    """
    if isinstance(node, Number):
        return _literal(node.value)
    if isinstance(node, Symbol):
        return name(node.name)
    word, parts = node.operator, node.arguments
    if word in _COMPARE or word in (*_LOGIC, "not", "implies"):
        return f"choose({_condition(node, name)}, 1.0, 0.0)"
    if word == "piecewise":
        return _piecewise(parts, name)
    if word == "^":
        return _power(parts[0], parts[1], name)
    return _function(word, [lane_text(part, name) for part in parts])


def _literal(value: float) -> str:
    text = repr(float(value))
    return f"({text})" if text.startswith("-") else text


def _function(word: str, texts: list[str]) -> str:
    if word in _INFIX:
        return f"({f' {word} '.join(texts)})" if texts else ("0.0" if word == "+" else "1.0")
    if word == "neg":
        return f"(-{texts[0]})"
    if word in ("min", "max"):
        text = texts[0]
        for other in texts[1:]:
            text = f"{_NAMES[word]}({text}, {other})"
        return text
    if word in ("exp", "ln"):
        return f"{_NAMES[word]}(wide({texts[0]}))"
    if word == "factorial":
        return f"lane.factorial(wide({texts[0]}))"
    if word in _NAMES:
        return f"{_NAMES[word]}({', '.join(texts)})"
    if word in _RARE:
        return f"lane.{word}(wide({texts[0]}))"
    raise UnsupportedError(f'the engine has no function "{word}".')


def _power(base: Expression, exponent: Expression, name: Callable[[str], str]) -> str:
    """As in ``formula``: small whole powers are products."""
    fixed, plain = constant(exponent), lane_text(base, name)
    size = None if fixed is None else abs(fixed)
    text = {1.0: plain, 0.5: f"root({plain})"}.get(size or 0.0)
    if size in _POWERS:
        text = f"{_POWERS[size]}({plain})"
    if text is None:
        return f"power({plain}, {lane_text(exponent, name)})"
    return text if fixed is None or fixed > 0 else f"(1.0 / {text})"


def _piecewise(parts: tuple[Expression, ...], name: Callable[[str], str]) -> str:
    text = lane_text(parts[-1], name) if len(parts) % 2 else "nan"
    for value, condition in reversed(list(zip(parts[0 : len(parts) - 1 : 2], parts[1::2], strict=True))):
        text = f"choose({_condition(condition, name)}, {lane_text(value, name)}, {text})"
    return text


def _condition(node: Expression, name: Callable[[str], str]) -> str:
    if not isinstance(node, Call) or node.operator not in (*_COMPARE, *_LOGIC, "not", "implies"):
        return f"(wide({lane_text(node, name)}) != 0.0)"
    word, parts = node.operator, node.arguments
    if word in _COMPARE:
        return f"(wide({lane_text(parts[0], name)}) {word} {lane_text(parts[1], name)})"
    texts = [_condition(part, name) for part in parts]
    if word == "not":
        return f"(~{texts[0]})"
    if word == "implies":
        return f"(~{texts[0]} | {texts[1]})"
    return f"({_LOGIC[word].join(texts)})"
