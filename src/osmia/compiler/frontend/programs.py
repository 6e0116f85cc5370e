"""A program: its signature, and the rounds in which its locals find their types."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.fingerprint import MISSING, describe
from osmia.compiler.frontend.arguments import take_arguments, tracepoint_context
from osmia.compiler.frontend.environment import Environment
from osmia.compiler.frontend.expressions import condition, expression, operand
from osmia.compiler.frontend.function import FunctionState, ProgramState, Static, Translator, UnitState
from osmia.compiler.frontend.hiding import check_hiding
from osmia.compiler.frontend.operators import constant
from osmia.compiler.frontend.statements import assign_target, block
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType, EnumType, IntType, NoneType
from osmia.compiler.ir.walk import assigned, program_nodes
from osmia.compiler.source import FunctionSource, function_source
from osmia.logs.ring import LOG_RING
from osmia.maps.declaration import RESERVED
from osmia.maps.losses import PREFIX, Losses

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.compiler import ProgramRequest
    from osmia.compiler.ir.types import ValueType
    from osmia.compiler.location import Location
    from osmia.kinds import Kind


# What the compiler calls its own maps and texts begins with these.
OWN = ("osmia_log", "osmia_scratch", "osmia_text", PREFIX)


def translate(requests: tuple[ProgramRequest, ...]) -> tuple[ir.Unit, UnitState]:
    """The IR of programs that are loaded together, and what the compiler read for it."""
    state = UnitState(
        Translator(operand, expression, condition, block, assign_target), {}, {}, {}, {}, {}, [], {}, {}, {}, {}
    )
    programs = [_program(state, index, request) for index, request in enumerate(requests)]
    _check_names(programs, state)
    licenses = {request.license for request in requests}
    if len(licenses) > 1:
        raise error(
            "programs that are loaded together have one licence",
            programs[1].location,
            found=" and ".join(repr(one) for one in sorted(licenses)),
            expected="one LICENSE",
            fix="give their modules the same LICENSE, or load them apart",
        )
    return ir.Unit(
        programs,
        list(state.maps.values()),
        licenses.pop(),
        state.files,
        state.globals,
        state.settings,
        _scratch(programs),
        [],
    ), state


def _scratch(programs: list[ir.Program]) -> list[ir.MapReference]:
    """The scratch maps that are in use: what is translated more than once, such as loops, asks for more."""
    found = [
        each.map for p in programs for each in program_nodes(p) if isinstance(each, ir.MapLookup) and each.map.scratch
    ]
    return list({reference.symbol: reference for reference in found}.values())


def _check_names(programs: list[ir.Program], state: UnitState) -> None:
    symbols = {each.symbol: "a map" for each in state.maps.values() if each.declaration is not LOG_RING}
    for kind, names in (("a global", state.globals), ("a setting", state.settings)):
        for name in names:
            if symbols.setdefault(name, kind) != kind:
                raise error(
                    f"the name {name!r} is used twice in one object",
                    programs[0].location,
                    found=f"{symbols[name]} of that name beside {kind}",
                    expected="one name for each of what is loaded together",
                    fix="rename one of them, or give it name=",
                )
    for name, kind in symbols.items():
        if name == RESERVED or (name.startswith(OWN) and not isinstance(state.globals.get(name), Losses)):
            raise error(
                f"the name {name!r} is the compiler's own",
                programs[0].location,
                found=f"{kind} of that name",
                expected=f"a name other than {RESERVED}, {', '.join(f'{each}...' for each in OWN)}",
                fix="rename it, or give it name=",
            )
    for program in programs:
        taken = symbols.setdefault(program.name, "a program")
        if taken != "a program" or sum(other.name == program.name for other in programs) > 1:
            raise error(
                f"the name {program.name!r} is used twice in one object",
                program.location,
                found=f"{taken} of that name beside this program",
                expected="one name for each program and map of what is loaded together",
                fix="rename one of them, or give it name=",
            )


def _program(unit: UnitState, index: int, request: ProgramRequest) -> ir.Program:
    source = function_source(request.function)
    unit.reads["global", index, "LICENSE"] = describe(request.function.__globals__.get("LICENSE", MISSING))
    context, returns = _signature(unit, index, source, request)
    unit.files[source.file.path] = source.file
    state = _state(unit, index, source, context, request.name, returns)
    check_hiding(state, source.definition)
    arguments, types = take_arguments(state, _parameters(source)[1:])
    body = (*arguments, *block(state, source.definition.body))
    last = source.definition.body[-1]
    if isinstance(returns, NoneType):
        body = (*body, ir.Return(state.at(last), constant(0, state.at(last))))
    return ir.Program(
        name=request.name,
        kind=request.kind,
        location=source.header(),
        context=context,
        returns=state.returns,
        error_value=_error_value(request, source),
        body=body,
        locals=assigned(body),
        functions=list(state.program.functions.values()),
        license=request.license,
        file=source.file,
        end=state.at(last),
        hook=request.hook,
        arguments=types,
    )


def _error_value(request: ProgramRequest, source: FunctionSource) -> int:
    if request.error_value is None:
        raise error(
            f"a program of kind {request.kind.name} must say what it returns after an error",
            source.header(),
            found="no on_error=",
            expected=f"@{request.kind.name}({_hook_given(request)}on_error=...)",
            fix="say whether an error lets the event through or stops it",
        )
    return request.error_value


def _hook_given(request: ProgramRequest) -> str:
    """How a program's decorator is given its hook, before other options."""
    if not request.hook:
        return ""
    return f'hook="{request.hook}", ' if "" in request.kind.attach_types else f'"{request.hook}", '


