"""Python's builtins that kernel code may call, `**` and `in`: what is made of other operations."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.comparisons import among, lies_in_memory
from osmia.compiler.frontend.function import FunctionState, Operand, Static, TupleValue
from osmia.compiler.frontend.inner_maps import map_of
from osmia.compiler.frontend.map_operations import map_contains
from osmia.compiler.frontend.operators import binary, constant, integer, one_value, truth, value_of
from osmia.compiler.frontend.packets import packet_length
from osmia.compiler.frontend.places import element_layout
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.arithmetic import I64, absolute, extreme_type
from osmia.compiler.ir.types import NoneType, OptionalType, PacketType, PlaceType
from osmia.layout import StructLayout
from osmia.maps.declaration import Map
from osmia.types import i64

if TYPE_CHECKING:
    from osmia.compiler.location import Location


# Builtin: how it is called, and how many arguments it takes (None: two or more).
FORMS: dict[object, tuple[str, int | None]] = {
    min: ("min(a, b, ...)", None),
    max: ("max(a, b, ...)", None),
    abs: ("abs(x)", 1),
    int: ("int(x)", 1),
    bool: ("bool(x)", 1),
    len: ("len(constant)", 1),
    pow: ("pow(x, exponent)", 2),
    divmod: ("divmod(a, b)", 2),
    ord: ("ord(character)", 1),
}
NAMES = tuple(form.partition("(")[0] for form, _ in FORMS.values())

# More multiplications than this are no slip of the pen, and no result of theirs fits.
LARGEST_EXPONENT = 64


def is_builtin(of: object) -> bool:
    """Whether kernel code may call it."""
    return any(of is builtin for builtin in FORMS)


def call_builtin(state: FunctionState, function: object, node: ast.Call) -> Operand:
    """The IR of a call of one of them."""
    form, count = FORMS[function]
    _check_arguments(state, node, form, count)
    found = [state.translate.operand(state, argument) for argument in node.args]
    location = state.at(node)
    if function is len:
        return _length(found[0], location)
    if function is ord:
        return _ordinal(found[0], location)
    values = [one_value(state, each, argument) for each, argument in zip(found, node.args, strict=True)]
    for value in values:
        integer(value, f"an argument of {form.partition('(')[0]}")
    if function in (min, max):
        return _extreme(form[:3], values, location)
    if function is abs:
        of = integer(values[0], "the argument of abs")
        if isinstance(values[0], ir.Constant):
            return constant(abs(values[0].value), location)
        return ir.Absolute(absolute(of), location, values[0]) if of.may_be_negative else values[0]
    if function is bool:
        return truth(values[0])
    if function is pow:
        return power(state, values[0], values[1], location)
    if function is int:
        # Adding 0 makes an integer of a bool or an enum's member, and leaves a number as it is.
        return binary("+", values[0], constant(0, location), location)
    return _divmod(state, values[0], values[1], location)


def call_breakpoint(state: FunctionState, node: ast.Call) -> Operand:
    """The IR of `breakpoint()`: it stops a debugger and has no value."""
    _check_arguments(state, node, "breakpoint()", 0)
    location = state.at(node)
    return ir.Sequence(NoneType(), location, (ir.Breakpoint(location),), ir.Constant(NoneType(), location, 0))


def _divmod(state: FunctionState, left: ir.Expression, right: ir.Expression, location: Location) -> TupleValue:
    """Quotient and rest; the operands are evaluated once."""
    first, second = _once(state, left), _once(state, right)
    quotient = binary("//", first, second, location)
    return TupleValue(location, (), (quotient, binary("%", _again(first), _again(second), location)))


def power(state: FunctionState, base: ir.Expression, exponent: ir.Expression, location: Location) -> ir.Expression:
    """`x ** n` for a constant n, by multiplication."""
    integer(base, "the left side of **")
    integer(exponent, "the right side of **")
    if not isinstance(exponent, ir.Constant) or not 0 <= exponent.value <= LARGEST_EXPONENT:
        raise error(
            "the exponent is a small constant",
            exponent.location,
            found=str(exponent.value) if isinstance(exponent, ir.Constant) else f"an exponent of type {exponent.type}",
            expected=f"0 to {LARGEST_EXPONENT}",
            fix="a power of two is a shift: 1 << n"
            if not isinstance(exponent, ir.Constant)
            else "use a smaller exponent",
        )
    if isinstance(base, ir.Constant):
        return constant(base.value**exponent.value, location)
    if exponent.value == 0 and isinstance(base, ir.LocalRead):
        return constant(1, location)
    if exponent.value == 0:  # what the base does besides, assigning or failing, it still does
        return binary("+", binary("*", base, constant(0, location), location), constant(1, location), location)
    first = _once(state, base)
    result = first
    for _ in range(exponent.value - 1):
        if integer(result, "a power").needs_u64 and integer(first, "a power").may_be_negative:
            # Products wrap at 64 bits: as an i64 it can be multiplied by a negative number again.
            result = ir.Wrap(I64, location, result, i64)  # type: ignore[arg-type]
        result = binary("*", result, _again(first), location)
    return result


def membership(state: FunctionState, node: ast.Compare) -> ir.Expression:
    """`x in (1, y)` of constants and locals, `x in range(...)` of constants; `not in` likewise."""
    location = state.at(node)
    value = state.translate.expression(state, node.left)
    right = node.comparators[0]
    if isinstance(right, ast.Name | ast.Attribute):
        found = state.translate.operand(state, right)
        reference = map_of(state, found)
        if reference is not None:
            return _negated(node, location, map_contains(state, reference, value, node, location))
    if lies_in_memory(value):
        return _negated(node, location, among(state, value, _choices(state, right), location))
    integer(value, "what is looked for")
    if isinstance(right, ast.Tuple | ast.List | ast.Set):
        choices = [state.translate.expression(state, each) for each in right.elts]
    else:
        found = _constant_range(state, right) or state.translate.operand(state, right)
        if not isinstance(found, Static) or not isinstance(found.value, tuple | list | set | frozenset | range):
            raise error(
                "kernel code looks for a number among constants",
                state.at(right),
                found=ast.unparse(right),
                expected="a tuple, list, set or range of numbers",
                fix="write the numbers out; look up what varies in a HashMap; compare a network by `x & MASK == NET`",
            )
        if isinstance(found.value, range):
            return _negated(node, location, _in_range(state, value, found.value, location))
        ordered = sorted(found.value, key=repr) if isinstance(found.value, set | frozenset) else found.value
        choices = [value_of(Static(each, found.path, state.at(right))) for each in ordered]
    for choice in choices:
        integer(choice, "what is compared")
        if not isinstance(choice, ir.Constant | ir.LocalRead):  # Python makes the whole tuple before it looks
            raise error(
                "kernel code looks for a number among constants and locals",
                choice.location,
                found=f"a choice of type {choice.type}",
                expected="numbers that are known when the program is compiled, or names of locals",
                fix="give it a name first, or compare with `==`, joined by `or`",
            )
    if not choices:
        return ir.Constant(ir.BOOL, location, int(isinstance(node.ops[0], ast.NotIn)))
    first = _once(state, value)
    tests: list[ir.Expression] = [ir.Compare(ir.BOOL, location, ("==",), (first, choices[0]))]
    tests.extend(ir.Compare(ir.BOOL, location, ("==",), (_again(first), choice)) for choice in choices[1:])
    return _negated(node, location, tests[0] if len(tests) == 1 else ir.Logical(ir.BOOL, location, "or", tuple(tests)))


def _choices(state: FunctionState, node: ast.expr) -> list[Operand]:
    """What a text, an array or a struct is looked for among."""
    if isinstance(node, ast.Tuple | ast.List):
        return [state.translate.operand(state, each) for each in node.elts]
    location = state.at(node)
    found = None if isinstance(node, ast.Set) else state.translate.operand(state, node)
    if isinstance(found, Static) and isinstance(found.value, tuple | list):
        return [Static(each, found.path, location) for each in found.value]
    raise error(
        "kernel code looks for it in a tuple or a list",
        location,
        found=ast.unparse(node),
        expected="what it is compared with, in round or square brackets",
        fix="write them so; texts, arrays and structs that change have no place in a set",
    )


def _constant_range(state: FunctionState, node: ast.expr) -> Static | None:
    """`range(...)` of constants, written out; None for anything else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    called = state.translate.operand(state, node.func)
    if not isinstance(called, Static) or called.value is not range:
        return None
    numbers = [] if node.keywords else [state.translate.expression(state, each) for each in node.args]
    constants = [each.value for each in numbers if isinstance(each, ir.Constant)]
    if not 1 <= len(numbers) <= 3 or len(constants) != len(numbers) or constants[2:] == [0]:
        raise error(
            "the range in which a number is looked for is a constant",
            state.at(node),
            found=ast.unparse(node),
            expected="range(start, stop) of numbers",
            fix="compare with the bounds: `low <= x < high`",
        )
    return Static(range(*constants), ("constant",), state.at(node))


