"""What a program is given beside its context: arguments of the kernel's function, and fields of a tracepoint."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.fingerprint import MISSING, describe
from osmia.compiler.frontend.annotations import parsed
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import BoolType, ContextType, IntType, ObjectType, OptionalType, integer_of, storage_type
from osmia.contexts import kernel_structs
from osmia.contexts.fields import ContextField
from osmia.kernel import tracefs
from osmia.layout import ArrayLayout, BooleanLayout, CharsLayout, IntegerLayout, StructLayout, layout_of
from osmia.types import is_integer, u8, u64

if TYPE_CHECKING:
    from osmia.compiler import ProgramRequest
    from osmia.compiler.frontend.function import FunctionState, Static
    from osmia.compiler.ir.types import ValueType
    from osmia.compiler.location import Location
    from osmia.layout import Field

# As many as the kernel passes on (MAX_BPF_FUNC_ARGS).
MOST_ARGUMENTS = 12
COMMON = 8
"""The bytes that every tracepoint's record begins with."""


def take_arguments(
    state: FunctionState, parameters: list[ast.arg]
) -> tuple[tuple[ir.Statement, ...], tuple[tuple[str, str], ...]]:
    """What puts the arguments into locals of the parameters' names; and each one's name and type."""
    if len(parameters) > MOST_ARGUMENTS:
        raise error(
            f"the kernel gives a program {MOST_ARGUMENTS} arguments at most",
            state.at(parameters[MOST_ARGUMENTS]),
            found=f"{len(parameters)} parameters beside the context",
            expected=f"up to {MOST_ARGUMENTS}",
            fix="leave those at the end out",
        )
    taken, types = [], []
    for index, parameter in enumerate(parameters):
        statement, of = _argument(state, parameter, index)
        taken.append(statement)
        types.append((parameter.arg, of))
    return tuple(taken), tuple(types)


def _argument(state: FunctionState, parameter: ast.arg, index: int) -> tuple[ir.Statement, str]:
    location, name = state.at(parameter), parameter.arg
    of, optional = _annotated(state, parameter)
    value: ir.Expression
    if is_integer(of):
        state.declared[name] = of
        value = ir.ContextRead(storage_type(u64), location, name, 8 * index, 64)  # type: ignore[arg-type]
        value = value if of is u64 else ir.Wrap(storage_type(of), location, value, of)
        text = of.__name__
    elif of is bool:
        whole = ir.ContextRead(storage_type(u64), location, name, 8 * index, 64)  # type: ignore[arg-type]
        byte = ir.Wrap(storage_type(u8), location, whole, u8)  # type: ignore[arg-type]
        value, text = ir.Truth(BoolType(), location, byte), "bool"
    else:
        held = ObjectType(of.__name__)
        value = ir.ArgumentRead(OptionalType(held) if optional else held, location, name, index)
        text = of.__name__
    return ir.Assign(location, state.assign(name, value.type, location), value), text


def _annotated(state: FunctionState, parameter: ast.arg) -> tuple[Any, bool]:
    """The type of a parameter, and whether it may be None."""
    node = parameter.annotation
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = parsed(node)
    optional = False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and _is_none(node.right):
        node, optional = node.left, True
    found = _named(state, node)
    of: Any = None if found is None else found.value
    if is_object_class(of) or (not optional and (is_integer(of) or of is bool)):
        return of, optional
    known = [name for name, value in vars(kernel_structs).items() if is_object_class(value)]
    shown = "no annotation" if parameter.annotation is None else ast.unparse(parameter.annotation)
    raise error(
        f"the type of the parameter {parameter.arg!r} is none that the kernel gives",
        state.at(parameter),
        found=shown,
        expected="u8 to u64, i8 to i64, bool, or a struct of osmia.contexts.kernel_structs",
        fix=did_you_mean(shown, known)
        or "write the type that the kernel's function has; a pointer to no struct is a u64",
    )


def _named(state: FunctionState, node: ast.expr | None) -> Static | None:
    """What a name in an annotation stands for: parameters may be called as types are."""
    if isinstance(node, ast.Name):
        return state.resolve(node.id, state.at(node))
    if isinstance(node, ast.Attribute):
        base = _named(state, node.value)
        return None if base is None else state.static_attribute(base, node.attr, state.at(node))
    return None


def is_object_class(of: object) -> bool:
    """Whether a class stands for a struct of the kernel's own."""
    return isinstance(of, type) and of.__module__ == kernel_structs.__name__


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def raw_argument(state: FunctionState, node: ast.Call) -> ir.Expression:
    """`ctx.arg(n)` of a raw tracepoint."""
    location = state.at(node)
    given = state.translate.expression(state, node.args[0]) if len(node.args) == 1 and not node.keywords else None
    of = None if given is None else integer_of(given.type)
    if isinstance(given, ir.Constant) and isinstance(of, IntType) and 0 <= given.value < MOST_ARGUMENTS:
        name = f"arg({given.value})"
        return ir.ContextRead(storage_type(u64), location, name, 8 * given.value, 64)  # type: ignore[arg-type]
    raise error(
        "arg takes the number of an argument",
        location,
        found=ast.unparse(node),
        expected=f"{state.context.name}.arg(n) with a constant from 0 to {MOST_ARGUMENTS - 1}",
        fix="write the number itself, or a module's constant",
    )


