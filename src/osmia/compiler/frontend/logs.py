"""Logs in kernel code: `log.info(f"{ip.src:ip} dropped")` and `print(...)`.

Texts stay in the object. What travels is which log it was, and the values: they are found before room is reserved for
the record, and written into it where it lies. All of it stands behind a test of the level, which the verifier knows.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.function import Bound, NestedFunction, Static, TupleValue
from osmia.compiler.frontend.helper_calls import kind_of
from osmia.compiler.frontend.log_effects import check_effects
from osmia.compiler.frontend.operators import constant, not_a_value
from osmia.compiler.frontend.rings import lost
from osmia.compiler.frontend.stores import described, unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    BoolType,
    EnumType,
    IntType,
    NoneType,
    ObjectType,
    OptionalType,
    PlaceType,
    integer_of,
    is_scalar,
    storage_type,
)
from osmia.layout import BooleanLayout, Field, IntegerLayout, layout_of, spin_locks
from osmia.layout import BytesLayout as RecordLayout
from osmia.logs import LEVELS, Log, LogFunction, log
from osmia.logs.formats import Problem, formatted, problem, shows_itself
from osmia.logs.note import HEADER, LogFormat, Shown
from osmia.logs.ring import LOG_RING, OBJECT
from osmia.record import frozen_record
from osmia.types import INTEGERS

if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler.fingerprint import Path
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.ir.types import Storage
    from osmia.compiler.location import Location
    from osmia.layout import Layout

# Programs of other kinds may ask for the process from 6.12 on, but run in whatever process was interrupted.
CURRENT_SINCE = (5, 10)
RING_PATH: Path = ("log ring",)
BY_NAME: dict[str, Storage] = {of.__name__: of for of in INTEGERS}
U16, U32, U64 = BY_NAME["u16"], BY_NAME["u32"], BY_NAME["u64"]


@frozen_record
class Value:
    """A value that a record holds."""

    expression: ir.Expression
    layout: Layout
    conversion: str
    spec: str


def log_function(base: Static, name: str, location: Location) -> Static:
    """`log.info`: which function it is, is known while compiling."""
    if name in LEVELS:
        return Static(getattr(base.value, name), base.path, location)
    known = name in dir(Log)
    raise error(
        f"log.{name} is for user code" if known else f"log has no {name!r}",
        location,
        found=f"log.{name}",
        expected=f"one of {', '.join(f'log.{each}' for each in LEVELS)}",
        fix="read it in user code"
        if known
        else did_you_mean({"warning": "warn", "critical": "error"}.get(name, name), LEVELS) or "use one of these",
    )


def log_call(state: FunctionState, function: LogFunction, node: ast.Call) -> ir.Expression:
    """The IR of `log.info(message)`."""
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        raise error(
            f"log.{function.name} takes one message",
            state.at(node),
            found=ast.unparse(node),
            expected=f'log.{function.name}(f"... {{value}} ...")',
            fix="write the values into the message, as an f-string",
        )
    return _logged(state, function.level, _message(state, node.args[0]), state.at(node))


def print_call(state: FunctionState, node: ast.Call) -> ir.Expression:
    """The IR of `print(...)`, which is `log.info` of what it would print."""
    location = state.at(node)
    between = " "
    for keyword in node.keywords:
        given = state.translate.operand(state, keyword.value)
        known = given.value if isinstance(given, Static) else 0
        if keyword.arg != "sep" or not (known is None or isinstance(known, str)):
            raise error(
                "print in kernel code takes values, and sep",
                state.at(keyword),
                found=ast.unparse(node),
                expected='print(value, ..., sep=" "), with a text that is known when the program is compiled',
                fix="leave the rest out: print is log.info, and each call is one record",
            )
        between = " " if known is None else known
    parts: list[str | Value] = []
    for index, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred):
            raise error(
                "kernel code cannot unpack arguments",
                state.at(argument),
                found=ast.unparse(argument),
                expected="the arguments one by one",
                fix="write them out",
            )
        parts += [between] * bool(index) + _message(state, argument)
    return _logged(state, log.info.level, parts, location)


def _message(state: FunctionState, node: ast.expr) -> list[str | Value]:
    """The parts of an f-string, or one value."""
    match node:
        case ast.JoinedStr(values=values):
            return [_field(state, each) for each in values]
        case ast.BinOp(left=ast.Constant(value=str() | bytes()) | ast.JoinedStr()):
            pass
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="format")):
            pass
        case _:
            return [_shown(state, node, "", "")]
    raise error(
        "kernel code makes texts of f-strings alone",
        state.at(node),
        found=ast.unparse(node),
        expected='f"... {value} ..."',
        fix="write the values into an f-string",
    )


def _field(state: FunctionState, node: ast.expr) -> str | Value:
    """A part of an f-string: a text, or a value in braces."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.FormattedValue)
    conversion = chr(node.conversion) if node.conversion >= 0 else ""
    return _shown(state, node.value, conversion, _spec(state, node))


