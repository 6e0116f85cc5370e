"""Statements: one function per construct; what has none is refused."""

from __future__ import annotations

import ast
from enum import IntEnum
from typing import TYPE_CHECKING

from osmia.big_endian import is_big_endian
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.annotations import annotation as annotation_of
from osmia.compiler.frontend.annotations import converted, parsed
from osmia.compiler.frontend.arguments import checked_result
from osmia.compiler.frontend.atomics import without_result
from osmia.compiler.frontend.calls import elements_of, kept_tuple, return_from_call
from osmia.compiler.frontend.contexts import context_store, context_target, read_target
from osmia.compiler.frontend.dynptrs import discard_record
from osmia.compiler.frontend.environment import decided, merged, refined
from osmia.compiler.frontend.expressions import check_local, condition, expression, operand, operator_of
from osmia.compiler.frontend.function import FunctionState, NestedFunction, Operand, Static, TupleValue
from osmia.compiler.frontend.inner_maps import map_of
from osmia.compiler.frontend.loops import for_loop, leave_round, while_loop
from osmia.compiler.frontend.map_operations import map_delete, map_item, map_store
from osmia.compiler.frontend.operators import binary, constant, one_value
from osmia.compiler.frontend.patterns import match_statement
from osmia.compiler.frontend.places import (
    check_changeable,
    loaded,
    no_attribute,
    place_of_attribute,
    place_of_subscript,
)
from osmia.compiler.frontend.refused import STATEMENTS
from osmia.compiler.frontend.rings import discard
from osmia.compiler.frontend.scopes import with_block
from osmia.compiler.frontend.stores import own_copy, stored, unwrapped
from osmia.compiler.frontend.variables import global_place
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    ContextType,
    EnumType,
    IntType,
    NoneType,
    OptionalType,
    PlaceType,
    ValueType,
    is_object,
    same,
)
from osmia.compiler.ir.walk import assigned
from osmia.kinds import KINDS
from osmia.layout import StructLayout, layout_of
from osmia.maps.declaration import Map
from osmia.maps.fast_ring import FastRing
from osmia.maps.globals import Variable
from osmia.maps.ring import RingBuf
from osmia.types import is_integer

if TYPE_CHECKING:
    from osmia.compiler.location import Location


def block(state: FunctionState, nodes: list[ast.stmt]) -> tuple[ir.Statement, ...]:
    """The IR of statements one after the other.

    What a name stands for that is known while compiling is known within its block: other ways do not pass there.
    """
    known = dict(state.bound)
    made: list[ir.Statement] = []
    for node in nodes:
        if state.call is not None and state.call.reached and not state.environment.reachable:
            break  # with these arguments nothing comes here, so what is written need not fit them
        made.extend(statement(state, node))
    state.bound = known
    return tuple(made)


def statement(state: FunctionState, node: ast.stmt) -> tuple[ir.Statement, ...]:
    """The IR of one statement."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
            return ()
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="discard"))) if _is_ring(state, node.value):
            assert isinstance(node.value, ast.Call)
            assert isinstance(node.value.func, ast.Attribute)
            ring = operand(state, node.value.func.value)
            assert isinstance(ring, Static)
            assert isinstance(ring.value, RingBuf | FastRing)
            return (discard_record if ring.value.value is bytes else discard)(state, ring, node.value)
        case ast.Expr():
            return (
                ir.Evaluate(state.at(node), without_result(_unused(operand(state, node.value), state, node.value))),
            )
        case ast.Assign():
            return _assign(state, node)
        case ast.AnnAssign():
            return _annotated(state, node)
        case ast.AugAssign():
            return _augmented(state, node)
        case ast.If():
            return (_if(state, node),)
        case ast.Return() if state.call is not None:
            return return_from_call(state, node.value, state.at(node))
        case ast.Return():
            return (_return(state, node),)
        case ast.FunctionDef():
            return _nested(state, node)
        case ast.Nonlocal() if state.around is not None:
            return ()
        case ast.While():
            return while_loop(state, node)
        case ast.For():
            return for_loop(state, node)
        case ast.Break() | ast.Continue():
            return (leave_round(state, node),)
        case ast.Match():
            return match_statement(state, node)
        case ast.Assert():
            return _assert(state, node)
        case ast.With():
            return with_block(state, node)
        case ast.Delete():
            return tuple(_delete(state, target) for target in node.targets)
        case _:
            what, instead = STATEMENTS.get(type(node), (f"the statement {type(node).__name__}", "write it another way"))
            raise error(
                f"kernel code cannot use {what}",
                state.at(node),
                found=what,
                expected="a statement that docs/language.md has",
                fix=instead,
            )


def _is_ring(state: FunctionState, node: ast.expr) -> bool:
    """Whether this calls a method of a ring buffer."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if not isinstance(node.func.value, ast.Name | ast.Attribute):
        return False
    base = operand(state, node.func.value)
    return isinstance(base, Static) and isinstance(base.value, RingBuf | FastRing)


