"""How logs show values: Python's own format specs, and the names that osmia has beside them.

The compiler checks each spec against the type that it is for; user code formats what kernel code sent. Both are
here, so that they agree.
"""

from __future__ import annotations

import re

from osmia.arrays import Chars, FixedArray
from osmia.layout import ArrayLayout, BooleanLayout, CharsLayout, EnumLayout, IntegerLayout, StructLayout
from osmia.record import frozen_record
from osmia.types import u8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.layout import Layout

CONVERSIONS: dict[str, Callable[[object], str]] = {"r": repr, "s": str, "a": ascii}
WIDEST = 4096
"""No field of a message is wider: each would cost a record so much time and memory."""

# Python's own of integers; of texts; and osmia's, which end in a name as Python's end in a letter.
_INTEGER = re.compile(r"(?:.?[<>=^])?[-+ ]?z?#?0?(\d*)[,_]?(\.\d*)?([a-zA-Z%]?)", re.DOTALL)
_TEXT = re.compile(r"(?:.?[<>=^])?0?(\d*)(?:\.(\d*))?([a-zA-Z%]?)", re.DOTALL)
_NAMED = re.compile(r"(?:(.)?([<>^]))?(\d*)(ip|mac|sym|p|x|X)", re.DOTALL)
_LARGEST_CHARACTER = 0x10FFFF


def _ip(value: Any) -> str:
    from ipaddress import IPv4Address, ip_address

    return str(IPv4Address(value)) if isinstance(value, int) else str(ip_address(bytes(value)))


def _mac(value: Any) -> str:
    return bytes(value).hex(":")


def _pointer(value: int) -> str:
    return f"0x{value:016x}"


def _symbol(value: int) -> str:
    from osmia.logs.symbols import symbol

    return symbol(value)


def _hexadecimal(value: Any) -> str:
    return bytes(value).hex()


def _upper_hexadecimal(value: Any) -> str:
    return bytes(value).hex().upper()


NAMED: dict[str, tuple[Callable[[Any], str], str]] = {
    "ip": (_ip, "an address: a be32 or a number that fits u32, or array(u8, 4) or array(u8, 16)"),
    "mac": (_mac, "array(u8, 6)"),
    "p": (_pointer, "an address: a number of 0 or more, or an object of the kernel's"),
    "sym": (_symbol, "the address of a function or a variable of the kernel: a number of 0 or more"),
    "x": (_hexadecimal, "a number, an array of u8, or chars"),
    "X": (_upper_hexadecimal, "a number, an array of u8, or chars"),
}
"""By name: what makes the text, and what is shown so."""


def formatted(value: Any, conversion: str, spec: str) -> str:
    """A value as an f-string shows it: `conversion` is `r`, `s`, `a` or empty."""
    if conversion:
        return format(CONVERSIONS[conversion](value), spec)
    named = _NAMED.fullmatch(spec)
    if named is None or (named[4] in "xX" and not isinstance(value, (FixedArray, Chars))):
        return format(value, spec)
    fill, align, width, name = named.groups()
    return format(NAMED[name][0](value), f"{fill or ''}{align or ''}{width}")


@frozen_record
class Problem:
    """Why a spec does not fit a value."""

    what: str
    found: str
    expected: str
    fix: str


def problem(layout: Layout | None, low: int, high: int, conversion: str, spec: str) -> Problem | None:
    """What is wrong with a spec for values of a layout, of numbers from `low` to `high`; None where all is right.

    The layout is None for an object of the kernel's, of which there is its address alone.
    """
    width = _too_wide(spec)
    if width:
        return Problem("a field of a log is too wide", f"the width {width}", f"at most {WIDEST}", "use a smaller one")
    if conversion:
        return _text_problem(spec)
    if layout is None or _is_named(layout, spec):
        return _named_problem(layout, low, high, spec)
    if isinstance(layout, CharsLayout):
        return _text_problem(spec)
    if isinstance(layout, (ArrayLayout, StructLayout)):
        return None if not spec else _of_aggregate(layout, spec)
    return _integer_problem(layout, low, high, spec)


def shows_itself(layout: Layout) -> str:
    """The class, of a value or of a part of it, that says itself how its values are shown; empty where none does.

    User code that reads a log has no such class: it would show another text.
    """
    match layout:
        case ArrayLayout(element=element):
            return shows_itself(element)
        case EnumLayout(of=of):
            base = next(each for each in of.__mro__ if each.__name__ == "IntEnum" and each.__module__ in _ENUM_MODULES)
            return "" if all(getattr(of, each) == getattr(base, each) for each in _TEXTS) else layout.name
        case StructLayout(of=of):
            own = of.__repr__.__module__ != "osmia.structs" or not vars(of).keys().isdisjoint(_TEXTS[1:])
            return layout.name if own else next(filter(None, (shows_itself(each.layout) for each in layout.fields)), "")
        case _:
            return ""


_TEXTS = ("__repr__", "__str__", "__format__")
_ENUM_MODULES = ("enum", "osmia.enumeration")


