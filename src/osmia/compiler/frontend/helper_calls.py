"""Calls of the kernel's helpers: `ctx.ktime_get_ns()`, `get_current_comm(event.comm)`.

The table of helpers says what each takes and gives; sizes and the context are filled in here.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import DONE_BY, LACKING, XDP_NAMES, called, helper_for, helpers, kinds_of, lacking
from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.byte_order import swapped
from osmia.compiler.frontend.function import Bound, NestedFunction, Static, TupleValue
from osmia.compiler.frontend.map_keys import map_key, map_value
from osmia.compiler.frontend.operators import constant, integer, value_of
from osmia.compiler.frontend.stores import check_store, unwrapped
from osmia.compiler.frontend.trace_printk import traced
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import (
    ContextType,
    EnumType,
    IntType,
    NoneType,
    ObjectType,
    OptionalType,
    PlaceType,
    storage_type,
)
from osmia.kinds import KINDS
from osmia.layout import CharsLayout, spin_locks
from osmia.types import INTEGERS

if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperArgument, HelperRow
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.ir.types import Storage, ValueType
    from osmia.compiler.location import Location

# What a C type of an argument or a result holds.
BY_NAME: dict[str, Storage] = {of.__name__: of for of in INTEGERS}
WIDTHS: dict[str, Storage] = {
    name: BY_NAME[of]
    for of, names in {
        "u16": ("u16", "__be16"),
        "u32": ("u32", "__u32", "__wsum"),
        "i32": ("int", "s32"),
        "i64": ("long", "s64"),
        "u64": ("u64", "__u64", "size_t"),
    }.items()
    for name in names
}
# What these give a program is its kind's own action.
GIVES_ACTION = {
    "redirect": ("xdp", "sched_cls"),
    "redirect_map": ("xdp",),
    "msg_redirect_map": ("sk_msg",),
    "msg_redirect_hash": ("sk_msg",),
    "sk_redirect_map": ("sk_skb",),
    "sk_redirect_hash": ("sk_skb",),
}
BIG_ENDIAN = "__be16"
# An object that programs of some kinds alone may leave out: the table's rows are for all kinds.
MAY_BE_NONE = {("sk_assign", "sk"): ("sk_lookup",)}


def context_helper(state: FunctionState, of: ContextType, node: ast.Call) -> ir.Expression | None:
    """A helper as a method of the context; None where it has no such method."""
    assert isinstance(node.func, ast.Attribute)
    name = node.func.attr
    short = of.kind == "xdp" and name in XDP_NAMES
    prefixed = of.kind == "xdp" and name.removeprefix("xdp_") in XDP_NAMES and not short
    row = None if prefixed else helper_for(of.kind, f"xdp_{name}" if short else name)
    if row is not None and row.form in ("context", "function"):
        return helper_call(state, row, node)
    if name in of.fields:
        return None
    kinds = () if prefixed or of.kind in kinds_of(name) else kinds_of(name)
    known = [*of.fields, *_methods(of.kind)]
    # A helper of other kinds is no slip of the pen: only one whose name is a part of it may be meant.
    near = [each for each in known if each in name] if kinds else known
    raise error(
        f"programs of kind {of.kind} cannot call {name}" if kinds else f"{of} has no helper {name!r}",
        state.at(node),
        found=f"{ast.unparse(node.func)}()",
        expected=f"a helper of {of}" + (f"; {name} is for {', '.join(kinds)}" if kinds else ""),
        fix=did_you_mean(name.removeprefix("xdp_") if prefixed else name, near)
        or "see docs/helpers.md for what each kind may call",
    )


def _methods(kind: str) -> list[str]:
    """The helpers that are methods of a kind's context."""
    return [called(row) for row in helpers().values() if kind in row.kinds and row.form in ("context", "function")]


def helper_call(
    state: FunctionState, row: HelperRow, node: ast.Call, map_: ir.MapReference | None = None
) -> ir.Expression:
    """The IR of a helper's call; `map_` is the map whose operation it is."""
    location = state.at(node)
    kind = kind_of(state)
    check_allowed(row, kind, location)
    if row.name == "trace_printk":
        text, values = traced(state, node)
        return ir.HelperCall(_result(row, kind, None), location, row, (text, _size(text, location), *values))
    given = _given(state, row, node, map_)
    arguments: list[ir.Expression | ir.MapReference] = []
    for argument in row.arguments:
        if argument.kind == "context":
            arguments.append(ir.LocalRead(state.context.type, location, state.context))
        elif argument.kind == "size":
            arguments.append(_size(arguments[-1], location))
        elif argument.kind == "map" and map_ is not None:
            arguments.append(map_)
        else:
            value = given.get(argument.parameter)
            # What redirects to an array's entry takes its index as a number.
            index = argument.kind == "integer" and argument.parameter == "key"
            if value is not None and map_ is not None and (index or argument.kind in ("map key", "map value")):
                arguments.append(_of_map(state, map_, argument, value, location))
            elif _is_none(value) and kind in MAY_BE_NONE.get((row.name, argument.parameter), ()):
                arguments.append(ir.Constant(ir.NONE, location, 0))
            else:
                arguments.append(_argument(row, argument, value, location))
    return ir.HelperCall(_result(row, kind, map_), location, row, tuple(arguments))


