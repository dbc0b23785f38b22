"""Eight patients abreast: a row of eight numbers as a type of its own in compiled code.

A ``Lanes`` value is one vector of the processor (or two, or four, as wide as it has them). Arithmetic acts on each lane
alone, so a patient's numbers never depend on who sits in the next lane. Products and sums may be fused where the
processor can, the same way for every patient and on every run of a build.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import templates
from numba.extending import intrinsic, lower_builtin, models, register_model

__all__ = ["WIDTH", "absolute", "bits", "ceiling", "choose", "exponent", "fused", "higher", "lanes", "lanewise",
           "lower", "mask", "nearest", "of_bits", "power_of_two", "put", "root", "significand", "take", "trunc",
           "whole", "wide"]  # fmt: skip

#: Lanes of a vector.
WIDTH = 8

_DOUBLE, _LONG, _BIT, _SHORT = ir.DoubleType(), ir.IntType(64), ir.IntType(1), ir.IntType(32)
_DOUBLES, _LONGS, _BITS = (ir.VectorType(kind, WIDTH) for kind in (_DOUBLE, _LONG, _BIT))
_FUSE = ("contract",)
# numba's own functions have no types.
_intrinsic: Any = intrinsic
_lower_builtin: Any = lower_builtin
_tools: Any = cgutils
_templates: Any = templates
_start: Any = models.PrimitiveModel.__init__


class _Lanes(types.Type):
    """Eight numbers."""

    def __init__(self) -> None:
        super().__init__("lanes")


class _Mask(types.Type):
    """Eight truths."""

    def __init__(self) -> None:
        super().__init__("lane_mask")


lanes, mask = _Lanes(), _Mask()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        _start(self, manager, kind, _DOUBLES)


@register_model(_Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        _start(self, manager, kind, _BITS)


def _lift(builder: Any, kind: Any, value: Any) -> Any:
    """The value as a vector: a single number in all lanes."""
    if kind in (lanes, mask):
        return value
    if isinstance(kind, types.Boolean):
        return _spread(builder, builder.trunc(value, _BIT) if value.type != _BIT else value, _BITS)
    if isinstance(kind, types.Integer):
        value = builder.sitofp(value, _DOUBLE)
    return _spread(builder, value, _DOUBLES)


def _spread(builder: Any, value: Any, kind: Any) -> Any:
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _SHORT(0))
    return builder.shuffle_vector(
        first, ir.Constant(kind, ir.Undefined), ir.Constant(ir.VectorType(_SHORT, WIDTH), [0] * WIDTH)
    )


# --- arithmetic and comparison: Python's operators ---

_NUMBERS = (types.float64, types.int64)
_MIXED = ((lanes, lanes), *((lanes, one) for one in _NUMBERS), *((one, lanes) for one in _NUMBERS))


def _operator(what: Any, result: Any, kinds: Any, write: Callable[..., Any]) -> None:
    """Teach numba an operator on lanes: what comes out, of what, and its instruction."""

    def lowered(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return write(
            builder, *(_lift(builder, kind, value) for kind, value in zip(sig.args, args, strict=True))
        )

    for kind in kinds:
        _lower_builtin(what, *kind)(lowered)
    name = f"Lanes_{what.__name__}"
    _templates.infer_global(what)(
        type(
            name,
            (_templates.ConcreteTemplate,),
            {"cases": [_templates.signature(result, *kind) for kind in kinds]},
        )
    )


def _binary(word: str) -> Callable[..., Any]:
    return lambda builder, a, b: getattr(builder, word)(a, b, flags=_FUSE)


def _comparison(word: str) -> Callable[..., Any]:
    compare = "fcmp_unordered" if word == "!=" else "fcmp_ordered"
    return lambda builder, a, b: getattr(builder, compare)(word, a, b)


_ARITHMETIC = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul", operator.truediv: "fdiv"}
_COMPARISONS = {operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==",
                operator.ne: "!="}  # fmt: skip
for _what, _word in _ARITHMETIC.items():
    _operator(_what, lanes, _MIXED, _binary(_word))
for _what, _word in _COMPARISONS.items():
    _operator(_what, mask, _MIXED, _comparison(_word))
_operator(operator.neg, lanes, ((lanes,),), lambda builder, a: builder.fneg(a))
_operator(operator.invert, mask, ((mask,),), lambda builder, a: builder.not_(a))
_TRUTHS = ((mask, mask), (mask, types.boolean), (types.boolean, mask))
_operator(operator.and_, mask, _TRUTHS, lambda builder, a, b: builder.and_(a, b))
_operator(operator.or_, mask, _TRUTHS, lambda builder, a, b: builder.or_(a, b))
_operator(operator.xor, mask, _TRUTHS, lambda builder, a, b: builder.xor(a, b))


def _first_asked() -> None:
    """Let numba ask about lanes first when it meets an operator: it would ask a dozen other types before, every time.

    This only saves time, a sixth of a kernel's compilation, so it is left where numba's inside looks different.
    """
    with contextlib.suppress(AttributeError, ImportError, TypeError):
        from numba.core.registry import cpu_target

        known = cpu_target.typing_context
        known.refresh()
        for what in (*_ARITHMETIC, *_COMPARISONS, operator.neg, operator.and_, operator.or_):
            found = known._lookup_global(what)
            ours = [
                one
                for one in found.templates
                if {lanes, mask} & {kind for case in getattr(one, "cases", ()) for kind in case.args}
            ]
            others = [one for one in found.templates if one not in ours]
            known._remove_global(what)
            known._insert_global(what, type(found)((*ours, *others)))


_first_asked()

# --- functions ---


def _function(result: Any, write: Callable[..., Any], count: int, says: str) -> Any:
    """A function of numbers or lanes: lanes out."""

    def typed(context: Any, *kinds: Any) -> Any:
        def lowered(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return write(
                builder, *(_lift(builder, kind, value) for kind, value in zip(sig.args, args, strict=True))
            )

        return result(*kinds), lowered

    shapes: dict[int, Callable[..., Any]] = {
        1: lambda context, a: typed(context, a),
        2: lambda context, a, b: typed(context, a, b),
        3: lambda context, a, b, c: typed(context, a, b, c),
    }
    made = _intrinsic(shapes[count])
    made.__doc__ = says
    return made


def _call(word: str) -> Callable[..., Any]:
    def write(builder: Any, *args: Any) -> Any:
        kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * len(args))
        return builder.call(
            _tools.get_or_insert_function(builder.module, kind, f"llvm.{word}.v{WIDTH}f64"), args
        )

    return write


def _exponent(builder: Any, x: Any) -> Any:
    raw = builder.lshr(builder.bitcast(x, _LONGS), ir.Constant(_LONGS, [52] * WIDTH))
    return builder.sitofp(builder.sub(raw, ir.Constant(_LONGS, [1023] * WIDTH)), _DOUBLES)


def _significand(builder: Any, x: Any) -> Any:
    kept = builder.and_(builder.bitcast(x, _LONGS), ir.Constant(_LONGS, [(1 << 52) - 1] * WIDTH))
    return builder.bitcast(builder.or_(kept, ir.Constant(_LONGS, [1023 << 52] * WIDTH)), _DOUBLES)


def _power_of_two(builder: Any, x: Any) -> Any:
    whole = builder.add(builder.fptosi(x, _LONGS), ir.Constant(_LONGS, [1023] * WIDTH))
    return builder.bitcast(builder.shl(whole, ir.Constant(_LONGS, [52] * WIDTH)), _DOUBLES)


wide = _function(lanes, lambda builder, a: a, 1, "The number in all lanes.")
choose = _function(
    lanes, lambda builder, m, a, b: builder.select(m, a, b), 3, "``a`` where the mask is true, else ``b``."
)
higher = _function(
    lanes, lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y), 2, "The larger; ``y`` if either is nan."
)
lower = _function(
    lanes,
    lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y),
    2,
    "The smaller; ``y`` if either is nan.",
)
absolute = _function(lanes, _call("fabs"), 1, "Without its sign.")
root = _function(lanes, _call("sqrt"), 1, "The square root.")
whole = _function(lanes, _call("floor"), 1, "The largest whole number not above.")
nearest = _function(lanes, _call("rint"), 1, "The nearest whole number.")
ceiling = _function(lanes, _call("ceil"), 1, "The smallest whole number not below.")
trunc = _function(lanes, _call("trunc"), 1, "Without its fraction.")
fused = _function(lanes, _call("fma"), 3, "``a b + c``, rounded once.")
exponent = _function(lanes, _exponent, 1, "Of a normal positive number x = m 2^e with m in [1, 2): e.")
significand = _function(lanes, _significand, 1, "Of a normal positive number x = m 2^e with m in [1, 2): m.")
power_of_two = _function(lanes, _power_of_two, 1, "2^k of a whole k from -1022 to 1023.")


def _mask_bits(builder: Any, m: Any) -> Any:
    return builder.zext(builder.bitcast(m, ir.IntType(WIDTH)), _LONG)


bits = _function(types.int64, _mask_bits, 1, "The mask as a whole number: bit l is lane l.")


@_intrinsic
def of_bits(context: Any, number: Any) -> Any:
    """The mask whose bits are those of a whole number."""

    def lowered(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(builder.trunc(args[0], ir.IntType(WIDTH)), _BITS)

    return mask(types.int64), lowered


# --- memory: the last axis of an array of shape (rows, 8) or (rows, columns, 8) is the lane ---


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    view = context.make_array(kind)(context, builder, array)
    start = _tools.get_item_pointer(
        context, builder, kind, view, [*at, _LONG(0)], wraparound=False, boundscheck=False
    )
    return builder.bitcast(start, _DOUBLES.as_pointer())


@_intrinsic
def take(context: Any, array: Any, row: Any) -> Any:
    """A row of an array of shape (rows, 8)."""

    def lowered(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        row = context.cast(builder, args[1], sig.args[1], types.intp)
        found = builder.load(_place(context, builder, sig.args[0], args[0], [row]))
        found.align = 8
        return found

    return lanes(array, row), lowered


@_intrinsic
def put(context: Any, array: Any, row: Any, value: Any) -> Any:
    """Write a row of an array of shape (rows, 8)."""

    def lowered(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        row = context.cast(builder, args[1], sig.args[1], types.intp)
        value = _lift(builder, sig.args[2], args[2])
        builder.store(value, _place(context, builder, sig.args[0], args[0], [row])).align = 8
        return context.get_dummy_value()

    return types.void(array, row, value), lowered


def lanewise(name: str, arity: int) -> Any:
    """A function of the C library, lane by lane: for what is too rare to write as a vector."""

    def write(builder: Any, *args: Any) -> Any:
        kind = ir.FunctionType(_DOUBLE, [_DOUBLE] * arity)
        one = _tools.get_or_insert_function(builder.module, kind, name)
        result = ir.Constant(_DOUBLES, ir.Undefined)
        for at in range(WIDTH):
            parts = [builder.extract_element(value, _SHORT(at)) for value in args]
            result = builder.insert_element(result, builder.call(one, parts), _SHORT(at))
        return result

    return _function(lanes, write, arity, f"{name} of each lane.")
