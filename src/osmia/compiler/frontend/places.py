"""Places: fields of structs, elements of arrays, slices, the `.value` of a reference; read, and stored to."""

from __future__ import annotations

import ast
from types import FunctionType
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.function import Bound, Static
from osmia.compiler.frontend.operators import integer
from osmia.compiler.frontend.stores import unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, OptionalType, PlaceType, ValueType, integer_of, loaded_type
from osmia.layout import ArrayLayout, CharsLayout, Field, IntegerLayout, Layout, SpinLockLayout, StructLayout
from osmia.types import u8

if TYPE_CHECKING:
    from osmia.compiler.fingerprint import Path
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

INDEX_OUT_OF_RANGE = "index out of range"


def loaded(place: ir.Expression, location: Location) -> ir.Expression:
    """What naming a place gives: its number, or the place itself where a struct or an array lies."""
    assert isinstance(place.type, PlaceType)
    layout = place.type.layout
    if not place.type.is_scalar:
        return place
    if isinstance(place, ir.Field) and place.field.bit_width is not None:
        return ir.Load(_bit_field_type(layout, place.field.bit_width), location, place)
    return ir.Load(loaded_type(layout), location, place)


def _bit_field_type(layout: Layout, width: int) -> ValueType:
    of = loaded_type(layout)
    if not isinstance(of, IntType):
        return of
    return IntType(-(1 << (width - 1)), (1 << (width - 1)) - 1) if of.low < 0 else IntType(0, (1 << width) - 1)


def place_of_attribute(base: ir.Expression, name: str, location: Location) -> ir.Expression | None:
    """`base.name` as a place; None where the type has no such place."""
    of = base.type.of if isinstance(base.type, OptionalType) else base.type
    if not isinstance(of, PlaceType):
        return None
    if of.is_scalar:
        return unwrapped(base) if name == "value" else None
    if not isinstance(of.layout, StructLayout):
        return None
    field = of.layout.field(name)
    return None if field is None else ir.Field(PlaceType(field.layout), location, unwrapped(base), field)


def member_of_struct(state: FunctionState, base: ir.Expression, name: str, location: Location) -> Bound | Static | None:
    """A method, a property's function or a constant of the struct class."""
    of = base.type.of if isinstance(base.type, OptionalType) else base.type
    if not isinstance(of, PlaceType) or not isinstance(of.layout, StructLayout):
        return None
    owner = of.layout.of
    member = next((vars(each)[name] for each in owner.__mro__ if name in vars(each)), None)
    path: Path = ("member", state.unit.struct_paths[owner], name)
    if isinstance(member, property) and isinstance(member.fget, FunctionType):
        member, path = member.fget, ("getter", path)
    if isinstance(member, int | staticmethod):
        return state.read(Static(member, path, location))
    if not isinstance(member, FunctionType):
        return None
    return Bound(state.read(Static(member, path, location)), unwrapped(base))


def is_property(base: ir.Expression, name: str) -> bool:
    """Whether naming the member calls it."""
    of = base.type.of if isinstance(base.type, OptionalType) else base.type
    assert isinstance(of, PlaceType)
    assert isinstance(of.layout, StructLayout)
    owner = of.layout.of
    return isinstance(next((vars(each)[name] for each in owner.__mro__ if name in vars(each)), None), property)


def _properties(of: type) -> list[str]:
    """The properties of a struct's class, in the order of their declaration."""
    return [name for each in of.__mro__ for name, member in vars(each).items() if isinstance(member, property)]


def _or_add_it(layout: StructLayout) -> str:
    """Advice for a struct of the user's own."""
    own = not layout.of.__module__.startswith("osmia.")
    return f", or add the field to {layout.name}" if own else ""


def no_attribute(of: ValueType, name: str, location: Location) -> Exception:
    """The error for an attribute that a type does not have."""
    layout = _layout(of)
    if isinstance(layout, StructLayout):
        names = [*(field.name for field in layout.fields), *_properties(layout.of)]
        file, line = layout.declared_at
        return error(
            f"{layout.name} has no field {name!r}",
            location,
            found=f".{name} of {of}",
            expected=f"one of {', '.join(names)}",
            fix="leave `.value` out: a struct has its fields itself"
            if name == "value"
            else did_you_mean(name, names) or f"use one of these{_or_add_it(layout)}",
            related=(f"{layout.name} is declared at {file}:{line}",),
        )
    is_reference = isinstance(of, OptionalType | PlaceType) and layout is not None and not _is_aggregate(layout)
    return error(
        f"{of} has no attribute {name!r}",
        location,
        found=f".{name} of {of}",
        expected="`.value`" if is_reference else "the value itself, which has no attributes in kernel code",
        fix=(did_you_mean(name, ["value"]) or "write `.value` for the number that it refers to")
        if is_reference
        else "leave the attribute out",
    )


