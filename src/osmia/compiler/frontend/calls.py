"""Calls of functions: each is written out where it stands, with its own locals and its own error places.

Types follow the flow into the function and out of it again, so one function serves every type that it is called with.
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
from pathlib import Path as FilePath
from types import FunctionType
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.fingerprint import describe
from osmia.compiler.frontend.annotations import Annotation, annotation, converted
from osmia.compiler.frontend.environment import merged
from osmia.compiler.frontend.function import Bound, Call, FunctionState, NestedFunction, Static, TupleValue
from osmia.compiler.frontend.hiding import check_hiding
from osmia.compiler.frontend.operators import value_of
from osmia.compiler.frontend.refused import MODULES
from osmia.compiler.frontend.stores import check_store
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType, NoneType, PacketType, ValueType, is_number, joined
from osmia.compiler.ir.walk import assigned
from osmia.compiler.source import FunctionSource, function_source
from osmia.errors import CompileError

LIBRARY = str(FilePath(os.__file__).parent) + os.sep

if TYPE_CHECKING:
    from osmia.compiler.fingerprint import Path
    from osmia.compiler.frontend.function import Operand
    from osmia.compiler.location import Location

# Calls in calls: more than this many levels is a recursion that the names hide, or a program no one can read.
DEEPEST_CALL = 64

Definition = ast.FunctionDef | ast.Lambda
Callee = NestedFunction | Bound | Static
Arguments = list[tuple[str | None, "Operand"]]


def call_function(state: FunctionState, function: Static, node: ast.Call) -> Operand:
    """Write out a call of a function that is no program."""
    return _call_object(state, function, node, call_arguments(state, node))


def call_method(state: FunctionState, method: Bound, node: ast.Call) -> Operand:
    """Write out a call of a method of a struct."""
    arguments: Arguments = [(None, method.itself), *call_arguments(state, node)]
    return _call_object(state, method.function, node, arguments)


def read_property(state: FunctionState, method: Bound, node: ast.Attribute) -> Operand:
    """Write out what a property of a struct is made of."""
    return _call_object(state, method.function, node, [(None, method.itself)])


def call_with(state: FunctionState, function: Callee, node: ast.expr, arguments: Arguments) -> Operand:
    """Write out a call with arguments that have been translated already."""
    match function:
        case NestedFunction():
            return call_nested_with(state, function, node, arguments)
        case Bound(function=method, itself=itself):
            return _call_object(state, method, node, [(None, itself), *arguments])
        case Static():
            return _call_object(state, function, node, arguments)


def call_nested(state: FunctionState, function: NestedFunction, node: ast.Call) -> Operand:
    """Write out a call of a function or lambda that stands in a function of the kernel's."""
    return call_nested_with(state, function, node, call_arguments(state, node))


def call_nested_with(state: FunctionState, function: NestedFunction, node: ast.expr, arguments: Arguments) -> Operand:
    """The same, with arguments that have been translated already."""
    around = function.around
    name = function.node.name if isinstance(function.node, ast.FunctionDef) else "a lambda"
    inside = _state(state, around.source, around.path, function.node, name, around)
    defaults = _nested_defaults(around, function.node.args)
    return _written_out(state, inside, function.node, node, name, function.node, arguments, defaults)


def _call_object(state: FunctionState, function: Static, node: ast.expr, arguments: Arguments) -> Operand:
    of = function.value
    assert isinstance(of, FunctionType)
    _check_callable(of, state.at(node))
    source = function_source(of)
    state.unit.reads[function.path] = describe(of)
    state.unit.files[source.file.path] = source.file
    inside = _state(state, source, function.path, source.definition, of.__name__, None)
    inside.own = frozenset((*of.__code__.co_varnames, *of.__code__.co_cellvars))
    defaults = defaults_of(state, of, function.path, source)
    return _written_out(state, inside, source.definition, node, of.__name__, of.__code__, arguments, defaults)


def _check_callable(of: FunctionType, location: Location) -> None:
    if of.__code__.co_name == "<lambda>":
        raise error(
            "kernel code cannot call a lambda that stands outside of it",
            location,
            found=f"a lambda of {of.__module__}",
            expected="a function",
            fix="write it as `def name(...):`, or put the lambda into the function that calls it",
        )
    if of.__code__.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_GENERATOR):
        raise error(
            f"{of.__name__} does not run when it is called",
            location,
            found="a coroutine or a generator",
            expected="a plain function",
            fix="write it without async and yield",
        )


