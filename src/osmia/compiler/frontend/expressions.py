"""Expressions: one function per construct; what has none is refused."""

from __future__ import annotations

import ast
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from osmia.abi.helpers import function_row
from osmia.big_endian import is_big_endian
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.annotations import wrapped
from osmia.compiler.frontend.arguments import raw_argument
from osmia.compiler.frontend.atomics import atomic, is_atomic, reference
from osmia.compiler.frontend.builtin_calls import NAMES, call_breakpoint, call_builtin, is_builtin, membership, power
from osmia.compiler.frontend.byte_order import is_byte_order, turned
from osmia.compiler.frontend.callbacks import call_loop, for_each
from osmia.compiler.frontend.calls import (
    call_function,
    call_method,
    call_nested,
    elements_of,
    kept_tuple,
    read_property,
)
from osmia.compiler.frontend.comparisons import alike
from osmia.compiler.frontend.constructors import construct, new_object, scratch_object, size_of, static_arguments
from osmia.compiler.frontend.contexts import context_field, object_field
from osmia.compiler.frontend.counters import count
from osmia.compiler.frontend.draining import drain
from osmia.compiler.frontend.dynptrs import is_record, record_operation
from osmia.compiler.frontend.environment import merged, refined
from osmia.compiler.frontend.fast_rings import fast_output
from osmia.compiler.frontend.function import Bound, FunctionState, NestedFunction, Operand, Static, TupleValue
from osmia.compiler.frontend.helper_calls import context_helper, helper_call
from osmia.compiler.frontend.images import image_of
from osmia.compiler.frontend.inner_maps import map_of
from osmia.compiler.frontend.logs import log_call, log_function, print_call
from osmia.compiler.frontend.map_operations import map_item, map_operation, tail_call
from osmia.compiler.frontend.operators import binary, integer, is_none, not_a_value, one_value, truth, unary
from osmia.compiler.frontend.packets import no_bytes, packet_of, packet_operation
from osmia.compiler.frontend.places import (
    element_at,
    is_part,
    is_property,
    loaded,
    member_of_struct,
    no_attribute,
    place_of_attribute,
    place_of_subscript,
)
from osmia.compiler.frontend.refused import BINARY, BUILTINS, COMPARISONS, EXPRESSIONS, MODULES
from osmia.compiler.frontend.rings import output, perf_output
from osmia.compiler.frontend.stores import check_store, own_copy, unwrapped
from osmia.compiler.frontend.subprograms import call_subprogram
from osmia.compiler.frontend.tables import table
from osmia.compiler.frontend.unchecked import call_unchecked, is_unchecked
from osmia.compiler.frontend.variables import global_place, setting_read
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import BoolType, ContextType, OptionalType, PacketType, PlaceType, is_number, joined
from osmia.enumeration import is_int_enumeration
from osmia.functions import Function
from osmia.layout import ArrayLayout, StructLayout, layout_of
from osmia.logs import Log, LogFunction
from osmia.maps.counters import Counter, PerCpuCounter
from osmia.maps.declaration import Shared
from osmia.maps.fast_ring import FastRing
from osmia.maps.globals import Variable
from osmia.maps.perf import PerfEventArray
from osmia.maps.programs import ProgramArray
from osmia.maps.ring import RingBuf
from osmia.maps.settings import Setting
from osmia.rounds import loop
from osmia.structs import array, chars, scratch, sizeof, zeroed
from osmia.types import Integer, is_integer, ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia.compiler.ir.types import ValueType
    from osmia.compiler.location import Location

    Translate = Callable[[FunctionState, ast.expr], ir.Expression]

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
COMPARE_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def expression(state: FunctionState, node: ast.expr) -> ir.Expression:
    """The IR of an expression that has a value in the kernel."""
    return one_value(state, operand(state, node), node)


def operand(state: FunctionState, node: ast.expr) -> Operand:
    """The IR of an expression, or the object that it names where it is known now."""
    found = _operand(state, node)
    return setting_read(state, found) if isinstance(found, Static) and isinstance(found.value, Setting) else found