def _unused(value: Operand, state: FunctionState, node: ast.expr) -> ir.Expression:
    """An expression whose value nobody wants."""
    if isinstance(value, ir.Atomic):
        return ir.Atomic(value.type, value.location, value.operation, value.place, value.operands, fetch=False)
    if isinstance(value, TupleValue):
        before, _ = kept_tuple(state, value)
        return ir.Sequence(ir.NONE, value.location, before, ir.Constant(ir.NONE, value.location, 0))
    return one_value(state, value, node)


def _if(state: FunctionState, node: ast.If) -> ir.Statement:
    test = condition(state, node.test)
    before = state.environment
    state.environment = refined(before, test, holds=True)
    then, after_then = block(state, node.body), state.environment
    state.environment = refined(before, test, holds=False)
    otherwise = block(state, node.orelse)
    state.environment = merged(after_then, state.environment)
    return ir.If(state.at(node.test), decided(before, test), then, otherwise)


def _assert(state: FunctionState, node: ast.Assert) -> tuple[ir.Statement, ...]:
    """What would raise AssertionError takes the error edge. The message is for those who read the source."""
    location = state.at(node.test)
    test = condition(state, node.test)
    state.environment = refined(state.environment, test, holds=True)
    failed = ir.Not(ir.BOOL, location, test)
    return (ir.If(location, failed, (ir.Abort(location, ir.ErrorEdge("assertion failed")),), ()),)


def _nested(state: FunctionState, node: ast.FunctionDef) -> tuple[ir.Statement, ...]:
    """A function in a function: it is written out where it is called."""
    if node.decorator_list:
        raise error(
            "a function in kernel code has no decorators",
            state.at(node.decorator_list[0]),
            found=ast.unparse(node.decorator_list[0]),
            expected="a plain function",
            fix="leave the decorator out, or put the function into the module",
        )
    if node.name in state.locals or node.name in state.bound:
        raise error(
            f"{node.name!r} is defined twice",
            state.at(node),
            found="a second meaning of the name",
            expected="one function of that name",
            fix="use another name",
        )
    state.bound[node.name] = NestedFunction(node, state, state.at(node))
    return ()


def _delete(state: FunctionState, target: ast.expr) -> ir.Statement:
    """`del m[key]`."""
    base = operand(state, target.value) if isinstance(target, ast.Subscript) else None
    map_ = map_of(state, base)
    if map_ is not None:
        assert isinstance(target, ast.Subscript)
        return map_delete(state, map_, target)
    what, instead = STATEMENTS[ast.Delete]
    raise error(
        f"kernel code cannot use {what}",
        state.at(target),
        found=f"del {ast.unparse(target)}",
        expected="`del m[key]` of a map",
        fix=instead,
    )


def _assign(state: FunctionState, node: ast.Assign) -> tuple[ir.Statement, ...]:
    """`target = value`, to one name or several: values are evaluated first, then stored from left to right."""
    value = operand(state, node.value)
    if len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple | ast.List):
        return _store(state, node.targets[0], value, node.value)
    before, kept = _kept(state, value)
    if len(node.targets) == 1 and isinstance(kept, TupleValue):
        copies, kept = _apart(state, node.targets[0], kept)
        before = (*before, *copies)
    stores = [store for target in node.targets for store in _unpacked(state, target, kept, node)]
    return (*before, *stores)


def assign_target(state: FunctionState, target: ast.expr, value: Operand, node: ast.expr) -> tuple[ir.Statement, ...]:
    """Give one name or several a value that has been evaluated; `node` is where it came from."""
    return _unpacked(state, target, value, ast.copy_location(ast.Assign([target], node), node))


def _kept(state: FunctionState, value: Operand) -> tuple[tuple[ir.Statement, ...], Operand]:
    """A value that stays what it is while names are assigned."""
    if isinstance(value, TupleValue):
        return kept_tuple(state, value)
    if not isinstance(value, ir.Expression) or isinstance(value, ir.Constant):
        return (), value
    assign, read = state.kept(value)
    return (assign,), read