def _state(
    caller: FunctionState,
    source: FunctionSource,
    path: int | Path,
    definition: Definition,
    name: str,
    around: FunctionState | None,
) -> FunctionState:
    call = Call(ir.Frame(name), name, None, [], several=False, ends=[], reached=caller.environment.reachable)
    own = own_names(definition)
    return FunctionState(caller.unit, caller.program, path, source, caller.returns, own, around, call, {}, {}, {}, [])


def own_names(definition: Definition) -> frozenset[str]:
    """The locals and parameters of a function that stands in another: what it assigns and does not declare nonlocal."""
    arguments = definition.args
    names = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    outer: set[str] = set()
    body = definition.body if isinstance(definition.body, list) else [definition.body]
    waiting: list[ast.AST] = list(body)
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Nonlocal | ast.Global):
            outer.update(part.names)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            names.add(part.id)
        if isinstance(part, ast.MatchAs) and part.name is not None:
            names.add(part.name)
        if isinstance(part, ast.FunctionDef):
            names.add(part.name)
        if not isinstance(part, ast.FunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(part))
    return frozenset(names - outer)


def call_arguments(state: FunctionState, node: ast.Call) -> Arguments:
    """The arguments of a call in their order, each with its keyword or None."""
    found: Arguments = []
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            raise error(
                "kernel code cannot unpack arguments",
                state.at(argument),
                found=ast.unparse(argument),
                expected="the arguments one by one",
                fix="write them out",
            )
        found.append((None, state.translate.operand(state, argument)))
    for keyword in node.keywords:
        if keyword.arg is None:
            raise error(
                "kernel code cannot unpack keyword arguments",
                state.at(keyword),
                found=ast.unparse(keyword),
                expected="the arguments one by one",
                fix="write them out",
            )
        found.append((keyword.arg, state.translate.operand(state, keyword.value)))
    return found


def defaults_of(state: FunctionState, of: FunctionType, path: Path, source: FunctionSource) -> dict[str, Static]:
    """The parameters' defaults: objects that Python made when it defined the function."""
    arguments = source.definition.args
    positional = [*arguments.posonlyargs, *arguments.args]
    values = of.__defaults__ or ()
    first = len(positional) - len(values)
    found = {
        positional[first + index].arg: state.read(
            Static(value, ("default", path, index), source.location(positional[first + index]))
        )
        for index, value in enumerate(values)
    }
    for parameter in arguments.kwonlyargs:
        if parameter.arg in (of.__kwdefaults__ or {}):
            value = of.__kwdefaults__[parameter.arg]  # type: ignore[index]
            found[parameter.arg] = state.read(
                Static(value, ("keyword default", path, parameter.arg), source.location(parameter))
            )
    return found


