"""What operators do to values: truth, arithmetic, folding, and the refusal of what has no right answer."""

from __future__ import annotations

import operator as python
from enum import Enum
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Bound, NestedFunction, Static, TupleValue
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.arithmetic import (
    DIVISION_BY_ZERO,
    NEGATIVE_SHIFT,
    MixedSignsError,
    binary_type,
    inverted,
    negated,
)
from osmia.compiler.ir.types import (
    I64_LOW,
    U64_HIGH,
    BoolType,
    EnumType,
    IntType,
    OptionalType,
    PlaceType,
    integer_of,
    is_scalar,
)
from osmia.enumeration import is_int_enumeration
from osmia.maps.declaration import Map
from osmia.maps.globals import Variable

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable

    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.location import Location

FOLD: dict[str, Callable[[int, int], int]] = {
    "+": python.add,
    "-": python.sub,
    "*": python.mul,
    "//": python.floordiv,
    "%": python.mod,
    "<<": python.lshift,
    ">>": python.rshift,
    "&": python.and_,
    "|": python.or_,
    "^": python.xor,
}
LARGEST_FOLDED_SHIFT = 4096  # a larger one would fill the memory, for a number that does not fit anyway


def truth(of: ir.Expression) -> ir.Expression:
    """Whether a value counts as true."""
    match of.type:
        case BoolType():
            return of
        case IntType() | EnumType():
            return ir.Truth(ir.BOOL, of.location, of)
        case OptionalType(of=inside) if not (isinstance(inside, PlaceType) and inside.is_scalar):
            return ir.Not(ir.BOOL, of.location, is_none(of, of.location))
        case PlaceType(layout=layout) if not is_scalar(layout):
            raise error(
                "this is always true",
                of.location,
                found=f"{of.type} as a condition",
                expected="a bool, an integer, or what may be None",
                fix="compare its fields or elements with something, or leave the test out",
            )
        case OptionalType() | PlaceType():
            name = of.local.name if isinstance(of, ir.LocalRead) else "it"
            raise error(
                "this tests the reference, not the number it refers to",
                of.location,
                found=f"{of.type} as a condition",
                expected="a bool or an integer",
                fix=f"write `{name} is not None` for whether it is there, `{name}.value != 0` for the number",
            )
        case _:
            raise error(
                "this has no truth value in kernel code",
                of.location,
                found=f"{of.type} as a condition",
                expected="a bool or an integer",
                fix="compare it with something",
            )


def is_none(of: ir.Expression, location: Location) -> ir.Expression:
    """`of is None`, of what may be. It needs a name, so that the check is known of it afterwards.

    A look-up in a map does without: asking whether a key is there is a purpose of its own.
    """
    if not isinstance(of, ir.LocalRead | ir.AssignExpression | ir.Sequence | ir.MapLookup):
        raise error(
            "a check for None needs a name to check",
            of.location,
            found="`is None` of a result that has no name",
            expected="a local",
            fix="assign the result first, then check the name: `(name := ...) is None`",
        )
    return ir.IsNone(ir.BOOL, location, of)


def integer(of: ir.Expression, role: str) -> IntType:
    """The interval of an operand that must be an integer."""
    found = integer_of(of.type)
    if found is not None:
        return found
    fix = "use an integer here"
    if isinstance(of.type, PlaceType) and not of.type.is_scalar:
        fix = "use a number in it: a field, or an element"
    elif isinstance(of.type, OptionalType | PlaceType):
        name = of.local.name if isinstance(of, ir.LocalRead) else "the result"
        fix = f"write `{name}.value` for the number it refers to"
        if isinstance(of.type, OptionalType):
            fix += ", after a check for None"
    raise error(f"{role} must be an integer", of.location, found=str(of.type), expected="an integer", fix=fix)


def binary(operator: str, left: ir.Expression, right: ir.Expression, location: Location) -> ir.Expression:
    """`left operator right`; two constants give a constant."""
    left_type = integer(left, f"the left side of {operator}")
    right_type = integer(right, f"the right side of {operator}")
    edge = _edge(operator, right_type, right)
    if isinstance(left, ir.Constant) and isinstance(right, ir.Constant):
        return _folded(operator, left, right, location)
    try:
        of = binary_type(operator, left_type, right_type)
    except MixedSignsError:
        raise error(
            f"{operator} of a u64 and an operand that may be negative has no 64-bit result",
            location,
            found=f"{left.type} {operator} {right.type}",
            expected="operands that all fit i64, or none that may be negative",
            fix="cast one of them: u64(...) or i64(...)",
        ) from None
    return ir.Binary(of, location, operator, left, right, edge)


def _edge(operator: str, right: IntType, at: ir.Expression) -> ir.ErrorEdge | None:
    """Where Python would raise for some value of the right operand; refused where it would for every one."""
    if operator in ("//", "%") and right.low <= 0 <= right.high:
        if right.low == right.high:
            raise error(
                "this always divides by zero",
                at.location,
                found="the divisor 0",
                expected="a divisor that can be something else",
                fix="correct the divisor",
            )
        return ir.ErrorEdge(DIVISION_BY_ZERO)
    if operator in ("<<", ">>") and right.may_be_negative:
        if right.high < 0:
            raise error(
                "this always shifts by a negative count",
                at.location,
                found=f"the count {right.high}",
                expected="a count of 0 or more",
                fix=f"shift the other way: {'>>' if operator == '<<' else '<<'}",
            )
        return ir.ErrorEdge(NEGATIVE_SHIFT)
    return None


