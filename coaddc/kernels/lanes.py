"""Eight numbers of single precision at a time, for compiled loops that the compiler would not see as such.

The value that these functions exchange, the lanes, lives in one of the processor's vector registers; where
they are narrower, in two or four of them. Each lane is worked on alike, so that a number does not depend on
which lane it is in, nor on what is in the others.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

#: How many.
LANES = 8

#: How functions are compiled that only compiled code calls: without what Python would need, half the time;
#: and within their callers, whatever their size, as a call counts the references to each array it is given.
INNER = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "forceinline": True,
}

#: What functions say that they take or return; only the compiler knows it.
Lanes = Any

#: What numba asks of the code of an intrinsic: the signature, and a function that emits the code.
Emitted = tuple[Any, Callable[..., Any]]

_INDEX = ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(_INDEX, LANES)
_FLAGS = ir.VectorType(ir.IntType(1), LANES)


class _Lanes(types.Type):
    """The type of lanes."""

    def __init__(self) -> None:
        super().__init__("Lanes")


_LANES = _Lanes()


@register_model(_Lanes)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    """What lanes are to the compiler."""

    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, _FLOATS)


@intrinsic
def spread(_: Any, number: Any) -> Emitted:
    """Return lanes that all hold one number."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, arguments[0], _FLOATS)

    return _LANES(types.float32), emit


@intrinsic
def load(_: Any, array: Any, at: Any) -> Emitted:
    """Return ``array[at : at + LANES]``; nothing checks the bounds."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_place(context, builder, signature.args[0], arguments, _FLOATS), align=4)

    return _LANES(array, at), emit


@intrinsic
def load_first(_: Any, array: Any, at: Any, count: Any) -> Emitted:
    """Return ``array[at : at + count]``, and 0 in the lanes left over; what lies behind is not read."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wanted = _spread(builder, builder.trunc(arguments[2], _INDEX), _INTS)
        flags = builder.icmp_signed("<", ir.Constant(_INTS, list(range(LANES))), wanted)
        kind = ir.FunctionType(_FLOATS, [_FLOATS.as_pointer(), _INDEX, _FLAGS, _FLOATS])
        function = builder.module.declare_intrinsic("llvm.masked.load.v8f32.p0", (), kind)
        place = _place(context, builder, signature.args[0], arguments, _FLOATS)
        return builder.call(function, [place, _INDEX(4), flags, ir.Constant(_FLOATS, [0.0] * LANES)])

    return _LANES(array, at, types.int64), emit


@intrinsic
def store(_: Any, lanes: Any, array: Any, at: Any) -> Emitted:
    """Set ``array[at : at + LANES]``; nothing checks the bounds."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[1], arguments[1:], _FLOATS)
        builder.store(arguments[0], place, align=4)
        return context.get_dummy_value()

    return types.void(lanes, array, at), emit


@intrinsic
def add(_: Any, a: Any, b: Any) -> Emitted:
    """Return a + b."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments)

    return _LANES(_LANES, _LANES), emit


@intrinsic
def subtract(_: Any, a: Any, b: Any) -> Emitted:
    """Return a - b."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fsub(*arguments)

    return _LANES(_LANES, _LANES), emit


@intrinsic
def multiply(_: Any, a: Any, b: Any) -> Emitted:
    """Return a b."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fmul(*arguments)

    return _LANES(_LANES, _LANES), emit


@intrinsic
def multiply_add(_: Any, a: Any, b: Any, c: Any) -> Emitted:
    """Return a b + c, rounded once where the processor can, in all code alike."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        return builder.call(builder.module.declare_intrinsic("llvm.fmuladd.v8f32", (), kind), arguments)

    return _LANES(_LANES, _LANES, _LANES), emit


@intrinsic
def total(_: Any, lanes: Any) -> Emitted:
    """Return the sum of the lanes l: those of l and l + 4, of these l and l + 2, of these both."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (left,) = arguments
        count = LANES
        while count > 1:
            count //= 2
            low, high = (_part(builder, left, first, count) for first in (0, count))
            left = builder.fadd(low, high)
        return builder.extract_element(left, _INDEX(0))

    return types.float32(_LANES), emit


@intrinsic
def turn(_: Any, array: Any, at: Any, step: Any, result: Any, to: Any, stride: Any) -> Emitted:
    """Turn rows into columns: ``result[to + i stride + j] = array[at + j step + i]``, i and j below LANES."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, at, step, target, to, stride = arguments
        kinds = signature.args
        rows = []
        for i in range(LANES):
            first = builder.add(at, builder.mul(step, step.type(i)))
            rows.append(builder.load(_place(context, builder, kinds[0], (source, first), _FLOATS), align=4))
        for i, row in enumerate(_turned(builder, rows)):
            first = builder.add(to, builder.mul(stride, stride.type(i)))
            builder.store(row, _place(context, builder, kinds[3], (target, first), _FLOATS), align=4)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, result, types.int64, types.int64), emit


@intrinsic
def count_equal(_: Any, array: Any, at: Any) -> Emitted:
    """Return how many of the int32 ``array[at : at + LANES]`` equal the first, up to the first other."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments, _INTS)
        found = builder.load(place, align=4)
        first = _spread(builder, builder.extract_element(found, _INDEX(0)), _INTS)
        other = builder.bitcast(builder.icmp_signed("!=", found, first), ir.IntType(LANES))
        bits = builder.or_(builder.zext(other, ir.IntType(64)), ir.Constant(ir.IntType(64), 1 << LANES))
        return builder.cttz(bits, ir.Constant(ir.IntType(1), 1))

    return types.int64(array, at), emit


def _place(context: Any, builder: Any, array: Any, arguments: Any, vector: Any) -> Any:
    """Return the address of an array's element."""
    data = context.make_array(array)(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(data, [arguments[1]]), vector.as_pointer())


def _turned(builder: Any, rows: list[Any]) -> list[Any]:
    """Return the columns of as many rows as there are lanes: blocks of 1, 2, 4 are swapped across."""
    size = 1
    while size < LANES:
        low = [lane // size % 2 * LANES + lane - lane // size % 2 * size for lane in range(LANES)]
        made = list(rows)
        for i in range(LANES):
            if i // size % 2 == 0:
                pair = rows[i], rows[i + size]
                made[i] = builder.shuffle_vector(*pair, ir.Constant(_INTS, low))
                high = ir.Constant(_INTS, [which + size for which in low])
                made[i + size] = builder.shuffle_vector(*pair, high)
        rows, size = made, 2 * size
    return rows


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    nothing = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(nothing, number, _INDEX(0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTS, [0] * LANES))


def _part(builder: Any, lanes: Any, first: int, count: int) -> Any:
    which = ir.Constant(ir.VectorType(_INDEX, count), list(range(first, first + count)))
    return builder.shuffle_vector(lanes, ir.Constant(lanes.type, ir.Undefined), which)