def _negated(node: ast.Compare, location: Location, test: ir.Expression) -> ir.Expression:
    return ir.Not(ir.BOOL, location, test) if isinstance(node.ops[0], ast.NotIn) else test


def _in_range(state: FunctionState, value: ir.Expression, numbers: range, location: Location) -> ir.Expression:
    if not numbers:
        return ir.Constant(ir.BOOL, location, 0)
    low, high = min(numbers[0], numbers[-1]), max(numbers[0], numbers[-1])
    first = _once(state, value)
    inside: ir.Expression = ir.Compare(
        ir.BOOL, location, ("<=", "<="), (constant(low, location), first, constant(high, location))
    )
    if abs(numbers.step) == 1:
        return inside
    # Remainders, and not the distance from the start: that may leave 64 bits.
    step = abs(numbers.step)
    rest = binary("%", _again(first), constant(step, location), location)
    met = ir.Compare(ir.BOOL, location, ("==",), (rest, constant(low % step, location)))
    return ir.Logical(ir.BOOL, location, "and", (inside, met))


def _once(state: FunctionState, value: ir.Expression) -> ir.Expression:
    """The value, kept in a local of its own so that it can be read again; constants need none."""
    if isinstance(value, ir.Constant | ir.LocalRead):
        return value
    return ir.AssignExpression(value.type, value.location, state.hidden(value.type), value)