def _spec(state: FunctionState, node: ast.FormattedValue) -> str:
    """What stands behind the colon; fields in it are known while compiling."""
    if node.format_spec is None:
        return ""
    assert isinstance(node.format_spec, ast.JoinedStr)
    parts = [_field(state, each) for each in node.format_spec.values]
    for part in parts:
        if isinstance(part, Value):
            raise error(
                "how a value is shown is known when the program is compiled",
                part.expression.location,
                found=f"a format that varies, `{ast.unparse(node)}`",
                expected="a constant width and type, as in `{x:>8}`",
                fix="write the number, or a constant of the module",
            )
    return "".join(str(each) for each in parts)


def _shown(state: FunctionState, node: ast.expr, conversion: str, spec: str) -> str | Value:
    """A value in a message; its text, where it is known now."""
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr):
            raise error(
                "a log assigns nothing",
                state.at(part),
                found=f"`{ast.unparse(part)}`, which would be assigned where the log's level is on alone",
                expected="values",
                fix="assign it before the log",
            )
    found = state.translate.operand(state, node)
    if isinstance(found, ir.Constant):
        found = Static(_constant(found), ("constant",), found.location)
    if isinstance(found, Static):
        return _known(found, conversion, spec, state.at(node))
    value = _value(found, state.at(node))
    check_effects(state, value)
    layout, low, high = _layout(value)
    place = state.at(node)
    wrong = problem(layout, low, high, conversion, spec)
    if wrong is not None:
        raise error(wrong.what, place, found=wrong.found, expected=wrong.expected, fix=wrong.fix)
    if layout is None:
        address = IntType(0, U64.high)
        return Value(ir.Address(address, place, value), IntegerLayout(U64), conversion, spec)
    _check_layout(layout, value)
    return Value(value, layout, conversion, spec)


def _constant(of: ir.Constant) -> object:
    """The Python value of a constant."""
    match of.type:
        case NoneType():
            return None
        case BoolType():
            return bool(of.value)
        case EnumType(of=enum):
            return enum(of.value)
        case _:
            return of.value


def _known(static: Static, conversion: str, spec: str, location: Location) -> str:
    """The text of something that is known when the program is compiled."""
    value = static.value
    if not (value is None or isinstance(value, str | int | float) or type(value) is bytes):
        what, fix = not_a_value(value)
        raise error(
            f"kernel code cannot show {what}",
            location,
            found=what,
            expected="a number, a text, a struct or an array",
            fix=fix,
        )
    try:
        wrong = _of_number(value, conversion, spec)
        if wrong is None:
            return formatted(value, conversion, spec)
    except (ValueError, TypeError, OverflowError) as refused:
        raise error(
            f"Python does not show {value!r} so",
            location,
            found=str(refused),
            expected="a format that it has",
            fix="correct what stands behind the colon",
        ) from None
    raise error(wrong.what, location, found=wrong.found, expected=wrong.expected, fix=wrong.fix)


def _of_number(value: object, conversion: str, spec: str) -> Problem | None:
    """What is wrong with a spec for a number that is known now; nothing is of what is no number."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    storage = next((of for of in INTEGERS if of.low <= value <= of.high), None)
    return None if storage is None else problem(IntegerLayout(storage), value, value, conversion, spec)


def _value(found: Operand, location: Location) -> ir.Expression:
    """Something that lies in the kernel, and can be shown."""
    if isinstance(found, TupleValue | NestedFunction | Bound | Static):
        raise error(
            f"kernel code cannot show {described(found)}",
            location,
            found=described(found),
            expected="one value",
            fix="show the values one by one" if isinstance(found, TupleValue) else "call it",
        )
    of = found.type.of if isinstance(found.type, OptionalType) else found.type
    if isinstance(of, PlaceType) and is_scalar(of.layout):
        name = found.local.name if isinstance(found, ir.LocalRead) else "it"
        check = ", after a check for None" if isinstance(found.type, OptionalType) else ""
        raise error(
            "this is a reference, not the number it refers to",
            found.location,
            found=str(found.type),
            expected="a number",
            fix=f"write `{{{name}.value}}`{check}",
        )
    if integer_of(of) is None and not isinstance(of, PlaceType | ObjectType):
        raise error(
            f"kernel code cannot show {of}",
            location,
            found=str(found.type),
            expected="a number, a text, a struct or an array",
            fix="show one of its fields",
        )
    return unwrapped(found)


def _layout(value: ir.Expression) -> tuple[Layout | None, int, int]:
    """How a value lies in a record, and between which numbers it is; None for an object of the kernel's."""
    match value.type:
        case PlaceType(layout=layout):
            return layout, 0, 0
        case ObjectType():
            return None, 0, 0
        case BoolType():
            return BooleanLayout(), 0, 1
        case EnumType(of=enum):
            of_enum = layout_of(enum)
            assert of_enum is not None
            return of_enum, value.type.integer.low, value.type.integer.high
    number = integer_of(value.type)
    assert number is not None
    narrow = sorted(INTEGERS, key=lambda of: (of.bits, of.signed))
    storage = next(of for of in narrow if of.low <= number.low and number.high <= of.high)
    return IntegerLayout(storage), number.low, number.high


