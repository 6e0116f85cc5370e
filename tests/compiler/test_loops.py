"""Loops in every form, run in this kernel: plain, may_goto and bpf_loop; and what `for` goes over."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler.build import checked_unit
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.walk import nodes
from osmia.compiler.target import Target
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from pathlib import Path

PLAIN, CALLED, GENERAL = Target("v3", (5, 10)), Target("v3", (5, 17)), Target("v4", (6, 9))
TARGETS = {"plain": PLAIN, "bpf_loop": CALLED, "may_goto": GENERAL}

FRAME = """
given = Array(u32, max_entries=1)
result = Array(i64, max_entries=1)
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


def module_of(directory: Path, module: str, body: str) -> Any:
    text = PRELUDE + "from osmia import array, be32, chars, struct\n"
    return module_from(directory, text + FRAME.format(module=module, body=textwrap.indent(body, "    ")))


def run(loaded: osmia.Loaded, given: int, data: bytes = bytes(14)) -> tuple[XdpAction, int]:
    loaded["given"][0] = given
    loaded["result"][0] = 0
    return loaded["program"].test_run(data).action, loaded["result"][0]


def forms(module: Any, target: Target) -> list[str]:
    unit, _ = checked_unit((module.program.request,), target)
    return [each.plan.form for each in nodes(unit.programs[0].body) if isinstance(each, ir.Loop)]


# Each loop runs longer than the verifier would walk it, so that it takes the target's form:
# (what the module has besides, the body, {given: (action, result)}).
PASS, TX, DROP = XdpAction.PASS, XdpAction.TX, XdpAction.DROP
LONG: dict[str, tuple[str, str, dict[int, tuple[XdpAction, int]]]] = {
    "while": ("", "i = 0\nwhile i < x:\n    i += 1\nout.value = i", {0: (PASS, 0), 100_000: (PASS, 100_000)}),
    "range of what is not known": (
        "",
        "total = 0\nfor i in range(x):\n    total ^= i * 3\nout.value = total",
        {0: (PASS, 0), 5: (PASS, 0 ^ 3 ^ 6 ^ 9 ^ 12)},
    ),
    "range of constants": (
        "",
        "total = 0\nfor i in range(100_000):\n    if i & x:\n        total += i\nout.value = total",
        {1: (PASS, sum(range(1, 100_000, 2)))},
    ),
    "range down": (
        "",
        "total = i = 0\nfor i in range(x, -1, -3):\n    total += i\nout.value = total + i",
        {100_001: (PASS, sum(range(100_001, -1, -3)) + 2)},
    ),
    "break and else": (
        "",
        "total = 0\nfor i in range(1_000_000):\n    total += 1\n    if i == x:\n        break\n"
        "else:\n    total = -1\nout.value = total",
        {70_000: (PASS, 70_001), 1_000_001: (PASS, -1)},
    ),
    "continue": (
        "",
        "total = 0\nfor i in range(x):\n    if i % 3:\n        continue\n    total += 1\nout.value = total",
        {90_000: (PASS, 30_000)},
    ),
    "return": (
        "",
        "for i in range(x):\n    out.value += 1\n    if i == 50_000:\n        return XdpAction.DROP",
        {50_000: (PASS, 50_000), 50_001: (DROP, 50_001)},
    ),
    "assert": (
        "",
        "for i in range(x):\n    assert i < 60_000\n    out.value = i",
        {60_000: (PASS, 59_999), 60_001: (TX, 59_999)},
    ),
    "while True": (
        "",
        "i = 0\nwhile True:\n    i += 2\n    if i > x:\n        break\nout.value = i",
        {0: (PASS, 2), 99_999: (PASS, 100_000)},
    ),
    "loop in a loop": (
        "",
        "total = 0\nfor i in range(x):\n    for j in range(i):\n        if j == 50:\n            break\n"
        "        total += 1\nout.value = total",
        {500: (PASS, sum(min(i, 50) for i in range(500)))},
    ),
    "loop in a function in a loop": (
        "def count(n: int, most: int) -> int:\n    found = 0\n    for i in range(n):\n        if i == most:\n"
        "            return found\n        found += 1\n    return found",
        "total = 0\nfor i in range(x):\n    total += count(i, 7)\nout.value = total",
        {300: (PASS, sum(min(i, 7) for i in range(300)))},
    ),
    "values of maps and objects across rounds": (
        "counts = Array(u64, max_entries=4)\nseen = HashMap(u32, u64, max_entries=8)\n@struct\nclass Sum:\n"
        "    low: u32 = 0\n    high: u64 = 0",
        "sum = Sum()\nfirst = counts.lookup(0)\nother = counts.lookup(9)\nif first is None:\n    return XdpAction.ABORTED\n"
        "first.value = 0\nfor i in range(x):\n    first.value += 1\n    sum.high += i\n    if sum.low < 9:\n"
        "        sum.low += 1\n    if other is None:\n        other = counts.lookup(1)\n    else:\n        other.value = i\n"
        "    seen[i & 3] = i\nout.value = sum.high + first.value + sum.low + seen[3]",
        {20_000: (PASS, sum(range(20_000)) + 20_000 + 9 + 19_999)},
    ),
    "array with the loop's own index": (
        "",
        "held = array(u16, 16)\ni = 0\nwhile i < x:\n    held[i & 15] += 1\n    i += 1\n"
        "for k in range(16):\n    out.value += held[k] << k",
        {100_003: (PASS, sum((6250 + (k < 3)) << k for k in range(16)))},
    ),
    "array by index with an error edge": (
        "",
        "held = array(u8, 5)\nfor i in range(x):\n    held[i] = i\n    out.value = i",
        {5: (PASS, 4), 9: (TX, 4)},
    ),
    "object made in a round": (
        "@struct\nclass Pair:\n    one: u32\n    two: u32",
        "total = 0\nfor i in range(x):\n    pair = Pair(one=i, two=2)\n    pair.one += pair.two\n    total += pair.one\n"
        "out.value = total",
        {10_000: (PASS, sum(range(10_000)) + 20_000)},
    ),
    "only a local that lives on": ("", "last = -1\nfor last in range(x):\n    pass\nout.value = last", {0: (PASS, -1), 9: (PASS, 8)}),
    "else with a return": (
        "",
        "for i in range(x):\n    if i == 40_000:\n        break\nelse:\n    return XdpAction.DROP\nout.value = 5",
        {40_000: (DROP, 0), 40_001: (PASS, 5)},
    ),
    "dynamic step": (
        "",
        "step = i32(x) - 3\nfor i in range(10, 20_000, step):\n    out.value += i",
        {3: (TX, 0), 2: (PASS, 0), 4: (PASS, sum(range(10, 20_000))), 10: (PASS, sum(range(10, 20_000, 7)))},
    ),
    "dynamic step down": (
        "",
        "step = i32(x) - 300\nfor i in range(20_000, 10, step):\n    out.value += i",
        {300: (TX, 0), 299: (PASS, sum(range(20_000, 10, -1))), 301: (PASS, 0), 0: (PASS, sum(range(20_000, 10, -300)))},
    ),
}


@pytest.mark.parametrize("form", ["bpf_loop", "may_goto"])
@pytest.mark.parametrize("name", LONG)
def test_long_loops(tmp_path: Path, form: str, name: str) -> None:
    module_text, body, expected = LONG[name]
    module = module_of(tmp_path, module_text, body)
    assert form in forms(module, TARGETS[form])
    with osmia.load(module, target=TARGETS[form]) as loaded:
        for given, result in expected.items():
            assert run(loaded, given) == result
