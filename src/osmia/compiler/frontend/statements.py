"""Statements: one function per construct; what has none is refused."""

from __future__ import annotations

import ast
from enum import IntEnum

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.builtin_calls import divmod_values, is_divmod
from osmia.compiler.frontend.environment import merged, refined
from osmia.compiler.frontend.expressions import check_local, condition, expression, operand, operator_of, unwrap
from osmia.compiler.frontend.function import FunctionState, Static
from osmia.compiler.frontend.loops import for_loop, while_loop
from osmia.compiler.frontend.map_operations import check_store
from osmia.compiler.frontend.operators import binary
from osmia.compiler.frontend.patterns import match_statement
from osmia.compiler.frontend.refused import STATEMENTS
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType, EnumType, IntType, OptionalType, RefType, ValueType, storage_type
from osmia.maps.declaration import Map
from osmia.types import is_integer


def block(state: FunctionState, nodes: list[ast.stmt]) -> tuple[ir.Statement, ...]:
    """The IR of statements one after the other."""
    return tuple(made for node in nodes for made in statement(state, node))


def statement(state: FunctionState, node: ast.stmt) -> tuple[ir.Statement, ...]:
    """The IR of one statement."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
            return ()
        case ast.Expr():
            return (ir.Evaluate(state.at(node), expression(state, node.value)),)
        case ast.Assign():
            return _assign(state, node)
        case ast.AnnAssign():
            return _annotated(state, node)
        case ast.AugAssign():
            return (_augmented(state, node),)
        case ast.If():
            return (_if(state, node),)
        case ast.Return():
            return (_return(state, node),)
        case ast.While():
            return while_loop(state, node, block)
        case ast.For():
            return for_loop(state, node, block)
        case ast.Break():
            state.loops[-1].breaks.append(state.environment)
            state.environment = state.environment.unreachable()
            return (ir.Break(state.at(node)),)
        case ast.Continue():
            state.loops[-1].continues.append(state.environment)
            state.environment = state.environment.unreachable()
            return (ir.Continue(state.at(node)),)
        case ast.Match():
            return match_statement(state, node, block)
        case ast.Assert():
            return _assert(state, node)
        case _:
            what, instead = STATEMENTS.get(type(node), (f"the statement {type(node).__name__}", "write it another way"))
            raise error(
                f"kernel code cannot use {what}",
                state.at(node),
                found=what,
                expected="an assignment, if, return, or a call",
                fix=instead,
            )


def _if(state: FunctionState, node: ast.If) -> ir.Statement:
    test = condition(state, node.test)
    before = state.environment
    state.environment = refined(before, test, holds=True)
    then, after_then = block(state, node.body), state.environment
    state.environment = refined(before, test, holds=False)
    otherwise = block(state, node.orelse)
    state.environment = merged(after_then, state.environment)
    return ir.If(state.at(node.test), test, then, otherwise)


def _assert(state: FunctionState, node: ast.Assert) -> tuple[ir.Statement, ...]:
    """What would raise AssertionError takes the error edge. The message is for those who read the source."""
    location = state.at(node.test)
    test = condition(state, node.test)
    state.environment = refined(state.environment, test, holds=True)
    failed = ir.Not(ir.BOOL, location, test)
    return (ir.If(location, failed, (ir.Abort(location, ir.ErrorEdge("assertion failed")),), ()),)


def _assign(state: FunctionState, node: ast.Assign) -> tuple[ir.Statement, ...]:
    """`target = value`, to one name or several: values are evaluated first, then stored from left to right."""
    if len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple | ast.List):
        return (_store(state, node.targets[0], expression(state, node.value)),)
    values = _values(state, node.value)
    kept = [_kept(state, value) for value in values]
    before = tuple(statement for statements, _ in kept for statement in statements)
    held = [value for _, value in kept]
    stores = [store for target in node.targets for store in _unpacked(state, target, held, node)]
    return (*before, *stores)


def _values(state: FunctionState, node: ast.expr) -> list[ir.Expression]:
    """The values of the right side: those of a tuple, or one."""
    if isinstance(node, ast.Tuple | ast.List) and not any(isinstance(each, ast.Starred) for each in node.elts):
        return [expression(state, each) for each in node.elts]
    if isinstance(node, ast.Call) and is_divmod(state, node, operand):
        return list(divmod_values(state, node, expression))
    return [expression(state, node)]


def _kept(state: FunctionState, value: ir.Expression) -> tuple[tuple[ir.Statement, ...], ir.Expression]:
    """A value that stays what it is while names are assigned."""
    if isinstance(value, ir.Constant):
        return (), value
    local = state.hidden(value.type, value.location)
    return (ir.Assign(value.location, local, value),), ir.LocalRead(value.type, value.location, local)


def _unpacked(
    state: FunctionState, target: ast.expr, values: list[ir.Expression], node: ast.Assign
) -> list[ir.Statement]:
    if not isinstance(target, ast.Tuple | ast.List):
        if len(values) == 1 and not isinstance(node.value, ast.Tuple | ast.List):
            return [_store(state, target, values[0])]
        raise error(
            "a tuple is unpacked into names",
            state.at(target),
            found=f"one name for {len(values)} values",
            expected=f"{len(values)} names",
            fix="write `a, b = ...`",
        )
    several = isinstance(node.value, ast.Tuple | ast.List | ast.Call) and len(values) != 1
    if not several or len(target.elts) != len(values):
        raise error(
            "as many values as names",
            state.at(target),
            found=f"{len(target.elts)} names for {len(values)} value{'s' * (len(values) != 1)}",
            expected=f"{len(target.elts)} values" if several else "a tuple",
            fix="write as many on both sides",
        )
    return [_store(state, each, value) for each, value in zip(target.elts, values, strict=True)]


def _store(state: FunctionState, target: ast.expr, value: ir.Expression) -> ir.Statement:
    location = state.at(target)
    match target:
        case ast.Name():
            return _store_local(state, target, value)
        case ast.Attribute():
            ref = _place(state, target)
            assert isinstance(ref.type, RefType)
            check_store(value, ref.type.storage, "the place")
            return ir.StoreRef(location, ref, value)
        case _:
            raise error(
                f"kernel code cannot assign to {_target_name(target)}",
                location,
                found=_target_name(target),
                expected="a local, or the `.value` of a looked-up number",
                fix="a map's value is stored with `m.update(key, value)`"
                if isinstance(target, ast.Subscript)
                else "assign to a name",
            )


def _target_name(target: ast.expr) -> str:
    names: dict[type[ast.expr], str] = {
        ast.Tuple: "several names at once",
        ast.List: "several names at once",
        ast.Subscript: "a subscript",
        ast.Starred: "an unpacking (*)",
    }
    return names.get(type(target), type(target).__name__)


def _store_local(state: FunctionState, target: ast.Name, value: ir.Expression) -> ir.Statement:
    location = state.at(target)
    check_local(state, target.id, value, location)
    return ir.Assign(location, state.assign(target.id, value.type, location), value)


def _annotated(state: FunctionState, node: ast.AnnAssign) -> tuple[ir.Statement, ...]:
    location = state.at(node)
    if not isinstance(node.target, ast.Name):
        raise error(
            "only a local can be annotated",
            location,
            found="an annotation on something else",
            expected="`name: u32 = value`",
            fix="leave the annotation out",
        )
    annotation = _annotation(state, node.annotation)
    storage = annotation if is_integer(annotation) else None
    name = node.target.id
    if storage is not None:
        before = state.declared.get(name)
        if (before is not None and before is not storage) or (before is None and name in state.locals):
            earlier = before.__name__ if before is not None else "without annotation"
            raise error(
                f"{name!r} is declared twice",
                location,
                found=f"{storage.__name__} here, {earlier} before",
                expected="one declaration, at the first assignment",
                fix="leave this annotation out, or use another name",
            )
        state.declared[name] = storage
    if node.value is None:
        return ()
    value = expression(state, node.value)
    wanted = _exact_type(annotation)
    if wanted is not None and value.type != wanted:
        raise error(
            f"{name!r} is declared as {wanted}",
            value.location,
            found=str(value.type),
            expected=str(wanted),
            fix="store what it is declared as, or leave the annotation out",
        )
    return (_store(state, node.target, value),)


def _annotation(state: FunctionState, node: ast.expr) -> type:
    """What a local is annotated with: a width, which stores wrap at, or int, bool or an IntEnum, which keep values."""
    found = operand(state, node)
    if isinstance(found, Static) and isinstance(found.value, type):
        of = found.value
        if is_integer(of) or of in (int, bool) or issubclass(of, IntEnum):
            return of
    raise error(
        "a local is annotated with an integer's width",
        state.at(node),
        found=ast.unparse(node),
        expected="one of u8, u16, u32, u64, i8, i16, i32, i64, or int, bool, an IntEnum",
        fix="use one of these, or leave the annotation out",
    )


def _exact_type(annotation: type) -> ValueType | None:
    """The one type that a local annotated with bool or an enum takes."""
    if annotation is bool:
        return ir.BOOL
    return EnumType(annotation) if issubclass(annotation, IntEnum) else None


def _augmented(state: FunctionState, node: ast.AugAssign) -> ir.Statement:
    location, operator = state.at(node), operator_of(state, node)
    if isinstance(node.target, ast.Name):
        before = expression(state, ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
        if not isinstance(before, ir.LocalRead) or before.local is state.context:
            raise error(
                f"kernel code cannot change {node.target.id!r}",
                location,
                found=f"{operator}= on {node.target.id!r}, which is no local integer",
                expected="a local",
                fix="keep what programs write in a map",
            )
        return _store_local(state, node.target, binary(operator, before, expression(state, node.value), location))
    if not isinstance(node.target, ast.Attribute):
        raise error(
            f"kernel code cannot assign to {_target_name(node.target)}",
            location,
            found=_target_name(node.target),
            expected="a local, or the `.value` of a looked-up number",
            fix="assign to a name",
        )
    ref = _place(state, node.target)
    assert isinstance(ref.type, RefType)
    before = ir.RefRead(storage_type(ref.type.storage), state.at(node.target), ref)
    return ir.StoreRef(location, ref, binary(operator, before, expression(state, node.value), location))


def _place(state: FunctionState, node: ast.Attribute) -> ir.Expression:
    """The reference whose `.value` is assigned."""
    base = operand(state, node.value)
    location = state.at(node)
    if isinstance(base, Static):
        what = "a map" if isinstance(base.value, Map) else f"{ast.unparse(node.value)}"
        raise error(
            f"kernel code cannot assign to an attribute of {what}",
            location,
            found=f"an assignment to {ast.unparse(node)}",
            expected="the `.value` of a looked-up number",
            fix="keep what programs write in a map's value",
        )
    match base.type:
        case RefType() if node.attr == "value":
            return base
        case OptionalType() if node.attr == "value":
            return unwrap(base)
        case ContextType():
            raise error(
                f"the field {node.attr!r} of {base.type} is read-only",
                location,
                found=f"an assignment to {ast.unparse(node)}",
                expected="a field that may be written; this context has none",
                fix="keep the value in a local",
            )
        case _:
            raise error(
                f"{base.type} has no attribute {node.attr!r} to assign to",
                location,
                found=f"an assignment to {ast.unparse(node)}",
                expected="the `.value` of a looked-up number",
                fix="assign to the local itself",
            )


def _is_integer(value: ir.Constant) -> bool:
    return isinstance(value.type, IntType)


def _return(state: FunctionState, node: ast.Return) -> ir.Statement:
    location = state.at(node)
    expected = state.returns
    assert isinstance(expected, EnumType)
    names = list(expected.of.__members__)
    example = f"{expected}.{'PASS' if 'PASS' in names else names[0]}"
    if node.value is None:
        raise error(
            f"the program returns {expected}",
            location,
            found="return without a value",
            expected=str(expected),
            fix=f"write `return {example}`",
        )
    value = expression(state, node.value)
    if value.type != expected:
        fix = f"write {example}, or another member"
        if isinstance(value, ir.Constant) and value.value in list(expected.of):
            fix = f"write {expected}.{expected.of(value.value).name}"
        found = (
            f"the integer {value.value}" if isinstance(value, ir.Constant) and _is_integer(value) else str(value.type)
        )
        raise error(f"the program returns {expected}", value.location, found=found, expected=str(expected), fix=fix)
    state.environment = state.environment.unreachable()
    return ir.Return(location, value)