def _operand(state: FunctionState, node: ast.expr) -> Operand:
    match node:
        case ast.Constant():
            return Static(node.value, ("constant",), state.at(node))
        case ast.Name():
            return _name(state, node)
        case ast.Attribute():
            return _attribute(state, node)
        case ast.Call():
            return _call(state, node)
        case ast.BinOp(op=ast.Pow()):
            base, exponent = expression(state, node.left), expression(state, node.right)
            return power(state, base, exponent, state.at(node))
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
        case ast.IfExp():
            return _conditional(state, node)
        case ast.NamedExpr():
            return _assign_expression(state, node)
        case ast.Subscript():
            return _subscript(state, node)
        case ast.Tuple() if not any(isinstance(each, ast.Starred) for each in node.elts):
            return _tuple(state, node)
        case ast.Lambda():
            return NestedFunction(node, state, state.at(node))
        case _:
            what, instead = EXPRESSIONS.get(
                type(node), (f"the construct {type(node).__name__}", "write it another way")
            )
            raise error(
                f"kernel code cannot use {what}",
                state.at(node),
                found=what,
                expected="an expression that docs/language.md has",
                fix=instead,
            )


def condition(state: FunctionState, node: ast.expr) -> ir.Expression:
    """The IR of a test, as `if` makes it: Python's truth of the value."""
    match node:
        case ast.BoolOp():
            operator = "and" if isinstance(node.op, ast.And) else "or"
            return ir.Logical(ir.BOOL, state.at(node), operator, tuple(_in_turn(state, node, condition)))
        case ast.UnaryOp(op=ast.Not()):
            return ir.Not(ir.BOOL, state.at(node), condition(state, node.operand))
        case _:
            return truth(expression(state, node))


def _tuple(state: FunctionState, node: ast.Tuple) -> Operand:
    """Several values; a constant if all of them are."""
    items = [operand(state, each) for each in node.elts]
    constants = [each for each in items if isinstance(each, Static)]
    if len(constants) == len(items):
        return Static(tuple(each.value for each in constants), ("constant",), state.at(node))
    return TupleValue(state.at(node), (), tuple(items))


def _name(state: FunctionState, node: ast.Name) -> Operand:
    location = state.at(node)
    owner = state.owner(node.id)
    if owner is None:
        if state.call is None and node.id == state.context.name:
            return ir.LocalRead(state.context.type, location, state.context)
        return state.resolve(node.id, location)
    if node.id in owner.bound:
        return _moved(owner.bound[node.id], location)
    if owner.call is None and node.id == state.context.name:
        return ir.LocalRead(state.context.type, location, state.context)
    local = owner.locals.get(node.id)
    if local is None:
        hides = node.id in state.source.function.__globals__
        if _bound_before(owner, node):
            raise error(
                f"{node.id!r} has no value here",
                location,
                found=f"{node.id!r}, which is assigned in a block that has ended",
                expected="a value on every way to this line",
                fix="use it in that block: what is no number is known there alone",
            )
        raise error(
            f"{node.id!r} has no value here",
            location,
            found=f"the local {node.id!r} before its first assignment"
            + (", which hides the module's variable of that name" if hides else ""),
            expected="an assignment on every way to this line",
            fix="use another name; keep what programs write in a map or a Global"
            if hides
            else f"assign {node.id!r} before this line",
        )
    read = ir.LocalRead(state.type_of(local, location), location, local)
    return loaded(unwrapped(read), location) if _is_number(read) else read


def _is_number(read: ir.Expression) -> bool:
    """Whether it is a number that may be None: naming it is reading it, which takes a check before."""
    return isinstance(read.type, OptionalType) and read.type.number


