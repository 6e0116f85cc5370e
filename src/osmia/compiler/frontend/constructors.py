"""New objects in kernel code: `Flow(packets=1)`, `array(u8, 6)`, `chars(16)`, `zeroed(Flow)`; and `sizeof`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.images import struct_image
from osmia.compiler.frontend.operators import constant
from osmia.compiler.frontend.stores import aggregate, check_bits, check_scalar, scalar
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import OptionalType, PlaceType, is_scalar
from osmia.layout import BytesLayout, Field, IntegerLayout, Layout, StructLayout, layout_of, spin_locks
from osmia.maps.codec import Bytes
from osmia.maps.percpu_array import PerCpuArray
from osmia.types import u32

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState


def construct(state: FunctionState, layout: StructLayout, node: ast.Call) -> ir.Expression:
    """`Flow(packets=1, bytes=n)`: fields by keyword, as in user code; the rest has its defaults."""
    location = state.at(node)
    names = [field.name for field in layout.fields]
    if node.args:
        raise error(
            f"the fields of {layout.name} are given by keyword",
            state.at(node.args[0]),
            found=f"{len(node.args)} positional argument{'s' * (len(node.args) != 1)}",
            expected=f"{layout.name}({', '.join(f'{name}=...' for name in names)})",
            fix="name the fields",
        )
    values: list[tuple[Field, ir.Expression]] = []
    for keyword in node.keywords:
        field = layout.field(keyword.arg or "")
        if field is None or any(known is field for known, _ in values):
            raise _bad_field(state, layout, keyword, names, repeated=field is not None)
        role = f"the field {field.name!r} of {layout.name}"
        value = state.translate.operand(state, keyword.value)
        if is_scalar(field.layout):
            number = scalar(value, role, field.layout)
            check_scalar(number, field.layout, role)
            check_bits(number, field, role)
            values.append((field, number))
        else:
            values.append((field, aggregate(state, value, field.layout, role, state.at(keyword))))
    if layout.union and len(values) > 1:
        raise error(
            f"{layout.name} is a union: its fields share their memory",
            location,
            found=f"{len(values)} fields",
            expected=f"{layout.name}({names[0]}=...), or another one of {', '.join(names)}",
            fix="give one of them",
        )
    given = {field.name for field, _ in values}
    missing = [field.name for field in layout.fields if field.default is None and field.name not in given]
    if missing and not layout.union:
        raise error(
            f"{layout.name} needs {' and '.join(repr(name) for name in missing)}",
            location,
            found=f"{ast.unparse(node)}",
            expected=f"a value for each field without a default: {', '.join(missing)}",
            fix=f"add {', '.join(f'{name}=...' for name in missing)}",
            related=(f"{layout.name} is declared at {layout.declared_at[0]}:{layout.declared_at[1]}",),
        )
    defaults: dict[str, Any] = {f.name: f.default for f in layout.fields if f.default is not None}
    if layout.union:
        defaults = {}
    image = struct_image(layout, defaults)
    assert image is not None  # the defaults were checked when the class was made
    return ir.Construct(PlaceType(layout), location, image, tuple(values))


def _bad_field(
    state: FunctionState, layout: StructLayout, keyword: ast.keyword, names: list[str], *, repeated: bool
) -> Exception:
    name = keyword.arg
    if name is None:
        return error(
            "kernel code cannot unpack keyword arguments",
            state.at(keyword),
            found=ast.unparse(keyword),
            expected=f"{layout.name}({', '.join(f'{each}=...' for each in names)})",
            fix="name the fields",
        )
    return error(
        f"{layout.name}: the field {name!r} is given twice" if repeated else f"{layout.name} has no field {name!r}",
        state.at(keyword),
        found=f"{name}=...",
        expected=f"one of {', '.join(names)}",
        fix=did_you_mean(name, [each for each in names if each != name]) or "use one of these",
        related=(f"{layout.name} is declared at {layout.declared_at[0]}:{layout.declared_at[1]}",),
    )


def new_object(state: FunctionState, node: ast.Call, layout: Layout | None) -> ir.Expression:
    """`array(T, n)`, `chars(n)` or `zeroed(T)`: zeros in the program's own memory."""
    if layout is None:
        raise error(
            "this type has no place in memory",
            state.at(node),
            found=ast.unparse(node),
            expected="a type of fixed size",
            fix="name a struct, or one of u8 to i64",
        )
    return ir.Construct(PlaceType(layout), state.at(node), bytes(layout.size), ())