def _check_layout(layout: Layout, value: ir.Expression) -> None:
    own = shows_itself(layout)
    if spin_locks(layout):
        what, fix = "a spin lock", "show the fields that are meant"
    elif own:
        what, fix = f"{own}, which says in Python how it is shown", "show its fields"
    else:
        return
    raise error(
        f"kernel code cannot show {what}",
        value.location,
        found=str(value.type),
        expected="a value that is shown in one way, wherever that is done",
        fix=fix,
    )


def _logged(state: FunctionState, level: int, parts: list[str | Value], location: Location) -> ir.Expression:
    """Where the level is on: find the values, reserve a record, fill it in, submit it."""
    kept: list[ir.Statement] = []
    own: list[Any] = [_helper("get_smp_processor_id", U16, location)]
    row = helpers()["get_current_pid_tgid"]
    if kind_of(state) in row.kinds and row.since_for(kind_of(state)) <= CURRENT_SINCE:
        own.append(_helper("get_current_pid_tgid", U64, location))
    values: list[Value] = [*own, *(part for part in parts if isinstance(part, Value))]
    offsets, size = _places(values)
    reads = [value.expression for value in own]
    for value in values[len(own) :]:
        assign, read = state.kept(value.expression)
        kept.append(assign)
        reads.append(read)
    of = LogFormat(
        level,
        state.program.name,
        state.source.function.__qualname__,
        location.file,
        location.line,
        size,
        offsets[0],
        offsets[1] if len(own) == 2 else 0,
        _parts(parts, iter(offsets[len(own) :])),
    )
    ring = _ring(state)
    held = state.hidden(OptionalType(PlaceType(RecordLayout(size))))
    here = ir.LocalRead(held.type, location, held)
    take = ir.HelperCall(
        held.type,
        location,
        helpers()["ringbuf_reserve"],
        (ring, constant(size, location), constant(0, location)),
    )
    record = ir.Unwrap(PlaceType(RecordLayout(size)), location, here)
    header = (
        (0, U64, _helper("ktime_get_ns", U64, location).expression),
        (8, U32, ir.SettingRead(storage_type(U32), location, OBJECT.variable, OBJECT)),
        (12, U32, ir.LogNumber(storage_type(U32), location, of)),
    )
    fill = [_stored(record, at, IntegerLayout(storage), value, location) for at, storage, value in header]
    for at, value, read in zip(offsets, values, reads, strict=True):
        fill.append(_stored(record, at, value.layout, read, location))
    fill.append(
        ir.Evaluate(
            location, ir.HelperCall(ir.NONE, location, helpers()["ringbuf_submit"], (record, constant(0, location)))
        )
    )
    test = ir.LogSwitch(ir.BOOL, location, of)
    full = lost(state, Static(LOG_RING, RING_PATH, location), ring, location)
    there = ir.If(location, ir.IsNone(ir.BOOL, location, here), (full,), tuple(fill))
    whole = ir.If(location, test, (*kept, ir.Assign(location, held, take), there), ())
    return ir.Sequence(ir.NONE, location, (whole,), ir.Constant(ir.NONE, location, 0))


def _helper(name: str, storage: Storage, location: Location) -> Value:
    """What a helper gives that takes nothing, as a record has it."""
    call = ir.HelperCall(storage_type(storage), location, helpers()[name], ())
    return Value(call, IntegerLayout(storage), "", "")


def _places(values: list[Value]) -> tuple[list[int], int]:
    """Where values lie in a record, the widest first so that nothing is between them; and the record's size."""
    order = sorted(range(len(values)), key=lambda index: -values[index].layout.alignment)
    offsets, end = [0] * len(values), HEADER
    for index in order:
        offsets[index] = end
        end += values[index].layout.size
    return offsets, end


def _parts(parts: list[str | Value], offsets: Any) -> tuple[str | Shown, ...]:
    """The parts of a message as a note has them: neighbouring texts are one."""
    found: list[str | Shown] = []
    for part in parts:
        if isinstance(part, Value):
            found.append(Shown(next(offsets), part.layout, part.conversion, part.spec))
        elif found and isinstance(found[-1], str):
            found[-1] += part
        elif part:
            found.append(part)
    return tuple(found)


def _stored(record: ir.Expression, at: int, layout: Layout, value: ir.Expression, location: Location) -> ir.Statement:
    place = ir.Field(PlaceType(layout), location, record, Field("", layout, at, 8 * at, None, None))
    return (ir.Store if is_scalar(layout) else ir.Copy)(location, place, value)


def _ring(state: FunctionState) -> ir.MapReference:
    """The ring of all logs, which no name of the program's leads to."""
    found = state.unit.maps.get(id(LOG_RING))
    if found is None:
        found = state.unit.maps[id(LOG_RING)] = state.unit.reference(LOG_RING.name, LOG_RING, RING_PATH)
        state.unit.map_paths[LOG_RING.name] = RING_PATH
    return found