def _bound_before(owner: FunctionState, name: ast.Name) -> bool:
    """Whether a line before this one gives the name a meaning."""
    for part in ast.walk(owner.source.definition):
        named = (isinstance(part, ast.Name) and part.id == name.id and isinstance(part.ctx, ast.Store)) or (
            isinstance(part, ast.FunctionDef) and part.name == name.id and part is not owner.source.definition
        )
        if named and part.lineno < name.lineno:  # type: ignore[attr-defined]
            return True
    return False


def _moved(bound: Operand, location: Location) -> Operand:
    """What a name stands for, at the place where the name is."""
    match bound:
        case ir.Constant(type=of, value=value):
            return ir.Constant(of, location, value)
        case ir.LocalRead(type=of, local=local):
            return ir.LocalRead(of, location, local)
        case Static(value=value, path=path):
            return Static(value, path, location)
        case _:
            return bound


def _attribute(state: FunctionState, node: ast.Attribute) -> Operand:
    base = operand(state, node.value)
    location = state.at(node)
    if isinstance(base, Static) and isinstance(base.value, Variable):
        return loaded(global_place(state, base, node.attr, location), location)
    if isinstance(base, Static) and isinstance(base.value, ModuleType | type) and not is_integer(base.value):
        return state.static_attribute(base, node.attr, location)
    if isinstance(base, Static) and isinstance(base.value, Log):
        return log_function(base, node.attr, location)
    if isinstance(base, Static):
        layout = layout_of(type(base.value))
        if isinstance(layout, StructLayout) and layout.field(node.attr) is not None:
            return Static(getattr(base.value, node.attr), base.path, location)
    if not isinstance(base, ir.Expression):
        base = one_value(state, base, node.value)
    if isinstance(base.type, ContextType):
        return packet_of(base, node.attr, location) or context_field(state, base.type, node.attr, location)
    if isinstance(base.type, PacketType):
        raise no_bytes(base.type, node, location)
    found = object_field(base, node.attr, location)
    if found is not None:
        return found
    place = place_of_attribute(base, node.attr, location)
    if place is not None:
        return loaded(place, location)
    member = member_of_struct(state, base, node.attr, location)
    if member is None:
        raise no_attribute(base.type, node.attr, location)
    return read_property(state, member, node) if isinstance(member, Bound) and is_property(base, node.attr) else member


def _call(state: FunctionState, node: ast.Call) -> Operand:
    location = state.at(node)
    if isinstance(node.func, ast.Attribute):
        base = operand(state, node.func.value)
        if isinstance(base, Static) and isinstance(base.value, RingBuf) and node.func.attr == "output":
            return output(state, base, node)
        if isinstance(base, Static) and isinstance(base.value, FastRing) and node.func.attr == "output":
            return fast_output(state, base, node)
        if isinstance(base, Static) and isinstance(base.value, PerfEventArray) and node.func.attr == "output":
            return perf_output(state, base, node)
        if isinstance(base, Static) and isinstance(base.value, ProgramArray) and node.func.attr == "tail_call":
            return tail_call(state, base, node)
        if isinstance(base, Static) and isinstance(base.value, Counter | PerCpuCounter) and node.func.attr == "add":
            return count(state, base, node)
        reference = map_of(state, base)
        if reference is not None:
            if node.func.attr == "for_each" and "for_each" in reference.declaration.kind.kernel_operations:
                return for_each(state, reference, node)
            if node.func.attr == "drain" and "drain" in reference.declaration.kind.kernel_operations:
                return drain(state, reference, node)
            return map_operation(state, reference, node)
        known = _call_method(state, base, node)
        if known is not None:
            return known
        called: Operand = _attribute(state, node.func)
    else:
        called = operand(state, node.func)
    if isinstance(called, Bound):
        return call_method(state, called, node)
    if isinstance(called, NestedFunction):
        return call_nested(state, called, node)
    if isinstance(called, Static):
        result = _call_object(state, called, node)
        if result is not None:
            return result
    what = not_a_value(called.value)[0] if isinstance(called, Static) else _what(called)
    raise error(
        f"kernel code cannot call {what}",
        location,
        found=f"a call of {what}",
        expected="a function written in Python, an operation of a map (`m.lookup(key)`), a struct, u8 to i64, "
        "or one of " + ", ".join(NAMES),
        fix=_call_instead(called),
    )


