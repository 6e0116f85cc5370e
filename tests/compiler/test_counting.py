"""Numbers that loops in loops count: as in Python, in every form of a loop; and what intervals are known of them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler import Target
from osmia.compiler.build import checked_unit
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.walk import nodes
from program_files import PRELUDE, module_from
from this_kernel import require_kernel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TARGETS = {"plain": Target("v3", (5, 10)), "bpf_loop": Target("v3", (5, 17)), "may_goto": Target("v4", (6, 9))}
GIVEN = (0, 1, 2, 7)
PACKET = bytes(range(64))
# Older kernels end a loop of unknown rounds early.
MORE = (*GIVEN, 40)

FRAME = """
from osmia import func, loop
given = Array(u32, max_entries=1)
large = Array(u64, max_entries=1)
result = Array(u64, max_entries=1)
{module}

@xdp(on_error=XdpAction.TX)
def program(ctx: XdpContext) -> XdpAction:
    x = given[0]
    y = large[0]
{body}
    result[0] += total
    return XdpAction.PASS
"""

# What each leaves in `total` is added to a u64. (The module, the body, and the interval of `total` at the end.)
COUNTED: dict[str, tuple[str, str, str]] = {
    "in a loop": ("", "total = 0\nfor i in range(10):\n    total += 1", "int 0..10"),
    "in a loop in a loop": (
        "",
        "total = 0\nfor i in range(10):\n    for j in range(20):\n        total += 1",
        "int 0..200",
    ),
    "behind a test of itself": (
        "",
        "total = 0\nfor i in range(10):\n    if total > 5:\n        total += 2\n    else:\n        total += 1",
        "int 0..20",
    ),
    "behind a test of its sign": (
        "",
        "total = 0\nfor i in range(10):\n    if total >= 0:\n        total += 1",
        "int 0..10",
    ),
    "in rounds that are not known": (
        "",
        "total = 0\nfor i in range(x):\n    for j in range(x & 3):\n        total += 1",
        "int 0..3221225472",
    ),
    "in rounds of a u64": ("", "total = 0\nfor i in range(y):\n    total += 1", "int 0..1073741824"),
    "in steps of a u64": ("", "total = 0\nfor i in range(x):\n    total += y", "u64"),
    "in steps of a u32": ("", "total = 0\nfor i in range(5):\n    total += x", "int 0..21474836475"),
    "in steps of the loop's own number": (
        "",
        "total = 0\nfor i in range(4):\n    for j in range(i):\n        total += i + j",
        "int 0..60",
    ),
    "in a while loop": (
        "",
        "total = i = 0\nwhile i < x:\n    i += 1\n    if i % 3 == 0:\n        continue\n    total += 1",
        "int 0..1073741824",
    ),
    "in a while loop without a bound": (
        "",
        "total = 0\nleft = x\nwhile True:\n    for j in range(3):\n        total += j\n    if left == 0:\n"
        "        break\n    left -= 1",
        "int 0..6442450950",
    ),
    "up to a bound that varies": (
        "",
        "total = 0\nfor i in range(6):\n    while total < y:\n        total += 1",
        "int 0..6442450944",
    ),
    "with break and continue": (
        "",
        "total = 0\nfor i in range(8):\n    for j in range(8):\n        if j == x:\n            break\n"
        "        if i & 1:\n            continue\n        total += 1\n    if total > 40:\n        break",
        "int 0..72",
    ),
    "and set back": (
        "",
        "total = 0\nfor i in range(9):\n    total += 1\n    if i == x:\n        total = 3",
        "int 0..12",
    ),
    "down, as far as a test lets it": (
        "",
        "total = 4\nfor i in range(9):\n    if i & x:\n        total += 1\n    elif total > 0:\n        total -= 1",
        "u8",
    ),
    "down to a negative number, and made positive": (
        "",
        "total = 5\nfor i in range(4):\n    for j in range(x & 7):\n        total -= j\ntotal = abs(total)",
        "int 0..163",
    ),
    "by a nested function": (
        "",
        "total = 0\ndef more(by: int) -> None:\n    nonlocal total\n    total += by\n"
        "for i in range(5):\n    more(i)\n    more(1)",
        "int 0..25",
    ),
    "by what a function gives": (
        "def behind(at: int, far: int) -> int:\n    if far > 3:\n        return at + 2\n    return at + 1",
        "total = 0\nfor i in range(6):\n    total = behind(total, i)",
        "int 0..12",
    ),
    "by loop()": (
        "",
        "total = 0\ndef body(i: int) -> None:\n    nonlocal total\n    for j in range(2):\n        total += i & 1\n"
        "loop(30, body)",
        "int 0..60",
    ),
    "in a loop that is written out": (
        "",
        "total = 0\nfor i in range(3):\n    for by in (1, 5, 7):\n        if x != by:\n            total += by",
        "int 0..39",
    ),
    "over another name": (
        "",
        "total = 0\nfor i in range(6):\n    before = total + 1\n    total = before + 1",
        "int 0..12",
    ),
    "by an expression that assigns": (
        "",
        "total = 0\nfor i in range(6):\n    if (total := total + 1) > x:\n        break",
        "int 0..7",
    ),
    "by the larger one": (
        "",
        "total = 0\nfor i in range(6):\n    total = max(total + 1, i)\n    total += 1 if i == x else 2",
        "int 0..25",
    ),
    "with a remainder": (
        "",
        "total = last = 0\nfor i in range(6):\n    last += 3\n    for j in range(3):\n        total += last\n"
        "    last %= 5",
        "int 0..126",
    ),
    "in the else of a loop": (
        "",
        "total = 0\nfor i in range(3):\n    for j in range(4):\n        if j == x:\n            break\n    else:\n"
        "        total += 10",
        "int 0..30",
    ),
}
# No sum bounds these: what they hold depends on their own rounds.
NOT_COUNTED: dict[str, tuple[str, str]] = {
    "doubled": ("total = 1\nfor i in range(x):\n    total *= 2", "i64"),
    "added to itself": ("total = 1\nfor i in range(x):\n    total += total", "i64"),
    "two that make each other": (
        "total = 0\nother = 1\nfor i in range(x):\n    total, other = other, total + other",
        "i64",
    ),
    "two that take turns": ("total = 0\nother = 1\nfor i in range(x):\n    total, other = other, total + 1", "i64"),
}


def source(module: str, body: str) -> str:
    return PRELUDE + FRAME.format(module=module, body=textwrap.indent(body, "    "))


def interval(unit: ir.Unit) -> str:
    """What is known of `total` where it was read last."""
    reads = [each for each in nodes(unit.programs[0].body) if isinstance(each, ir.LocalRead)]
    return str(next(each.type for each in reversed(reads) if each.local.name == "total"))


def by_python(module: str, body: str, x: int, y: int) -> int:
    names: dict[str, Any] = {"x": x, "y": y, "loop": lambda count, body: [body(i) for i in range(count)]}
    exec(f"{module}\ndef made():\n{textwrap.indent(body, '    ')}\n    return total", names)
    return int(names["made"]())


@pytest.mark.parametrize("name", COUNTED)
def test_what_is_known(tmp_path: Path, name: str) -> None:
    module, body, expected = COUNTED[name]
    unit, _ = checked_unit((module_from(tmp_path, source(module, body)).program.request,))
    assert interval(unit) == expected


@pytest.mark.parametrize("name", NOT_COUNTED)
def test_what_is_not_known(tmp_path: Path, name: str) -> None:
    body, expected = NOT_COUNTED[name]
    text = source("", body).replace("    result[0] += total\n", "    result[0] = total\n")
    unit, _ = checked_unit((module_from(tmp_path, text).program.request,))
    assert interval(unit) == expected


# 5.10 and 6.1 go through more than a million steps of them, in the forms of loops that are made for such kernels too.
MANY_STEPS = {"in rounds that are not known", "down to a negative number, and made positive"}


@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("name", COUNTED)
def test_it_is_counted_as_in_python(tmp_path: Path, name: str, form: str) -> None:
    if name in MANY_STEPS:
        require_kernel((6, 18), "a verifier that takes such rounds for one")
    module, body, _ = COUNTED[name]
    made = module_from(tmp_path, source(module, body))
    with osmia.Machine() as machine:
        for engine in (None, machine):
            with osmia.load(made, target=TARGETS[form], engine=engine) as loaded:
                for x in GIVEN if form == "plain" else MORE:
                    loaded["given"][0], loaded["large"][0], loaded["result"][0] = x, x, 1 << 63
                    assert loaded["program"].test_run(bytes(14)).action is XdpAction.PASS
                    assert loaded["result"][0] - (1 << 63) == by_python(module, body, x, x), x


# The verifier does not see these bounds where a loop is no plain one: what depends on them has to pass all the same.
USES: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "as the bound of a loop": ("for k in range(count):\n    total += k", lambda count, _: sum(range(count))),
    "as an index": (
        "held = array(u8, 256)\nfor k in range(256):\n    held[k] = k\ntotal = held[count]",
        lambda count, _: count,
    ),
    "as an index that may be outside": (
        "held = array(u8, 9)\nheld[4] = x\ntotal = held[count] if count < 9 else count",
        lambda count, x: (x if count == 4 else 0) if count < 9 else count,
    ),
    "as the offset of a packet": (
        "view = ctx.packet.at(u8, count)\ntotal = 0 if view is None else view.value + 1",
        lambda count, _: PACKET[count] + 1 if count < len(PACKET) else 0,
    ),
    "as a shift": ("total = 1 << (count & 63)", lambda count, _: 1 << (count & 63)),
    "as a divisor": ("total = 1000 // (count + 1)", lambda count, _: 1000 // (count + 1)),
}
COUNTING: dict[str, tuple[str, Callable[[int], int]]] = {
    "long loops": (
        "for i in range(x):\n    for j in range(20_000):\n        if j > 2:\n            break\n"
        "        if count < 200:\n            count += 1\n",
        lambda x: min(3 * x, 200),
    ),
    "short loops": (
        "for i in range(10):\n    for j in range(20):\n        count += j < x\n",
        lambda x: 10 * min(x, 20),
    ),
}


@pytest.mark.parametrize("form", TARGETS)
@pytest.mark.parametrize("counting", COUNTING)
@pytest.mark.parametrize("use", USES)
def test_what_was_counted_is_used(tmp_path: Path, use: str, counting: str, form: str) -> None:
    (loops, count), (text, expected) = COUNTING[counting], USES[use]
    made = module_from(tmp_path, source("from osmia import array", f"total = count = 0\n{loops}{text}"))
    with osmia.load(made, target=TARGETS[form]) as loaded:
        for x in GIVEN if form == "plain" else MORE:
            loaded["given"][0], loaded["result"][0] = x, 0
            assert loaded["program"].test_run(PACKET).action is XdpAction.PASS
            assert loaded["result"][0] == expected(count(x), x), x
