"""Atomic operations on numbers in memory: `ref(flow.bytes).fetch_add(n)`, and the same of a looked-up number."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.operators import integer
from osmia.compiler.frontend.places import check_changeable, place_of_attribute, place_of_subscript
from osmia.compiler.frontend.stores import check_store, unwrapped
from osmia.compiler.frontend.variables import global_place
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import OptionalType, PlaceType, storage_type
from osmia.errors import with_article
from osmia.layout import IntegerLayout
from osmia.maps.globals import Variable

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.ir.types import Storage
    from osmia.compiler.location import Location
    from osmia.layout import Layout

# Method: the operation, and what it takes.
METHODS: dict[str, tuple[str, str]] = {
    "fetch_add": ("add", "amount"),
    "fetch_and": ("and", "bits"),
    "fetch_or": ("or", "bits"),
    "fetch_xor": ("xor", "bits"),
    "exchange": ("exchange", "value"),
    "compare_exchange": ("compare_exchange", "expected, new"),
}
# The instructions work on words and double words.
WIDTHS = (32, 64)


def is_atomic(base: ir.Expression, name: str) -> bool:
    """Whether a method of this name is an atomic operation on what `base` refers to."""
    of = base.type.of if isinstance(base.type, OptionalType) else base.type
    return isinstance(of, PlaceType) and of.is_scalar and name in METHODS


def reference(state: FunctionState, node: ast.Call) -> ir.Expression:
    """`ref(place)`: the place itself, where its number would be meant otherwise."""
    target = node.args[0] if len(node.args) == 1 and not node.keywords else None
    place: ir.Expression | None = None
    if isinstance(target, ast.Attribute | ast.Subscript):
        base = state.translate.operand(state, target.value)
        if isinstance(base, Static) and isinstance(base.value, Variable) and isinstance(target, ast.Attribute):
            place = global_place(state, base, target.attr, state.at(target))
        elif isinstance(base, ir.Expression) and isinstance(target, ast.Attribute):
            place = place_of_attribute(base, target.attr, state.at(target))
        elif isinstance(base, ir.Expression) and isinstance(target, ast.Subscript):
            place = place_of_subscript(state, base, target)
    if place is None or not isinstance(place.type, PlaceType) or not place.type.is_scalar:
        raise error(
            "ref takes a number that lies in memory",
            state.at(node),
            found=ast.unparse(node),
            expected="a field of a struct, an element of an array, or a `.value`",
            fix="a local has no place in memory: use a field of a map's value",
        )
    assert target is not None
    check_changeable(place, target, state.at(target))
    if isinstance(place, ir.Field) and place.field.bit_width is not None:
        raise error(
            "a bit field has no address",
            state.at(node),
            found=ast.unparse(node),
            expected="a field of whole bytes",
            fix="read and store it by its name",
        )
    return place


def atomic(state: FunctionState, base: ir.Expression, node: ast.Call) -> ir.Expression:
    """The IR of `reference.fetch_add(n)` and the like."""
    assert isinstance(node.func, ast.Attribute)
    operation, parameters = METHODS[node.func.attr]
    location = state.at(node)
    wanted = parameters.count(",") + 1
    if len(node.args) != wanted or node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
        raise error(
            f"{node.func.attr} takes ({parameters}), by position",
            location,
            found=ast.unparse(node),
            expected=f"{node.func.attr}({parameters})",
            fix="write the arguments in that order",
        )
    place = unwrapped(base)
    assert isinstance(place.type, PlaceType)
    storage = _storage(place.type.layout, location)
    _check_alignment(place, storage, location)
    operands = []
    for argument in node.args:
        number = state.translate.expression(state, argument)
        integer(number, f"the argument of {node.func.attr}")
        if operation != "add":
            check_store(number, storage, f"the argument of {node.func.attr}")
        operands.append(number)
    return ir.Atomic(storage_type(storage), location, operation, place, tuple(operands), fetch=True)


def without_result(value: ir.Expression) -> ir.Expression:
    """The same as a statement: an addition whose result nobody wants is an instruction that all targets have."""
    if not isinstance(value, ir.Atomic):
        return value
    return ir.Atomic(value.type, value.location, value.operation, value.place, value.operands, fetch=False)


def _check_alignment(place: ir.Expression, storage: Storage, location: Location) -> None:
    if _is_aligned(place, storage.bits // 8):
        return
    raise error(
        f"atomic operations work on what lies at multiples of {storage.bits // 8} bytes",
        location,
        found="a number in a packed struct, which may lie anywhere",
        expected=f"{with_article(storage.__name__)} in its natural place",
        fix="declare the struct without packed=True",
    )


def _is_aligned(place: ir.Expression, size: int) -> bool:
    match place:
        case ir.Field(base=base, field=field):
            return field.offset % size == 0 and _is_aligned(base, size)
        case ir.Element(base=base, type=of):
            return of.layout.size % size == 0 and _is_aligned(base, size)
        case ir.Unwrap(operand=operand) | ir.Require(operand=operand):
            return isinstance(operand, ir.MapLookup) or _is_aligned(operand, size)
        case ir.GlobalPlace() | ir.Construct():
            return True
        case _:
            held = place.type.of if isinstance(place.type, OptionalType) else place.type
            assert isinstance(held, PlaceType)
            return held.layout.alignment % size == 0


def _storage(layout: Layout, location: Location) -> Storage:
    if isinstance(layout, IntegerLayout) and layout.of.bits in WIDTHS:
        return layout.of
    raise error(
        "atomic operations work on 32 and 64 bits",
        location,
        found=f"a place of type {layout.name}",
        expected="u32, i32, u64 or i64",
        fix="declare it wider" if isinstance(layout, IntegerLayout) else "use u32 or u64 for it",
    )