def _call_method(state: FunctionState, base: Operand, node: ast.Call) -> ir.Expression | None:
    """A call of what the compiler knows on a value: a context's helper, a view of the packet, an atomic operation."""
    assert isinstance(node.func, ast.Attribute)
    if not isinstance(base, ir.Expression):
        return None
    if isinstance(base.type, ContextType) and base.type.kind == "raw_tracepoint" and node.func.attr == "arg":
        return raw_argument(state, node)
    if isinstance(base.type, ContextType):
        return context_helper(state, base.type, node)
    if isinstance(base.type, PacketType):
        return packet_operation(state, base.type, node)
    if is_record(base):
        return record_operation(state, base, node)
    return atomic(state, base, node) if is_atomic(base, node.func.attr) else None


def _call_instead(called: Operand) -> str:
    of: Any = called.value if isinstance(called, Static) else None
    if isinstance(of, type) and is_int_enumeration(of) and len(of):
        return f"compare the number with a member: `x == {of.__name__}.{next(iter(of)).name}`"
    if isinstance(of, type) and issubclass(of, Shared):
        return "declare it in the module, and use it here"
    if hasattr(of, "__dataclass_fields__"):
        return f"write @struct above class {of.__name__}, in place of @dataclass, and the width of each field"
    if hasattr(of, "__wrapped__"):
        return "leave its decorator out: kernel code calls plain functions"
    module = str(getattr(of, "__module__", None) or type(getattr(of, "__self__", None)).__module__)
    known = BUILTINS.get(getattr(of, "__name__", "")) if module == "builtins" else MODULES.get(module)
    return known or "write what it does here"


def _what(called: Operand) -> str:
    return str(called.type) if isinstance(called, ir.Expression) else "several values"


def _call_object(state: FunctionState, called: Static, node: ast.Call) -> Operand | None:
    """A call of an object that is known now; None if kernel code cannot call it."""
    of: Any = called.value
    if is_integer(of):
        return _wrap(state, of, node)
    if is_big_endian(of):
        return _wrap(state, of.storage, node)
    if isinstance(of, LogFunction):
        return log_call(state, of, node)
    if of is print:
        return print_call(state, node)
    if of is breakpoint:
        return call_breakpoint(state, node)
    if is_builtin(of):
        return call_builtin(state, of, node)
    if is_byte_order(of):
        return turned(state, of, node)
    if of is ref:
        return reference(state, node)
    if is_unchecked(of):
        return call_unchecked(state, of, node)
    row = function_row(of)
    if row is not None:
        return helper_call(state, row, node)
    if of is sizeof:
        return size_of(state, node)
    if of is scratch:
        return scratch_object(state, node)
    if of is zeroed or of is array or of is chars:
        return _new_object(state, of, node)
    if of is loop:
        return call_loop(state, node)
    layout = layout_of(of) if isinstance(of, type) else None
    if isinstance(layout, StructLayout):
        return construct(state, layout, node)
    if isinstance(of, Function):
        inner = state.read(Static(of.function, ("wrapped", called.path), called.location))
        return call_function(state, inner, node) if of.inline else call_subprogram(state, inner, node, of)
    if isinstance(of, staticmethod):
        return _call_object(state, state.read(Static(of.__func__, ("function", called.path), called.location)), node)
    return call_function(state, called, node) if isinstance(of, FunctionType) else None