def tracepoint_context(state: FunctionState, request: ProgramRequest, of: type, location: Location) -> ContextType:
    """The type of a tracepoint's context, with the fields that its class names where this kernel has them."""
    kind, layout = request.kind, layout_of(of)
    if not isinstance(layout, StructLayout):
        return ContextType(kind.name, of)
    try:
        text = tracefs.format_text(request.hook)
    except OSError as problem:
        if request.own_layout and not _tracefs_is_there():
            state.unit.reads["tracepoint format", request.hook] = describe(MISSING)
            there = _laid_out(layout)
            fields = tuple((field.name, _field(request.hook, of, field, there, location)) for field in layout.fields)
            return ContextType(kind.name, of, fields, request.hook)
        raise error(
            f"where the fields of the tracepoint {request.hook} lie cannot be read",
            location,
            found=str(problem),
            expected=f"its format in this kernel's tracefs, events/{request.hook}/format",
            fix="compile it as root on the kernel that it is for",
        ) from None
    state.unit.reads["tracepoint format", request.hook] = describe(text)
    there = tracefs.read_format(text)
    fields = tuple((field.name, _field(request.hook, of, field, there, location)) for field in layout.fields)
    return ContextType(kind.name, of, fields, request.hook)


def _tracefs_is_there() -> bool:
    """Whether this process may read what the kernel says of its tracepoints."""
    try:
        return bool(tracefs.tracepoints())
    except OSError:
        return False


def _laid_out(layout: StructLayout) -> dict[str, tracefs.FormatField]:
    """Where the fields of a class lie behind what every tracepoint begins with, each aligned to its size.

    That is how the kernel lays most of them out. A program that is compiled so runs in a machine, which puts them
    there; a kernel that has them elsewhere refuses it.
    """
    found, end = {}, COMMON
    for field in layout.fields:
        of = field.layout
        number = of.element if isinstance(of, ArrayLayout) else of
        signed = isinstance(number, IntegerLayout) and number.of.signed
        offset = -(-end // of.alignment) * of.alignment
        found[field.name] = tracefs.FormatField(field.name, _declared(field), offset, of.size, signed)
        end = offset + of.size
    return found


def _declared(field: Field) -> str:
    """A field as a kernel would declare it."""
    match field.layout:
        case CharsLayout(length=length):
            return f"char {field.name}[{length}]"
        case ArrayLayout(element=element, length=length):
            return f"{element.name} {field.name}[{length}]"
        case of:
            return f"{of.name} {field.name}"


def _field(
    hook: str, of: type, field: Field, there: dict[str, tracefs.FormatField], location: Location
) -> ContextField:
    known = there.get(field.name)
    what = f"{of.__name__}.{field.name}"
    if known is None:
        raise error(
            f"the tracepoint {hook} has no field {field.name!r}",
            location,
            found=what,
            expected=f"one of {', '.join(there)}",
            fix=did_you_mean(field.name, list(there)) or "use one of these",
        )
    fits = _read_as(field, known)
    if fits is None:
        wanted = known.wanted
        raise error(
            f"{what} is of another type than this kernel's",
            location,
            found=field.layout.name,
            expected=wanted or f"no field of `{known.declared}`: kernel code reads numbers, their arrays, and texts",
            fix=f"write `{known.annotated}`" if wanted else "leave the field out",
        )
    return fits


def _read_as(field: Field, known: tracefs.FormatField) -> ContextField | None:
    """How a field of a class is read where the kernel has it; None where it has another type there."""
    if field.bit_width is not None:
        return None
    match field.layout:
        case CharsLayout(length=length) if known.text_elsewhere:
            return ContextField(known.offset, 8, length=length, form="data_loc")
        case CharsLayout(length=length) if known.text and length == known.size:
            return ContextField(known.offset, 8, length=length, form="chars")
        case ArrayLayout(element=IntegerLayout(of=of), length=length) as whole if (
            length == known.length and whole.size == known.size and of.signed is known.signed
        ):
            return ContextField(known.offset, of.bits, of.signed, length=length, form="elements")
        case IntegerLayout(of=of) if of.signed is known.signed:
            pass
        case BooleanLayout() if not known.signed:
            pass
        case _:
            return None
    alone = field.layout.size == known.size and not known.length and not known.text
    return ContextField(known.offset, 8 * known.size, known.signed) if alone else None


def checked_result(kind_name: str, results: tuple[int, int], value: ir.Expression) -> None:
    """Refuse what a program that returns an int may not return."""
    of: ValueType | None = integer_of(value.type)
    low, high = results
    if isinstance(of, IntType) and low <= of.low and of.high <= high:
        return
    raise error(
        f"a program of kind {kind_name} returns {low} to {high}",
        value.location,
        found=str(value.type),
        expected="0, or a negative error number" if high == 0 else f"an integer from {low} to {high}",
        fix="return a constant, or test the number before" if isinstance(of, IntType) else "return an integer",
    )
