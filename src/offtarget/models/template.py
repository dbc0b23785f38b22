"""Templates of models: equations written once, and a row of the clone table filled in for each clone.

A template is text from a user, so it is filled in a sandbox: it reaches nothing but its clones, and does not grow
without end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offtarget.errors import InputError, sentence

__all__ = ["fill"]

_LONGEST = 5_000_000  # letters
_MOST_TURNS = 10_000  # of one loop over a range


def fill(text: str, clones: tuple[Mapping[str, str], ...], *, where: str) -> str:
    """The text of a model, its template filled.

    Args:
        text: a Jinja template.
        clones: rows of the clone table, by column.
        where: the file, for error sentences.

    Raises:
        InputError: not a template, one that asks for more than its clones, or one that grows too long.
    """
    from jinja2 import StrictUndefined

    house = _sandbox()(undefined=StrictUndefined)
    house.globals["range"] = _range
    parts: list[str] = []
    length = 0
    try:
        for part in house.from_string(text).generate(clones=clones):
            parts.append(part)
            length += len(part)
            if length > _LONGEST:
                raise OverflowError(f"more than {_LONGEST} letters")
    except Exception as problem:  # whatever a template can do wrong, Python says in many ways
        got = str(problem) or type(problem).__name__
        raise InputError(sentence(where, expected="a template filled by clones.csv", got=got)) from None
    return "".join(parts)


def _sandbox() -> Any:
    """A sandbox whose arithmetic is on numbers: a text or list is not multiplied, and there are no powers."""
    from jinja2.sandbox import SandboxedEnvironment

    class House(SandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "**" or not all(isinstance(one, int | float) for one in (left, right)):
                raise TypeError(f'"{operator}" is for numbers and products here')
            return super().call_binop(context, operator, left, right)

    return House


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > _MOST_TURNS:
        raise OverflowError(f"a range of more than {_MOST_TURNS}")
    return found