def _parameters(source: FunctionSource) -> list[ast.arg]:
    return [*source.definition.args.posonlyargs, *source.definition.args.args]


def _signature(
    unit: UnitState, index: int, source: FunctionSource, request: ProgramRequest
) -> tuple[ir.Local, ValueType]:
    """The context parameter and what the program returns, after the whole signature has been checked."""
    kind, definition = request.kind, source.definition
    result = "None" if kind.may_return_nothing else kind.returns_at(request.hook).__name__
    more = ", name: type, ..." if kind.function_prefix else ""
    wanted = f"def {definition.name}(ctx: {kind.context.__name__}{more}) -> {result}:"
    arguments = definition.args
    parameters = _parameters(source)
    extra = [*arguments.kwonlyargs, *filter(None, (arguments.vararg, arguments.kwarg))]
    few_enough = parameters and (len(parameters) == 1 or kind.function_prefix)
    if not few_enough or extra or arguments.defaults:
        raise error(
            f"a program of kind {kind.name} takes its context and "
            + ("the arguments of what it is attached to" if kind.function_prefix else "nothing else"),
            source.header(),
            found=f"{len(parameters) + len(extra)} parameters" + (" with defaults" if arguments.defaults else ""),
            expected=f"one parameter of type {kind.context.__name__}" + (", and others by type" if more else ""),
            fix=f"write `{wanted}`",
        )
    parameter = parameters[0]
    context = ir.Local(parameter.arg, ContextType(kind.name, kind.context, hook=request.hook), None)
    state = _state(unit, index, source, context, request.name, NoneType())
    for role, name, node, place, expected in (
        (
            f"the parameter {parameter.arg!r}",
            parameter.arg,
            parameter.annotation,
            source.location(parameter),
            kind.context.__name__,
        ),
        ("the return value", definition.name, definition.returns, source.header(), result),
    ):
        if node is None:
            raise error(
                f"{role} has no annotation",
                place,
                found=f"{name!r} without one",
                expected=expected,
                fix=f"write `{wanted}`",
            )
    assert parameter.annotation is not None and definition.returns is not None  # noqa: PT018 - found just above
    role, place = f"the parameter {parameter.arg!r}", state.at(parameter.annotation)
    of = _check_annotation(state, role, parameter.annotation, kind, _contexts(kind))
    if of is not kind.context:
        context.type = tracepoint_context(state, request, of, place)
    given = _check_annotation(state, "the return value", definition.returns, kind, _results(kind, request.hook))
    return context, _result_type(kind, given)


def _contexts(kind: Kind) -> tuple[str, Callable[[Any], bool]]:
    """What the context is annotated with: its name, and a test."""
    context: Any = kind.context
    if not getattr(context, "__osmia_context__", False):
        return context.__name__, lambda of: of is context
    return context.__name__, lambda of: isinstance(of, type) and issubclass(of, context)


def _results(kind: Kind, hook: str) -> tuple[str, Callable[[Any], bool]]:
    """What the return value is annotated with: its name, and a test."""
    if kind.may_return_nothing:
        return "None or int", lambda of: of is None or of is int
    returns = kind.returns_at(hook)
    return returns.__name__, lambda of: of is returns


def _result_type(kind: Kind, annotated: object) -> ValueType:
    if annotated is None:
        return NoneType()
    return IntType(*kind.results) if annotated is int else EnumType(kind.returns)


def _state(
    unit: UnitState, index: int, source: FunctionSource, context: ir.Local, name: str, returns: ValueType
) -> FunctionState:
    code = source.function.__code__
    return FunctionState(
        unit,
        ProgramState(name, context, Environment({}, {}), [(code.co_name, code)], 0, [], [], {}),
        index,
        source,
        returns,
        frozenset((*code.co_varnames, *code.co_cellvars)),
        None,
        None,
        {},
        {},
        {},
        [],
    )


def _check_annotation(
    state: FunctionState, role: str, node: ast.expr, kind: Kind, wanted: tuple[str, Callable[[Any], bool]]
) -> Any:
    """What an annotation names, refused if it is not what is wanted."""
    location = state.at(node)
    found = _evaluate(state, node, location)
    expected, fits = wanted
    if fits(found.value):
        return found.value
    known = getattr(found.value, "__name__", str(found.value))
    raise error(
        f"{role} of a program of kind {kind.name} is of type {expected}",
        location,
        found=str(known),
        expected=expected,
        fix=did_you_mean(str(known), [expected]) or f"write {expected}",
    )


def _evaluate(state: FunctionState, node: ast.expr, location: Location) -> Static:
    """What an annotation names. A string holds an annotation as source."""
    if isinstance(node, ast.Constant) and node.value is None:
        return Static(None, ("constant",), location)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            inside = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return Static(node.value, ("constant",), location)
        for part in ast.walk(inside):
            ast.copy_location(part, node)
        node = inside
    if isinstance(node, ast.Name | ast.Attribute):
        found = operand(state, node)
        if isinstance(found, Static):
            return found
    return Static(ast.unparse(node), ("constant",), location)
