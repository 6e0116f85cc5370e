"""Equality of what lies in memory: structs, arrays, and chars beside texts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Bound, NestedFunction, Static, TupleValue
from osmia.compiler.frontend.images import image_of
from osmia.compiler.frontend.operators import constant, value_of
from osmia.compiler.frontend.places import loaded, part_of
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import OptionalType, PlaceType, is_scalar, same
from osmia.layout import (
    ArrayLayout,
    BooleanLayout,
    BytesLayout,
    CharsLayout,
    EnumLayout,
    IntegerLayout,
    Layout,
    SpinLockLayout,
    StructLayout,
)

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location


def alike(state: FunctionState, node: ast.Compare, left: Operand, right: Operand) -> ir.Expression | None:
    """`a == b` and `a != b` of places, or of a place and a constant; None where no side is a place."""
    layout = _layout(left) or _layout(right)
    if layout is None or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return None
    if _layout(left) is None:
        left, right = right, left
    location = state.at(node)
    assert isinstance(left, ir.Expression)
    test = _equal(state, unwrapped(left), right, layout, location)
    return ir.Not(ir.BOOL, location, test) if isinstance(node.ops[0], ast.NotEq) else test


def lies_in_memory(of: Operand) -> bool:
    """Whether it is a struct, an array or a text, which are compared by their bytes."""
    return _layout(of) is not None


def among(state: FunctionState, value: ir.Expression, choices: list[Operand], location: Location) -> ir.Expression:
    """Whether such a value equals one of some others: constants, and what locals refer to."""
    layout = _layout(value)
    assert layout is not None
    assign, held = state.kept(unwrapped(value), location)
    tests = []
    for choice in choices:
        if not isinstance(choice, Static | ir.LocalRead):  # Python makes the whole tuple before it looks
            raise error(
                "kernel code looks for it among constants and locals",
                location,
                found=f"a choice that is {_found(choice)}",
                expected=f"{_expected(layout)}; or names of locals",
                fix="give it a name first, or compare with `==`, joined by `or`",
            )
        tests.append(_equal(state, held, choice, layout, location))
    if not tests:
        return ir.Constant(ir.BOOL, location, 0)
    whole = tests[0] if len(tests) == 1 else ir.Logical(ir.BOOL, location, "or", tuple(tests))
    return ir.Sequence(ir.BOOL, location, (assign,), whole)


def _layout(of: Operand) -> Layout | None:
    """The layout of an aggregate."""
    if not isinstance(of, ir.Expression):
        return None
    found = of.type.of if isinstance(of.type, OptionalType) else of.type
    return found.layout if isinstance(found, PlaceType) and not is_scalar(found.layout) else None


def _equal(
    state: FunctionState, left: ir.Expression, right: Operand, layout: Layout, location: Location
) -> ir.Expression:
    other = _layout(right)
    if isinstance(right, ir.Expression) and other is not None and same(PlaceType(layout), PlaceType(other)):
        return _places(state, left, unwrapped(right), layout, location)
    if isinstance(right, Static):
        image = image_of(layout, right.value)
        if image is not None and _every_byte_counts(layout):
            return ir.Alike(ir.BOOL, location, part_of(left), image, layout.size)
        if image is not None:
            return _places(state, part_of(left), ir.Construct(PlaceType(layout), location, image, ()), layout, location)
    found = _found(right)
    raise error(
        f"{layout.name} is compared with something of its own type",
        location,
        found=found,
        expected=_expected(layout),
        fix='compare with bytes that the module holds: `MAC = bytes.fromhex("02...")`, `IPv6Address("fd00::1").packed`'
        if _is_bytes(layout)
        else "compare what is of one type",
    )


def _is_bytes(layout: Layout) -> bool:
    return isinstance(layout, ArrayLayout) and layout.size == layout.length


def _found(right: Operand) -> str:
    match right:
        case Static(value=value):
            return f"{type(value).__name__} {value!r}"
        case TupleValue():
            return "several values"
        case NestedFunction() | Bound():
            return "a function"
        case _:
            return str(right.type)


def _expected(layout: Layout) -> str:
    if isinstance(layout, CharsLayout):
        return f"{layout.name}, or a str or bytes of at most {layout.length} bytes"
    if isinstance(layout, ArrayLayout):
        return f"{layout.name}, or {layout.length} constants"
    return layout.name


def _places(
    state: FunctionState, left: ir.Expression, right: ir.Expression, layout: Layout, location: Location
) -> ir.Expression:
    """Two places of one layout: their bytes where every byte counts, else field by field."""
    if _every_byte_counts(layout):
        return ir.Alike(ir.BOOL, location, left, right, layout.size)
    pairs = []
    before: list[ir.Statement] = []
    for side in (left, right):
        assign, read = state.kept(side, location)
        before.append(assign)
        pairs.append(read)
    tests = [_part(state, pairs[0], pairs[1], part, location) for part in _parts(layout, location)]
    if not tests:
        return ir.Sequence(ir.BOOL, location, tuple(before), ir.Constant(ir.BOOL, location, 1))
    whole = tests[0] if len(tests) == 1 else ir.Logical(ir.BOOL, location, "and", tuple(tests))
    return ir.Sequence(ir.BOOL, location, tuple(before), whole)


def _part(
    state: FunctionState, left: ir.Expression, right: ir.Expression, part: ir.Field | ir.Element, location: Location
) -> ir.Expression:
    first, second = _of(part, left), _of(part, right)
    if part.type.is_scalar:
        return ir.Compare(ir.BOOL, location, ("==",), (loaded(first, location), loaded(second, location)))
    return _places(state, first, second, part.type.layout, location)


def _of(part: ir.Field | ir.Element, base: ir.Expression) -> ir.Expression:
    if isinstance(part, ir.Field):
        return ir.Field(part.type, part.location, base, part.field)
    return ir.Element(part.type, part.location, base, part.index, part.length, None)


def _parts(layout: Layout, location: Location) -> list[ir.Field | ir.Element]:
    """The fields of a struct or the elements of an array, of a base that is filled in later."""
    nowhere = value_of(Static(None, ("constant",), location))
    if isinstance(layout, StructLayout):
        # A lock is no part of the value: user code never sees it locked.
        fields = [field for field in layout.fields if not isinstance(field.layout, SpinLockLayout)]
        return [ir.Field(PlaceType(field.layout), location, nowhere, field) for field in fields]
    assert isinstance(layout, ArrayLayout)
    return [
        ir.Element(
            PlaceType(layout.element),
            location,
            nowhere,
            constant(index, location),
            layout.length,
            None,
        )
        for index in range(layout.length)
    ]


def _every_byte_counts(layout: Layout) -> bool:
    """Whether two values are equal exactly if all their bytes are."""
    match layout:
        case StructLayout(fields=fields, size=size, union=union):
            if union:
                return True
            whole = all(field.bit_width is None and _every_byte_counts(field.layout) for field in fields)
            return whole and sum(field.layout.size for field in fields) == size
        case ArrayLayout(element=element):
            return _every_byte_counts(element)
        case IntegerLayout() | EnumLayout() | CharsLayout() | BytesLayout():
            return True
        case BooleanLayout():
            return False  # any byte but 0 is true
        case _:
            return is_scalar(layout)
