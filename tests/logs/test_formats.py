"""Every format of a log against Python's own formatting of the same values, which the kernel really wrote."""

from __future__ import annotations

import tempfile
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import osmia
from logs.reading import messages
from osmia import XdpAction, i8, i16, i32, i64, u8, u16, u32, u64
from osmia.layout import BooleanLayout, CharsLayout, IntegerLayout
from osmia.logs.formats import problem
from program_files import module_from

WIDTHS: tuple[Any, ...] = (u8, u16, u32, u64, i8, i16, i32, i64)
MODULE = """
from enum import IntEnum
from osmia import *
class Color(IntEnum):
    RED = 0
    DARK_BLUE = 200
@struct
class Inner:
    low: u8 = 0
    color: Color = Color.RED
    text: Chars = chars(5)
    pair: FixedArray[u16] = array(u16, 2)
@union
class Either:
    number: u32 = 0
    parts: FixedArray[u8] = array(u8, 4)
@struct
class Values:
    n_u8: u8 = 0
    n_u16: u16 = 0
    n_u32: u32 = 0
    n_u64: u64 = 0
    n_i8: i8 = 0
    n_i16: i16 = 0
    n_i32: i32 = 0
    n_i64: i64 = 0
    n_be16: be16 = 0
    n_be32: be32 = 0
    n_be64: be64 = 0
    n_bool: bool = False
    color: Color = Color.RED
    narrow: u8 = bits(3, 0)
    signed: i8 = bits(4, 0)
    chars: Chars = chars(7)
    mac: FixedArray[u8] = array(u8, 6)
    ip4: FixedArray[u8] = array(u8, 4)
    ip6: FixedArray[u8] = array(u8, 16)
    inner: Inner = Inner()
    inners: FixedArray[Inner] = array(Inner, 2)
    either: Either = Either()
values = Array(Values, max_entries=1)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    v = values.lookup(0)
    if v is None:
        return XdpAction.ABORTED
{logs}
    return XdpAction.PASS
"""
INTEGERS = (*(f"n_{name}" for name in ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")), "narrow", "signed")
NUMBERS = (*INTEGERS, "n_be16", "n_be32", "n_be64", "n_bool", "color")


def _edges(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from((low, high, 0, 1)), st.integers(low, high))


@st.composite
def integer_specs(draw: Any, types: str = "bdnoxX") -> str:
    """Specs of Python's integers."""
    fill = draw(st.sampled_from(("", "*", "_", "0", "é", "x", " ")))
    align = draw(st.sampled_from("<>=^")) if fill else draw(st.sampled_from(("", "<", ">", "=", "^")))
    sign, alternate, zero = draw(st.sampled_from(("", "+", "-", " "))), draw(st.booleans()), draw(st.booleans())
    width, group = draw(st.sampled_from(("", "1", "9", "23"))), draw(st.sampled_from(("", ",", "_")))
    of = draw(st.sampled_from(("", *types)))
    return f"{fill}{align}{sign}{'#' * alternate}{'0' * zero}{width}{group}{of}"


TEXT_SPECS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(("", "<", "^", "*>", "é^")),
    st.sampled_from(("", "2", "31")),
    st.sampled_from(("", ".0", ".3", ".30")),
    st.sampled_from(("", "s")),
)


def accepted(value: object, spec: str) -> bool:
    """Whether Python shows a value so."""
    try:
        format(value, spec)
    except (ValueError, TypeError, OverflowError):
        return False
    return True


@st.composite
def fields(draw: Any) -> tuple[str, str]:
    """A field of an f-string, and Python source of what it shows."""
    match draw(st.integers(0, 7)):
        case 0 | 1:
            spec = draw(integer_specs().filter(lambda spec: accepted(1, spec)))
            name = draw(st.sampled_from(NUMBERS))
            return f"{{v.{name}:{spec}}}", f"format(v.{name}, {spec!r})"
        case 2:
            name, conversion = draw(st.sampled_from((*NUMBERS, "chars", "inner", "mac"))), draw(st.sampled_from("rsa"))
            spec = draw(TEXT_SPECS)
            function = {"r": "repr", "s": "str", "a": "ascii"}[conversion]
            return f"{{v.{name}!{conversion}:{spec}}}", f"format({function}(v.{name}), {spec!r})"
        case 3:
            spec = draw(TEXT_SPECS)
            return f"{{v.chars:{spec}}}", f"format(str(v.chars), {spec!r})"
        case 4:
            name = draw(
                st.sampled_from(("inner", "inners", "either", "mac", "chars", "ip6", "n_u64", "n_i64", "color"))
            )
            return f"{{v.{name}}}", f"str(v.{name})"
        case 5:
            align = draw(st.sampled_from(("", "<20", "*>40", "^41")))
            name = draw(st.sampled_from(("n_be32", "n_u32", "ip4", "ip6", "n_u16")))
            of = {"ip6": "IPv6Address(bytes(v.ip6))", "ip4": "IPv4Address(bytes(v.ip4))"}.get(
                name, f"IPv4Address(v.{name})"
            )
            return f"{{v.{name}:{align}ip}}", f"format(str({of}), {align!r})"
        case 6:
            align, case = draw(st.sampled_from(("", "<20", "*>40", "^41"))), draw(st.sampled_from("xX"))
            name = draw(st.sampled_from(("mac", "ip6", "chars")))
            text = f"bytes(v.{name}).hex(){'.upper()' * (case == 'X')}"
            return f"{{v.{name}:{align}{case}}}", f"format({text}, {align!r})"
        case _:
            align = draw(st.sampled_from(("", "20", ".>40")))
            name = draw(st.sampled_from(("mac", "n_u64")))
            text = "':'.join(f'{each:02x}' for each in v.mac)" if name == "mac" else "f'0x{v.n_u64:016x}'"
            return f"{{v.{name}:{align}{'mac' if name == 'mac' else 'p'}}}", f"format({text}, {align!r})"


def inner(module: Any) -> st.SearchStrategy[Any]:
    return st.builds(
        module.Inner,
        low=_edges(0, 255),
        color=st.sampled_from(module.Color),
        text=st.binary(max_size=5),
        pair=st.lists(_edges(0, 65535), min_size=2, max_size=2),
    )


def some_values(module: Any) -> st.SearchStrategy[Any]:
    """Instances of the struct of all types."""
    widths = {f"n_{of.__name__}": _edges(of.low, of.high) for of in WIDTHS}
    big = {f"n_be{bits}": _edges(0, (1 << bits) - 1) for bits in (16, 32, 64)}
    return st.builds(
        module.Values,
        **widths,
        **big,
        n_bool=st.booleans(),
        color=st.sampled_from(module.Color),
        narrow=_edges(0, 7),
        signed=_edges(-8, 7),
        chars=st.binary(max_size=7),
        mac=st.binary(min_size=6, max_size=6),
        ip4=st.binary(min_size=4, max_size=4),
        ip6=st.one_of(st.binary(min_size=16, max_size=16), st.just(bytes(15) + b"\1")),
        inner=inner(module),
        inners=st.lists(inner(module), min_size=2, max_size=2),
        either=st.builds(module.Either, number=_edges(0, (1 << 32) - 1)),
    )


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(fields(), min_size=12, max_size=12), st.data())
def test_what_is_logged_is_what_python_shows(shown: list[tuple[str, str]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as directory:
        lines = [f'    log.info(f"a {field}|")' for field, _ in shown]
        lines.append('    log.info(f"' + " ".join(field for field, _ in shown) + '")')
        module = module_from(Path(directory), MODULE.format(logs="\n".join(lines)))
        names = {"IPv4Address": IPv4Address, "IPv6Address": IPv6Address}
        with osmia.log.records() as reader, osmia.load(module) as loaded:
            for _ in range(4):
                loaded["values"][0] = data.draw(some_values(module))
                v = loaded[module.values][0]
                assert loaded["program"].test_run(bytes(64)).action == XdpAction.PASS
                wanted = [eval(source, names | {"v": v}) for _, source in shown]
                assert messages(reader) == [*(f"a {text}|" for text in wanted), " ".join(wanted)]


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(
        integer_specs("bcdnoxXeEfFgG%s"), TEXT_SPECS, st.text("<>=^+-#0123,_.bcdnoxXeEfFgG%sipmacsy*z", max_size=6)
    )
)
def test_a_spec_is_taken_where_python_takes_it(spec: str) -> None:
    """But for floats and characters, and for widths that nobody means."""
    named = spec.endswith(("ip", "mac", "sym", "p"))
    floats = spec and spec[-1] in "eEfFgG%"
    character = spec.endswith("c") and not named
    layout = IntegerLayout(i64)  # type: ignore[arg-type]
    found = problem(layout, -5, 5, "", spec)
    if not (named or floats or character):
        assert (found is None) is accepted(1, spec), found
    elif not named:
        assert found is not None
    as_text = problem(CharsLayout(4), 0, 0, "", spec)
    if not named and not spec.endswith(("x", "X")):
        assert (as_text is None) is accepted("", spec), as_text
    assert (problem(BooleanLayout(), 0, 1, "r", spec) is None) is accepted("", spec)
