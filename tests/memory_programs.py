"""Programs made from a body: given `x`, which the compiler cannot know, they leave a result by `out.value = ...`."""

from __future__ import annotations

import os
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia.compiler import Target
from osmia.kernel.features import kernel_version
from program_files import module_from
from this_kernel import has

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from osmia import XdpAction

CPUS = ("v1", "v3", "v4")
KERNEL = (6, 18)
"""What the programs are compiled for, or else the kernel that runs, where it is older."""

NAMES = (
    "Array, Chars, FixedArray, Global, HashMap, PerCpuArray, ProgramArray, Ref, RingBuf, SpinLock, XdpAction, "
    "XdpContext, array, be16, be32, chars, i8, i16, i32, i64, ref, replace, scratch, setting, sizeof, spin_lock, "
    "struct, u8, u16, u32, u64, xdp, zeroed"
)
FRAME = """\
from enum import IntEnum
from osmia import {names}
from osmia import helpers
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


def source(module: str, body: str) -> str:
    """The text of a module with such a program."""
    body = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return FRAME.format(names=NAMES, module=textwrap.dedent(module), body=body)


@contextmanager
def running(directory: Path, module: str, body: str, cpu: str = "", **more: Any) -> Iterator[Any]:
    """The program, loaded, with the module that it is declared in as `.module`; for the newest `cpu` unless given."""
    made = module_from(directory, source(module, body))
    target = Target(cpu or ("v4" if has("v4") else "v3"), min(KERNEL, kernel_version()))
    with osmia.load(made, target=target, **more) as loaded:
        held: Any = loaded
        held.module = made
        yield held


def run(loaded: Any, x: int = 0, packet: bytes = bytes(64)) -> tuple[XdpAction, int]:
    """What one run returns and leaves."""
    loaded["given"][0] = x
    loaded["result"][0] = 0
    return loaded["program"].test_run(packet).action, loaded["result"][0]


def results(loaded: Any, *given: int) -> list[int]:
    """What runs leave that end well."""
    found = []
    for x in given:
        action, value = run(loaded, x)
        assert action == osmia.XdpAction.PASS
        found.append(value)
    return found


def count_on_each_cpu(program: osmia.XdpProgram, times: int) -> None:
    """Run a program that often on two CPUs at the same time: in two processes, since a call holds Python's lock."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("this machine has one CPU: nothing can happen at the same time")
    children = []
    for cpu in cpus:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.sched_setaffinity(0, {cpu})
                program.test_run(bytes(64), repeat=times)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