def _nested_defaults(around: FunctionState, arguments: ast.arguments) -> dict[str, Static]:
    """Defaults of a function that stands in another must be constants."""
    positional = [*arguments.posonlyargs, *arguments.args]
    pairs = list(zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True))
    pairs += [(p, d) for p, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
    found = {}
    for parameter, default in pairs:
        value = around.translate.operand(around, default)
        if not isinstance(value, Static):
            raise error(
                "the default of a nested function's parameter is a constant",
                around.at(default),
                found=ast.unparse(default),
                expected="a number that is known when the program is compiled",
                fix="leave the default out: the function sees the names around it",
            )
        found[parameter.arg] = value
    return found


def _written_out(
    state: FunctionState,
    inside: FunctionState,
    definition: Definition,
    node: ast.expr,
    name: str,
    identity: object,
    arguments: Arguments,
    defaults: dict[str, Static],
) -> Operand:
    location = state.at(node)
    check_recursion(state, name, identity, location)
    call = inside.call
    assert call is not None
    if isinstance(definition, ast.FunctionDef):
        call.returns = annotation(inside, definition.returns)
    given = bound_arguments(definition, name, arguments, defaults, location)
    before = [made for parameter, value in given for made in _bind(inside, definition, parameter, value, location)]
    parameters = assigned(tuple(before))
    state.program.calls.append((name, identity))
    try:
        body = written_body(inside, definition)
    except CompileError as problem:
        if _of_library(inside) and not _of_library(state):
            raise _library_function(state, inside, node, name, problem) from None
        problem.called_from(f"{name} is called at {location.file}:{location.line}")
        raise
    state.program.calls.pop()
    return _result(state, inside, call, tuple(before), body, parameters, location)


def _of_library(state: FunctionState) -> bool:
    """Whether the function is one of Python's own library, which nobody changes to suit the kernel."""
    name = str(state.source.function.__module__).partition(".")[0]
    return name in sys.stdlib_module_names and state.source.file.path.startswith(LIBRARY)


def _library_function(
    state: FunctionState, inside: FunctionState, node: ast.expr, name: str, problem: CompileError
) -> CompileError:
    module = inside.source.function.__module__
    return error(
        f"kernel code cannot call {name} of {module}",
        state.at(node),
        found=f"a function of Python's library that cannot be compiled: {problem.problem}",
        expected="a function of numbers and structs, as kernel code can have it",
        fix=MODULES.get(module, "call it in the module: a number that it gives there is a constant here"),
    )


def check_recursion(state: FunctionState, name: str, identity: object, location: Location) -> None:
    """Refuse a function that is being translated already."""
    calls = state.program.calls
    if any(known is identity for _, known in calls) or len(calls) > DEEPEST_CALL:
        way = " -> ".join([*(each for each, _ in calls), name])
        raise error(
            f"{name} calls itself" if calls[-1][1] is identity else f"{name} calls itself through others",
            location,
            found=f"recursion: {way}",
            expected="functions that do not come back to themselves",
            fix="write it as a loop",
        )


def bound_arguments(
    definition: Definition, name: str, given: Arguments, defaults: dict[str, Static], location: Location
) -> list[tuple[ast.arg, Operand]]:
    """Each parameter with its value, in the order in which the values are evaluated."""
    arguments = definition.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if arguments.vararg is not None or arguments.kwarg is not None:
        raise _wrong_call(definition, name, location, "a function with * or ** parameters")
    known = {each.arg: each for each in (*arguments.args, *arguments.kwonlyargs)}
    bound: list[tuple[ast.arg, Operand]] = []
    taken: set[str] = set()
    for index, (keyword, value) in enumerate(given):
        if keyword is None and index >= len(positional):
            count = sum(each is None for each, _ in given)
            raise _wrong_call(definition, name, location, f"{count} positional arguments")
        parameter = positional[index] if keyword is None else known.get(keyword)
        if parameter is None:
            raise _wrong_call(definition, name, location, f"the keyword argument {keyword!r}")
        if parameter.arg in taken:
            raise _wrong_call(definition, name, location, f"two values for {parameter.arg!r}")
        taken.add(parameter.arg)
        bound.append((parameter, value))
    for parameter in (*positional, *arguments.kwonlyargs):
        if parameter.arg in taken:
            continue
        if parameter.arg not in defaults:
            raise _wrong_call(definition, name, location, f"no value for {parameter.arg!r}")
        bound.append((parameter, defaults[parameter.arg]))
    return bound


def _wrong_call(definition: Definition, name: str, location: Location, found: str) -> Exception:
    return error(
        f"{name} is not called like this",
        location,
        found=found,
        expected=f"{name}({ast.unparse(definition.args)})",
        fix="give it these arguments",
    )


def _bind(
    inside: FunctionState, definition: Definition, parameter: ast.arg, value: Operand, location: Location
) -> tuple[ir.Statement, ...]:
    """Make an argument a local of the function, or a name for what is known while compiling."""
    name, at = parameter.arg, inside.at(parameter)
    wanted = annotation(inside, parameter.annotation)
    role = f"the parameter {name!r} of {inside.call.name if inside.call else name}"
    if isinstance(value, Static) and isinstance(value.value, tuple) and wanted is not None and wanted.items is not None:
        value = TupleValue(value.location, (), tuple(elements_of(value)))
    if isinstance(value, TupleValue):
        statements, value = kept_tuple(inside, _converted_items(wanted, value, role))
        inside.bound[name] = value
        return statements
    if isinstance(value, Static) and not _is_number(value):
        if value.value is None and (wanted is None or wanted.exact is not None):
            value = value_of(value)
        else:
            inside.bound[name] = value
            return ()
    if isinstance(value, Static):
        value = value_of(value)
    if not isinstance(value, ir.Expression):
        inside.bound[name] = value
        return ()
    value = converted(wanted, value, role)
    if isinstance(value.type, ContextType | PacketType) or (
        isinstance(value, ir.Constant) and not _assigns(definition, name) and is_number(value.type)
    ):
        inside.bound[name] = value
        return ()
    width = None if wanted is None else wanted.width
    if width is not None:
        check_store(value, width, role)
        inside.declared[name] = width
    local = inside.assign(name, value.type, at)
    return (ir.Assign(location, local, value),)


def elements_of(value: Static, location: Location | None = None) -> list[Operand]:
    """What a constant sequence holds, for a place in the source: where it is named unless `location` says."""
    assert isinstance(value.value, tuple | list | range | bytes)
    at = location or value.location
    return [Static(each, ("element", value.path, index), at) for index, each in enumerate(value.value)]


def _converted_items(wanted: Annotation | None, value: TupleValue, role: str) -> TupleValue:
    """The values of a tuple as an annotation such as `tuple[u8, u16]` wants them."""
    if wanted is None or wanted.items is None:
        return value
    if len(wanted.items) != len(value.items):
        raise error(
            f"{role} is {wanted.text}",
            value.location,
            found=f"a tuple of {len(value.items)}",
            expected=f"{len(wanted.items)} values",
            fix="give as many values as the annotation says",
        )
    items: list[Operand] = []
    for each, item in zip(wanted.items, value.items, strict=True):
        if isinstance(item, TupleValue):
            items.append(_converted_items(each, item, role))
            continue
        number = value_of(item) if isinstance(item, Static) and _is_number(item) else item
        items.append(converted(each, number, role) if isinstance(number, ir.Expression) else number)
    return TupleValue(value.location, value.before, tuple(items))


def _is_number(value: Static) -> bool:
    return isinstance(value.value, int)


def _assigns(definition: Definition, name: str) -> bool:
    """Whether the function may give the parameter another value."""
    return any(
        (isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store | ast.Del))
        or (isinstance(part, ast.MatchAs) and part.name == name)
        for part in ast.walk(definition)
    )


