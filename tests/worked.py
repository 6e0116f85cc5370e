"""Functions that run twice: in CPython, and called by a program in the kernel. Both have to give the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import osmia
from osmia import XdpAction
from osmia.compiler import Target
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

CPUS = ("v1", "v3", "v4")
GIVEN = (0, 1, 2, 3, 5, 7, 200, 300, 70000)
HEAD = """from __future__ import annotations

from enum import IntEnum

from osmia import Array, Chars, FixedArray, HashMap, Ref, XdpAction, XdpContext, array, be16, be32, be64, bits, chars
from osmia import i8, i16, i32, i64, sizeof, struct, u8, u16, u32, u64, union, xdp, zeroed

given = Array(u32, max_entries=1)
result = Array(i64, max_entries=1)

"""
TAIL = """

@xdp(on_error=XdpAction.TX)
def program(ctx: XdpContext) -> XdpAction:
    taken = given.lookup(0)
    out = result.lookup(0)
    if taken is None or out is None:
        return XdpAction.ABORTED
    out.value = work(taken.value)
    return XdpAction.PASS
"""
RAISED = "raised"


def programs_in(text: str) -> dict[str, str]:
    """Programs by name, out of a text in which `=== name` stands above each."""
    found = {}
    for part in text.split("=== ")[1:]:
        name, _, program = part.partition("\n")
        assert name not in found
        found[name] = program
    return found


def in_python(module: ModuleType) -> list[Any]:
    """What `work` gives in CPython; RAISED for what takes the error edge in the kernel."""
    found: list[Any] = []
    for number in GIVEN:
        try:
            found.append(int(module.work(number)))
        except (AssertionError, IndexError, KeyError, ZeroDivisionError):
            found.append(RAISED)
    return found


def in_kernel(module: ModuleType, cpu: str) -> list[Any]:
    """What a program stores that calls `work`."""
    with osmia.load(module, target=Target(cpu, (5, 10))) as loaded:
        return [_run(loaded, number) for number in GIVEN]


def _run(loaded: osmia.Loaded, number: int) -> Any:
    loaded["given"][0] = number
    loaded["result"][0] = 0
    done = loaded["program"].test_run(bytes(14)).action
    if done == XdpAction.TX:
        assert sum(error.count for error in loaded["program"].errors()) > 0
        return RAISED
    assert done == XdpAction.PASS
    return loaded["result"][0]


def check(directory: Path, program: str, cpu: str, expected: list[Any] | None = None) -> None:
    """Compare the two, or what the kernel gives with what is expected where CPython cannot run the program."""
    module = module_from(directory, HEAD + program + TAIL)
    assert in_kernel(module, cpu) == (in_python(module) if expected is None else expected)
