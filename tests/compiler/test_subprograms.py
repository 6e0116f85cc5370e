"""Functions of their own, `@func(inline=False)` and `@func(global_=True)`, run on each instruction set."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler import Target
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

CPUS = ("v1", "v2", "v3", "v4")

# Each program is given `x` (a u32 that it cannot know) and leaves a result by `out.value = ...` (an i64).
FRAME = """
from osmia import Array, Ref, XdpAction, XdpContext, func, i8, i64, struct, u8, u16, u32, u64, xdp

given = Array(u32, max_entries=1)
result = Array(i64, max_entries=1)


@struct
class Pair:
    one: u64 = 0
    two: u32 = 0


{module}


@xdp(on_error=XdpAction.TX)
def program(ctx: XdpContext) -> XdpAction:
    taken = given.lookup(0)
    out = result.lookup(0)
    if taken is None or out is None:
        return XdpAction.ABORTED
    x = taken.value
{body}
    return XdpAction.PASS
"""

# Name: (the functions, the body, {given: result}; ERROR where the program takes the error edge).
ERROR = object()
PROGRAMS: dict[str, tuple[str, str, dict[int, Any]]] = {
    "one number": (
        "@func(inline=False)\ndef double(n: u32) -> int:\n    return n * 2",
        "out.value = double(x) + double(x + 1 & 0xff)",
        {3: 14, 200: 802},
    ),
    "a parameter wraps as it is annotated": (
        "@func(inline=False)\ndef low(n: u8) -> int:\n    return n",
        "out.value = low(x)",
        {5: 5, 0x1234: 0x34},
    ),
    "a result wraps as it is annotated": (
        "@func(inline=False)\ndef low(n: int) -> i8:\n    return n",
        "out.value = low(x)",
        {5: 5, 0x80: -128},
    ),
    "defaults and keywords": (
        "@func(inline=False)\ndef sum_of(a: int, b: int = 10, *, c: int = 100) -> int:\n    return a + b * 2 + c * 3",
        "out.value = sum_of(x) + sum_of(c=1, b=2, a=x)",
        {1: 1 + 20 + 300 + 1 + 4 + 3},
    ),
    "more parameters than registers": (
        "@func(inline=False)\ndef many(a: int, b: int, c: int, d: int, e: int, f: int, g: int, h: int) -> int:\n"
        "    return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8",
        "out.value = many(x, 2, 3, 4, 5, x, 7, 8)",
        {1: 1 + 4 + 9 + 16 + 25 + 6 + 49 + 64},
    ),
    "several results": (
        "@func(inline=False)\ndef both(n: int) -> tuple[int, int]:\n    return n // 10, n % 10",
        "tens, ones = both(x)\nout.value = tens * 1000 + ones",
        {47: 4007},
    ),
    "a division by zero inside": (
        "@func(inline=False)\ndef ratio(n: int, d: int) -> int:\n    return n // d",
        "out.value = ratio(100, x)",
        {7: 14, 0: ERROR},
    ),
    "a failed assertion two calls deep": (
        "@func(inline=False)\ndef inner(n: int) -> int:\n    assert n != 3\n    return n\n\n\n"
        "@func(inline=False)\ndef outer(n: int) -> int:\n    return inner(n) + 1",
        "out.value = outer(x)",
        {2: 3, 3: ERROR},
    ),
    "several results of what may fail": (
        "@func(inline=False)\ndef both(n: int, d: int) -> tuple[int, int]:\n    return n // d, n % d",
        "a, b = both(47, x)\nout.value = a * 1000 + b",
        {10: 4007, 0: ERROR},
    ),
    "a struct by reference": (
        "@func(inline=False)\ndef change(pair: Pair, n: u32) -> None:\n    pair.one += n\n    pair.two = n",
        "pair = Pair(one=100)\nchange(pair, x)\nchange(pair, 1)\nout.value = pair.one * 10 + pair.two",
        {5: 1061},
    ),
    "a number by reference": (
        "@func(inline=False)\ndef add(to: Ref[i64], n: int) -> None:\n    to.value += n",
        "out.value = 0\nadd(out, x)\nadd(out, 5)",
        {37: 42},
    ),
    "the context": (
        "@func(inline=False)\ndef queue(ctx: XdpContext, n: int) -> int:\n    return ctx.rx_queue_index + n",
        "out.value = queue(ctx, x)",
        {5: 5},
    ),
    "a function of its own calls a plain one": (
        "def triple(n: int) -> int:\n    return n * 3\n\n\n"
        "@func(inline=False)\ndef six(n: int) -> int:\n    return triple(n) * 2",
        "out.value = six(x)",
        {7: 42},
    ),
    "a bool": (
        "@func(inline=False)\ndef large(n: int) -> bool:\n    return n > 10",
        "out.value = 1 if large(x) and not large(x - 5) else 0",
        {10: 0, 12: 1, 20: 0},
    ),
    "loops and early returns": (
        "@func(inline=False)\ndef bits(n: u32) -> int:\n    found = 0\n    for i in range(32):\n"
        "        if n >> i == 0:\n            return found\n        found += n >> i & 1\n    return found",
        "out.value = bits(x)",
        {0: 0, 5: 2, 0xFFFFFFFF: 32},
    ),
    "global: numbers": (
        "@func(global_=True)\ndef mix(a: u32, b: u32) -> u32:\n    return (a ^ b) * 3",
        "out.value = mix(x, 12)",
        {10: 18},
    ),
    "global: a struct by reference": (
        "@func(global_=True)\ndef change(pair: Pair, n: u32) -> u32:\n    pair.one += n\n    return u32(pair.one)",
        "pair = Pair(one=7)\nout.value = change(pair, x) * 100 + pair.one",
        {3: 1010},
    ),
    "global: an error inside": (
        "@func(global_=True)\ndef ratio(n: u32, d: u32) -> u32:\n    return n // d",
        "out.value = ratio(100, x)",
        {7: 14, 0: ERROR},
    ),
    "global: the context": (
        "@func(global_=True)\ndef queue(ctx: XdpContext) -> u32:\n    return ctx.rx_queue_index",
        "out.value = queue(ctx) + x",
        {5: 5},
    ),
}


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_function_of_its_own_does_what_python_says(tmp_path: Path, name: str, cpu: str) -> None:
    functions, body, runs = PROGRAMS[name]
    text = FRAME.format(module=functions, body=textwrap.indent(body, "    "))
    module = module_from(tmp_path, text)
    compiled = osmia.load(object_of(module, cpu))
    with compiled as loaded:
        for given, expected in runs.items():
            loaded["given"][0] = given
            loaded["result"][0] = -1
            ran = loaded["program"].test_run(bytes(64))
            if expected is ERROR:
                assert ran.action is XdpAction.TX
                assert [count.count for count in loaded["program"].errors()] == [1]
            else:
                assert (ran.action, loaded["result"][0]) == (XdpAction.PASS, expected)


def object_of(module: Any, cpu: str) -> bytes:
    from osmia.compiler.build import checked_unit, generate

    unit, _ = checked_unit((module.program.request,))
    return generate(unit, Target(cpu, (5, 10)))


def test_user_code_calls_the_python_function() -> None:
    @osmia.func
    def double(n: int) -> int:
        """Twice."""
        return n * 2

    assert (double(4), double.__name__, double.__doc__) == (8, "double", "Twice.")


def test_func_is_put_on_functions() -> None:
    with pytest.raises(TypeError, match=r"@func is put on a plain function, not on int 3"):
        osmia.func(3)  # type: ignore[call-overload]
