"""Fields of contexts and of the kernel's objects: `ctx.mark`, `ctx.cb[0]`, `sk.family`; read, and stored to."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.byte_order import STORAGE, swapped
from osmia.compiler.frontend.context_copies import copied
from osmia.compiler.frontend.function import Static, TupleValue
from osmia.compiler.frontend.operators import value_of
from osmia.compiler.frontend.packets import packet_members
from osmia.compiler.frontend.refused import PACKET_FIELDS
from osmia.compiler.frontend.stores import check_store, unwrapped
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import ContextType, ObjectType, OptionalType, storage_type
from osmia.contexts.kernel_fields import OBJECT_FIELDS
from osmia.kernel import tracefs
from osmia.kinds import KINDS
from osmia.types import INTEGERS

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState, Operand
    from osmia.compiler.ir.types import Storage
    from osmia.compiler.location import Location
    from osmia.contexts.fields import ContextField

WIDTHS: dict[tuple[int, bool], Storage] = {(of.bits, of.signed): of for of in INTEGERS}


def context_field(state: FunctionState, of: ContextType, name: str, location: Location) -> Operand:
    """`ctx.name`: a number, an object of the kernel's, the elements of an array, or a text."""
    field = _field(of, name, location)
    if field.form:
        return copied(state, field, name, location)
    return _read(field, name, None, location)


def object_field(base: ir.Expression, name: str, location: Location) -> Operand | None:
    """`sk.name`; None where the base is no object of the kernel's."""
    of = base.type.of if isinstance(base.type, OptionalType) else base.type
    if not isinstance(of, ObjectType):
        return None
    fields = OBJECT_FIELDS.get(of.struct, {})
    known = fields.get(name)
    if known is None:
        raise error(
            f"{of} has no field {name!r}" if fields else f"kernel code cannot read the fields of {of}",
            location,
            found=f".{name} of {of}",
            expected=f"one of {', '.join(fields)}" if fields else "a helper that takes it",
            fix=_instead_of_object_field(of, name, list(fields)),
        )
    return _read(known, name, unwrapped(base), location)


def _instead_of_object_field(of: ObjectType, name: str, fields: list[str]) -> str:
    if of.struct == "sock_common" and name in OBJECT_FIELDS["bpf_sock"]:
        return "make a full socket of it first: `full = ctx.sk_fullsock(sk)`, and check it for None"
    return did_you_mean(name, fields) or ("use one of these" if fields else "see docs/helpers.md for what takes it")


def _field(of: ContextType, name: str, location: Location) -> ContextField:
    fields = of.fields
    known = fields.get(name)
    if known is None:
        members = [*fields, *packet_members(KINDS[of.kind])]
        raise error(
            f"{of} has no field {name!r}",
            location,
            found=f"{of}.{name}",
            expected=f"one of {', '.join(members)}" if members else f"a helper: {of} has no fields",
            fix=_instead_of_field(of, name, members),
        )
    if known.hooks and of.hook not in known.hooks:
        raise error(
            f"{of}.{name} is there at other hooks alone",
            location,
            found=f"a program at the hook {of.hook!r}" if of.hook else "a program without a hook",
            expected="one at " + " or ".join(f'"{hook}"' for hook in known.hooks),
            fix=f"declare the program with {_declared(of.kind, known.hooks[0])}, or leave the field alone",
        )
    return known


def _declared(kind: str, hook: str) -> str:
    """How a program at a hook is declared: where a kind has programs without one, it is an option."""
    return f'@{kind}(hook="{hook}")' if "" in KINDS[kind].attach_types else f'@{kind}("{hook}", ...)'


def _instead_of_field(of: ContextType, name: str, members: list[str]) -> str:
    if name in helpers():
        return f"call it: `{name}(...)`"
    if "packet" in members and name in PACKET_FIELDS:
        return PACKET_FIELDS[name]
    there = _fields_there(of)
    if close := did_you_mean(name, [] if name in there else [*members, *there]):
        return close
    if of.kind == "tracepoint":
        return _tracepoint_field(of, name, there)
    if of.kind == "raw_tracepoint":
        return "take an argument of the tracepoint by its number: `ctx.arg(0)`"
    return "use one of these" if members else "take what you need as a parameter"


def _fields_there(of: ContextType) -> dict[str, tracefs.FormatField]:
    """What a program may take of its tracepoint, where this kernel says it."""
    if of.kind != "tracepoint":
        return {}
    try:
        fields = tracefs.read_format(tracefs.format_text(of.hook))
    except OSError:
        return {}  # an ordinary user may not ask
    return {name: field for name, field in fields.items() if field.wanted}


def _tracepoint_field(of: ContextType, name: str, there: dict[str, tracefs.FormatField]) -> str:
    """Where a program gets a field of its tracepoint from: a class of its own that names it."""
    if there and name not in there:
        return f"the tracepoint {of.hook} has {', '.join(each for each in there if not each.startswith('common_'))}"
    field = f"`{name}: u32`, with the type that the tracepoint's format in tracefs says"
    if name in there:
        field = f"`{there[name].annotated}`"
    if of.own_fields:
        return f"give {of} the field{'' if there else ', if the tracepoint has it'}: {field}"
    declared = f"`@struct`, `class Fields({of}):`, {field}"
    return f"declare a class with the field ({declared}), and annotate the parameter with it"