def _folded(operator: str, left: ir.Constant, right: ir.Constant, location: Location) -> ir.Constant:
    one, other = left.value, right.value
    if operator == "<<" and one != 0 and other > LARGEST_FOLDED_SHIFT:
        raise too_large(f"{one} << {other}", location)
    return constant(FOLD[operator](one, other), location)


def constant(value: int, location: Location) -> ir.Constant:
    """A number, refused where 64 bits do not hold it."""
    if not I64_LOW <= value <= U64_HIGH:
        raise too_large(str(value) if value.bit_length() < 200 else f"a number of {value.bit_length()} bits", location)
    return ir.Constant(IntType(value, value), location, value)


def too_large(found: str, location: Location) -> Exception:
    """The error for a number that 64 bits do not hold."""
    return error(
        "this number does not fit 64 bits",
        location,
        found=found,
        expected=f"{I64_LOW} to {U64_HIGH}",
        fix="use a smaller number",
    )


def value_of(static: Static) -> ir.Expression:
    """A constant of the kernel's."""
    value = static.value
    if isinstance(value, bool):
        return ir.Constant(ir.BOOL, static.location, int(value))
    of: type = type(value)
    if isinstance(value, int) and is_int_enumeration(of):
        number = int(value)
        constant(number, static.location)
        return ir.Constant(EnumType(of), static.location, number)
    if type(value) is int:
        return constant(value, static.location)
    if value is None:
        return ir.Constant(ir.NONE, static.location, 0)
    what, fix = not_a_value(value)
    raise error(
        f"{what} is no value in kernel code",
        static.location,
        found=what,
        expected="an integer, a bool, a member of an IntEnum, or None",
        fix=fix,
    )


def one_value(state: FunctionState, found: Operand, node: ast.expr) -> ir.Expression:
    """The value that an operand has in the kernel."""
    match found:
        case Static():
            return value_of(found)
        case TupleValue(items=items):
            what, instead = f"a tuple of {len(items)} values", "give each value a name: `a, b = ...`"
        case NestedFunction() | Bound():
            what, instead = "a function", "call it"
        case _:
            return found
    raise error(
        f"{what} is no value in kernel code",
        state.at(node),
        found=what,
        expected="one value",
        fix=instead,
    )


def not_a_value(value: object) -> tuple[str, str]:
    """What an object is called that kernel code cannot use as a value, and what to do instead."""
    if isinstance(value, float):
        return f"the float {value!r}", "BPF has no floating point: count in a smaller unit, as an integer"
    if isinstance(value, str | bytes):
        return f"the {type(value).__name__} {value!r}", _instead_of_text(value)
    if isinstance(value, dict):
        return "an object of type dict", "keep it in a HashMap, which user code fills, or write `match`"
    if isinstance(value, tuple | list):
        return f"the {type(value).__name__} {value!r}", "unpack it: `a, b = ...`, or keep it in the module"
    if value is Ellipsis:
        return "`...`", "write the program's body"
    if isinstance(value, Variable):
        what = type(value).__name__
        return f"a {what}", "write `.value` for what it holds" if what == "Global" else "call its `add(1)`"
    if isinstance(value, Map):
        return f"the map {value.name or 'itself'}", _instead_of_map(value)
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}", "name something in it"
    if isinstance(value, type):
        return f"the class {value.__name__}", "name one of its members, or call it"
    if isinstance(value, classmethod):
        return f"the class method {value.__func__.__name__}", "make it a static method"
    if isinstance(value, FunctionType | BuiltinFunctionType):
        return f"the function {value.__name__}", "call what kernel code can call"
    if type(value).__module__ == "logging":
        return f"an object of type {type(value).__name__}", "log by osmia's: `from osmia import log`"
    if isinstance(value, Enum):
        return f"an object of type {type(value).__name__}", f"make {type(value).__name__} an IntEnum"
    if hasattr(type(value), "__int__"):
        return f"an object of type {type(value).__name__}", "make a number of it in the module: `NUMBER = int(...)`"
    return f"an object of type {type(value).__name__}", "use an integer"


def _instead_of_map(value: Map[Any, Any]) -> str:
    if "add" in value.kind.kernel_operations:
        return f"add to it: `{value.name or 'm'}.add(...)`; user code reads what was added"
    every = ", or go over all keys: `m.for_each(function)`" if "for_each" in value.kind.kernel_operations else ""
    return f"look a key up: `m.lookup(key)`{every}"


def _instead_of_text(value: str | bytes) -> str:
    from ipaddress import IPv4Address  # noqa: PLC0415 - for this error alone

    try:
        IPv4Address(str(value))
    except ValueError:
        return "use a number; a text is kept in chars(n), and compared with it"
    return f"make the number in the module: `ADDRESS = int(IPv4Address({value!r}))`"


def unary(operator: str, value: ir.Expression, location: Location) -> ir.Expression:
    """`-x`, `~x` or `+x`."""
    of = integer(value, f"the operand of {operator}")
    if isinstance(value, ir.Constant):
        return constant({"-": -value.value, "~": ~value.value, "+": value.value}[operator], location)
    if operator == "+":
        return value
    try:
        result = negated(of) if operator == "-" else inverted(of)
    except MixedSignsError:
        raise error(
            f"{operator} of a u64 has no 64-bit result",
            location,
            found=f"{operator} of {of}",
            expected="an operand that fits i64",
            fix="cast it: -i64(x)" if operator == "-" else f"write x ^ {U64_HIGH:#x} for all bits turned over",
        ) from None
    return ir.Unary(result, location, operator, value)