def _is_aggregate(layout: Layout) -> bool:
    return isinstance(layout, ArrayLayout | CharsLayout | StructLayout | SpinLockLayout)


def _layout(of: ValueType) -> Layout | None:
    of = of.of if isinstance(of, OptionalType) else of
    return of.layout if isinstance(of, PlaceType) else None


def element_layout(of: ValueType) -> tuple[Layout, int] | None:
    """The layout of the elements of an array or of chars, and how many there are; None for other types."""
    match _layout(of):
        case ArrayLayout(element=element, length=length):
            return element, length
        case CharsLayout(length=length):
            return IntegerLayout(u8), length  # type: ignore[arg-type]
        case _:
            return None


def place_of_subscript(state: FunctionState, base: ir.Expression, node: ast.Subscript) -> ir.Expression | None:
    """`base[index]` or `base[start:stop]` as a place; None where the base is no array."""
    found = element_layout(base.type)
    if found is None:
        return None
    element, length = found
    location = state.at(node)
    array = unwrapped(base)
    if isinstance(node.slice, ast.Slice):
        return _part(state, array, node.slice, element, length, location)
    return element_at(array, state.translate.expression(state, node.slice), element, length, location)


def element_at(
    array: ir.Expression, index: ir.Expression, element: Layout, length: int, location: Location
) -> ir.Element:
    """An element of an array as a place."""
    of = integer(index, "an index")
    if of.low >= length or of.high < -length:
        raise error(
            f"this array has no element {_text(of)}",
            index.location,
            found=f"the index {_text(of)}",
            expected=f"{-length} to {length - 1}",
            fix="use an index inside of the array",
        )
    edge = None if -length <= of.low and of.high < length else ir.ErrorEdge(INDEX_OUT_OF_RANGE)
    return ir.Element(PlaceType(element), location, array, index, length, edge)


def _part(
    state: FunctionState, array: ir.Expression, node: ast.Slice, element: Layout, length: int, location: Location
) -> ir.Expression:
    """A slice with constant bounds."""
    bounds: list[int | None] = []
    for bound in (node.lower, node.upper, node.step):
        value = None if bound is None else state.translate.expression(state, bound)
        if value is not None and not (isinstance(value, ir.Constant) and integer_of(value.type) is not None):
            raise error(
                "the bounds of a slice are constants",
                value.location,
                found=f"a bound of type {value.type}",
                expected="numbers",
                fix="loop over the elements: `for i in range(start, stop)`",
            )
        bounds.append(None if value is None else value.value)
    if bounds[2] not in (None, 1):
        raise error(
            "a slice takes neighbours",
            location,
            found=f"a step of {bounds[2]}",
            expected="`[start:stop]`",
            fix="loop over the elements: `for i in range(start, stop, step)`",
        )
    start, stop, _ = slice(bounds[0], bounds[1]).indices(length)
    if stop <= start:
        raise error(
            "this slice is empty",
            location,
            found=ast.unparse(node),
            expected="at least one element",
            fix="correct the bounds",
        )
    part: Layout = ArrayLayout(element, stop - start)
    field = Field(f"[{start}:{stop}]", part, start * element.size, 8 * start * element.size, None, None)
    return ir.Field(PlaceType(part), location, array, field)


def is_part(of: ir.Expression) -> bool:
    """Whether it is a slice where it lies. Its value is a copy, as in Python (`part_of`)."""
    return isinstance(of, ir.Field) and of.field.name.startswith("[")


def part_of(of: ir.Expression) -> ir.Expression:
    """The place that a slice was copied from, for what looks at it at once; anything else as it is."""
    match of:
        case ir.Sequence(before=(_, ir.Copy(source=source))) if is_part(source):
            return source
        case _:
            return of


def check_changeable(place: ir.Expression, node: ast.expr, location: Location) -> None:
    """Refuse to store into what Python would not: into a frozen struct, or into the copy that a slice is."""
    while isinstance(place, ir.Field | ir.Element):
        place = place.base
        layout = _layout(place.type)
        if is_part(part_of(place)):
            raise error(
                "a slice is a copy: what is stored in it is lost",
                location,
                found=f"an assignment to {ast.unparse(node)}",
                expected="an element of the array itself",
                fix="name the array's own element",
            )
        if isinstance(layout, StructLayout) and layout.frozen:
            raise error(
                f"{layout.name} is frozen",
                location,
                found=f"an assignment to {ast.unparse(node)}",
                expected="a field of a struct that is not frozen",
                fix=f"make a new one: `{layout.name}(...)`",
                related=(f"{layout.name} is declared at {layout.declared_at[0]}:{layout.declared_at[1]}",),
            )


def _text(of: IntType) -> str:
    return str(of.low) if of.low == of.high else f"a value of type {of}"