def _read(field: ContextField, name: str, base: ir.Expression | None, location: Location) -> Operand:
    if field.length:
        step = field.bits // 8
        return TupleValue(
            location,
            (),
            tuple(
                _number(field, f"{name}[{index}]", field.offset + step * index, base, location)
                for index in range(field.length)
            ),
        )
    if field.object:
        of = ObjectType(field.object)
        return ir.ContextRead(OptionalType(of) if field.nullable else of, location, name, field.offset, 64, base)
    return _number(field, name, field.offset, base, location)


def _number(
    field: ContextField, name: str, offset: int, base: ir.Expression | None, location: Location
) -> ir.Expression:
    whole = storage_type(WIDTHS[field.bits, field.signed])
    read: ir.Expression = ir.ContextRead(whole, location, name, offset, field.bits, base)
    if not field.network_bits:
        return read
    storage = STORAGE[field.network_bits]
    if field.network_bits < field.bits:
        read = ir.Wrap(storage_type(storage), location, read, storage)
    return swapped(read, storage, location)


def context_target(state: FunctionState, node: ast.expr) -> tuple[ContextType, str, int | None] | None:
    """What of the context an assignment goes to: its type, the field's name, the element; None for other targets."""
    index = None
    if isinstance(node, ast.Subscript):
        inside = node.value
        if not isinstance(inside, ast.Attribute) or not isinstance(inside.value, ast.Name):
            return None
        base = state.translate.operand(state, inside.value)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        inside, base = node, state.translate.operand(state, node.value)
    else:
        return None
    if not isinstance(base, ir.Expression) or not isinstance(base.type, ContextType):
        return None
    if inside.attr not in base.type.fields and isinstance(node, ast.Attribute):
        raise _read_only(base.type, inside.attr, node, state.at(node))
    field = _field(base.type, inside.attr, state.at(inside))
    if isinstance(node, ast.Subscript):
        index = _index(state, node, field)
    elif field.length and field.writable:
        raise error(
            f"{inside.attr} is an array",
            state.at(node),
            found=f"an assignment to {ast.unparse(node)}",
            expected=f"an element of it, 0 to {field.length - 1}",
            fix=f"write `{ast.unparse(node)}[0] = ...`, for each element",
        )
    return base.type, inside.attr, index


def _index(state: FunctionState, node: ast.Subscript, field: ContextField) -> int:
    found = value_of(index) if isinstance(index := state.translate.operand(state, node.slice), Static) else index
    if field.length and isinstance(found, ir.Constant) and -field.length <= found.value < field.length:
        return found.value % field.length
    raise error(
        f"this is no element of {ast.unparse(node.value)}",
        state.at(node.slice),
        found=ast.unparse(node.slice),
        expected=f"a constant from 0 to {field.length - 1}" if field.length else "no subscript: it is a number",
        fix="use a number" if field.length else "leave the subscript out",
    )


def context_store(
    target: tuple[ContextType, str, int | None], value: Operand, node: ast.expr, location: Location
) -> tuple[ir.Statement, ...]:
    """The statements of `ctx.name = value`."""
    of, name, index = target
    field = of.fields[name]
    if not field.writable:
        raise _read_only(of, name, node, location)
    role = ast.unparse(node)
    number = value_of(value) if isinstance(value, Static) else value
    if not isinstance(number, ir.Expression):
        raise error(
            f"{role} is a number",
            location,
            found="several values" if isinstance(number, TupleValue) else "a function",
            expected="a number",
            fix="store a number",
        )
    storage = STORAGE[field.network_bits] if field.network_bits else WIDTHS[field.bits, field.signed]
    check_store(number, storage, role)
    if field.network_bits:
        inside = storage_type(storage)
        if not isinstance(number, ir.Constant):
            number = ir.Wrap(inside, number.location, number, storage)
        number = swapped(number, storage, location)
    offset = field.offset + (field.bits // 8 * index if index else 0)
    shown = name if index is None else f"{name}[{index}]"
    return (ir.ContextStore(location, shown, offset, field.bits, number),)


def _read_only(of: ContextType, name: str, node: ast.expr, location: Location) -> Exception:
    able = [name for name, each in of.fields.items() if each.writable]
    return error(
        f"the field {name!r} of {of} is read-only",
        location,
        found=f"an assignment to {ast.unparse(node)}",
        expected=f"a field that may be written: {', '.join(able)}"
        if able
        else "a field that may be written; this context has none",
        fix="keep the value in a local",
    )


def read_target(state: FunctionState, target: tuple[ContextType, str, int | None], location: Location) -> ir.Expression:
    """What the target of an augmented assignment holds before it."""
    of, name, index = target
    found = context_field(state, of, name, location)
    item = found.items[index or 0] if isinstance(found, TupleValue) else found
    assert isinstance(item, ir.Expression)
    return item