def kept_tuple(state: FunctionState, value: TupleValue) -> tuple[tuple[ir.Statement, ...], TupleValue]:
    """A tuple whose values stay what they are, however often they are read."""
    statements: list[ir.Statement] = list(value.before)
    items: list[Operand] = []
    for item in value.items:
        if isinstance(item, TupleValue):
            inner, kept = kept_tuple(state, item)
            statements += inner
            items.append(kept)
        elif isinstance(item, ir.Expression) and not isinstance(item, ir.Constant):
            assign, read = state.kept(item)
            statements.append(assign)
            items.append(read)
        else:
            items.append(item)
    return tuple(statements), TupleValue(value.location, (), tuple(items))


def written_body(inside: FunctionState, definition: Definition) -> tuple[ir.Statement, ...]:
    """The statements of a function, which all end by leaving the call."""
    check_hiding(inside, definition)
    if isinstance(definition, ast.Lambda):
        return return_from_call(inside, definition.body, inside.at(definition.body))
    body = inside.translate.block(inside, definition.body)
    if inside.environment.reachable:
        body += return_from_call(inside, None, inside.at(definition.body[-1]))
    return body


def return_from_call(state: FunctionState, node: ast.expr | None, location: Location) -> tuple[ir.Statement, ...]:
    """`return value` in a function that is written out: its results are stored, and it is left."""
    call = state.call
    assert call is not None
    value: Operand = Static(None, ("constant",), location) if node is None else state.translate.operand(state, node)
    before: tuple[ir.Statement, ...] = ()
    items: list[Operand] = [value]
    several = True
    match value:
        case TupleValue():
            before, items = value.before, list(value.items)
        case Static(value=tuple()):
            items = elements_of(value, location)
        case _:
            several = False
    values = [_returned(call, index, item, len(items), several, location) for index, item in enumerate(items)]
    if not call.ends:
        call.results, call.several = [state.hidden(each.type) for each in values], several
    elif call.several is not several or len(values) != len(call.results):
        raise error(
            f"{call.name} returns different things on different ways",
            location,
            found=_count(several, len(values)),
            expected=f"{_count(call.several, len(call.results))}, as in the return before",
            fix="return as many values everywhere",
        )
    kept: list[ir.Statement] = []
    if len(values) > 1:
        pairs = [state.kept(each) for each in values]
        kept, values = [assign for assign, _ in pairs], [read for _, read in pairs]
    for result, each in zip(call.results, values, strict=True):
        _check_kinds(call, result, each)
        result.type = joined(result.type, each.type) or result.type
        state.environment.assign(result, each.type)
        kept.append(ir.Assign(location, result, each))
    call.ends.append(state.environment)
    state.environment = state.environment.unreachable()
    return (*before, *kept, ir.Leave(location, call.frame))


