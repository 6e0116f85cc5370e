"""Aggregations in kernel code: `latency.add(pid, ns)`.

All that is kept for a key are numbers of the CPU that the program runs on. They are added to atomically all the same:
another program, or this one again, may run on that CPU between a load and a store.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.lookups import lookup_or_init
from osmia.compiler.frontend.map_keys import map_key
from osmia.compiler.frontend.operators import binary, constant, integer
from osmia.compiler.frontend.rings import lost
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_HIGH, U64_HIGH, IntType, OptionalType, PlaceType, storage_type
from osmia.layout import ArrayLayout, IntegerLayout
from osmia.maps.aggregations import Aggregation, KeyedAggregation
from osmia.maps.measures import EVERY, SIGN, CountMeasure, HistogramMeasure, Measure, StatsMeasure
from osmia.types import u64

if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

_U64: Any = u64
U64 = IntType(0, U64_HIGH)
TRIES = 4
"""How often an extreme is compared again because another program has changed it meanwhile."""


def add_value(state: FunctionState, map_: ir.MapReference, node: ast.Call) -> ir.Expression:
    """The IR of `m.add(...)`: what it gives is None."""
    location, declared = state.at(node), map_.declaration
    assert isinstance(declared, Aggregation)
    keyed = isinstance(declared, KeyedAggregation)
    arguments = _arguments(state, map_, node, keyed=keyed)
    key: ir.Expression = constant(0, location)
    if keyed:
        key = map_key(state, map_, state.translate.operand(state, arguments[0]), location)
    keep_key, key = ((), key) if isinstance(key, ir.Constant) else _kept(state, key)
    value = _value(state, map_, arguments[keyed]) if len(arguments) > keyed else constant(1, location)
    keep_value, value = ((), value) if isinstance(value, ir.Constant) else _kept(state, value)
    keep_found, here = state.kept(_found(state, map_, key, location, keyed=keyed), location)
    entry = ir.Unwrap(PlaceType(map_.value), location, here)
    missing = ir.IsNone(ir.BOOL, location, here)
    path = state.unit.map_paths[map_.symbol]
    dropped = (lost(state, Static(declared, path, location), map_, location),) if keyed else ()
    counted = ir.If(location, missing, dropped, _counted(state, declared.value, entry, value, location))
    statements = (*keep_key, *keep_value, keep_found, counted)
    return ir.Sequence(ir.NONE, location, statements, ir.Constant(ir.NONE, location, 0))


def _found(
    state: FunctionState, map_: ir.MapReference, key: ir.Expression, location: Location, *, keyed: bool
) -> ir.Expression:
    """Where it is kept; None where there is no room for a key that is new. A new one starts as zeros."""
    if not keyed:
        return ir.MapLookup(OptionalType(PlaceType(map_.value)), location, map_, key)
    # They would not fit on the stack.
    zeros = ir.ConstantText(PlaceType(map_.value), location, bytes(map_.value.size))
    return lookup_or_init(state, map_, key, zeros, location)


def _arguments(state: FunctionState, map_: ir.MapReference, node: ast.Call, *, keyed: bool) -> list[ast.expr]:
    form = "key, value" if keyed else "value"
    counts = {1 + keyed}
    if isinstance(map_.declaration.value, CountMeasure):
        form, counts = "key, amount=1", {1, 2}
    if not node.keywords and len(node.args) in counts and not any(isinstance(a, ast.Starred) for a in node.args):
        return node.args
    raise error(
        f"add of a {type(map_.declaration).__name__} takes ({form}), by position",
        state.at(node),
        found=ast.unparse(node),
        expected=f"{map_.symbol}.add({form.replace('=1', '')})",
        fix="write the arguments in that order" if keyed else "write one number: it has no keys",
    )


def _value(state: FunctionState, map_: ir.MapReference, node: ast.expr) -> ir.Expression:
    """What is added, refused if its type says that it may not fit."""
    measure: Measure = map_.declaration.value
    value = state.translate.expression(state, node)
    of = integer(value, f"what is added to {map_.symbol}")
    if not measure.signed and of.may_be_negative:
        declare = "" if isinstance(measure, CountMeasure) else "declare it for i64, or "
        raise error(
            f"what is added to {map_.symbol} may be negative",
            value.location,
            found=f"a value of type {of}",
            expected="a number of 0 or more, as it counts u64",
            fix=f"{declare}test before that it is not",
        )
    if measure.signed and of.needs_u64:
        raise error(
            f"what is added to {map_.symbol} may not fit i64",
            value.location,
            found=f"a value of type {of}",
            expected="a number that fits i64, as it was declared for",
            fix="declare it for u64, or cast the value: i64(...)",
        )
    return value


def _kept(state: FunctionState, value: ir.Expression) -> tuple[tuple[ir.Statement, ...], ir.Expression]:
    """A value that is found once and used more than once."""
    assign, read = state.kept(value)
    return (assign,), read


def _counted(
    state: FunctionState, measure: Measure, entry: ir.Expression, value: ir.Expression, location: Location
) -> tuple[ir.Statement, ...]:
    """Add a value to what is kept for its key."""
    if isinstance(measure, HistogramMeasure):
        bucket = _bucket(measure, _field(entry, measure, measure.scale.field, location), value, location)
        return _add(bucket, constant(1, location), location), _sum(measure, entry, value, location)
    if isinstance(measure, StatsMeasure):
        return _stats(state, measure, entry, value, location)
    return (_add(_field(entry, measure, "count", location), value, location),)


def _sum(measure: Measure, entry: ir.Expression, value: ir.Expression, location: Location) -> ir.Statement:
    return _add(_field(entry, measure, "sum", location), value, location)


def _add(place: ir.Expression, amount: ir.Expression, location: Location) -> ir.Statement:
    """Add atomically, without asking for the result: an instruction that all kernels have."""
    if isinstance(amount, ir.Constant) and amount.value == 0:  # LLVM would make another instruction of it
        return ir.Evaluate(location, amount)
    assert isinstance(place.type, PlaceType)
    assert isinstance(place.type.layout, IntegerLayout)
    of = storage_type(place.type.layout.of)
    return ir.Evaluate(location, ir.Atomic(of, location, "add", place, (amount,), fetch=False))


def _field(entry: ir.Expression, measure: Measure, name: str, location: Location) -> ir.Expression:
    field = measure.field(name)
    return ir.Field(PlaceType(field.layout), location, entry, field)


# Buckets


def _bucket(
    measure: HistogramMeasure, buckets: ir.Expression, value: ir.Expression, location: Location
) -> ir.Expression:
    """The bucket of a value, as a place."""
    assert isinstance(buckets.type, PlaceType)
    array = buckets.type.layout
    assert isinstance(array, ArrayLayout)
    linear = measure.scale.linear
    if isinstance(value, ir.Constant):
        bounds = measure.scale.bounds()
        at = next(index for index, (low, high) in enumerate(bounds) if low <= value.value <= high)
        return ir.Element(PlaceType(array.element), location, buckets, constant(at, location), array.length, None)
    index = _logarithm(measure, value, location) if linear is None else _step(linear, value, location)
    # The verifier sees a bound of the number of bits, and of 32 of them it is inside; a quotient may be anything to it.
    tested = linear is None and integer(value, "a value").high.bit_length() <= 32
    return ir.Element(PlaceType(array.element), location, buckets, index, array.length, None, tested=tested)


def _logarithm(measure: HistogramMeasure, value: ir.Expression, location: Location) -> ir.Expression:
    """The number of the bucket: that of bits. Of signed values, what is negative comes before."""
    of = integer(value, "a value")
    positive = IntType(max(of.low, 0), max(of.high, 0))
    bits = ir.BitLength(IntType(0, positive.high.bit_length()), location, _typed(value, positive))
    if not measure.signed:
        return bits
    behind = binary("+", bits, constant(1, location), location)
    if not of.may_be_negative:
        return behind
    zero = constant(0, location)
    negative = ir.Compare(ir.BOOL, location, ("<",), (value, zero))
    return ir.Conditional(IntType(0, measure.scale.length - 1), location, negative, zero, behind)


def _step(linear: tuple[int, int, int], value: ir.Expression, location: Location) -> ir.Expression:
    """The number of the bucket: 0 below, then one for each step, the last for all above."""
    low, high, step = linear
    last = (high - low) // step + 1
    of = IntType(0, last)
    distance = ir.Binary(IntType(0, high - low - 1), location, "-", value, constant(low, location), None)
    inside = binary("+", binary("//", distance, constant(step, location), location), constant(1, location), location)
    above = ir.Compare(ir.BOOL, location, (">=",), (value, constant(high, location)))
    below = ir.Compare(ir.BOOL, location, ("<",), (value, constant(low, location)))
    rest = ir.Conditional(of, location, above, constant(last, location), inside)
    return ir.Conditional(of, location, below, constant(0, location), rest)


def _typed(value: ir.Expression, of: IntType) -> ir.Expression:
    """The local that holds a value, where it is known to be in a smaller interval."""
    assert isinstance(value, ir.LocalRead)
    return ir.LocalRead(of, value.location, value.local)


# Extremes


def _stats(
    state: FunctionState, measure: StatsMeasure, entry: ir.Expression, value: ir.Expression, location: Location
) -> tuple[ir.Statement, ...]:
    """Whoever reads a count finds at least as many values in what is beside it: so it comes last."""
    turned = _turned(value, SIGN, location) if measure.signed else value
    keep_large, large = state.kept(_as_u64(turned, location), location)
    keep_small, small = state.kept(_turned(large, EVERY, location), location)
    missed = _add(_field(entry, measure, "not_compared", location), constant(1, location), location)
    return (
        keep_large,
        keep_small,
        *_raised(state, _field(entry, measure, "max", location), large, missed, location),
        *_raised(state, _field(entry, measure, "not_min", location), small, missed, location),
        _sum(measure, entry, value, location),
        _add(_field(entry, measure, "count", location), constant(1, location), location),
    )


def _turned(value: ir.Expression, bits: int, location: Location) -> ir.Expression:
    """The 64 bits of a value with some of them turned over."""
    return binary("^", _as_u64(value, location), constant(bits, location), location)


def _as_u64(value: ir.Expression, location: Location) -> ir.Expression:
    of = integer(value, "a value")
    return ir.Wrap(U64, location, value, _U64) if of.may_be_negative or of.high > I64_HIGH else value


def _raised(
    state: FunctionState, place: ir.Expression, value: ir.Expression, missed: ir.Statement, location: Location
) -> tuple[ir.Statement, ...]:
    """Make a number at least as large as the value. Most values change nothing, and cost a load and a comparison."""
    held, tries = state.hidden(U64), state.hidden(IntType(0, TRIES))
    here = ir.LocalRead(U64, location, held)
    count = ir.LocalRead(IntType(0, TRIES), location, tries)
    exchange = ir.Atomic(U64, location, "compare_exchange", place, (here, value), fetch=True)
    keep_before, before = state.kept(exchange, location)
    done = ir.If(location, ir.Compare(ir.BOOL, location, ("==",), (before, here)), (ir.Break(location),), ())
    smaller = ir.Compare(ir.BOOL, location, ("<",), (here, value))
    again = ir.Compare(ir.BOOL, location, ("<",), (count, constant(TRIES, location)))
    inside = ir.LocalRead(IntType(0, TRIES - 1), location, tries)
    body = (
        keep_before,
        done,
        ir.Assign(location, held, before),
        ir.Assign(location, tries, binary("+", inside, constant(1, location), location)),
    )
    gave_up = ir.If(location, smaller, (missed,), ())
    test = ir.Logical(ir.BOOL, location, "and", (smaller, again))
    return (
        ir.Assign(location, held, ir.Load(U64, location, place)),
        ir.Assign(location, tries, constant(0, location)),
        ir.Loop(location, test, body, (), (gave_up,), ir.LoopPlan(location)),
    )
