"""What may be stored where: numbers into declared widths, values into places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Bound, NestedFunction, Static, TupleValue
from osmia.compiler.frontend.images import image_of
from osmia.compiler.frontend.operators import constant, value_of
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import BoolType, EnumType, NoneType, OptionalType, PlaceType, integer_of, is_scalar, same
from osmia.layout import (
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    CharsLayout,
    EnumLayout,
    IntegerLayout,
    SpinLockLayout,
)

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location
    from osmia.layout import Field, Layout
    from osmia.types import Integer


def check_store(value: ir.Expression, storage: type[Integer], place: str, name: str = "") -> None:
    """Refuse what cannot be stored in a place of a declared width; other values wrap there."""
    of = integer_of(value.type)
    name = name or storage.__name__
    if of is None:
        raise error(
            f"{place} is of type {name}",
            value.location,
            found=str(value.type),
            expected=f"an integer ({name})",
            fix="write `.value` for the number that a reference refers to"
            if "Ref" in str(value.type)
            else "give it a value on every way"
            if isinstance(value.type, NoneType)
            else "store an integer",
        )
    if isinstance(value, ir.Constant) and not storage.low <= value.value <= storage.high:
        raise error(
            f"{value.value} does not fit {place}",
            value.location,
            found=f"the constant {value.value}",
            expected=f"{storage.low} to {storage.high} ({name})",
            fix=f"write {name}({value.value}) to wrap it to {storage(value.value)}, or use a wider type",
        )


def check_scalar(value: ir.Expression, layout: Layout, place: str) -> None:
    """Refuse what cannot be stored in a scalar place."""
    match layout:
        case IntegerLayout(of=of):
            check_store(value, of, place)
        case BigEndianLayout(storage=storage, of=of):
            check_store(value, storage, place, of.__name__)
        case BooleanLayout() if not isinstance(value.type, BoolType):
            raise _of_type(value, place, "bool", "compare: `x != 0`")
        case EnumLayout(of=of) if not same(value.type, EnumType(of)):
            raise _of_type(value, place, of.__name__, f"store a member of {of.__name__}")
        case _:
            return


def check_bits(value: ir.Expression, field: Field, place: str) -> None:
    """Refuse a constant that a bit field is too narrow for."""
    if field.bit_width is None or not isinstance(value, ir.Constant) or not isinstance(field.layout, IntegerLayout):
        return
    width, signed = field.bit_width, field.layout.of.signed
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    if not low <= value.value <= high:
        raise error(
            f"{value.value} does not fit {place}",
            value.location,
            found=f"the constant {value.value}",
            expected=f"{low} to {high} ({field.layout.name} of {width} bits)",
            fix="store a number that fits, or give the field more bits",
        )


def _of_type(value: ir.Expression, place: str, wanted: str, fix: str) -> Exception:
    return error(f"{place} is of type {wanted}", value.location, found=str(value.type), expected=wanted, fix=fix)


def stored(
    state: FunctionState, place: ir.Expression, value: Operand, location: Location, role: str
) -> tuple[ir.Statement, ...]:
    """The statements that store a value into a place."""
    assert isinstance(place.type, PlaceType)
    layout = place.type.layout
    if is_scalar(layout):
        number = scalar(value, role, layout)
        check_scalar(number, layout, role)
        if isinstance(place, ir.Field):
            check_bits(number, place.field, role)
        return (ir.Store(location, place, number),)
    return (ir.Copy(location, place, aggregate(state, value, layout, role, location)),)


def scalar(value: Operand, role: str, layout: Layout) -> ir.Expression:
    """A value for a scalar place."""
    if isinstance(value, Static):
        return value_of(value)
    if isinstance(value, ir.Expression):
        return value
    raise error(
        f"{role} is of type {layout.name}",
        value.itself.location if isinstance(value, Bound) else value.location,
        found="a tuple" if isinstance(value, TupleValue) else "a function",
        expected=layout.name,
        fix="store a number",
    )


def aggregate(state: FunctionState, value: Operand, layout: Layout, role: str, location: Location) -> ir.Expression:
    """A place that holds what shall be copied into a struct, an array or chars."""
    if isinstance(layout, SpinLockLayout):
        raise error(
            f"{role} is a spin lock",
            location if not isinstance(value, ir.Expression) else value.location,
            found=described(value),
            expected="no value: a lock begins unlocked, and copies leave it out",
            fix="leave the lock alone; take it: `with value.lock:`",
        )
    match value:
        case Static(value=constant):
            image = image_of(layout, constant)
            if image is not None:
                return ir.Construct(PlaceType(layout), location, image, ())
        case TupleValue(before=before, items=items) if isinstance(layout, ArrayLayout) and len(items) == layout.length:
            return _array_of(state, layout, before, items, role, location)
        case _ if isinstance(value, ir.Expression):
            found = value.type.of if isinstance(value.type, OptionalType) else value.type
            if same(found, PlaceType(layout)):
                return unwrapped(value)
    found_text = described(value)
    raise error(
        f"{role} is of type {layout.name}",
        location if isinstance(value, Bound) else value.location,
        found=found_text,
        expected=_expected(layout),
        fix="store a value of that type",
    )


def unwrapped(value: ir.Expression) -> ir.Expression:
    """What an optional holds, where the flow check knows that it is there."""
    if not isinstance(value.type, OptionalType):
        return value
    if isinstance(value, ir.LocalRead):
        return ir.Unwrap(value.type.of, value.location, value)
    raise error(
        "the result may be None",
        value.location,
        found=f"{value.type}, used without a check",
        expected="a check for None before the value is used",
        fix="give it a name, then `if name is None: return ...`",
    )


def own_copy(state: FunctionState, place: ir.Expression) -> ir.Sequence:
    """A copy of a struct or an array, in memory of the program's own."""
    assert isinstance(place.type, PlaceType)
    location = place.location
    assign, here = state.kept(ir.Construct(place.type, location, bytes(place.type.layout.size), ()))
    return ir.Sequence(place.type, location, (assign, ir.Copy(location, here, place)), here)


def _array_of(
    state: FunctionState,
    layout: ArrayLayout,
    before: tuple[ir.Statement, ...],
    items: tuple[Operand, ...],
    role: str,
    location: Location,
) -> ir.Expression:
    """A new array that is filled with single values."""
    assign, here = state.kept(ir.Construct(PlaceType(layout), location, bytes(layout.size), ()))
    statements: list[ir.Statement] = [*before, assign]
    for index, item in enumerate(items):
        number = constant(index, location)
        element = ir.Element(PlaceType(layout.element), location, here, number, layout.length, None)
        statements += stored(state, element, item, location, f"an element of {role}")
    return ir.Sequence(here.type, location, tuple(statements), here)


def described(value: Operand) -> str:
    """What an operand is, for messages."""
    match value:
        case Static(value=constant):
            return f"{type(constant).__name__} {constant!r}"
        case TupleValue(items=items):
            return f"a tuple of {len(items)} values"
        case NestedFunction() | Bound():
            return "a function"
        case _:
            return str(value.type)


def _expected(layout: Layout) -> str:
    match layout:
        case CharsLayout(length=length):
            return f"{layout.name}, or a str or bytes of at most {length} bytes"
        case ArrayLayout(length=length):
            return f"{layout.name}, or {length} values"
        case _:
            return layout.name
