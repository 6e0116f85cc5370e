"""Functions of their own: `@func(inline=False)` and `@func(global_=True)`. They are translated once for a program.

What such a function takes and gives is said by its annotations: it is not translated for each call.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.fingerprint import describe
from osmia.compiler.frontend.annotations import Annotation, annotation, converted
from osmia.compiler.frontend.calls import bound_arguments, call_arguments, check_recursion, defaults_of, written_body
from osmia.compiler.frontend.environment import Environment
from osmia.compiler.frontend.function import Call, FunctionState, Static, TupleValue
from osmia.compiler.frontend.operators import value_of
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    I64_HIGH,
    I64_LOW,
    BoolType,
    ContextType,
    EnumType,
    IntType,
    PacketType,
    PlaceType,
    ValueType,
    is_number,
    joined,
    storage_type,
)
from osmia.compiler.ir.walk import assigned, nodes
from osmia.compiler.source import FunctionSource, function_source
from osmia.contexts.packet import Packet

if TYPE_CHECKING:
    import ast

    from osmia.compiler.frontend.function import Operand
    from osmia.compiler.location import Location
    from osmia.functions import Function

# Registers that arguments are passed in; more go through the caller's memory, which a global function cannot read.
MOST_OF_GLOBAL = 5


def call_subprogram(state: FunctionState, function: Static, node: ast.Call, declared: Function[..., object]) -> Operand:
    """A call of a function of its own."""
    of = function.value
    assert isinstance(of, FunctionType)
    location = state.at(node)
    source = function_source(of)
    check_recursion(state, of.__name__, of.__code__, location)
    made = state.program.functions.get(of.__code__)
    if made is None:
        made = _translated(state, function, of, source, declared)
    given = bound_arguments(
        source.definition,
        of.__name__,
        call_arguments(state, node),
        defaults_of(state, of, function.path, source),
        location,
    )
    inside = _signature_state(state, function, source, of)
    before: list[ir.Statement] = []
    values: dict[str, ir.Expression] = {}
    for parameter, operand in given:
        value = _argument(inside, parameter, operand, of.__name__, location)
        if value is None:
            continue
        if not isinstance(value, ir.Constant):  # evaluated in the order of the call, passed in the order of parameters
            assign, value = state.kept(value, location)
            before.append(assign)
        values[parameter.arg] = value
    ordered = tuple(values[local.name] for local in made.parameters)
    results = tuple(state.hidden(result.type) for result in made.results)
    before.append(ir.CallFunction(location, made, ordered, results))
    reads = tuple(ir.LocalRead(local.type, location, local) for local in results)
    if not reads:
        return ir.Sequence(ir.NONE, location, tuple(before), ir.Constant(ir.NONE, location, 0))
    if len(reads) > 1:
        return TupleValue(location, tuple(before), reads)
    return ir.Sequence(reads[0].type, location, tuple(before), reads[0])


def _argument(
    inside: FunctionState, parameter: ast.arg, operand: Operand, name: str, location: Location
) -> ir.Expression | None:
    """An argument as its parameter takes it; None for the context, which every function that reads it is given."""
    if isinstance(operand, Static):
        operand = value_of(operand)
    if not isinstance(operand, ir.Expression):
        raise error(
            f"{name} is a function of its own and takes numbers and references",
            location,
            found=f"a tuple or a function for {parameter.arg!r}",
            expected="a number, or a struct, an array or a number in memory",
            fix="leave inline=False out: what is written out where it is called takes everything",
        )
    if isinstance(operand.type, PacketType) and operand.type.meta:
        raise error(
            f"{name} is a function of its own and takes the packet itself",
            location,
            found=f"the metadata for {parameter.arg!r}",
            expected="ctx.packet",
            fix="give it the context, and write `ctx.meta` in it",
        )
    if isinstance(operand.type, ContextType | PacketType):
        return None
    wanted = _parameter(inside, parameter, name)
    role = f"the parameter {parameter.arg!r} of {name}"
    return converted(Annotation(wanted.text, wanted.width, wanted.exact), operand, role)


def _signature_state(state: FunctionState, function: Static, source: FunctionSource, of: FunctionType) -> FunctionState:
    """Where the annotations of a function are looked up."""
    call = Call(ir.Frame(of.__name__), of.__name__, None, [], several=False, ends=[], reached=True)
    own = frozenset((*of.__code__.co_varnames, *of.__code__.co_cellvars))
    return FunctionState(
        state.unit, state.program, function.path, source, state.returns, own, None, call, {}, {}, {}, []
    )


def _parameter(inside: FunctionState, parameter: ast.arg, name: str) -> Annotation:
    wanted = annotation(inside, parameter.annotation)
    if wanted is not None and (wanted.width is not None or isinstance(wanted.exact, PlaceType | EnumType | BoolType)):
        return wanted
    if wanted is not None and wanted.text == "int":
        return wanted
    raise error(
        f"the parameter {parameter.arg!r} of {name} has no type that a function of its own can take",
        inside.at(parameter),
        found=f"the annotation {wanted.text}" if wanted is not None else "no annotation",
        expected="u8 to i64, int, bool, an IntEnum, a struct, or Ref[...]",
        fix="annotate it, or leave inline=False out",
    )


def _translated(
    state: FunctionState, function: Static, of: FunctionType, source: FunctionSource, declared: Function[..., object]
) -> ir.Function:
    """The function, translated by its annotations."""
    state.unit.reads[function.path] = describe(of)
    state.unit.files[source.file.path] = source.file
    program = state.program
    made = ir.Function(_symbol(state, of.__name__), source.header(), source.file, global_=declared.global_)
    inside = _signature_state(state, function, source, of)
    assert inside.call is not None
    inside.call.returns = annotation(inside, source.definition.returns)
    outside, program.environment = program.environment, Environment({}, {})
    made.parameters = tuple(_declare(inside, source.definition, of.__name__))
    if made.global_ and len(made.parameters) > MOST_OF_GLOBAL - 2:
        raise error(
            f"{of.__name__} takes too many arguments for a global function",
            source.header(),
            found=f"{len(made.parameters)} parameters",
            expected=f"at most {MOST_OF_GLOBAL - 2}, beside the context and the results",
            fix="put them into a struct, or leave global_=True out",
        )
    program.calls.append((of.__name__, of.__code__))
    body = written_body(inside, source.definition)
    program.calls.pop()
    program.environment = outside
    made.results = _results(inside, source)
    made.body = (ir.Inlined(source.header(), inside.call.frame, (), body),)
    made.locals = assigned(body)
    made.uses_context = _uses_context(body, program.context)
    program.functions[of.__code__] = made
    return made


def _symbol(state: FunctionState, name: str) -> str:
    taken = {function.name for function in state.program.functions.values()}
    symbol = f"{state.program.name}__{name}"
    return symbol if symbol not in taken else f"{symbol}_{len(taken)}"


def _declare(inside: FunctionState, definition: ast.FunctionDef, name: str) -> list[ir.Local]:
    """The parameters as locals; the context and the packet stand for themselves."""
    arguments = definition.args
    made = []
    for parameter in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        given = annotation(inside, parameter.annotation)
        known = _context_value(inside, given)
        if known is not None:
            inside.bound[parameter.arg] = known
            continue
        wanted = _parameter(inside, parameter, name)
        of: ValueType = wanted.exact or IntType(I64_LOW, I64_HIGH)
        if wanted.width is not None:
            of = storage_type(wanted.width)
            inside.declared[parameter.arg] = wanted.width
        made.append(inside.assign(parameter.arg, of, inside.at(parameter)))
    return made


def _context_value(inside: FunctionState, given: Annotation | None) -> ir.Expression | None:
    """What a parameter stands for that is annotated with the context's class or `Packet`."""
    context = inside.context
    assert isinstance(context.type, ContextType)
    if given is None:
        return None
    location = inside.source.header()
    if given.text.rpartition(".")[2] == context.type.context.__name__:
        return ir.LocalRead(context.type, location, context)
    if given.text.rpartition(".")[2] == Packet.__name__:
        return ir.LocalRead(PacketType(context.type), location, context)
    return None


