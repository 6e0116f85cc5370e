"""osmia.unchecked where the verifier agrees: programs that run, on every instruction set; and refusal in user code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import unchecked
from osmia.compiler import Target
from osmia.compiler.build import checked_unit
from osmia.compiler.ir.text import unit_text
from program_files import module_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CPUS = ("v1", "v2", "v3", "v4")

# Each program leaves a result by `out.value = ...`.
FRAME = """\
from escaping import *

result = Array(u64, max_entries=1)
table = Array(u64, max_entries=2)
flows = HashMap(u32, Values, max_entries=2)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    out = result.lookup(0)
    if out is None:
        return XdpAction.ABORTED
{body}
    return XdpAction.PASS
"""

# Name: (the body, what it leaves). The packet is the bytes 0 to 63.
PROGRAMS = {
    "memory of a packet": (
        """
        data, end = memory_at(ctx, u32).value, memory_at(ctx, u32, 4).value
        if data + 16 > end:
            return XdpAction.ABORTED
        memory_at(data, u8).value = 200
        out.value = memory_at(data, u32, 1).value + memory_at(data, u8).value
        """,
        0x04030201 + 200,
    ),
    "memory at an offset that varies": (
        """
        data, end = memory_at(ctx, u32).value, memory_at(ctx, u32, 4).value
        place = data + (memory_at(ctx, u32, 16).value & 7) + 5
        if place + 2 > end:
            return XdpAction.ABORTED
        out.value = memory_at(place, u16).value
        """,
        0x0605,
    ),
    "numbers, structs and signs": (
        """
        pair = Pair(first=0x8000_0000_0000_00ff, second=7)
        small = memory_at(pair, i8).value
        view = memory_at(pair, Pair)
        view.second += 5
        out.value = u64(i64(pair.second) * 1000 + small)
        """,
        11999,
    ),
    "what a helper gives": (
        """
        key = Pair(first=1)
        table.update(1, 1234)
        found = call_helper(1, table, key)
        if found == 0:
            return XdpAction.ABORTED
        out.value = memory_at(found, u64).value * 2
        """,
        2468,
    ),
    "what was checked another way": (
        """
        flows.update(5, Values())
        there = assume(flows.lookup(5))
        if address(there) == 0:
            return XdpAction.ABORTED
        there.numbers[3] = 9
        out.value = there.numbers[3]
        """,
        9,
    ),
    "a helper's result is signed": ("out.value = 5 if call_helper(2, table, Pair(first=7), Pair(), 0) == -7 else 6", 5),
    "a helper with the context": (
        """
        space = Pair()
        done = call_helper(189, ctx, 2, space, 4)
        out.value = memory_at(space, u32).value + u64(done)
        """,
        0x05040302,
    ),
    "the order of evaluation": (
        """
        pair = Pair(first=3, second=8)
        offset = 8
        out.value = memory_at(pair, u64, (offset := offset - 8)).value * 10 + memory_at(pair, u64, offset + 8).value
        """,
        38,
    ),
}


def body_of(text: str) -> str:
    lines = [line.removeprefix("    ") for line in text.strip("\n").splitlines() if line.strip()]
    return "\n".join(line if line.startswith("    ") else f"    {line}" for line in lines)


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(tmp_path: Path, name: str, cpu: str) -> None:
    body, expected = PROGRAMS[name]
    module: Any = module_from(tmp_path, FRAME.format(body=body_of(body)))
    with osmia.load(module, target=Target(cpu, (5, 10))) as loaded:
        run = loaded[module.program].test_run(bytes(range(64)))
        assert (run.action.name, loaded[module.result][0]) == ("PASS", expected)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("assume", lambda: unchecked.assume(None)),
        ("address", lambda: unchecked.address(5)),
        ("memory_at", lambda: unchecked.memory_at(5, osmia.u32)),
        ("call_helper", lambda: unchecked.call_helper(5, 1, 2)),
    ],
)
def test_kernel_code_only(name: str, call: Callable[[], object]) -> None:
    with pytest.raises(TypeError) as raised:
        call()
    assert str(raised.value) == f"{name}() exists in kernel code only: a program that runs in the kernel calls it"
    assert name in unchecked.__all__


IR = """\
  data = (*(Ref[u32] at (address of ctx) + 4): u32)    ; line 6
  found = (assume (lookup table[1]: Ref[u64] | None))    ; line 7
  helper 44(ctx, table, None, (address of table), -5)    ; line 8
"""


def test_it_can_be_looked_at(tmp_path: Path) -> None:
    text = """\
from escaping import *
table = HashMap(u32, u64, max_entries=2)
@xdp
def program(ctx: XdpContext) -> XdpAction:
    call_helper(5)
    data = memory_at(ctx, u32, 4).value
    found = assume(table.lookup(1))
    call_helper(44, ctx, table, None, address(table), -5)
    return XdpAction.PASS
"""
    module: Any = module_from(tmp_path, text)
    assert IR in unit_text(checked_unit((module.program.request,))[0])