def _is_none(value: Operand | None) -> bool:
    return isinstance(value, Static) and value.value is None


def _of_map(
    state: FunctionState, map_: ir.MapReference, argument: HelperArgument, value: Operand, location: Location
) -> ir.Expression:
    """A key or a value, as the map takes it."""
    if _is_none(value) and argument.nullable:
        return ir.Constant(ir.NONE, location, 0)
    return (map_value if argument.kind == "map value" else map_key)(state, map_, value, location)


def kind_of(state: FunctionState) -> str:
    """The kind of the program that is translated."""
    of = state.context.type
    assert isinstance(of, ContextType)
    return of.kind


def check_allowed(row: HelperRow, kind: str, location: Location) -> None:
    """Refuse a helper that programs of a kind may not call, or that kernel code cannot call yet."""
    check_kind(row, kind, location)
    if row.name in DONE_BY:
        raise error(
            f"kernel code does not call {row.name} itself",
            location,
            found=f"{row.name}()",
            expected=DONE_BY[row.name],
            fix=f"write {DONE_BY[row.name]}",
        )
    kind = lacking(row)
    if kind:
        what, _, instead = LACKING[kind]
        argument = next(each for each in row.arguments if each.kind == kind)
        raise error(
            f"kernel code cannot call {row.name}",
            location,
            found=f"its argument {argument.name}: osmia has no {what}",
            expected="a helper that takes numbers, memory, maps or objects",
            fix=instead,
        )


def check_kind(row: HelperRow, kind: str, location: Location) -> None:
    """Refuse a helper that programs of a kind may not call."""
    if kind not in row.kinds:
        raise error(
            f"programs of kind {kind} cannot call {row.name}",
            location,
            found=f"{row.name}()",
            expected=f"a helper that they may call; {row.name} is for {', '.join(row.kinds)}",
            fix="see docs/helpers.md for what each kind may call",
        )
    if row.sleepable_only:
        raise error(
            f"{row.name} may sleep, and this program may not",
            location,
            found=f"{row.name}()",
            expected="a helper that does not sleep",
            fix="use one that does not, such as probe_read_user in place of copy_from_user",
        )


def _given(state: FunctionState, row: HelperRow, node: ast.Call, map_: ir.MapReference | None) -> dict[str, Operand]:
    """The arguments by the names of the helper's parameters."""
    names = [each.parameter for each in row.arguments if each.parameter and (map_ is None or each.kind != "map")]
    optional = {each.parameter for each in row.arguments if each.optional}
    found: dict[str, Operand] = {}
    wrong = any(isinstance(each, ast.Starred) for each in node.args) or any(k.arg is None for k in node.keywords)
    for index, each in enumerate(node.args):
        if index < len(names):
            found[names[index]] = state.translate.operand(state, each)
        else:
            wrong = True
    for keyword in node.keywords:
        if keyword.arg not in names or keyword.arg in found:
            wrong = True
        else:
            found[str(keyword.arg)] = state.translate.operand(state, keyword.value)
    missing = [name for name in names if name not in found and name not in optional]
    if wrong or missing:
        form = ", ".join(f"{name}=0" if name in optional else name for name in names)
        name = called(row) if map_ is None else f"{map_.symbol}.{row.method}"
        raise error(
            f"{name} takes ({form})",
            state.at(node),
            found=ast.unparse(node),
            expected=f"{name}({form})",
            fix=f"give it {', '.join(missing)}{_what_is_filled(row, missing)}"
            if missing
            else "give it these arguments",
        )
    return found


def _what_is_filled(row: HelperRow, missing: list[str]) -> str:
    """What to give where the helper writes its result into memory; nothing where it does not."""
    for each in row.arguments:
        if each.parameter in missing and each.kind == "memory" and each.access in {"write", "both"}:
            return ": a struct, an array or a text that it writes to, such as `text` of `text = chars(16)`"
    return ""


def _size(memory: ir.Expression | ir.MapReference, location: Location) -> ir.Expression:
    """How long the memory before it is."""
    of = memory.type if not isinstance(memory, ir.MapReference) else None
    size = of.layout.size if isinstance(of, PlaceType) else 0
    return constant(size, location)


def _argument(row: HelperRow, argument: HelperArgument, value: Operand | None, location: Location) -> ir.Expression:
    role = f"the argument {argument.parameter} of {called(row)}"
    if value is None:  # it may be left out
        number = argument.kind == "integer"
        return ir.Constant(IntType(0, 0) if number else ir.NONE, location, 0)
    if argument.kind == "integer":
        return _number(argument, value, role)
    return _memory(row, argument, value, role, location)


