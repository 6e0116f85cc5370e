"""Loops in every form, run in this kernel: plain, may_goto and bpf_loop; and what `for` goes over."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.text import unit_text
from osmia.compiler.ir.walk import nodes
from osmia.object_file import read_object
from program_files import PRELUDE, module_from
from this_kernel import has, require_kernel

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
    text = PRELUDE + "from osmia import FixedArray, LruHashMap, PerCpuHashMap, array, be32, chars, struct\n"
    return module_from(directory, text + FRAME.format(module=module, body=textwrap.indent(body, "    ")))


def run(loaded: osmia.Loaded, given: int, data: bytes = bytes(14)) -> tuple[XdpAction, int]:
    loaded["given"][0] = given
    loaded["result"][0] = 0
    return loaded["program"].test_run(data).action, loaded["result"][0]


def forms(module: Any, target: Target) -> list[str]:
    unit, _ = checked_unit((module.program.request,), target)
    bodies = [unit.programs[0].body, *(function.body for function in unit.programs[0].functions)]
    return [each.plan.form for body in bodies for each in nodes(body) if isinstance(each, ir.Loop)]


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
        "sum = Sum()\nfirst = counts.lookup(0)\nother = counts.lookup(x)\nif first is None:\n"
        "    return XdpAction.ABORTED\n"
        "first.value = 0\nfor i in range(x):\n    first.value += 1\n    sum.high += i\n    if sum.low < 9:\n"
        "        sum.low += 1\n    if other is None:\n        other = counts.lookup(1)\n    else:\n"
        "        other.value = i\n"
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
        "total = 0\nfor i in range(x):\n    pair = Pair(one=i, two=2)\n    pair.one += pair.two\n"
        "    total += pair.one\n"
        "out.value = total",
        {10_000: (PASS, sum(range(10_000)) + 20_000)},
    ),
    "counted by a field of an object": (
        "@struct\nclass Sum:\n    rounds: u32 = 0\n    odd: u64 = 0",
        "sum = Sum()\nwhile sum.rounds < x:\n    sum.rounds += 1\n    if sum.rounds & 1:\n        sum.odd += 1\n"
        "out.value = sum.odd",
        {0: (PASS, 0), 60_001: (PASS, 30_001)},
    ),
    "counted by an element of an array": (
        "",
        "held = array(u32, 3)\nwhile held[1] < 90_000:\n    held[1] += 1\n    if held[1] == x:\n        break\n"
        "out.value = held[1]",
        {0: (PASS, 90_000), 70_000: (PASS, 70_000)},
    ),
    "only a local that lives on": (
        "",
        "last = -1\nfor last in range(x):\n    pass\nout.value = last",
        {0: (PASS, -1), 9: (PASS, 8)},
    ),
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
        {
            300: (TX, 0),
            299: (PASS, sum(range(20_000, 10, -1))),
            301: (PASS, 0),
            0: (PASS, sum(range(20_000, 10, -300))),
        },
    ),
    "return in constants in an endless loop": (
        "",
        "while True:\n    for a in (1, 2, 3):\n        out.value += a\n        if out.value > x:\n"
        "            return XdpAction.DROP",
        {3: (DROP, 6), 8: (DROP, 9)},
    ),
    "views of the packet": (
        "",
        "first = ctx.packet.at(u8, 0)\nif first is None:\n    return XdpAction.DROP\n"
        "for i in range(x):\n    view = ctx.packet.at(u8, i & 15)\n    if view is None:\n        continue\n"
        "    out.value += view.value + first.value + 1",
        {16_000: (PASS, 14_000)},
    ),
    "loop() with nonlocal names": (
        "from osmia import loop",
        "total = last = 0\ndef body(i: int) -> bool:\n    nonlocal total, last\n    total += i\n    last = i\n"
        "    return i == 70_000\nout.value = loop(x, body)\nout.value += total * 1000 + last",
        {0: (PASS, 0), 9: (PASS, 9 + 36_000 + 8), 80_000: (PASS, 70_001 + sum(range(70_001)) * 1000 + 70_000)},
    ),
    "loop() in loop()": (
        "from osmia import loop\nfrom osmia import ref\ndef inner(i: int) -> bool:\n    assert i < 30\n"
        "    return i >= 20",
        "total = 0\ndef body(i: int) -> None:\n    nonlocal total\n    total += loop(i, inner)\n"
        "    if i > 900:\n        total += 1 // (i - 950)\nloop(x, body)\nout.value = total",
        {500: (PASS, sum(min(i, 21) for i in range(500))), 1000: (TX, 0)},
    ),
    "function of its own": (
        "from osmia import func\n@func(inline=False)\ndef count(n: u32, most: u32) -> u64:\n    found: u64 = 0\n"
        "    for i in range(n):\n        assert i < 5_000\n        if i == most:\n            return found\n"
        "        found += 2\n    return found",
        "out.value = count(x, 4_000)",
        {3_000: (PASS, 6_000), 9_000: (PASS, 8_000)},
    ),
}

# What `for` goes over; each form of loop at once where the loop is long.
OVER: dict[str, tuple[str, str, dict[int, int]]] = {
    "array": (
        "",
        "held = array(u16, 5)\nheld[1] = x\nheld[4] = 7\nfor each in held:\n    out.value = out.value * 10 + each",
        {3: 3007},
    ),
    "array of structs": (
        "@struct\nclass Pair:\n    one: u8 = 0\n    two: u32 = 0",
        "held = array(Pair, 3)\nfor pair in held:\n    pair.two = x\n    x += 1\nfor pair in held:\n"
        "    out.value = out.value * 10 + pair.two",
        {4: 456},
    ),
    "chars": (
        "",
        "held = chars(4)\nheld[2] = x\nfor letter in held:\n    out.value = out.value * 300 + letter",
        {65: 65 * 300},
    ),
    "big-endian numbers": (
        "",
        "held = array(be32, 2)\nheld[1] = x\nfor each in held:\n    out.value += each",
        {258: 258},
    ),
    "array in a map": (
        "@struct\nclass Row:\n    cells: FixedArray[u32] = array(u32, 4)\nrows = Array(Row, max_entries=1)",
        "row = rows.lookup(0)\nif row is None:\n    return XdpAction.ABORTED\nrow.cells[3] = x\n"
        "for cell in row.cells:\n    out.value += cell",
        {6: 6},
    ),
    "tuple": ("", "for each in (1, 2, 3):\n    out.value = out.value * 10 + each * x", {2: 246}),
    "list": ("", "for each in [5, -1]:\n    out.value += each * x", {3: 12}),
    "tuple of what varies": ("", "for each in (x, x + 1, 9):\n    out.value = out.value * 10 + each", {3: 349}),
    "constant of the module": (
        "PORTS = (22, 80, 443)",
        "for port in PORTS:\n    if port == x:\n        out.value = port + 1",
        {80: 81, 81: 0},
    ),
    "bytes": ("", "for each in b'ab':\n    out.value += each * x", {1: 97 + 98}),
    "enum members": (
        "from enum import IntEnum\nclass Port(IntEnum):\n    SSH = 22\n    WEB = 80",
        "for port in (Port.SSH, Port.WEB):\n    if port == x:\n        out.value = port - Port.SSH + 1",
        {80: 59, 22: 1, 3: 0},
    ),
    "maps": (
        "one = Array(u32, max_entries=1)\ntwo = Array(u32, max_entries=1)",
        "for counts in (one, two):\n    counts[0] = x\n    x += 1\nout.value = one[0] * 10 + two[0]",
        {3: 34},
    ),
    "pairs": (
        "",
        "for name, weight in ((1, 10), (2, 20)):\n    if x == name:\n        out.value = weight",
        {1: 10, 2: 20, 3: 0},
    ),
    "break, continue and else of constants": (
        "",
        "for each in (1, 2, 3, 4):\n    if each == 2:\n        continue\n    if each == x:\n        break\n"
        "    out.value += each\nelse:\n    out.value += 100",
        {3: 1, 4: 4, 9: 108, 1: 0},
    ),
    "constants in a loop in constants": (
        "",
        "for a in (1, 2):\n    for i in range(x):\n        for b in (10, 20):\n            if i == 2:\n"
        "                break\n            out.value += a * b + i\n"
        "        else:\n            continue\n        break",
        {2: 2 * (30 + 60) + 4, 3: 2 * (30 + 60) + 4, 0: 0},
    ),
    "enumerate": (
        "",
        "held = array(u8, 3)\nheld[2] = x\nfor i, each in enumerate(held):\n    out.value += i * 100 + each",
        {7: 307},
    ),
    "enumerate from": (
        "",
        "for i, each in enumerate((4, 5), x):\n    out.value = out.value * 100 + i * each",
        {7: 28 * 100 + 40},
    ),
    "enumerate with a keyword": (
        "",
        "for i, each in enumerate((4, 5), start=2):\n    out.value += i * each * x",
        {1: 23},
    ),
    "zip": (
        "",
        "one = array(u32, 4)\ntwo = array(u8, 3)\nfor i in range(4):\n    one[i] = i + x\nfor k in range(3):\n"
        "    two[k] = k\n"
        "for a, b in zip(one, two):\n    out.value = out.value * 100 + a * 10 + b",
        {1: 102132 + 0},
    ),
    "zip with constants and a range": (
        "",
        "held = array(u8, 3)\nheld[1] = x\nfor a, b, c in zip(held, (5, 6), range(10, 90, 10)):\n"
        "    out.value = out.value * 1000 + a * b + c",
        {2: 10 * 1000 + 12 + 20},
    ),
    "enumerate of zip": (
        "",
        "for i, (a, b) in enumerate(zip((1, 2), (3, 4))):\n    out.value += (i + 1) * a * b * x",
        {1: 3 + 16},
    ),
    "reversed array": (
        "",
        "held = array(u8, 3)\nheld[0] = x\nheld[2] = 1\nfor each in reversed(held):\n"
        "    out.value = out.value * 10 + each",
        {5: 105},
    ),
    "reversed constants": ("", "for each in reversed((1, 2, 3)):\n    out.value = out.value * 10 + each + x", {0: 321}),
    "reversed range": ("", "for i in reversed(range(5)):\n    out.value = out.value * 10 + i", {0: 43210}),
    "reversed range of what varies": (
        "",
        "y: u8 = x\nfor i in reversed(range(2, y)):\n    out.value = out.value * 10 + i",
        {5: 432, 2: 0, 1: 0, 0: 0},
    ),
    "reversed range with a step": (
        "",
        "y: u8 = x\nfor i in reversed(range(1, y, 3)):\n    out.value = out.value * 100 + i",
        {8: 70401, 7: 401, 1: 0, 0: 0, 2: 1},
    ),
    "reversed range down": (
        "",
        "y: u8 = x\nfor i in reversed(range(y, 1, -2)):\n    out.value = out.value * 10 + i",
        {8: 2468, 7: 357, 1: 0, 0: 0, 3: 3},
    ),
    "nothing": ("EMPTY = ()", "for each in EMPTY:\n    out.value = 5\nelse:\n    out.value += x", {4: 4}),
    "array changed while it is read": (
        "",
        "held = array(u8, 4)\nfor i, each in enumerate(held):\n    if i < 3:\n        held[i + 1] = each + x\n"
        "    out.value = out.value * 10 + each",
        {2: 246},
    ),
    "loop() of a lambda": ("from osmia import loop", "out.value = loop(x & 15, lambda i: i == 4)", {0: 0, 3: 3, 9: 5}),
    "loop() of a method": (
        "from osmia import loop\n@struct\nclass Sum:\n    whole: u64 = 0\n    def add(self, i: int) -> None:\n"
        "        self.whole += i",
        "sum = Sum()\nloop(x & 15, sum.add)\nout.value = sum.whole",
        {6: 15},
    ),
}

# Going through maps: (declarations, body, {given: (action, result)}).
EACH: dict[str, tuple[str, str, dict[int, tuple[XdpAction, int]]]] = {
    "array": (
        "rows = Array(u32, max_entries=6)",
        "rows[4] = x\nrows[5] = 1\ntotal = 0\ndef each(key: int, value: u32) -> None:\n    nonlocal total\n"
        "    total += key * value\n"
        "count = rows.for_each(each)\nout.value = total * 10 + count",
        {3: (PASS, 176)},
    ),
    "hash, stopped": (
        "rows = HashMap(u16, u64, max_entries=16)",
        "for i in range(9):\n    rows[i] = 2\nleft: i64 = x\ndef each(key: u16, value: u64) -> bool:\n"
        "    nonlocal left\n    left -= i64(value)\n"
        "    return left < 0\nout.value = rows.for_each(each)",
        {0: (PASS, 1), 5: (PASS, 3), 99: (PASS, 9)},
    ),
    "lambda": (
        "rows = Array(u8, max_entries=5)",
        "rows[2] = x\nout.value = rows.for_each(lambda key, value: value > 8)",
        {9: (PASS, 3), 8: (PASS, 5)},
    ),
    "struct values are the map's own": (
        "@struct\nclass Flow:\n    packets: u64 = 0\n    seen: u8 = 0\n@struct\nclass Key:\n    a: u32\n    b: u32\n"
        "rows = LruHashMap(Key, Flow, max_entries=8)\ndef mark(key: Key, flow: Flow) -> None:\n"
        "    flow.packets += key.a\n    flow.seen = 1",
        "rows[Key(a=x, b=1)] = Flow(packets=10)\nrows.for_each(mark)\nflow = rows.lookup(Key(a=x, b=1))\n"
        "if flow is not None:\n    out.value = flow.packets * 10 + flow.seen",
        {4: (PASS, 141)},
    ),
    "per-CPU maps": (
        "one = PerCpuArray(u64, max_entries=3)\ntwo = PerCpuHashMap(u32, u64, max_entries=4)",
        "status = one.update(1, x)\nstatus = two.update(7, x)\ntotal = 0\n"
        "def each(key: int, value: u64) -> None:\n    nonlocal total\n"
        "    total += value * (key + 1)\none.for_each(each)\ntwo.for_each(each)\nout.value = total",
        {5: (PASS, 50)},
    ),
    "an error stops it": (
        "rows = Array(u32, max_entries=6)",
        "rows[3] = x\ndef each(key: int, value: u32) -> None:\n    out.value += 1\n    assert value != 5\n"
        "rows.for_each(each)",
        {4: (PASS, 6), 5: (TX, 4)},
    ),
    "maps in maps in loops": (
        "rows = Array(u32, max_entries=4)\nothers = Array(u32, max_entries=3)",
        "total = 0\ndef inner(key: int, value: u32) -> None:\n    nonlocal total\n    total += x\n"
        "def each(key: int, value: u32) -> bool:\n    others.for_each(inner)\n    return key == 2\n"
        "for i in range(2):\n    rows.for_each(each)\nout.value = total",
        {5: (PASS, 2 * 3 * 3 * 5)},
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


@pytest.mark.parametrize("form", ["plain", "may_goto"])
@pytest.mark.parametrize("name", OVER)
def test_what_for_goes_over(tmp_path: Path, form: str, name: str) -> None:
    module_text, body, expected = OVER[name]
    with osmia.load(module_of(tmp_path, module_text, body), target=TARGETS[form]) as loaded:
        for given, result in expected.items():
            assert run(loaded, given) == (PASS, result)


@pytest.mark.needs("for_each")
@pytest.mark.parametrize("name", EACH)
def test_going_through_a_map(tmp_path: Path, name: str) -> None:
    module_text, body, expected = EACH[name]
    for given, result in expected.items():
        with osmia.load(module_of(tmp_path, module_text, body), target=CALLED) as loaded:
            assert run(loaded, given) == result


def test_bounded_loops_stay_plain(tmp_path: Path) -> None:
    body = (
        "for i in range(1_500):\n    out.value += i & x\nk = 0\nwhile k < 300:\n    k += 3\n"
        "k = 0\nwhile True:\n    k += 2\n    if k >= 10:\n        break\n"
        "for m in range(x & 255):\n    if m == k:\n        continue\n    out.value += m"
    )
    module = module_of(tmp_path, "", body)
    for target in TARGETS.values():
        assert forms(module, target) == ["plain"] * 4
        if target.cpu == "v4" and not has("v4"):
            continue
        with osmia.load(module, target=target) as loaded:
            assert run(loaded, 7) == (PASS, sum(i & 7 for i in range(1_500)) + sum(range(7)))


def test_a_counter_that_may_wrap_or_stand_still_is_no_bound(tmp_path: Path) -> None:
    for body in (
        "k: u8 = 0\nwhile k < 255:\n    k += 2\n    if k == x:\n        break",
        "k = 0\nwhile k < 9:\n    if x == 3:\n        continue\n    k += 1",
        "k = 0\nwhile k < 9:\n    if x == 3:\n        k += 1",
        "k = 0\nwhile k < 9:\n    k += 1\n    k = x",
    ):
        assert forms(module_of(tmp_path, "", body), GENERAL) == ["may_goto"]


@pytest.mark.parametrize(
    ("form", "rounds", "expected"),
    [
        ("bpf_loop", (1 << 23) - 1, (PASS, (1 << 23) - 1)),
        ("bpf_loop", 10_000_000, (TX, 0)),
        ("may_goto", 3_000_000, (PASS, 3_000_000)),
    ],
)
def test_very_long_loops_end_as_they_should_or_with_an_error(
    tmp_path: Path, form: str, rounds: int, expected: tuple[XdpAction, int]
) -> None:
    module = module_of(tmp_path, "", "i = 0\nwhile i < x:\n    i += 1\nout.value = i")
    with osmia.load(module, target=TARGETS[form]) as loaded:
        assert run(loaded, rounds) == expected
        counted = [(each.problem, each.count) for each in loaded["program"].errors()]
        assert counted == ([] if expected[0] is PASS else [("the loop ran too long", 1)])


@pytest.mark.needs("may_goto")
def test_a_loop_that_goes_on_for_ever_takes_the_error_edge(tmp_path: Path) -> None:
    module = module_of(tmp_path, "", "i = 1\nwhile i:\n    i |= x\nout.value = 5")
    with osmia.load(module, target=GENERAL) as loaded:
        assert run(loaded, 1) == (TX, 0)
        assert [each.count for each in loaded["program"].errors()] == [1]


def test_the_form_is_shown(tmp_path: Path) -> None:
    module = module_of(tmp_path, "", "for i in range(x):\n    out.value += i\nfor k in range(3):\n    out.value += k")
    unit, _ = checked_unit((module.program.request,), GENERAL)
    text = unit_text(unit)
    assert "[may_goto, at most 4294967295 times or error 'the loop ran too long']" in text
    assert "[plain, at most 3 times]" in text


def test_unrolling_does_not_blow_up_code(tmp_path: Path) -> None:
    for rounds in (4, 1_000):
        module = module_of(tmp_path, "", f"for i in range({rounds}):\n    out.value += i ^ x")
        unit, _ = checked_unit((module.program.request,), PLAIN)
        code = read_object(generate(unit, PLAIN), "program").programs["program"].instructions
        assert len(code) // 8 < 60
        with osmia.load(module, target=PLAIN) as loaded:
            assert run(loaded, 1) == (PASS, sum(i ^ 1 for i in range(rounds)))


def test_an_object_made_in_a_round_that_the_kernel_calls_is_not_used_behind_it(tmp_path: Path) -> None:
    body = (
        "pair = Pair(one=1, two=2)\nfor i in range(x):\n    pair = Pair(one=i, two=3)\nout.value = pair.one + pair.two"
    )
    module = module_of(tmp_path, "@struct\nclass Pair:\n    one: u32\n    two: u32", body)
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(module, target=CALLED)
    error = caught.value
    assert (error.problem, error.found, error.expected, error.fix, error.text) == (
        "'pair' is made in a round of a loop and used behind it",
        "an object in a round that the kernel calls as a function, whose memory ends with it",
        "an object that is made before the loop",
        "make it before the loop and assign its fields in the loop",
        "        pair = Pair(one=i, two=3)",
    )
    with osmia.load(module, target=GENERAL if has("v4") else PLAIN) as loaded:
        assert run(loaded, 0) == (PASS, 3)
        assert run(loaded, 9) == (PASS, 11)


# What the verifier would walk way by way: each is in the corpus too, for kernels that have nothing for loops.
SEARCHES = {
    "count of ones": ("y = x\nwhile y:\n    y &= y - 1\n    out.value += 1", {0: 0, 255: 8, (1 << 32) - 1: 32}),
    "digits": ("n = x\nout.value = 1\nwhile n >= 10:\n    n //= 10\n    out.value += 1", {0: 1, 10: 2, 1234567890: 10}),
    "integer square root": (
        "low, high = 0, 65536\nfor _ in range(17):\n    middle = (low + high) // 2\n"
        "    if middle * middle <= x:\n        low = middle\n    else:\n        high = middle\nout.value = low",
        {0: 0, 15: 3, 16: 4, (1 << 32) - 1: 65535},
    ),
    "binary search": (
        "held = array(u32, 64)\nfor i in range(64):\n    held[i] = i * 3\nlow, high = 0, 64\nwhile low < high:\n"
        "    middle = (low + high) // 2\n    if held[middle] < x:\n        low = middle + 1\n    else:\n"
        "        high = middle\nout.value = low",
        {0: 0, 1: 1, 3: 1, 100: 34, 1000: 64},
    ),
    "greatest common divisor": (
        "a, b = x, 360\nwhile b:\n    a, b = b, a % b\nout.value = a",
        {0: 360, 24: 24, 1001: 1, (1 << 32) - 16: 120},
    ),
    "by subtraction": (
        "a, b = (x & 0xff) + 1, 36\nwhile a != b:\n    if a > b:\n        a -= b\n    else:\n        b -= a\n"
        "out.value = a",
        {23: 12, 35: 36, 0: 1},
    ),
}


# Each way through a round leaves another sum, place or length behind: (the body, what is scanned, the result).
SCANS = {
    "a sum of what passes a test": (
        "total = 0\nfor k in range(64):\n    byte = ctx.packet.at(u8, k)\n    if byte is not None and byte.value & 1:\n"
        "        total += k * k * k\nout.value = total if total > 100 else 0",
        bytes(range(64)),
        sum(k**3 for k in range(1, 64, 2)),
    ),
    "options of one byte and of several": (
        "at = 20\nseen = 0\nfor i in range(40):\n    kind = ctx.packet.at(u8, at)\n"
        "    if kind is None or kind.value == 0:\n        break\n    if kind.value == 1:\n"
        "        at += 1\n        continue\n"
        "    size = ctx.packet.at(u8, at + 1)\n    if size is None or size.value < 2:\n        break\n"
        "    if kind.value == 8:\n        seen += 1\n    at += size.value\nout.value = seen",
        bytes(20) + bytes((1, 1, 8, 4, 0, 0, 1, 5, 2, 8, 3, 0, 1, 0, 8, 2)),
        2,
    ),
    "the longest line": (
        "longest = length = 0\nstate = 0\nfor i in range(512):\n    byte = ctx.packet.at(u8, i)\n    if byte is None:\n"
        "        break\n    if state == 0:\n        if byte.value == 13:\n            state = 1\n        else:\n"
        "            length += 1\n    elif byte.value == 10:\n        if length > longest:\n"
        "            longest = length\n        length = state = 0\n    else:\n        state = 0\nout.value = longest",
        b"GET / HTTP/1.1\r\nHost: example.org\r\nA: b\r\n\r\n",
        17,
    ),
}


@pytest.mark.parametrize("kernel", [(5, 10), (5, 17), (6, 9), (6, 18)])
@pytest.mark.parametrize("cpu", ["v3", "v4"])
@pytest.mark.parametrize("name", SCANS)
def test_scans(tmp_path: Path, name: str, cpu: str, kernel: tuple[int, int]) -> None:
    require_kernel(kernel, "the loops of that kernel")
    body, data, result = SCANS[name]
    with osmia.load(module_of(tmp_path, "", body), target=Target(cpu, kernel)) as loaded:
        assert run(loaded, 0, data) == (PASS, result)


@pytest.mark.parametrize("kernel", [(5, 10), (5, 17), (6, 9)])
@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
@pytest.mark.parametrize("name", SEARCHES)
def test_searches(tmp_path: Path, name: str, cpu: str, kernel: tuple[int, int]) -> None:
    require_kernel(kernel, "the loops of that kernel")
    body, expected = SEARCHES[name]
    with osmia.load(module_of(tmp_path, "", body), target=Target(cpu, kernel)) as loaded:
        for given, result in expected.items():
            assert run(loaded, given) == (PASS, result)


def test_counted_loops_end_with_an_error(tmp_path: Path) -> None:
    module = module_of(tmp_path, "", "i = 0\nwhile i < x:\n    i += 1\nout.value = i")
    assert forms(module, PLAIN) == ["counted"]
    with osmia.load(module, target=PLAIN) as loaded:
        assert run(loaded, 1024) == (PASS, 1024)
        assert run(loaded, 1025) == (TX, 0)
        assert [(each.problem, each.count) for each in loaded["program"].errors()] == [("the loop ran too long", 1)]


def test_loop_in_user_code() -> None:
    seen: list[int] = []

    def body(number: int) -> bool:
        seen.append(number)
        return number == 2

    assert (osmia.loop(5, body), seen) == (3, [0, 1, 2])
    assert osmia.loop(-1, body) == 0
    assert osmia.loop(4, lambda _: None) == 4