def _apart(
    state: FunctionState, target: ast.expr, value: TupleValue, *, first: bool = True
) -> tuple[tuple[ir.Statement, ...], TupleValue]:
    """Structs and arrays that are stored behind others: copies, since `a.x, a.y = a.y, a.x` would overwrite them."""
    if not isinstance(target, ast.Tuple | ast.List) or len(target.elts) != len(value.items):
        return (), value
    copies: list[ir.Statement] = []
    items: list[Operand] = []
    inner: tuple[ir.Statement, ...]
    own: Operand
    for each, item in zip(target.elts, value.items, strict=True):
        if isinstance(item, TupleValue):
            inner, own = _apart(state, each, item, first=first)
        elif not first and isinstance(each, ast.Attribute | ast.Subscript) and isinstance(item, ir.LocalRead):
            inner, own = _own(state, item)
        else:
            inner, own = (), item
        copies += inner
        items.append(own)
        first = False
    return tuple(copies), TupleValue(value.location, value.before, tuple(items))


def _own(state: FunctionState, read: ir.LocalRead) -> tuple[tuple[ir.Statement, ...], ir.Expression]:
    """A copy of a struct or an array, in memory of the program's own; of anything else the value itself."""
    of = read.type.of if isinstance(read.type, OptionalType) else read.type
    if not isinstance(of, PlaceType) or of.is_scalar:
        return (), read
    copy = own_copy(state, unwrapped(read))
    return copy.before, copy.value


def _unpacked(state: FunctionState, target: ast.expr, value: Operand, node: ast.Assign) -> tuple[ir.Statement, ...]:
    if not isinstance(target, ast.Tuple | ast.List):
        return _store(state, target, value, node.value)
    items = _items(value)
    for each in target.elts:
        if isinstance(each, ast.Starred):
            raise _no_target(state, each)
    if items is None or len(items) != len(target.elts):
        count = "one value" if items is None else f"{len(items)} value{'s' * (len(items) != 1)}"
        raise error(
            "as many values as names",
            state.at(target),
            found=f"{len(target.elts)} names for {count}",
            expected=f"{len(target.elts)} values" if items is not None else "a tuple",
            fix="write as many on both sides",
        )
    return tuple(
        store for each, item in zip(target.elts, items, strict=True) for store in _unpacked(state, each, item, node)
    )


def _items(value: Operand) -> list[Operand] | None:
    """The values of a tuple; None for one value."""
    if isinstance(value, TupleValue):
        return list(value.items)
    if isinstance(value, Static) and isinstance(value.value, tuple | list | range):
        return elements_of(value)
    return None


def _store(state: FunctionState, target: ast.expr, value: Operand, node: ast.expr) -> tuple[ir.Statement, ...]:
    match target:
        case ast.Name():
            return _store_name(state, target, value, node)
        case ast.Attribute() | ast.Subscript() if (field := context_target(state, target)) is not None:
            return context_store(field, value, target, state.at(target))
        case ast.Attribute():
            return stored(state, _place(state, target), value, state.at(target), _role(target))
        case ast.Subscript():
            return _store_item(state, target, value)
        case _:
            raise _no_target(state, target)


def _role(target: ast.expr) -> str:
    return "the place" if isinstance(target, ast.Attribute) and target.attr == "value" else ast.unparse(target)


def _no_target(state: FunctionState, target: ast.expr) -> Exception:
    names: dict[type[ast.expr], str] = {
        ast.Tuple: "several names at once",
        ast.List: "several names at once",
        ast.Starred: "an unpacking (*)",
    }
    what = names.get(type(target), type(target).__name__)
    return error(
        f"kernel code cannot assign to {what}",
        state.at(target),
        found=what,
        expected="a local, a field, an element, or the `.value` of a looked-up number",
        fix="assign to a name",
    )


def _store_item(state: FunctionState, target: ast.Subscript, value: Operand) -> tuple[ir.Statement, ...]:
    """`array[i] = value` and `m[key] = value`."""
    base = operand(state, target.value)
    location = state.at(target)
    map_ = map_of(state, base)
    if map_ is not None:
        return map_store(state, map_, target, value)
    return stored(state, _element(state, base, target), value, location, _role(target))


def _element(state: FunctionState, base: Operand, target: ast.Subscript) -> ir.Expression:
    place = place_of_subscript(state, base, target) if isinstance(base, ir.Expression) else None
    if place is not None:
        check_changeable(place, target, state.at(target))
        return place
    raise error(
        "kernel code cannot assign to a subscript of this",
        state.at(target),
        found=ast.unparse(target),
        expected="an element of an array, or of a map",
        fix="keep what programs write in a map",
    )


