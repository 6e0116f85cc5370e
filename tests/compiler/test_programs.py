"""Small programs, one intent each, run in the kernel for every instruction set."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler import Target
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from pathlib import Path

CPUS = ("v1", "v2", "v3", "v4")

# Each program is given `x` (a u32 that it cannot know) and leaves a result by `out.value = ...` (an i64).
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


def sum_of(numbers: range) -> int:
    total = 0
    for number in numbers:
        total = total * 7 + number
    return total


# Name: (what the module has besides, the body, {given: result}).
PROGRAMS: dict[str, tuple[str, str, dict[int, int]]] = {
    "if": ("", "out.value = 1\nif x > 5:\n    out.value = 2", {5: 1, 6: 2}),
    "if else": ("", "if x > 5:\n    out.value = 2\nelse:\n    out.value = 3", {5: 3, 6: 2}),
    "elif": (
        "",
        "if x == 0:\n    out.value = 10\nelif x == 1:\n    out.value = 11\nelif x == 2:\n    out.value = 12\n"
        "else:\n    out.value = 13",
        {0: 10, 1: 11, 2: 12, 3: 13},
    ),
    "long elif chain": (
        "",
        "if x == 0:\n    out.value = 0\n"
        + "\n".join(f"elif x == {n}:\n    out.value = {n * n}" for n in range(1, 400))
        + "\nelse:\n    out.value = -1",
        {0: 0, 399: 399 * 399, 400: -1},
    ),
    "long sum": ("", "out.value = " + " + ".join(["x"] * 1500), {3: 4500}),
    "locals on two ways": ("", "if x == 1:\n    y = 5\nelse:\n    y = x * 2\nout.value = y - 10", {1: -5, 4: -2}),
    "assigned again": ("", "y = 1\ny = y + x\ny += 2\ny -= 1\ny *= 3\ny //= 2\nout.value = y", {5: 10, 0: 3}),
    "local that goes negative": ("", "y = 0\nif x > 3:\n    y = -x\nout.value = y", {3: 0, 4: -4}),
    "declared local wraps": ("", "y: u8 = x\nz: i8 = x\nout.value = y * 1000 + z", {300: 44044, 200: 200000 - 56}),
    "declared first": ("", "y: u16\ny = x + 1\nout.value = y", {65535: 0, 3: 4}),
    "declared as int": ("", "y: int = x + 1\nout.value = y", {(1 << 32) - 1: 1 << 32}),
    "widths as calls": ("", "out.value = u8(x) + i8(x) * 1000", {255: 255 - 1000, 1: 1001}),
    "and": ("", "out.value = 0\nif x > 1 and x < 4:\n    out.value = 1", {1: 0, 2: 1, 3: 1, 4: 0}),
    "or": ("", "out.value = 0\nif x < 1 or x > 4:\n    out.value = 1", {0: 1, 1: 0, 4: 0, 5: 1}),
    "not": ("", "out.value = 0\nif not (x < 1 or not x < 4):\n    out.value = 1", {0: 0, 1: 1, 3: 1, 4: 0}),
    "not of a number": ("", "out.value = 0\nif not x:\n    out.value = 1", {0: 1, 7: 0}),
    "truth of a number": ("", "out.value = 0\nif x & 4:\n    out.value = 1", {3: 0, 4: 1, 12: 1}),
    "chained comparison": ("", "out.value = 0\nif 1 < x <= 5 != 4:\n    out.value = 1", {1: 0, 2: 1, 5: 1, 6: 0}),
    "chain as a value": ("", "y = 1 < x < 5\nif y:\n    out.value = 1\nelse:\n    out.value = 0", {1: 0, 2: 1, 5: 0}),
    "comparison as a number": ("", "out.value = (x > 3) + (x > 5) * 10", {3: 0, 4: 1, 6: 11}),
    "bool local": ("", "y: bool = x == 3\nz = y and x < 10\nout.value = 0\nif z:\n    out.value = 1", {3: 1, 4: 0}),
    "compared with a negative": ("", "out.value = 0\nif x > -1:\n    out.value = 1", {0: 1, (1 << 32) - 1: 1}),
    "negative constant": ("", "out.value = x * -3", {7: -21}),
    "bits": ("", "out.value = (x & 12 | 3) ^ 5 ^ ~x", {6: ((6 & 12 | 3) ^ 5 ^ ~6)}),
    "floor division": ("", "y = 0 - x\nout.value = y // 7 * 1000 + y % 7", {10: -10 // 7 * 1000 + -10 % 7, 14: -2000}),
    "shift far": ("", "out.value = (x << 3 >> 1) + (1 >> x)", {0: 1, 1: 4, 70: 280}),
    "large constants": (
        "",
        "if x == 1:\n    out.value = 9223372036854775807\nelse:\n    out.value = -9223372036854775808",
        {1: (1 << 63) - 1, 2: -(1 << 63)},
    ),
    "u64 arithmetic wraps": ("", "y: u64 = x\nout.value = i64((y - 1) >> 60)", {0: 15, 1: 0}),
    "module constant": ("LIMIT = 40\nFACTOR: int = 2", "out.value = LIMIT * FACTOR + x", {2: 82}),
    "enum": (
        "from enum import IntEnum\nclass Port(IntEnum):\n    SSH = 22\n    WEB = 80",
        "out.value = 0\nif x == Port.SSH:\n    out.value = Port.WEB\n"
        "elif x > Port.WEB:\n    out.value = Port.WEB - Port.SSH",
        {22: 80, 81: 58, 80: 0},
    ),
    "enum local": (
        "from enum import IntEnum\nclass Port(IntEnum):\n    SSH = 22\n    WEB = 80",
        "port = Port.SSH\nif x > 1:\n    port = Port.WEB\nout.value = port",
        {1: 22, 2: 80},
    ),
    "class constant": ("class Settings:\n    LIMIT = 9", "out.value = Settings.LIMIT + x", {1: 10}),
    "constant of a module": ("import errno", "out.value = errno.EPERM + x", {1: 2}),
    "alias": (
        "import osmia\nArray2 = osmia\nD = XdpAction.DROP",
        "if x == 9:\n    return Array2.XdpAction.TX\nout.value = D",
        {1: 1},
    ),
    "bool constant": ("DEBUG = True", "if DEBUG:\n    out.value = 1\nelse:\n    out.value = 2", {0: 1}),
    "docstring and pass": ("", "'''text'''\nif x == 1:\n    pass\nout.value = 7", {1: 7, 2: 7}),
    "None tested both ways": (
        "",
        "y = given.lookup(x)\nif y is not None:\n    out.value = y.value + 100\nelse:\n    out.value = -1",
        {0: 100, 5: -1},
    ),
    "None in a chain of tests": (
        "",
        "y = given.lookup(x)\nif y is not None and y.value == 0:\n    out.value = 1\nelse:\n    out.value = 2",
        {0: 1, 5: 2},
    ),
    "None or a value": (
        "",
        "y = None\nif x == 0:\n    y = given.lookup(x)\nif y is None:\n    out.value = 5\nelse:\n    out.value = 6",
        {0: 6, 1: 5},
    ),
    "hash map": (
        "seen = HashMap(u16, i32, max_entries=4)",
        "status = seen.update(3, 4)\nfound = seen.lookup(3)\nif found is None:\n    return XdpAction.ABORTED\n"
        "found.value -= x\ngone = seen.delete(3)\nmissing = seen.delete(3)\nagain = seen.lookup(3)\n"
        "out.value = found.value\n"
        "if again is None and status == 0 and gone == 0 and missing == -2:\n    out.value = 77",
        {5: 77},
    ),
    "None tests beside other tests": (
        "seen = HashMap(u32, u64, max_entries=4)",
        "a = seen.lookup(x)\nb = seen.lookup(7)\nout.value = 0\n"
        "if x == 0 and a is None and b is None:\n    out.value = 1\n"
        "if a is None:\n    if x == 0:\n        out.value += 10\n"
        "if not (a is not None or x != 0):\n    out.value += 100\n"
        "none = a is None\nzero = x == 0\nif none and zero:\n    out.value += 1000",
        {0: 1111, 1: 0},
    ),
    "ternary": ("", "out.value = 1 if x > 3 else -x", {3: -3, 4: 1}),
    "nested ternary": ("", "out.value = 1 if x > 3 else 2 if x > 1 else 3", {0: 3, 2: 2, 9: 1}),
    "ternary evaluates one way": ("", "out.value = 10 // x if x != 0 else -1", {0: -1, 5: 2}),
    "ternary of references": (
        "other = Array(u32, max_entries=1)",
        "y = given.lookup(0) if x > 3 else None\nout.value = y.value if y is not None else -1",
        {3: -1, 4: 4},
    ),
    "ternary as a condition": (
        "",
        "out.value = 0\nif (x > 3 if x < 9 else x == 20):\n    out.value = 1",
        {3: 0, 5: 1, 9: 0, 20: 1},
    ),
    "walrus": ("", "if (y := x * 2) > 6:\n    out.value = y\nelse:\n    out.value = -y", {3: -6, 4: 8}),
    "walrus and None": (
        "",
        "if (y := given.lookup(x)) is not None and y.value == 0:\n    out.value = 1\nelse:\n    out.value = 2",
        {0: 1, 5: 2},
    ),
    "walrus in a loop": ("", "n = x\nwhile (n := n // 2) > 0:\n    out.value += 1", {1: 0, 8: 3, 255: 7}),
    "for": ("", "total = 0\nfor i in range(10):\n    total += i * x\nout.value = total", {0: 0, 3: 135}),
    "for with start and step": (
        "",
        "for i in range(3, 20, 4):\n    out.value = out.value * 7 + i",
        {0: sum_of(range(3, 20, 4))},
    ),
    "for downwards": (
        "",
        "for i in range(9, -1, -3):\n    out.value = out.value * 7 + i",
        {0: sum_of(range(9, -1, -3))},
    ),
    "for over nothing": ("", "out.value = 5\nfor i in range(4, 4):\n    out.value = i", {0: 5}),
    "for keeps its last value": ("", "i = 77\nfor i in range(x & 7):\n    pass\nout.value = i", {0: 77, 3: 2}),
    "for to a bound that varies": ("", "for i in range(x & 15):\n    out.value += i", {0: 0, 5: 10, 15: 105}),
    "for evaluates its bounds once": ("", "n = x & 7\nfor i in range(n):\n    n = 0\n    out.value += 1", {0: 0, 6: 6}),
    "for from negative": ("", "for i in range(-2, 3):\n    out.value = out.value * 10 + i + 3", {0: 12345}),
    "for assigns its own name": ("", "for i in range(5):\n    i *= 2\n    out.value += i", {0: 20}),
    "break and else": (
        "",
        "for i in range(10):\n    if i == x:\n        out.value = 100\n        break\nelse:\n    out.value = 200",
        {3: 100, 50: 200},
    ),
    "continue": (
        "",
        "for i in range(10):\n    if i % 3 == x:\n        continue\n    out.value += i",
        {0: 27, 1: 33, 9: 45},
    ),
    "nested loops": (
        "",
        "for i in range(4):\n    for j in range(4):\n        if j == x:\n            break\n        out.value += 10 * i + j\n    else:\n        out.value += 1000",
        {2: 4 * 1 + 2 * 60, 9: 4 * 6 + 4 * 60 + 4000},
    ),
    "while": ("", "n = x & 63\nwhile n:\n    out.value += n & 1\n    n >>= 1", {0: 0, 63: 6, 42: 3}),
    "while true": (
        "",
        "i = 0\nwhile True:\n    i += 1\n    if i > 20 or i * i > x:\n        break\nout.value = i",
        {0: 1, 10: 4, 300: 18},
    ),
    "while else": (
        "",
        "i = 0\nwhile i < 5:\n    if i == x:\n        break\n    i += 1\nelse:\n    out.value = 9\nout.value += i",
        {2: 2, 7: 14},
    ),
    "return in a loop": (
        "",
        "for i in range(10):\n    if i == x:\n        return XdpAction.PASS\n    out.value = i",
        {0: 0, 4: 3},
    ),
    "a look-up in a loop": (
        "slots = Array(u32, max_entries=8)",
        "for i in range(8):\n    slot = slots.lookup(i)\n    if slot is None:\n        continue\n    slot.value = i * x\n"
        "for i in range(8):\n    slot = slots.lookup(i)\n    if slot is not None:\n        out.value += slot.value",
        {3: 84},
    ),
    "unpacking": ("", "a, b = x, x + 1\nout.value = a * 100 + b", {3: 304}),
    "swap": ("", "a = 1\nb = x\na, b = b, a\nout.value = a * 100 + b", {3: 301}),
    "rotation": ("", "a, b, c = 1, 2, x\na, b, c = c, a, b\nout.value = a * 100 + b * 10 + c", {3: 312}),
    "several targets": ("", "a = b = x + 1\na += 1\nout.value = a * 10 + b", {3: 54}),
    "tuple to several targets": ("", "a, b = c, d = x, 2\nout.value = a * 1000 + b * 100 + c * 10 + d", {3: 3232}),
    "fibonacci": (
        "",
        "a, b = 0, 1\nfor _ in range(x & 31):\n    a, b = b, a + b\nout.value = a",
        {0: 0, 10: 55, 31: 1346269},
    ),
    "in": (
        "PORTS = (22, 80, 443)",
        "out.value = 0\nif x in PORTS:\n    out.value = 1\nif x not in (1, 2):\n    out.value += 10",
        {22: 11, 443: 11, 1: 0, 7: 10},
    ),
    "in a range": (
        "",
        "out.value = (x in range(10, 20)) + (x in range(0, 100, 7)) * 10",
        {10: 1, 19: 1, 20: 0, 14: 11, 70: 10, 105: 0},
    ),
    "in of a walrus": ("", "out.value = 0\nif (y := x + 1) in {3, 5}:\n    out.value = y", {2: 3, 4: 5, 5: 0}),
    "element of a constant": (
        "PORTS = (22, 80, (1, 2))",
        "out.value = PORTS[1] + PORTS[-1][1] + len(PORTS) + x",
        {1: 86},
    ),
    "min and max": ("", "out.value = min(x, 7) * 100 + max(x, 7, 3)", {3: 307, 9: 709}),
    "min of mixed signs": ("", "y = -5\nif x > 2:\n    y = 5\nz: u64 = x\nout.value = min(z, y)", {1: -5, 3: 3, 9: 5}),
    "abs": ("", "y = 5 - x\nout.value = abs(y) + abs(-3)", {3: 5, 9: 7}),
    "divmod": (
        "",
        "a, b = divmod(x, 7)\nc, d = divmod(3 - x, 7)\nout.value = a * 1000 + b * 100 + c * 10 + d",
        {10: 1300 - 10, 3: 300},
    ),
    "power": ("", "out.value = (x + 1) ** 3 + x ** 0 + 2 ** 5 + pow(x, 2)", {2: 27 + 1 + 32 + 4}),
    "int and bool": ("", "out.value = int(x > 3) + int(bool(x)) * 10", {0: 0, 2: 10, 5: 11}),
    "match": (
        "",
        "match x:\n    case 1:\n        out.value = 10\n    case 2 | 3:\n        out.value = 20\n    case _:\n        out.value = 30",
        {1: 10, 2: 20, 3: 20, 4: 30},
    ),
    "match with guards and names": (
        "",
        "match x + 1:\n    case 1:\n        out.value = 1\n    case y if y > 10:\n        out.value = y * 2\n"
        "    case (4 | 5) as z:\n        out.value = z * 100\n    case w:\n        out.value = -w",
        {0: 1, 20: 42, 3: 400, 4: 500, 6: -7},
    ),
    "match on an enum": (
        "from enum import IntEnum\nclass Port(IntEnum):\n    SSH = 22\n    WEB = 80",
        "out.value = 0\nmatch x:\n    case Port.SSH:\n        out.value = 1\n    case Port.WEB:\n        out.value = 2",
        {22: 1, 80: 2, 81: 0},
    ),
    "match in a loop": (
        "",
        "for i in range(6):\n    match i:\n        case 0:\n            continue\n        case 4:\n            break\n    out.value += i",
        {0: 6},
    ),
    "assert that holds": ("", "assert x < 10, 'too large'\nout.value = x", {3: 3}),
    "update of a full map": (
        "seen = HashMap(u32, u64, max_entries=1)",
        "seen.update(1, 1)\nout.value = seen.update(2, 1)",
        {0: -7},
    ),
    "update of an existing key": (
        "seen = HashMap(u32, u64, max_entries=4)\nNOEXIST = 1",
        "seen.update(x, 1)\nout.value = seen.update(x, 2, NOEXIST)\nseen.delete(x)",
        {5: -17},
    ),
}


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(tmp_path: Path, name: str, cpu: str) -> None:
    head, body, expected = PROGRAMS[name]
    text = PRELUDE + FRAME.format(module=head, body=textwrap.indent(body, "    "))
    with osmia.load(module_from(tmp_path, text), target=Target(cpu, (5, 10))) as loaded:
        for given, result in expected.items():
            assert run(loaded, given) == (XdpAction.PASS, result)


def run(loaded: Any, given: int) -> tuple[XdpAction, int]:
    loaded["given"][0] = given
    loaded["result"][0] = 0
    return loaded["program"].test_run(bytes(14)).action, loaded["result"][0]


@pytest.mark.parametrize("cpu", CPUS)
def test_the_error_edge_ends_the_program_and_is_counted_by_line(tmp_path: Path, cpu: str) -> None:
    body = "out.value = 1\nout.value = 100 // x\nout.value = out.value + 7 % (x - 2)\nout.value += 1 << (3 - x)"
    text = PRELUDE + FRAME.format(module="", body=textwrap.indent(body, "    "))
    first = text[: text.index("out.value = 1\n")].count("\n") + 1
    with osmia.load(module_from(tmp_path, text), target=Target(cpu, (5, 10))) as loaded:
        assert run(loaded, 0) == (XdpAction.TX, 1)
        assert run(loaded, 2) == (XdpAction.TX, 50)
        assert run(loaded, 2) == (XdpAction.TX, 50)
        assert run(loaded, 4) == (XdpAction.TX, 25 + 1)
        assert run(loaded, 3) == (XdpAction.PASS, 33 + 0 + 1)
        counts = [(each.line - first, each.problem, each.count) for each in loaded["program"].errors()]
        assert counts == [
            (1, "integer division or modulo by zero", 1),
            (2, "integer division or modulo by zero", 2),
            (3, "negative shift count", 1),
        ]


@pytest.mark.parametrize("cpu", CPUS)
def test_a_failed_assertion_ends_the_program(tmp_path: Path, cpu: str) -> None:
    body = "out.value = 1\nfor i in range(5):\n    assert i != x, 'the message is for readers'\n    out.value += 1"
    text = PRELUDE + FRAME.format(module="", body=textwrap.indent(body, "    "))
    with osmia.load(module_from(tmp_path, text), target=Target(cpu, (5, 10))) as loaded:
        assert run(loaded, 9) == (XdpAction.PASS, 6)
        assert run(loaded, 3) == (XdpAction.TX, 4)
        assert [(each.problem, each.count) for each in loaded["program"].errors()] == [("assertion failed", 1)]


def test_a_divisor_that_cannot_be_zero_has_no_error_edge(tmp_path: Path) -> None:
    body = "out.value = 100 // (x + 1) + 5 % 3 + (1 << (x & 7))"
    text = PRELUDE + FRAME.format(module="", body=textwrap.indent(body, "    "))
    with osmia.load(module_from(tmp_path, text)) as loaded:
        assert "osmia_errors" not in loaded.maps
        assert run(loaded, 3) == (XdpAction.PASS, 25 + 2 + 8)


def test_context_fields(netns: Any, tmp_path: Path) -> None:
    text = (
        PRELUDE
        + """
seen = HashMap(u32, u64, max_entries=16)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    seen.update(ctx.ingress_ifindex, ctx.rx_queue_index + 1)
    return XdpAction.PASS
"""
    )
    module = module_from(tmp_path, text)
    with netns.entered(), module.program.attach(netns.far) as link:
        netns.send(3)
        assert dict(module.seen.items()) == {link.ifindex: 1}
    module.program.close()
    module.seen.close()


def test_closures_and_future_annotations(tmp_path: Path) -> None:
    text = (
        "from __future__ import annotations\n"
        + PRELUDE
        + """
def counter(step, counts):
    @xdp
    def program(ctx: XdpContext) -> XdpAction:
        count = counts.lookup(0)
        if count is None:
            return XdpAction.ABORTED
        count.value += step
        return XdpAction.PASS
    return program

one = counter(1, PerCpuArray(u64, max_entries=1))
ten = counter(10, PerCpuArray(u64, max_entries=1))
"""
    )
    module = module_from(tmp_path, text)
    for program, step in ((module.one, 1), (module.ten, 10)):
        with osmia.load(program) as loaded:
            for _ in range(3):
                loaded[program].test_run(bytes(14))
            assert loaded["counts"][0].sum() == 3 * step