def _new_object(state: FunctionState, function: Any, node: ast.Call) -> ir.Expression:
    """`array(T, n)`, `chars(n)` and `zeroed(T)` do here what they do in user code."""
    arguments = static_arguments(state, node)
    try:
        made = arguments[0] if function is zeroed else function(*arguments)
    except (TypeError, ValueError, OverflowError, IndexError) as problem:
        raise error(
            f"{function.__name__} does not take this",
            state.at(node),
            found=str(problem),
            expected="what it takes in user code",
            fix="correct the arguments",
        ) from None
    if function is zeroed:
        return new_object(state, node, layout_of(made))
    layout = layout_of(made)
    assert layout is not None
    image = image_of(layout, made)
    assert image is not None  # the function has checked its elements
    return ir.Construct(PlaceType(layout), state.at(node), image, ())


def _wrap(state: FunctionState, storage: type[Integer], node: ast.Call) -> ir.Expression:
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
    return wrapped(value, storage, state.at(node))


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


def _unary(state: FunctionState, node: ast.UnaryOp) -> ir.Expression:
    location = state.at(node)
    if isinstance(node.op, ast.Not):
        return ir.Not(ir.BOOL, location, condition(state, node.operand))
    value = expression(state, node.operand)
    operator = {ast.USub: "-", ast.Invert: "~", ast.UAdd: "+"}[type(node.op)]
    return unary(operator, value, location)


def _logical(state: FunctionState, node: ast.BoolOp) -> ir.Expression:
    """`and` / `or` as a value: the value is one of the operands, so all must be bools."""
    operator = "and" if isinstance(node.op, ast.And) else "or"

    def value(state: FunctionState, node: ast.expr) -> ir.Expression:
        return _not_none_bool(state, node, operator)

    return ir.Logical(ir.BOOL, state.at(node), operator, tuple(_in_turn(state, node, value)))


def _in_turn(state: FunctionState, node: ast.BoolOp, translate: Translate) -> Iterator[ir.Expression]:
    """Operands of `and` and `or`: each is reached only if those before it were all true, or all false."""
    holds = isinstance(node.op, ast.And)
    first = translate(state, node.values[0])
    yield first
    known = state.environment
    reached = refined(known, first, holds=holds)
    for value in node.values[1:]:
        state.environment = reached.copy()
        operand = translate(state, value)
        yield operand
        # Whether it was reached is not known behind the whole: what it assigned may or may not be.
        known = merged(known, state.environment)
        reached = refined(state.environment, operand, holds=holds)
    state.environment = known


def _not_none_bool(state: FunctionState, node: ast.expr, operator: str) -> ir.Expression:
    value = expression(state, node)
    if isinstance(value.type, BoolType):
        return value
    raise error(
        f"`{operator}` gives one of its operands, which is no bool here",
        value.location,
        found=f"an operand of type {value.type}",
        expected="bools",
        fix="compare: `x != 0`"
        if is_number(value.type)
        else "compare: `x is not None`; to take one of two references, write if / else",
    )


def _compare(state: FunctionState, node: ast.Compare) -> ir.Expression:
    location = state.at(node)
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot):
        return _is_none(state, node)
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
        return membership(state, node)
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
    found = []
    for index, each in enumerate((node.left, *node.comparators)):
        before = state.environment.copy()
        found.append(operand(state, each))
        if index > 1:  # reached only if the comparisons before it held
            state.environment = merged(before, state.environment)
    whole = alike(state, node, found[0], found[1]) if len(found) == 2 else None
    if whole is not None:
        return whole
    sides = zip(found, (node.left, *node.comparators), strict=True)
    operands = [one_value(state, each, side) for each, side in sides]
    if any(side.type == ir.NONE for side in operands):
        raise error(
            "None is compared with `is`",
            location,
            found=f"None beside {operators[0]}",
            expected="`is None` or `is not None`",
            fix="write `is None`" if operators[0] == "==" else "write `is not None`",
        )
    for side in operands:
        integer(side, "what is compared")
    return ir.Compare(ir.BOOL, location, tuple(operators), tuple(operands))


