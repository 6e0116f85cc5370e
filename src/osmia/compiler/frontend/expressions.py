"""Expressions: one function per construct; what has none is refused."""

from __future__ import annotations

import ast
import operator as python
from types import ModuleType
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.function import FunctionState, Static
from osmia.compiler.frontend.map_operations import map_operation
from osmia.compiler.frontend.refused import BINARY, COMPARISONS, EXPRESSIONS
from osmia.compiler.ir.arithmetic import (
    DIVISION_BY_ZERO,
    NEGATIVE_SHIFT,
    MixedSignsError,
    binary_type,
    inverted,
    negated,
)
from osmia.compiler.ir.nodes import (
    BOOL,
    NONE,
    Binary,
    Compare,
    Constant,
    ContextRead,
    ErrorEdge,
    Expression,
    IsNone,
    LocalRead,
    Logical,
    Not,
    RefRead,
    Truth,
    Unary,
    Unwrap,
    Wrap,
)
from osmia.compiler.ir.types import (
    I64_LOW,
    U64_HIGH,
    BoolType,
    ContextType,
    EnumType,
    IntType,
    OptionalType,
    RefType,
    ValueType,
    integer_of,
    storage_type,
)
from osmia.enumeration import is_int_enumeration
from osmia.kinds import KINDS
from osmia.maps.declaration import Map
from osmia.types import Integer, is_integer

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.location import Location

BINARY_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
}
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
COMPARE_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def expression(state: FunctionState, node: ast.expr) -> Expression:
    """The IR of an expression that has a value in the kernel."""
    found = operand(state, node)
    return _value(found) if isinstance(found, Static) else found


def operand(state: FunctionState, node: ast.expr) -> Expression | Static:
    """The IR of an expression, or the object that it names where it is known now."""
    match node:
        case ast.Constant():
            return Static(node.value, ("constant",), state.at(node))
        case ast.Name():
            return _name(state, node)
        case ast.Attribute():
            return _attribute(state, node)
        case ast.Call():
            return _call(state, node)
        case ast.BinOp():
            return binary(
                _operator(state, node.op, node),
                expression(state, node.left),
                expression(state, node.right),
                state.at(node),
            )
        case ast.UnaryOp():
            return _unary(state, node)
        case ast.Compare():
            return _compare(state, node)
        case ast.BoolOp():
            return _logical(state, node)
        case _:
            what, instead = EXPRESSIONS.get(
                type(node), (f"the construct {type(node).__name__}", "write it another way")
            )
            raise error(
                f"kernel code cannot use {what}",
                state.at(node),
                found=what,
                expected="an expression of integers, map look-ups and context fields",
                fix=instead,
            )


def condition(state: FunctionState, node: ast.expr) -> Expression:
    """The IR of a test, as `if` makes it: Python's truth of the value."""
    match node:
        case ast.BoolOp():
            operator = "and" if isinstance(node.op, ast.And) else "or"
            return Logical(BOOL, state.at(node), operator, tuple(condition(state, value) for value in node.values))
        case ast.UnaryOp(op=ast.Not()):
            return Not(BOOL, state.at(node), condition(state, node.operand))
        case _:
            return truth(expression(state, node))


def truth(of: Expression) -> Expression:
    """Whether a value counts as true."""
    match of.type:
        case BoolType():
            return of
        case IntType() | EnumType():
            return Truth(BOOL, of.location, of)
        case OptionalType() | RefType():
            name = of.local.name if isinstance(of, LocalRead) else "it"
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


def integer(of: Expression, role: str) -> IntType:
    """The interval of an operand that must be an integer."""
    found = integer_of(of.type)
    if found is not None:
        return found
    fix = "use an integer here"
    if isinstance(of.type, OptionalType | RefType):
        name = of.local.name if isinstance(of, LocalRead) else "the result"
        fix = f"write `{name}.value` for the number it refers to"
        if isinstance(of.type, OptionalType):
            fix += ", after a check for None"
    raise error(f"{role} must be an integer", of.location, found=str(of.type), expected="an integer", fix=fix)