def _results(inside: FunctionState, source: FunctionSource) -> tuple[ir.Local, ...]:
    """What the function gives. References end with it or belong to the caller: numbers alone are given."""
    call = inside.call
    assert call is not None
    results = []
    for index, result in enumerate(call.results):
        types = [end.types[result] for end in call.ends if result in end.types]
        of: ValueType | None = types[0] if types else None
        for other in types[1:]:
            of = None if of is None else joined(of, other)
        if of == ir.NONE and len(call.results) == 1:
            return ()
        if of is None or not is_number(of):
            raise error(
                f"{call.name} is a function of its own and gives numbers",
                source.header(),
                found=f"{of or 'values of two kinds'} as result {index + 1}",
                expected="numbers, bools or members of an enum, or a tuple of these",
                fix="leave inline=False out, or store the result in a struct that the caller passes",
            )
        result.type = of
        results.append(result)
    return tuple(results)


def _uses_context(body: tuple[ir.Statement, ...], context: ir.Local) -> bool:
    for each in nodes(body):
        if isinstance(each, ir.ContextRead | ir.ContextStore | ir.PacketAt | ir.PacketLength) or (
            isinstance(each, ir.LocalRead) and each.local is context
        ):
            return True
        if isinstance(each, ir.CallFunction) and each.function.uses_context:
            return True
    return False