def _too_wide(spec: str) -> str:
    numbers = re.findall(r"\d+", spec, re.ASCII)
    return next((each for each in numbers if len(each) > len(str(WIDEST)) or int(each) > WIDEST), "")


def _is_named(layout: Layout, spec: str) -> bool:
    named = _NAMED.fullmatch(spec)
    return named is not None and (named[4] not in "xX" or isinstance(layout, (ArrayLayout, CharsLayout)))


def _named_problem(layout: Layout | None, low: int, high: int, spec: str) -> Problem | None:
    named = _NAMED.fullmatch(spec)
    name = "" if named is None else named[4]
    if layout is None:
        if name == "p":
            return None
        return Problem(
            "an object of the kernel's is shown as its address",
            f"the spec {spec!r}" if spec else "no spec",
            "`:p`",
            "write `{name:p}`, or show a field of it",
        )
    if not name or _shows(name, layout, low, high):
        return None
    return Problem(
        f"`:{name}` does not show this",
        f"a value of type {_type(layout, low, high)}",
        NAMED[name][1],
        _instead(name, layout),
    )


def _shows(name: str, layout: Layout, low: int, high: int) -> bool:
    """Whether values of a layout may be shown by a name of osmia's."""
    is_bytes = isinstance(layout, ArrayLayout) and isinstance(layout.element, IntegerLayout) and layout.element.of is u8
    if name in ("x", "X"):
        return is_bytes or isinstance(layout, CharsLayout)
    if name == "mac":
        return is_bytes and layout.size == 6
    if is_bytes:
        return name == "ip" and layout.size in (4, 16)
    return isinstance(layout, IntegerLayout) and low >= 0 and (name != "ip" or high < 1 << 32)


def _instead(name: str, layout: Layout) -> str:
    if isinstance(layout, IntegerLayout):
        fixes = {"ip": "say which 32 bits are meant: `{u32(x):ip}`", "mac": "keep the address in `array(u8, 6)`"}
        return fixes.get(name, "cast it: `{u64(x):" + name + "}`")
    if isinstance(layout, ArrayLayout):
        return (
            "show it by `:x`, or as it is: `{value}`" if isinstance(layout.element, IntegerLayout) else "leave it out"
        )
    return "leave the spec out, or show one number of it"


def _text_problem(spec: str) -> Problem | None:
    match = _TEXT.fullmatch(spec)
    try:
        format("", spec)
    except ValueError as refused:
        letter = "" if match is None else match[3]
        fix = (
            "leave the letter out, or write `s`"
            if letter not in ("", "s")
            else "write it as Python has it, as in `:>16`"
        )
        return Problem("this is no format of a text", str(refused), "[[fill]align][width][.precision][s]", fix)
    return None


def _of_aggregate(layout: Layout, spec: str) -> Problem:
    named = _NAMED.fullmatch(spec)
    what = "a struct" if isinstance(layout, StructLayout) else "an array"
    return Problem(
        f"{what} takes no such spec" if named is None else f"`:{named[4]}` does not show this",
        f"the spec {spec!r} for {layout.name}",
        "no spec, or a conversion: `{value!r:>40}`"
        if isinstance(layout, StructLayout)
        else "no spec, `:x` of bytes, `:mac` of six of them, `:ip` of 4 or 16",
        "write `{value!r:...}`, or show its fields",
    )


def _integer_problem(layout: Layout, low: int, high: int, spec: str) -> Problem | None:
    expected = "[[fill]align][sign][#][0][width][,_][type], with a type of b, c, d, n, o, x, X; or ip, p, sym"
    match = _INTEGER.fullmatch(spec)
    letter = "" if match is None else match[3]
    if letter and letter in "eEfFgG%":
        return Problem(
            "kernel code has no fractions to show",
            f"`{letter}`, a format of floats, for a value of type {_type(layout, low, high)}",
            expected,
            "show the integer: count in a smaller unit",
        )
    if letter == "c" and not 0 <= low <= high <= _LARGEST_CHARACTER:
        return Problem(
            "`c` shows a character, and not every value of this is one",
            f"a value of type {_type(layout, low, high)}",
            f"numbers from 0 to {_LARGEST_CHARACTER}",
            "say which part is meant: `{u8(x):c}`",
        )
    try:
        format(1, spec)
    except (ValueError, OverflowError) as refused:
        fix = "write `{x!s:...}` for the texts True and False" if isinstance(layout, BooleanLayout) else ""
        enum = "write `{x!r:...}` for a text with its name" if isinstance(layout, EnumLayout) else ""
        return Problem(
            "this is no format of an integer", str(refused), expected, fix or enum or "use one of these types"
        )
    return None


def _type(layout: Layout, low: int, high: int) -> str:
    if not isinstance(layout, IntegerLayout) or (low, high) == (layout.of.low, layout.of.high):
        return layout.name
    return f"int {low}" if low == high else f"int {low}..{high}"
