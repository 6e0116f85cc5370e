"""Arithmetic in the kernel against Python's own, for all pairs of widths, with operands that are not known before."""

from __future__ import annotations

import operator
import random
from typing import TYPE_CHECKING

import pytest

import osmia
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from pathlib import Path

WIDTHS = {"u8": (8, False), "u16": (16, False), "u32": (32, False), "u64": (64, False)}
WIDTHS |= {"i8": (8, True), "i16": (16, True), "i32": (32, True), "i64": (64, True)}
OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LOW, HIGH = -(1 << 63), (1 << 64) - 1


def limits(name: str) -> tuple[int, int]:
    bits, signed = WIDTHS[name]
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def refused(symbol: str, left: str, right: str) -> bool:
    """A u64 beside a signed operand has no 64-bit type; an `and` with an unsigned one always fits."""
    if symbol in ("<<", ">>"):
        return False
    mixed = {left, right} >= {"u64"} and (WIDTHS[left][1] or WIDTHS[right][1])
    return mixed and symbol != "&"


def wrapped(value: int, bits: int, *, signed: bool) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def values(name: str, generator: random.Random) -> list[int]:
    low, high = limits(name)
    ends = {low, low + 1, -1, 0, 1, 2, 7, high - 1, high, high // 2 + 1}
    some = {generator.randint(low, high) for _ in range(6)} | {generator.randint(-70, 70) for _ in range(4)}
    return sorted(value for value in ends | some if low <= value <= high)


def pairs_of(left: str, right: str) -> list[tuple[int, int]]:
    generator = random.Random(f"{left} {right}")
    every = [(one, other) for one in values(left, generator) for other in values(right, generator)]
    return generator.sample(every, min(60, len(every)))


def source(left: str, right: str, symbols: list[str]) -> str:
    lines = [PRELUDE, f"left = Array({left}, max_entries=1)", f"right = Array({right}, max_entries=1)"]
    for index, symbol in enumerate([*symbols, *COMPARISONS]):
        result = "u64" if symbol in COMPARISONS or not (WIDTHS[left][1] or WIDTHS[right][1]) else "i64"
        store = f"out.value = {symbol_expression(symbol)}"
        if symbol in COMPARISONS:
            store = f"if {symbol_expression(symbol)}:\n        out.value = 1\n    else:\n        out.value = 0"
        lines += [
            f"out{index} = Array({result}, max_entries=1)",
            "@xdp(on_error=XdpAction.DROP)",
            f"def program{index}(ctx: XdpContext) -> XdpAction:",
            "    a = left.lookup(0)",
            "    b = right.lookup(0)",
            f"    out = out{index}.lookup(0)",
            "    if a is None or b is None or out is None:",
            "        return XdpAction.ABORTED",
            f"    {store}",
            "    return XdpAction.PASS",
        ]
    return "\n".join(lines) + "\n"


def symbol_expression(symbol: str) -> str:
    return f"a.value {symbol} b.value"


@pytest.mark.parametrize("right", WIDTHS)
@pytest.mark.parametrize("left", WIDTHS)
def test_operators_of_all_widths(tmp_path: Path, left: str, right: str) -> None:
    symbols = [symbol for symbol in OPERATORS if not refused(symbol, left, right)]
    module = module_from(tmp_path, source(left, right, symbols))
    with osmia.load(module) as loaded:
        runs = [
            (symbol, loaded[f"program{index}"], loaded[f"out{index}"])
            for index, symbol in enumerate([*symbols, *COMPARISONS])
        ]
        for one, other in pairs_of(left, right):
            loaded["left"][0], loaded["right"][0] = one, other
            for symbol, program, out in runs:
                action = program.test_run(bytes(14)).action
                where = f"{one} {symbol} {other} ({left}, {right})"
                if symbol in COMPARISONS:
                    assert action is osmia.XdpAction.PASS, where
                    assert out[0] == COMPARISONS[symbol](one, other), where
                elif (symbol in ("//", "%") and other == 0) or (symbol in ("<<", ">>") and other < 0):
                    assert action is osmia.XdpAction.DROP, where
                else:
                    assert action is osmia.XdpAction.PASS, where
                    assert out[0] == expected(symbol, one, other, out.value is osmia.i64), where


def expected(symbol: str, one: int, other: int, signed: bool) -> int:
    if symbol == "<<" and other > 64:
        return 0
    return wrapped(OPERATORS[symbol](one, other), 64, signed=signed)


@pytest.mark.parametrize("signed", [name for name, (_, signed) in WIDTHS.items() if signed])
def test_u64_beside_a_signed_operand_is_refused(tmp_path: Path, signed: str) -> None:
    for symbol in OPERATORS:
        if not refused(symbol, "u64", signed):
            continue
        module = module_from(tmp_path, source("u64", signed, [symbol]))
        with pytest.raises(osmia.CompileError) as caught:
            osmia.load(module)
        assert caught.value.problem == f"{symbol} of a u64 and an operand that may be negative has no 64-bit result"
        assert caught.value.found == f"u64 {symbol} {signed}"
        assert caught.value.fix == "cast one of them: u64(...) or i64(...)"


def test_small_widths_compute_exactly_and_wrap_at_the_store(tmp_path: Path) -> None:
    module = module_from(
        tmp_path,
        PRELUDE
        + """
a = Array(u8, max_entries=1)
narrow = Array(u8, max_entries=1)
wide = Array(i64, max_entries=4)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    one = a.lookup(0)
    small = narrow.lookup(0)
    first = wide.lookup(0)
    second = wide.lookup(1)
    third = wide.lookup(2)
    fourth = wide.lookup(3)
    if one is None or small is None or first is None or second is None or third is None or fourth is None:
        return XdpAction.ABORTED
    first.value = one.value - 1
    second.value = (one.value + 255) // 2
    declared: u8 = one.value + 255
    third.value = declared
    fourth.value = i8(one.value + 200) + u8(one.value * 300)
    small.value = one.value + 255
    small.value -= 3
    return XdpAction.PASS
""",
    )
    with osmia.load(module) as loaded:
        for value in (0, 1, 2, 100, 255):
            loaded["a"][0] = value
            assert loaded["program"].test_run(bytes(14)).action is osmia.XdpAction.PASS
            assert list(loaded["wide"].values()) == [
                value - 1,
                (value + 255) // 2,
                (value + 255) % 256,
                wrapped(value + 200, 8, signed=True) + (value * 300) % 256,
            ]
            assert loaded["narrow"][0] == (value + 255 - 3) % 256