def _is_none(state: FunctionState, node: ast.Compare) -> ir.Expression:
    left, right = expression(state, node.left), expression(state, node.comparators[0])
    location = state.at(node)
    if right.type != ir.NONE:
        raise error(
            "kernel code compares values, not identities",
            location,
            found=f"`is` between {left.type} and {right.type}",
            expected="`is None` or `is not None`",
            fix="write == or !=",
        )
    negated_test = isinstance(node.ops[0], ast.IsNot)
    match left:
        case ir.Load(place=ir.Unwrap(operand=held)) if _is_number(held):
            left = held
    if isinstance(left.type, OptionalType):
        test = is_none(left, location)
    else:
        known = ir.Constant(ir.BOOL, location, int(left.type == ir.NONE))
        test = ir.Sequence(ir.BOOL, location, (ir.Evaluate(location, left),), known)
        if not isinstance(left, ir.LocalRead | ir.Constant):
            raise error(
                "this is never None",
                location,
                found=f"`is None` of {left.type}",
                expected="something that may be None, such as a looked-up value",
                fix="leave the check out",
            )
    return ir.Not(ir.BOOL, location, test) if negated_test else test


def _conditional(state: FunctionState, node: ast.IfExp) -> Operand:
    """`a if test else b`, of what one local could hold."""
    test = condition(state, node.test)
    before = state.environment
    state.environment = refined(before, test, holds=True)
    first, after_then = operand(state, node.body), state.environment
    state.environment = refined(before, test, holds=False)
    second = operand(state, node.orelse)
    state.environment = merged(after_then, state.environment)
    both = _tuples(first), _tuples(second)
    if both[0] is not None and both[1] is not None and len(both[0].items) == len(both[1].items):
        return _one_of_tuples(state, node, test, both[0], both[1])
    then, otherwise = one_value(state, first, node.body), one_value(state, second, node.orelse)
    return ir.Conditional(_either_type(state, node, then, otherwise), state.at(node), test, then, otherwise)


def _tuples(value: Operand) -> TupleValue | None:
    """Several values; None for one."""
    if isinstance(value, Static) and isinstance(value.value, tuple):
        return TupleValue(value.location, (), tuple(elements_of(value)))
    return value if isinstance(value, TupleValue) else None


def _one_of_tuples(
    state: FunctionState, node: ast.IfExp, test: ir.Expression, then: TupleValue, otherwise: TupleValue
) -> TupleValue:
    """`(a, b) if test else (c, d)`: each value in a local of its own."""
    (before_then, then), (before_otherwise, otherwise) = kept_tuple(state, then), kept_tuple(state, otherwise)
    location = state.at(node)
    stores: tuple[list[ir.Statement], list[ir.Statement]] = [*before_then], [*before_otherwise]
    reads: list[Operand] = []
    for one, other in zip(then.items, otherwise.items, strict=True):
        first, second = one_value(state, one, node.body), one_value(state, other, node.orelse)
        of = _either_type(state, node, first, second)
        local = state.hidden(of)
        stores[0].append(ir.Assign(location, local, first))
        stores[1].append(ir.Assign(location, local, second))
        reads.append(ir.LocalRead(of, location, local))
    chosen = ir.If(location, test, tuple(stores[0]), tuple(stores[1]))
    return TupleValue(location, (chosen,), tuple(reads))


def _either_type(state: FunctionState, node: ast.IfExp, then: ir.Expression, otherwise: ir.Expression) -> ValueType:
    of = joined(then.type, otherwise.type)
    if of is None:
        raise error(
            "the two ways of this expression give values of two kinds",
            state.at(node),
            found=f"{then.type} and {otherwise.type}",
            expected="two numbers that fit one 64-bit type, or two references of one type",
            fix="write if / else, or cast one of them",
        )
    return of


def _assign_expression(state: FunctionState, node: ast.NamedExpr) -> ir.Expression:
    """`(name := value)`."""
    location = state.at(node.target)
    value = expression(state, node.value)
    check_local(state, node.target.id, value, location)
    local = state.assign(node.target.id, value.type, location)
    return ir.AssignExpression(state.type_of(local, location), location, local, value)


