"""Small programs, one intent each, run in the kernel for every instruction set."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler.target import Target
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
