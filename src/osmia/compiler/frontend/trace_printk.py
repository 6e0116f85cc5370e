"""What `trace_printk` is given: a format of the kernel's, and the numbers that it shows.

The kernel looks at a format when the program runs, and where it does not take it, it writes nothing. So it is checked
here, against the numbers.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.operators import integer, value_of
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_HIGH, I64_LOW, U64_HIGH, BoolType, IntType, PlaceType
from osmia.layout import CharsLayout

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location

MOST = 3
"""Numbers that a format shows: what a helper has registers for."""
_FIELD = re.compile(r"%(?:%|([-+ 0]*\d*)(ll|l|)([diuxX])|(p[ksuxK]{0,2}|s))")
_RANGES = {
    ("d", ""): (-(1 << 31), (1 << 31) - 1),
    ("d", "l"): (I64_LOW, I64_HIGH),
    ("u", ""): (0, (1 << 32) - 1),
    ("u", "l"): (0, U64_HIGH),
}
"""By the letter (`d` for those with a sign) and whether it is a long one: what the kernel shows whole."""
KNOWN = "%d, %i, %u, %x, %X, with l or ll for 64 bits, %p, %s, %%"


def traced(state: FunctionState, node: ast.Call) -> tuple[ir.Expression, list[ir.Expression]]:
    """The format as constant memory, and the numbers."""
    location = state.at(node)
    if not node.args or node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
        raise _wrong(node, location, "trace_printk takes (format, ...), by position")
    first, *rest = node.args
    if isinstance(first, ast.JoinedStr):
        if rest:
            raise _wrong(node, location, "an f-string of trace_printk holds its numbers itself")
        text, values = _of_fstring(state, first)
    else:
        text, values = _format(state, first), [_value(state, each) for each in rest]
        _check_fields(text, values, state.at(first))
    if len(values) > MOST:
        raise _wrong(node, location, f"trace_printk shows {MOST} numbers at most")
    _check_text(text, state.at(first))
    data = text.encode() + b"\0"
    return ir.ConstantText(PlaceType(CharsLayout(len(data))), location, data), values


def _format(state: FunctionState, node: ast.expr) -> str:
    found = state.translate.operand(state, node)
    if isinstance(found, Static) and isinstance(found.value, str):
        return found.value
    raise error(
        "the format of trace_printk is known when the program is compiled",
        state.at(node),
        found=ast.unparse(node),
        expected='a text, as in `trace_printk("%d bytes", n)`',
        fix="write the text there, or in a constant of the module",
    )


def _value(state: FunctionState, node: ast.expr) -> ir.Expression:
    found = state.translate.operand(state, node)
    if isinstance(found, Static) and isinstance(found.value, int):
        found = value_of(found)
    if isinstance(found, ir.Expression):
        integer(found, "what trace_printk shows")
        return found
    raise error(
        "trace_printk shows numbers",
        state.at(node),
        found=ast.unparse(node),
        expected="integers",
        fix="write a text into the format itself; log.info shows everything",
    )


def _check_fields(text: str, values: list[ir.Expression], location: Location) -> None:
    """Each field of a format, with the number that it is for."""
    fields = [each for each in _FIELD.finditer(text) if each[0] != "%%"]
    if "%" in _FIELD.sub("", text):
        raise error(
            "the kernel takes no such format",
            location,
            found=repr(text),
            expected=KNOWN,
            fix="write one of these; log.info shows values as Python does",
        )
    if len(fields) != len(values):
        raise error(
            "a format of trace_printk names each of its numbers",
            location,
            found=f"{len(fields)} in {text!r}, and {len(values)} given",
            expected=f"as many numbers as fields, {MOST} at most",
            fix="give as many numbers as the format names",
        )
    for field, value in zip(fields, values, strict=True):
        of = integer(value, "what trace_printk shows")
        letter = "u" if not field[3] or field[3] in "uxX" else "d"
        low, high = _RANGES[letter, "l" if field[2] or not field[3] else ""]
        if not low <= of.low <= of.high <= high:
            raise error(
                f"{field[0]} does not show all of this number",
                value.location,
                found=f"a value of type {value.type}",
                expected=str(IntType(low, high)),
                fix=f"write {_instead(of, field[3] or 'u')}",
            )


def _instead(of: IntType, letter: str) -> str:
    if of.may_be_negative:
        return "%d" if of.low >= -(1 << 31) and of.high < 1 << 31 else "%lld"
    return f"%{'ll' if of.high >> 32 else ''}{letter if letter in 'uxX' else 'u'}"


def _of_fstring(state: FunctionState, node: ast.JoinedStr) -> tuple[str, list[ir.Expression]]:
    """`f"{x} {y:x}"`: the numbers are shown whole, in decimal or hexadecimal."""
    text, values = "", list[ir.Expression]()
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value).replace("%", "%%")
            continue
        assert isinstance(part, ast.FormattedValue)
        value = _value(state, part.value)
        of = integer(value, "what trace_printk shows")
        spec = "" if part.format_spec is None else ast.unparse(part.format_spec)[2:-1]
        if (
            isinstance(value.type, BoolType)
            or part.conversion >= 0
            or spec not in ("", "d", "x")
            or (spec == "x" and of.may_be_negative)
        ):
            raise error(
                "trace_printk shows this in another way than Python",
                state.at(part.value),
                found=f"`{ast.unparse(part)}`, of type {value.type}",
                expected="integers, without a format or with `:d`, and `:x` where they are not negative",
                fix="write log.info: it shows all that Python does",
            )
        text += "%llx" if spec == "x" else "%lld" if of.may_be_negative else "%llu"
        values.append(value)
    return text, values


def _check_text(text: str, location: Location) -> None:
    if text.isascii() and all(each.isprintable() or each in "\t\n\r\v\f" for each in text):
        return
    raise error(
        "the kernel takes ASCII alone in a format",
        location,
        found=repr(text),
        expected="letters, digits and signs of ASCII",
        fix="write it in ASCII; log.info takes every text",
    )


def _wrong(node: ast.Call, location: Location, problem: str) -> Exception:
    return error(
        problem,
        location,
        found=ast.unparse(node),
        expected='trace_printk("%d of %d", a, b), or trace_printk(f"{a} of {b}")',
        fix="write it so; log.info takes any number of values",
    )