def _store_name(state: FunctionState, target: ast.Name, value: Operand, node: ast.expr) -> tuple[ir.Statement, ...]:
    if isinstance(value, TupleValue | Static | NestedFunction) and _is_known(state, target.id, value):
        return _bind_known(state, target, value)
    found = one_value(state, value, node)
    if target.id in state.bound:
        raise error(
            f"{target.id!r} would have to hold values of two kinds",
            state.at(target),
            found=f"{found.type} here, something known while compiling before",
            expected="one kind of value",
            fix="use another name for the second one",
        )
    return (_store_local(state, target, found),)


def _is_known(state: FunctionState, name: str, value: Operand) -> bool:
    """Whether a name can simply stand for the value: a tuple, or an object that is no number, assigned once."""
    if name not in state.own or name in state.locals:
        return False
    if isinstance(value, Static):
        return not isinstance(value.value, int | float | complex | str | type(None) | type(...))
    return True


def _bind_known(state: FunctionState, target: ast.Name, value: Operand) -> tuple[ir.Statement, ...]:
    counted = sum(
        isinstance(part, ast.Name) and part.id == target.id and isinstance(part.ctx, ast.Store)
        for part in ast.walk(state.source.definition)
    )
    if counted != 1:
        raise error(
            f"{target.id!r} is assigned more than once",
            state.at(target),
            found="a tuple or an object that is no number, beside another value of that name",
            expected="one assignment of that name",
            fix="use a name for each",
        )
    before: tuple[ir.Statement, ...] = ()
    if isinstance(value, TupleValue):
        before, value = kept_tuple(state, value)
    state.bound[target.id] = value
    return before


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
    if isinstance(node.annotation, ast.BinOp | ast.Subscript):
        return _reference(state, node, node.target)
    annotation = _annotation(state, node.annotation)
    storage = annotation if is_integer(annotation) else getattr(annotation, "storage", None)
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
    if wanted is not None and not same(value.type, wanted):
        raise error(
            f"{name!r} is declared as {wanted}",
            value.location,
            found=str(value.type),
            expected=str(wanted),
            fix="store what it is declared as, or leave the annotation out",
        )
    return _store(state, node.target, value, node.value)


def _reference(state: FunctionState, node: ast.AnnAssign, target: ast.Name) -> tuple[ir.Statement, ...]:
    """`flow: Flow | None = ...` and `count: Ref[u32] = ...`."""
    wanted = annotation_of(state, node.annotation)
    if wanted is None or wanted.exact is None:
        raise _no_type(state, node.annotation)
    if node.value is None:
        return ()
    value = converted(wanted, expression(state, node.value), repr(target.id))
    return _store(state, target, value, node.value)


def _annotation(state: FunctionState, node: ast.expr) -> type:
    """What a local is annotated with: a width, which stores wrap at, or int, bool or an IntEnum, which keep values."""
    found = operand(state, node if not isinstance(node, ast.Constant) else parsed(node) or node)
    if isinstance(found, Static) and isinstance(found.value, type):
        of = found.value
        if is_integer(of) or is_big_endian(of) or of in (int, bool) or issubclass(of, IntEnum):
            return of
        if isinstance(layout_of(of), StructLayout):
            return of
    raise _no_type(state, node)


def _no_type(state: FunctionState, node: ast.expr) -> Exception:
    return error(
        "a local is annotated with an integer's width",
        state.at(node),
        found=ast.unparse(node),
        expected="one of u8 to i64, be16 to be64, int, bool, an IntEnum, a struct, `Struct | None`, or Ref[...]",
        fix="use one of these, or leave the annotation out",
    )


def _exact_type(annotation: type) -> ValueType | None:
    """The one type that a local annotated with bool or an enum takes."""
    if annotation is bool:
        return ir.BOOL
    layout = layout_of(annotation)
    if isinstance(layout, StructLayout):
        return PlaceType(layout)
    return EnumType(annotation) if issubclass(annotation, IntEnum) else None


def _augmented(state: FunctionState, node: ast.AugAssign) -> tuple[ir.Statement, ...]:
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
        value = binary(operator, before, expression(state, node.value), location)
        return (_store_local(state, node.target, value),)
    if (field := context_target(state, node.target)) is not None:
        value = binary(
            operator, read_target(state, field, state.at(node.target)), expression(state, node.value), location
        )
        return context_store(field, value, node.target, location)
    place = _place(state, node.target) if isinstance(node.target, ast.Attribute) else _item_place(state, node.target)
    right = expression(state, node.value)
    first, again = _twice(state, place, assigned((ir.Evaluate(location, right),)))
    value = binary(operator, loaded(again, state.at(node.target)), right, location)
    return (*first, *stored(state, again, value, location, _role(node.target)))