def _number(argument: HelperArgument, value: Operand, role: str) -> ir.Expression:
    storage = WIDTHS.get(argument.type, BY_NAME["u64"])  # what is no C integer is an address
    if isinstance(value, Static):
        value = value_of(value)
    if not isinstance(value, ir.Expression):
        raise _wrong(role, "an integer", value, None)
    of = integer(value, role)
    if isinstance(value, ir.Constant) and storage is BY_NAME["u64"] and value.value < 0:
        return value  # C gives such flags as -1
    check_store(value, storage, role)
    inside = storage_type(storage)
    if not isinstance(value, ir.Constant) and storage.bits < 64 and not inside.low <= of.low <= of.high <= inside.high:
        value = ir.Wrap(inside, value.location, value, storage)
    return swapped(value, BY_NAME["u16"], value.location) if argument.type == BIG_ENDIAN else value


def _memory(row: HelperRow, argument: HelperArgument, value: Operand, role: str, location: Location) -> ir.Expression:
    """The address of memory or of an object of the kernel's."""
    if _is_none(value) and (argument.nullable or argument.optional):
        return ir.Constant(ir.NONE, location, 0)
    if argument.kind == "object":
        wanted = argument.type.removeprefix("const ").removeprefix("struct ").removesuffix(" *")
        if isinstance(value, ir.Expression):
            held = unwrapped(value)
            if isinstance(held.type, ObjectType) and wanted in {"void", *_known_as(held.type.struct)}:
                return held
        raise _wrong(role, f"an object of the kernel ({wanted})", value, location)
    if argument.kind == "string":
        return _text(value, role, location)
    if isinstance(value, Static) and isinstance(value.value, str | bytes) and argument.access == "read":
        return _constant_bytes(row, value, location)
    if isinstance(value, ir.Expression):
        held = unwrapped(value)
        if isinstance(held.type, PlaceType):
            if spin_locks(held.type.layout):
                raise _locked(held, role)
            _check_size(argument, held, role)
            return held
    raise _wrong(role, "memory: a struct, an array, chars, or a reference", value, location)


def _known_as(struct: str) -> tuple[str, ...]:
    """What the helpers' C types call it: sockets of every kind are `struct bpf_sock`."""
    return (struct, "bpf_sock") if struct == "sock_common" else (struct,)


def _constant_bytes(row: HelperRow, value: Static, location: Location) -> ir.Expression:
    data = value.value.encode() + b"\0" if isinstance(value.value, str) else bytes(value.value)  # type: ignore[call-overload]
    if not data:
        raise error(
            f"{called(row)} reads memory",
            location,
            found="no bytes",
            expected="at least one byte",
            fix="give it something to read",
        )
    return ir.ConstantText(PlaceType(CharsLayout(len(data))), location, data)


def _text(value: Operand, role: str, location: Location) -> ir.Expression:
    """A text that ends with a zero, in memory that cannot change."""
    if not isinstance(value, Static) or not isinstance(value.value, str):
        raise _wrong(role, "a text that is known when the program is compiled", value, location)
    if "\0" in value.value:
        raise error(
            f"{role} ends at its first zero",
            location,
            found=f"a zero inside of {value.value!r}",
            expected="a text without zeros",
            fix="leave the zero out: one is added behind the text",
        )
    data = value.value.encode() + b"\0"
    return ir.ConstantText(PlaceType(CharsLayout(len(data))), location, data)


def _locked(place: ir.Expression, role: str) -> Exception:
    return error(
        f"{role} holds a spin lock",
        place.location,
        found=str(place.type),
        expected="memory without a lock: nobody may read or write one",
        fix="give it a field of the struct, or a copy of the fields that it needs",
    )


def _check_size(argument: HelperArgument, place: ir.Expression, role: str) -> None:
    assert isinstance(place.type, PlaceType)
    if not isinstance(argument.size, int) or place.type.layout.size >= argument.size:
        return
    raise error(
        f"{role} is too small",
        place.location,
        found=f"{place.type}, {place.type.layout.size} bytes",
        expected=f"{argument.size} bytes",
        fix="use a larger type",
    )


def _wrong(role: str, wanted: str, value: Operand, location: Location | None) -> Exception:
    match value:
        case Static(value=constant):
            found = f"{type(constant).__name__} {constant!r}"
        case TupleValue():
            found = "several values"
        case NestedFunction() | Bound():
            found = "a function"
        case _:
            found = str(value.type)
    at = location or (value.itself.location if isinstance(value, Bound) else value.location)
    return error(f"{role} is {wanted}", at, found=found, expected=wanted, fix="give it what the helper takes")


def _result(row: HelperRow, kind: str, map_: ir.MapReference | None) -> ValueType:
    if row.returns == "map value" and map_ is not None:
        of = PlaceType(map_.value)
        return OptionalType(of) if row.maybe_null else of
    if kind in GIVES_ACTION.get(row.name, ()):
        return EnumType(KINDS[kind].returns)
    if row.returns == "nothing":
        return NoneType()
    if row.returns == "integer":
        return storage_type(WIDTHS[row.return_type])
    if row.returns == "object":
        held = ObjectType(row.return_type.removeprefix("struct ").removesuffix(" *"))
        return OptionalType(held) if row.maybe_null else held
    raise AssertionError(f"what {row.name} gives belongs to a map or a dynptr, whose methods have a way of their own")
