"""Units at the edge: parse what a user wrote, check its dimension, convert to house units.

House units are day, nM, mg, L and cells. A cell is a count with a dimension of its own, so that a
number of cells is never added to a number of milligrams. A month is a twelfth of a Julian year.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from offtarget.errors import InputError, sentence

__all__ = [
    "DAYS_PER_MONTH",
    "DAYS_PER_YEAR",
    "convert",
    "dimension",
    "exponents",
    "factors",
    "parse",
    "same_dimension",
]

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12

_LONGEST = 200  # letters; longer texts are noise, and matching them takes long
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*$", re.DOTALL)

#: "24 hh" is a slip of the finger, not 24 hectohours.
_UNPREFIXED = frozenset({"minute", "hour", "day", "week", "month", "year", "cell", "item", "percent"})
_LETTERS = re.compile(r"[A-Za-zµμ%0-9_ */().+-]{1,120}")
#: A power that pint may evaluate: of a name or one bracket, by a small number; never a tower such as 9^9^9.
_POWER = re.compile(
    r"(?<=[A-Za-zµμ%_)])\s*\*\*\s*(?:[-+]?\d{1,2}(?:\.\d+)?|\([-+]?\d{1,2}(?:\.\d+|/\d{1,2})?\))(?![\d.eE])"
)


@lru_cache(maxsize=1)
def _registry() -> Any:
    """The pint registry, built on first use: pint takes a third of a second to import."""
    import pint

    registry: Any = pint.UnitRegistry(cache_folder=None)
    registry.define("item = [item]")
    registry.define("cell = item = cells")
    registry.define("percent_is = percent")
    return registry


@lru_cache(maxsize=4096)
def _unit(unit: str) -> Any:
    registry = _registry()
    text = (unit.strip() or "dimensionless").replace("^", "**")
    powers = _POWER.findall(text)
    brackets = len(re.findall(r"\)\s*\*\*", text))
    if _LETTERS.fullmatch(text) is None or text.count("**") != len(powers) or brackets > 1:
        raise InputError(sentence("unit", expected='a unit such as "mg/L" or "1/day"', got=unit))
    try:
        found = registry.Unit(text.replace("%", "percent"))
        if not registry.Quantity(
            1.0, found
        )._is_multiplicative:  # degrees, decibels: converting is not multiplying
            raise ValueError(text)
        for name in found._units:
            prefix, plain, _ = registry.parse_unit_name(name)[0]
            if prefix and plain in _UNPREFIXED:
                raise ValueError(text)
        return found
    except Exception as problem:  # pint raises a dozen unrelated classes for a bad unit
        raise InputError(sentence("unit", expected='a unit such as "mg/L" or "1/day"', got=unit)) from problem


def parse(text: str, *, where: str, of: str, example: str) -> tuple[float, str]:
    """The number and unit in a text such as ``24 h``, after checking its dimension.

    Args:
        text: what the user wrote; a bare number is refused unless ``of`` is dimensionless.
        where: the place, for the error sentence.
        of: a unit of the wanted dimension, for example ``day``.
        example: a right answer, quoted in the error.

    Raises:
        InputError: not a number with a unit, not finite, or a unit of another dimension.

    Example:
        >>> parse("24 h", where="regimen", of="day", example="24 h")
        (24.0, 'h')
    """
    match = _NUMBER.fullmatch(text) if len(text) <= _LONGEST else None
    wanted = f'a quantity such as "{example}"'
    if match is None or not math.isfinite(float(match.group(1))):
        raise InputError(sentence(where, expected=wanted, got=text))
    value, unit = float(match.group(1)), match.group(2)
    if not unit and not same_dimension("", of):
        raise InputError(sentence(where, expected=wanted, got=text, then="Add a unit."))
    try:
        agrees = same_dimension(unit, of)
    except InputError as problem:
        raise InputError(
            sentence(where, expected=wanted, got=text, then="The unit is not known.")
        ) from problem
    if not agrees:
        then = f'"{unit}" is {dimension(unit)}, not {dimension(of)}.'
        raise InputError(sentence(where, expected=wanted, got=text, then=then))
    return value, unit


@lru_cache(maxsize=4096)
def _factor(unit: str, to: str) -> float:
    registry = _registry()
    try:
        factor = float(registry.Quantity(1.0, _unit(unit)).to(_unit(to)).magnitude)
    except Exception as problem:
        then = f"{unit} is {dimension(unit)}, {to} is {dimension(to)}."
        raise InputError(
            sentence("unit", expected=f'a unit that converts to "{to}"', got=unit, then=then)
        ) from problem
    return factor


def convert(value: float, unit: str, to: str) -> float:
    """``value`` in ``unit`` expressed in ``to``.

    Raises:
        InputError: an unknown unit, or two units of different dimensions.

    Example:
        >>> convert(48, "h", "day")
        2.0
    """
    return value * _factor(unit, to)


def dimension(unit: str) -> str:
    """The dimension of a unit in words of base quantities, for example ``[length] ** 3 / [time]``."""
    return str(_unit(unit).dimensionality)


@lru_cache(maxsize=4096)
def same_dimension(unit: str, other: str) -> bool:
    """Whether two units measure the same thing.

    Example:
        >>> same_dimension("ng/mL", "mg/L"), same_dimension("ng/mL", "nM")
        (True, False)
    """
    return bool(_unit(unit).dimensionality == _unit(other).dimensionality)


@lru_cache(maxsize=4096)
def exponents(unit: str) -> Mapping[str, float]:
    """Base dimension -> power, for dimension arithmetic without pint; a dimensionless unit gives an empty mapping.

    Example:
        >>> dict(exponents("mg/L"))
        {'[mass]': 1.0, '[length]': -3.0}
    """
    found = {str(base): round(float(power), 9) for base, power in _unit(unit).dimensionality.items()}
    return MappingProxyType({base: power for base, power in found.items() if power})


@lru_cache(maxsize=4096)
def factors(unit: str) -> tuple[tuple[str, float, float], ...]:
    """A unit as a product of (kind, multiplier, power) over the kinds litre, gram, second, metre, mole and item.

    Example:
        >>> factors("mg/day")
        (('gram', 0.001, 1.0), ('second', 86400.0, -1.0))
    """
    registry, found = _registry(), []
    for name, power in _unit(unit)._units.items():
        one = registry.Quantity(1.0, name)
        if one.check("[length]**3") and "liter" in name:
            found.append(("litre", float(one.to("liter").magnitude), float(power)))
            continue
        root = one.to_root_units()
        scale = float(root.magnitude)
        if root.dimensionless and scale != 1.0:
            found.append(("dimensionless", scale, float(power)))
        for base, inner in root.unit_items():
            kind, more = _KINDS.get(base, (base, 1.0))
            found.append((kind, scale ** (1 / inner) * more, float(power * inner)))
            scale = 1.0
    return tuple(found)


#: pint's root unit -> (SBML's kind, how many of that kind it is).
_KINDS = {"gram": ("gram", 1.0), "kilogram": ("gram", 1000.0), "meter": ("metre", 1.0)}
