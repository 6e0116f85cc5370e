"""What annotations of parameters, results and locals ask for."""

from __future__ import annotations

import ast
from types import UnionType
from typing import TYPE_CHECKING, Any

from osmia.big_endian import is_big_endian
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.stores import check_store
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    BoolType,
    EnumType,
    IntType,
    NoneType,
    OptionalType,
    PlaceType,
    is_scalar,
    same,
    storage_type,
)
from osmia.enumeration import is_int_enumeration
from osmia.layout import IntegerLayout, StructLayout, layout_of
from osmia.record import frozen_record
from osmia.types import Ref, is_integer

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.ir.types import Storage, ValueType
    from osmia.compiler.location import Location


@frozen_record
class Annotation:
    """What a value must be. All None: anything."""

    text: str
    width: Storage | None = None
    """The width that it wraps at."""
    exact: ValueType | None = None
    """The one type that it may have."""
    items: tuple[Annotation, ...] | None = None
    """Of a tuple: those of its values."""


def annotation(state: FunctionState, node: ast.expr | None) -> Annotation | None:
    """What an annotation asks for; None where there is none. What only type checkers understand asks for nothing."""
    if node is None:
        return None
    text = ast.unparse(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        inside = parsed(node)
        return Annotation(text) if inside is None else annotation(state, inside)
    if isinstance(node, ast.Subscript):
        return _subscripted(state, node, text)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([annotation(state, node.left), annotation(state, node.right)], text)
    if not isinstance(node, ast.Name | ast.Attribute | ast.Constant):
        return Annotation(text)
    found = state.translate.operand(state, node)
    return _of_object(found.value, text) if isinstance(found, Static) else Annotation(text)


def parsed(node: ast.Constant) -> ast.expr | None:
    """An annotation that stands in a string; None for what is none."""
    if not isinstance(node.value, str):
        return None
    try:
        inside = ast.parse(node.value, mode="eval").body
    except SyntaxError:
        return None
    for part in ast.walk(inside):
        ast.copy_location(part, node)
    return inside


def _subscripted(state: FunctionState, node: ast.Subscript, text: str) -> Annotation:
    if isinstance(node.value, ast.Name) and not state.sees(node.value.id):
        return Annotation(text)  # imported for type checkers alone: `Callable[...]` and the like ask for nothing
    base = state.translate.operand(state, node.value) if isinstance(node.value, ast.Name | ast.Attribute) else None
    if not isinstance(base, Static):
        return Annotation(text)
    if base.value is tuple and isinstance(node.slice, ast.Tuple):
        inside = tuple(annotation(state, each) or Annotation("") for each in node.slice.elts)
        return Annotation(text, items=inside)
    if base.value is Ref:
        of = annotation(state, node.slice)
        if of is not None and of.width is not None:
            return Annotation(text, exact=PlaceType(IntegerLayout(of.width)))
    return Annotation(text)


def _of_object(of: Any, text: str) -> Annotation:
    if of is None:
        return Annotation(text, exact=NoneType())
    if of is bool:
        return Annotation(text, exact=BoolType())
    if is_integer(of):
        return Annotation(text, width=of)
    if is_big_endian(of):
        return Annotation(text, width=of.storage)
    if isinstance(of, type) and is_int_enumeration(of):
        return Annotation(text, exact=EnumType(of))
    if isinstance(of, UnionType):
        return _union([_of_object(each, text) for each in of.__args__], text)
    layout = layout_of(of) if isinstance(of, type) else None
    return Annotation(text, exact=PlaceType(layout)) if isinstance(layout, StructLayout) else Annotation(text)


def _union(parts: list[Annotation | None], text: str) -> Annotation:
    """`T | None`; other unions ask for nothing."""
    types = [part.exact for part in parts if part is not None]
    places = [of for of in types if isinstance(of, PlaceType)]
    if len(types) == 2 and len(places) == 1 and NoneType() in types:
        return Annotation(text, exact=OptionalType(places[0]))
    return Annotation(text)


def converted(wanted: Annotation | None, value: ir.Expression, role: str) -> ir.Expression:
    """A value as an annotation wants it: wrapped at its width, or refused."""
    if wanted is None:
        return value
    if wanted.width is not None:
        check_store(value, wanted.width, role)
        return value if isinstance(value, ir.Constant) else wrapped(value, wanted.width, value.location)
    if wanted.exact is None or _fits(value.type, wanted.exact):
        return value
    raise error(
        f"{role} is of type {wanted.exact}",
        value.location,
        found=str(value.type),
        expected=str(wanted.exact),
        fix=_fix(value.type, wanted.exact),
    )


def _fits(of: ValueType, wanted: ValueType) -> bool:
    if isinstance(wanted, OptionalType):
        return same(of, wanted) or same(of, wanted.of) or isinstance(of, NoneType)
    # A looked-up value that has been checked is still Optional by type: the flow check knows better.
    return same(of, wanted) or (isinstance(of, OptionalType) and same(of.of, wanted))


def _fix(of: ValueType, wanted: ValueType) -> str:
    if isinstance(wanted, BoolType):
        return "compare: `x != 0`"
    if isinstance(of, PlaceType) and is_scalar(of.layout):
        return "write `.value` for the number that it refers to"
    return "use a value of that type, or change the annotation"


def wrapped(value: ir.Expression, storage: Storage, location: Location) -> ir.Expression:
    """The value at a declared width."""
    of = value.type
    if isinstance(value, ir.Constant):
        number = int(storage(value.value))
        return ir.Constant(IntType(number, number), location, number)
    inside = storage_type(storage)
    if isinstance(of, IntType) and inside.low <= of.low and of.high <= inside.high:
        return value
    return ir.Wrap(inside, location, value, storage)