def scratch_object(state: FunctionState, node: ast.Call) -> ir.Expression:
    """`scratch(T)`: zeros in memory that each CPU has for this line alone, for what is too large for the stack."""
    location = state.at(node)
    layout = _type_argument(state, node)
    if layout is None or spin_locks(layout):
        raise error(
            "scratch takes a type of fixed size",
            location,
            found=ast.unparse(node) + (", which holds a spin lock" if layout is not None else ""),
            expected="a struct, array(T, n) or chars(n)",
            fix="name one of these",
        )
    of = PlaceType(layout)
    reference = _scratch_map(state, layout)
    key = constant(0, location)
    found = ir.Require(
        of, location, ir.MapLookup(OptionalType(of), location, reference, key), ir.ErrorEdge("no scratch memory")
    )
    assign, here = state.kept(found)
    return ir.Sequence(of, location, (assign, ir.Fill(location, here, bytes(_in_words(layout.size)))), here)


def _type_argument(state: FunctionState, node: ast.Call) -> Layout | None:
    """The type that is the only argument of a call: named, or written `array(T, n)` or `chars(n)`."""
    if len(node.args) != 1 or node.keywords:
        return None
    given = state.translate.operand(state, node.args[0])
    if isinstance(given, Static):
        return layout_of(given.value)
    if isinstance(given, ir.Construct) and not isinstance(given.type.layout, StructLayout):
        return given.type.layout
    return None


def _in_words(size: int) -> int:
    return (size + 7) // 8 * 8


def _scratch_map(state: FunctionState, layout: Layout) -> ir.MapReference:
    """A per-CPU map of one value, whose size is a multiple of 8 so that zeros can be stored by words."""
    symbol = f"osmia_scratch{len(state.unit.scratch)}"
    size = _in_words(layout.size)
    declaration: PerCpuArray[Any] = PerCpuArray(Bytes(size), max_entries=1, name=symbol)  # type: ignore[arg-type]
    reference = ir.MapReference(symbol, declaration, IntegerLayout(u32), BytesLayout(size), scratch=True)  # type: ignore[arg-type]
    state.unit.scratch.append(reference)
    return reference


def static_arguments(state: FunctionState, node: ast.Call) -> list[object]:
    """The arguments of a call that is made while compiling, as Python objects."""
    found = []
    for argument in node.args:
        value = state.translate.operand(state, argument)
        if isinstance(value, Static | ir.Constant):
            found.append(value.value)
        else:
            raise error(
                f"{ast.unparse(node.func)} takes what is known when the program is compiled",
                state.at(argument),
                found=ast.unparse(argument),
                expected="a type or a number",
                fix="write it out",
            )
    if node.keywords:
        raise error(
            f"{ast.unparse(node.func)} takes no keywords here",
            state.at(node),
            found=ast.unparse(node),
            expected="positional arguments",
            fix="write the arguments by position",
        )
    return found


def size_of(state: FunctionState, node: ast.Call) -> ir.Expression:
    """`sizeof(T)`, of a type or of something that lies in memory."""
    location = state.at(node)
    value = state.translate.operand(state, node.args[0]) if len(node.args) == 1 and not node.keywords else None
    layout: Layout | None = None
    if isinstance(value, Static):
        layout = layout_of(value.value)
    elif isinstance(value, ir.Expression) and isinstance(value.type, PlaceType):
        layout = value.type.layout
    if layout is None:
        raise error(
            "sizeof takes a type of fixed size",
            location,
            found=ast.unparse(node),
            expected="a struct, or one of u8 to i64",
            fix="name one of these",
        )
    return constant(layout.size, location)