def _count(several: bool, count: int) -> str:
    return f"a tuple of {count}" if several else "one value"


def _check_kinds(call: Call, result: ir.Local, value: ir.Expression) -> None:
    if is_number(result.type) is is_number(value.type):
        return
    none = isinstance(value.type, NoneType) or isinstance(result.type, NoneType)
    raise error(
        f"{call.name} returns different things on different ways",
        value.location,
        found=f"{value.type} here, {result.type} before",
        expected="a number on every way" if is_number(result.type) else f"{result.type} on every way",
        fix="return a number on every way" if none else "return the same kind of value everywhere",
    )


def _returned(call: Call, index: int, item: Operand, count: int, several: bool, location: Location) -> ir.Expression:
    wanted: Annotation | None = call.returns
    if wanted is not None and several:
        if wanted.items is not None and len(wanted.items) != count:
            raise error(
                f"{call.name} returns {wanted.text}",
                location,
                found=f"a tuple of {count}",
                expected=f"{len(wanted.items)} values",
                fix="return as many values as the annotation says",
            )
        wanted = wanted.items[index] if wanted.items is not None else None
    if isinstance(item, Static):
        item = value_of(item)
    if not isinstance(item, ir.Expression):
        raise error(
            f"{call.name} returns what is no value in kernel code",
            location,
            found="a tuple in a tuple" if isinstance(item, TupleValue) else "a function",
            expected="numbers, or references to what lies in memory",
            fix="return the values one by one",
        )
    return converted(wanted, item, f"the result of {call.name}")


def _result(
    state: FunctionState,
    inside: FunctionState,
    call: Call,
    before: tuple[ir.Statement, ...],
    body: tuple[ir.Statement, ...],
    parameters: tuple[ir.Local, ...],
    location: Location,
) -> Operand:
    """What the call stands for: its statements, then the results."""
    if call.ends:
        state.environment = merged(*call.ends)
    types: list[ValueType] = []
    for result in call.results:
        types.append(inside.type_of(result, location))
        result.type = types[-1]
    _forget(state, (*parameters, *assigned(body)), inside)
    own = tuple(local for local in assigned(body) if local not in parameters and local not in call.results)
    mine = tuple(local for local in own if local in inside.locals.values() or local.name.startswith("."))
    known = tuple((name, each) for name, each in inside.bound.items() if isinstance(each, ir.Constant))
    written = (*before, ir.Inlined(location, call.frame, mine, body, parameters, known))
    if not call.ends:
        # Every way through it takes the error edge or never ends: there is no result to read.
        return ir.Sequence(NoneType(), location, written, ir.Constant(NoneType(), location, 0))
    values = tuple(
        ir.Constant(of, location, 0) if isinstance(of, NoneType) else ir.LocalRead(of, location, result)
        for of, result in zip(types, call.results, strict=True)
    )
    if call.several:
        return TupleValue(location, written, values)
    return ir.Sequence(values[0].type, location, written, values[0])


def _forget(state: FunctionState, locals_: tuple[ir.Local, ...], inside: FunctionState) -> None:
    """The function's own locals end with it."""
    for local in locals_:
        if local in inside.locals.values() or local.name.startswith("."):
            state.environment.types.pop(local, None)
            state.environment.conflicts.pop(local, None)