def check_local(state: FunctionState, name: str, value: ir.Expression, location: Location) -> None:
    """Refuse what a local of that name cannot hold."""
    if state.call is None and name == state.context.name:
        raise error(
            "the context cannot be replaced",
            location,
            found=f"an assignment to the parameter {name!r}",
            expected="a name of its own",
            fix="use another name",
        )
    if isinstance(value.type, ContextType):
        raise error(
            "the context has one name",
            value.location,
            found=f"a second name for {value.type}",
            expected=f"{state.context.name!r} itself",
            fix=f"use {state.context.name!r} where you need it",
        )
    owner = state.owner(name)
    storage = None if owner is None else owner.declared.get(name)
    if storage is not None:
        check_store(value, storage, repr(name))


def _subscript(state: FunctionState, node: ast.Subscript) -> Operand:
    """An element: of an array, of a map, of a constant."""
    base = operand(state, node.value)
    location = state.at(node)
    map_ = map_of(state, base)
    if map_ is not None:
        return loaded(map_item(state, map_, node), location)
    if isinstance(base, ir.Expression):
        if isinstance(base.type, PacketType):
            raise no_bytes(base.type, node, location)
        place = place_of_subscript(state, base, node)
        if place is not None:
            return own_copy(state, place) if is_part(place) else loaded(place, location)
    if isinstance(base, TupleValue):
        return _item(state, base, node)
    if isinstance(base, Static) and isinstance(base.value, tuple | list | range | bytes):
        index = expression(state, node.slice) if not isinstance(node.slice, ast.Slice) else None
        if isinstance(index, ir.Constant) and -len(base.value) <= index.value < len(base.value):
            return state.read(Static(base.value[index.value], ("element", base.path, index.value), location))
        if (found := _in_table(base, index, location)) is not None:
            state.read(base)
            return found
        raise error(
            f"this is no element of {ast.unparse(node.value)}",
            state.at(node.slice),
            found=ast.unparse(node.slice),
            expected=f"a constant from 0 to {len(base.value) - 1}",
            fix="use a number; what varies is looked up in an Array, or in a tuple of numbers alone",
        )
    raise error(
        "this has no elements",
        location,
        found=f"a subscript of {not_a_value(base.value)[0] if isinstance(base, Static) else _what(base)}",
        expected="an array, a map, or a tuple of what is known when the program is compiled",
        fix="look it up in a HashMap, which user code fills, or write `match`"
        if isinstance(base, Static) and isinstance(base.value, dict)
        else "take an element of one of these",
    )


def _in_table(base: Operand, index: ir.Expression | None, location: Location) -> ir.Expression | None:
    """The element of constants that a number which varies names; None where there is no such thing."""
    if index is None or isinstance(index, ir.Constant) or (held := table(base)) is None:
        return None
    assert isinstance(held.type.layout, ArrayLayout)
    return loaded(element_at(held, index, held.type.layout.element, held.type.layout.length, location), location)


def _item(state: FunctionState, base: TupleValue, node: ast.Subscript) -> Operand:
    """One of several values; all are evaluated."""
    index = expression(state, node.slice) if not isinstance(node.slice, ast.Slice) else None
    if (found := _in_table(base, index, state.at(node))) is not None:
        return found
    if not isinstance(index, ir.Constant) or not -len(base.items) <= index.value < len(base.items):
        raise error(
            "an element of a tuple is named by a constant",
            state.at(node.slice),
            found=ast.unparse(node.slice),
            expected=f"0 to {len(base.items) - 1}",
            fix="unpack the tuple: `a, b = ...`",
        )
    before, kept = kept_tuple(state, base)
    item = kept.items[index.value]
    if isinstance(item, TupleValue):
        return TupleValue(item.location, before, item.items)
    if not before:
        return item
    value = one_value(state, item, node)
    return ir.Sequence(value.type, state.at(node), before, value)