def binary(operator: str, left: Expression, right: Expression, location: Location) -> Expression:
    """`left operator right`; two constants give a constant."""
    left_type = integer(left, f"the left side of {operator}")
    right_type = integer(right, f"the right side of {operator}")
    edge = _edge(operator, right_type, right)
    if isinstance(left, Constant) and isinstance(right, Constant):
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
    return Binary(of, location, operator, left, right, edge)


def _edge(operator: str, right: IntType, at: Expression) -> ErrorEdge | None:
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
        return ErrorEdge(DIVISION_BY_ZERO)
    if operator in ("<<", ">>") and right.may_be_negative:
        if right.high < 0:
            raise error(
                "this always shifts by a negative count",
                at.location,
                found=f"the count {right.high}",
                expected="a count of 0 or more",
                fix=f"shift the other way: {'>>' if operator == '<<' else '<<'}",
            )
        return ErrorEdge(NEGATIVE_SHIFT)
    return None


def _folded(operator: str, left: Constant, right: Constant, location: Location) -> Constant:
    one, other = left.value, right.value
    if operator == "<<" and one != 0 and other > LARGEST_FOLDED_SHIFT:
        raise _too_large(f"{one} << {other}", location)
    return _constant(FOLD[operator](one, other), location)


def _constant(value: int, location: Location) -> Constant:
    if not I64_LOW <= value <= U64_HIGH:
        raise _too_large(str(value) if value.bit_length() < 200 else f"a number of {value.bit_length()} bits", location)
    return Constant(IntType(value, value), location, value)


def _too_large(found: str, location: Location) -> Exception:
    return error(
        "this number does not fit 64 bits",
        location,
        found=found,
        expected=f"{I64_LOW} to {U64_HIGH}",
        fix="use a smaller number",
    )


def _value(static: Static) -> Expression:
    """A constant of the kernel's."""
    value = static.value
    if isinstance(value, bool):
        return Constant(BOOL, static.location, int(value))
    of: type = type(value)
    if isinstance(value, int) and is_int_enumeration(of):
        number = int(value)
        _constant(number, static.location)
        return Constant(EnumType(of), static.location, number)
    if type(value) is int:
        return _constant(value, static.location)
    if value is None:
        return Constant(NONE, static.location, 0)
    what, fix = _no_value(value)
    raise error(
        f"{what} is no value in kernel code",
        static.location,
        found=what,
        expected="an integer, a bool, a member of an IntEnum, or None",
        fix=fix,
    )


def _no_value(value: object) -> tuple[str, str]:
    if isinstance(value, float):
        return f"the float {value!r}", "BPF has no floating point: count in a smaller unit, as an integer"
    if isinstance(value, str | bytes):
        return f"the {type(value).__name__} {value!r}", "use a number"
    if value is Ellipsis:
        return "`...`", "write the program's body"
    if isinstance(value, Map):
        return f"the map {value.name or 'itself'}", "look a key up: `m.lookup(key)`"
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}", "name something in it"
    if isinstance(value, type):
        return f"the class {value.__name__}", "name one of its members, or call it"
    if callable(value):
        return f"the function {getattr(value, '__name__', value)!s}", "call what kernel code can call"
    return f"an object of type {type(value).__name__}", "use an integer"


def _name(state: FunctionState, node: ast.Name) -> Expression | Static:
    location = state.at(node)
    if node.id == state.context.name:
        return LocalRead(state.context.type, location, state.context)
    code = state.source.function.__code__
    if node.id not in code.co_varnames and node.id not in code.co_cellvars:
        return state.resolve(node.id, location)
    local = state.locals.get(node.id)
    if local is None:
        hides = node.id in state.source.function.__globals__
        raise error(
            f"{node.id!r} has no value here",
            location,
            found=f"the local {node.id!r} before its first assignment"
            + (", which hides the module's variable of that name" if hides else ""),
            expected="an assignment on every way to this line",
            fix="use another name; keep what programs write in a map"
            if hides
            else f"assign {node.id!r} before this line",
        )
    return LocalRead(local.type, location, local)