def _item_place(state: FunctionState, target: ast.Subscript) -> ir.Expression:
    base = operand(state, target.value)
    map_ = map_of(state, base)
    if map_ is not None:
        return map_item(state, map_, target)
    return _element(state, base, target)


def _twice(
    state: FunctionState, place: ir.Expression, changed: tuple[ir.Local, ...]
) -> tuple[tuple[ir.Statement, ...], ir.Expression]:
    """A place that is found once and used twice, although some locals are assigned in between."""
    name = place.operand if isinstance(place, ir.Unwrap) else place
    if isinstance(name, ir.LocalRead) and name.local not in changed:
        return (), place
    if isinstance(place, ir.Field):
        first, base = _twice(state, place.base, changed)
        return first, ir.Field(place.type, place.location, base, place.field)
    assign, read = state.kept(place)
    return (assign,), read


def _place(state: FunctionState, node: ast.Attribute) -> ir.Expression:
    """The place that an attribute names, to be stored to."""
    base = operand(state, node.value)
    location = state.at(node)
    if isinstance(base, Static) and isinstance(base.value, Variable):
        return global_place(state, base, node.attr, location)
    if isinstance(base, Static) and isinstance(layout_of(type(base.value)), StructLayout):
        raise error(
            f"{ast.unparse(node.value)} is a constant in kernel code",
            location,
            found=f"an assignment to {ast.unparse(node)}",
            expected="a struct of the program's own, or in a map",
            fix=f"make a new one: `{type(base.value).__name__}(...)`",
        )
    if isinstance(base, Static):
        what = "a map" if isinstance(base.value, Map) else f"{ast.unparse(node.value)}"
        raise error(
            f"kernel code cannot assign to an attribute of {what}",
            location,
            found=f"an assignment to {ast.unparse(node)}",
            expected="the `.value` of a looked-up number",
            fix="keep what programs write in a map's value",
        )
    if not isinstance(base, ir.Expression):
        base = one_value(state, base, node.value)
    place = place_of_attribute(base, node.attr, location)
    if place is not None:
        check_changeable(place, node, location)
        return place
    of = base.type.of if isinstance(base.type, OptionalType) else base.type
    layout = of.layout if isinstance(of, PlaceType) else None
    if isinstance(layout, StructLayout):
        raise no_attribute(base.type, node.attr, location)
    if is_object(base.type):
        raise error(
            f"kernel code cannot change a {str(base.type).removesuffix(' | None')}",
            location,
            found=f"an assignment to {ast.unparse(node)}",
            expected="fields that are read",
            fix="call a helper that changes it, such as setsockopt, or keep the value in a local",
        )
    raise error(
        f"{base.type} has no attribute {node.attr!r} to assign to",
        location,
        found=f"an assignment to {ast.unparse(node)}",
        expected="the `.value` of a looked-up number",
        fix=f"assign to `{ast.unparse(node.value)}` itself",
    )


def _is_integer(value: ir.Constant) -> bool:
    return isinstance(value.type, IntType)


def _return(state: FunctionState, node: ast.Return) -> ir.Statement:
    location = state.at(node)
    expected = state.returns
    if not isinstance(expected, EnumType):
        return _return_number(state, node, location)
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
    if not same(value.type, expected):
        fix = f"write {example}, or another member"
        if isinstance(value, ir.Constant) and _is_integer(value) and value.value in list(expected.of):
            fix = f"write {expected}.{expected.of(value.value).name}"
        found = (
            f"the integer {value.value}" if isinstance(value, ir.Constant) and _is_integer(value) else str(value.type)
        )
        raise error(f"the program returns {expected}", value.location, found=found, expected=str(expected), fix=fix)
    state.environment = state.environment.unreachable()
    return ir.Return(location, value)


def _return_number(state: FunctionState, node: ast.Return, location: Location) -> ir.Statement:
    """A return of a program whose result is an int, or nothing: 0 then."""
    context = state.context.type
    assert isinstance(context, ContextType)
    kind = KINDS[context.kind]
    nothing = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    if isinstance(state.returns, NoneType) is not nothing:
        expected = "nothing" if isinstance(state.returns, NoneType) else "an int"
        raise error(
            f"the program returns {expected}",
            location,
            found=ast.unparse(node),
            expected="return without a value" if expected == "nothing" else "return with an integer",
            fix="annotate it `-> int`, or leave the value out" if expected == "nothing" else "write `return 0`",
        )
    value = constant(0, location) if nothing or node.value is None else expression(state, node.value)
    checked_result(kind.name, kind.results, value)
    state.environment = state.environment.unreachable()
    return ir.Return(location, value)