def _again(once: ir.Expression) -> ir.Expression:
    """What `_once` kept."""
    return ir.LocalRead(once.type, once.location, once.local) if isinstance(once, ir.AssignExpression) else once


def _extreme(operator: str, values: list[ir.Expression], location: Location) -> ir.Expression:
    if all(isinstance(value, ir.Constant) for value in values):
        numbers = [value.value for value in values if isinstance(value, ir.Constant)]
        return constant(min(numbers) if operator == "min" else max(numbers), location)
    of = integer(values[0], f"an argument of {operator}")
    for value in values[1:]:
        of = extreme_type(operator, of, integer(value, f"an argument of {operator}"))
    return ir.Extreme(of, location, operator, tuple(values))


def _length(found: Operand, location: Location) -> ir.Expression:
    if isinstance(found, ir.Expression) and isinstance(found.type, PacketType):
        return packet_length(found.type, location)
    array = element_layout(found.type) if isinstance(found, ir.Expression) else None
    if array is not None:
        return constant(array[1], location)
    if isinstance(found, TupleValue):
        return constant(len(found.items), location)
    if isinstance(found, Static) and isinstance(found.value, tuple | list | range | set | frozenset | str | bytes):
        return constant(len(found.value), location)
    raise error(
        "kernel code knows the length of constants",
        location,
        found="len of " + _kind(found),
        expected="a tuple, list, set, range, str or bytes that is known when the program is compiled",
        fix=_instead_of_length(found),
    )


def _instead_of_length(found: Operand) -> str:
    if isinstance(found, Static) and isinstance(found.value, Map):
        return "count the keys in user code, or keep a count in a Global"
    of = found.type if isinstance(found, ir.Expression) else None
    of = of.of if isinstance(of, OptionalType) else of
    if isinstance(of, PlaceType) and isinstance(of.layout, StructLayout):
        return f"write `sizeof({of.layout.name})` for its bytes"
    return "keep the length in a local"


def _ordinal(found: Operand, location: Location) -> ir.Expression:
    """`ord("A")`."""
    if isinstance(found, Static) and isinstance(found.value, str | bytes) and len(found.value) == 1:
        return constant(ord(found.value), location)
    raise error(
        "ord takes one character that is known when the program is compiled",
        location,
        found=f"ord of {found.value!r}" if isinstance(found, Static) else "ord of " + _kind(found),
        expected='a str or bytes with one character, such as ord("A")',
        fix="bytes of a packet are numbers already",
    )


def _kind(of: Operand) -> str:
    if isinstance(of, Static):
        return type(of.value).__name__
    return str(of.type) if isinstance(of, ir.Expression) else "a function"


def _check_arguments(state: FunctionState, node: ast.Call, form: str, count: int | None) -> None:
    given = len(node.args)
    right = given >= 2 if count is None else given == count
    if right and not node.keywords and not any(isinstance(argument, ast.Starred) for argument in node.args):
        return
    raise error(
        f"kernel code calls {form}",
        state.at(node),
        found=ast.unparse(node),
        expected=form,
        fix="write the arguments out, by position",
    )