def _attribute(state: FunctionState, node: ast.Attribute) -> Expression | Static:
    base = operand(state, node.value)
    location = state.at(node)
    if isinstance(base, Static):
        if isinstance(base.value, ModuleType | type) and not is_integer(base.value):
            return state.static_attribute(base, node.attr, location)
        base = _value(base)
    match base.type:
        case ContextType():
            return _context_field(base.type, node.attr, location)
        case RefType() if node.attr == "value":
            return RefRead(storage_type(base.type.storage), location, base)
        case OptionalType() if node.attr == "value":
            return RefRead(storage_type(base.type.of.storage), location, unwrap(base))
        case _:
            raise error(
                f"{base.type} has no attribute {node.attr!r}",
                location,
                found=f".{node.attr} of {base.type}",
                expected="`.value`"
                if isinstance(base.type, OptionalType | RefType)
                else "a value, without an attribute",
                fix=_instead_of_attribute(base.type, node.attr),
            )


def _instead_of_attribute(of: ValueType, name: str) -> str:
    if isinstance(of, OptionalType | RefType):
        return did_you_mean(name, ["value"]) or "write `.value` for the number that it refers to"
    return "leave the attribute out"


def unwrap(optional: Expression) -> Expression:
    """What an optional holds. Only a local can be checked for None, so only a local can be used."""
    assert isinstance(optional.type, OptionalType)
    if isinstance(optional, LocalRead):
        return Unwrap(optional.type.of, optional.location, optional)
    raise error(
        "the result may be None",
        optional.location,
        found=f"{optional.type}, used without a check",
        expected="a check for None before the value is used",
        fix="give it a name, then `if name is None: return ...`",
    )


def _context_field(of: ContextType, name: str, location: Location) -> Expression:
    fields = KINDS[of.kind].fields
    known = fields.get(name)
    if known is None:
        raise error(
            f"{of} has no field {name!r}",
            location,
            found=f"{of}.{name}",
            expected=f"one of {', '.join(fields)}",
            fix=did_you_mean(name, fields) or "use one of these",
        )
    return ContextRead(
        IntType(-(1 << (known.bits - 1)), (1 << (known.bits - 1)) - 1)
        if known.signed
        else IntType(0, (1 << known.bits) - 1),
        location,
        name,
        known.offset,
        known.bits,
    )


def _call(state: FunctionState, node: ast.Call) -> Expression:
    location = state.at(node)
    if isinstance(node.func, ast.Attribute):
        base = operand(state, node.func.value)
        if isinstance(base, Static) and isinstance(base.value, Map):
            reference = state.unit.map_reference(base)
            return map_operation(state, reference, node, expression)
        called: Expression | Static = _attribute(state, node.func)
    else:
        called = operand(state, node.func)
    if isinstance(called, Static) and is_integer(called.value):
        return _wrap(state, called.value, node)  # type: ignore[arg-type]
    what = _no_value(called.value)[0] if isinstance(called, Static) else str(called.type)
    raise error(
        f"kernel code cannot call {what}",
        location,
        found=f"a call of {what}",
        expected="an operation of a map (`m.lookup(key)`), or u8 to i64",
        fix="write what it does here",
    )


def _wrap(state: FunctionState, storage: type[Integer], node: ast.Call) -> Expression:
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        raise error(
            f"{storage.__name__} takes one value",
            state.at(node),
            found=f"{len(node.args)} positional and {len(node.keywords)} keyword arguments",
            expected=f"{storage.__name__}(value)",
            fix="give it one integer",
        )
    value = expression(state, node.args[0])
    integer(value, f"the argument of {storage.__name__}")
    if isinstance(value, Constant):
        wrapped = int(storage(value.value))
        return Constant(IntType(wrapped, wrapped), value.location, wrapped)
    return Wrap(storage_type(storage), state.at(node), value, storage)


def _operator(state: FunctionState, operator: ast.operator, node: ast.expr | ast.stmt) -> str:
    known = BINARY_OPERATORS.get(type(operator))
    if known is not None:
        return known
    what, instead = BINARY.get(type(operator), (f"the operator {type(operator).__name__}", "write it another way"))
    raise error(
        f"kernel code cannot use {what}",
        state.at(node),
        found=what,
        expected=f"one of {' '.join(BINARY_OPERATORS.values())}",
        fix=instead,
    )


def operator_of(state: FunctionState, node: ast.AugAssign) -> str:
    """The operator of an augmented assignment."""
    return _operator(state, node.op, node)


def _unary(state: FunctionState, node: ast.UnaryOp) -> Expression:
    location = state.at(node)
    if isinstance(node.op, ast.Not):
        return Not(BOOL, location, condition(state, node.operand))
    value = expression(state, node.operand)
    operator = {ast.USub: "-", ast.Invert: "~", ast.UAdd: "+"}[type(node.op)]
    of = integer(value, f"the operand of {operator}")
    if isinstance(value, Constant):
        return _constant({"-": -value.value, "~": ~value.value, "+": value.value}[operator], location)
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
    return Unary(result, location, operator, value)


def _logical(state: FunctionState, node: ast.BoolOp) -> Expression:
    """`and` / `or` as a value: the value is one of the operands, so all must be bools."""
    operator = "and" if isinstance(node.op, ast.And) else "or"
    values = tuple(_not_none_bool(state, value, operator) for value in node.values)
    return Logical(BOOL, state.at(node), operator, values)


def _not_none_bool(state: FunctionState, node: ast.expr, operator: str) -> Expression:
    value = expression(state, node)
    if isinstance(value.type, BoolType):
        return value
    raise error(
        f"`{operator}` gives one of its operands, which is no bool here",
        value.location,
        found=f"an operand of type {value.type}",
        expected="bools",
        fix="compare: `x != 0`",
    )


def _compare(state: FunctionState, node: ast.Compare) -> Expression:
    location = state.at(node)
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot):
        return _is_none(state, node)
    operators = []
    for operator in node.ops:
        known = COMPARE_OPERATORS.get(type(operator))
        if known is None:
            what, instead = COMPARISONS.get(type(operator), ("`is` in a chain", "compare on its own: `x is None`"))
            raise error(
                f"kernel code cannot use {what}",
                location,
                found=what,
                expected=f"one of {' '.join(COMPARE_OPERATORS.values())}",
                fix=instead,
            )
        operators.append(known)
    operands = tuple(expression(state, side) for side in (node.left, *node.comparators))
    if any(side.type == NONE for side in operands):
        raise error(
            "None is compared with `is`",
            location,
            found=f"None beside {operators[0]}",
            expected="`is None` or `is not None`",
            fix="write `is None`" if operators[0] == "==" else "write `is not None`",
        )
    for side in operands:
        integer(side, "what is compared")
    return Compare(BOOL, location, tuple(operators), operands)


def _is_none(state: FunctionState, node: ast.Compare) -> Expression:
    left, right = expression(state, node.left), expression(state, node.comparators[0])
    location = state.at(node)
    if right.type != NONE:
        raise error(
            "kernel code compares values, not identities",
            location,
            found=f"`is` between {left.type} and {right.type}",
            expected="`is None` or `is not None`",
            fix="write == or !=",
        )
    negated_test = isinstance(node.ops[0], ast.IsNot)
    if isinstance(left.type, OptionalType):
        if not isinstance(left, LocalRead):
            raise error(
                "a check for None needs a name to check",
                left.location,
                found="`is None` of a result that has no name",
                expected="a local",
                fix="assign the result first, then check the name",
            )
        test: Expression = IsNone(BOOL, location, left)
    else:
        test = Constant(BOOL, location, int(left.type == NONE))
        if not isinstance(left, LocalRead | Constant):
            raise error(
                "this is never None",
                location,
                found=f"`is None` of {left.type}",
                expected="something that may be None, such as a looked-up value",
                fix="leave the check out",
            )
    return Not(BOOL, location, test) if negated_test else test
