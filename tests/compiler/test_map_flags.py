"""Constant flags of an update: the compiler refuses those with which the kernel refuses every key, and no others."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from osmia import (
    Array,
    CompileError,
    HashMap,
    KernelError,
    LruHashMap,
    PerCpuArray,
    PerCpuHashMap,
    SpinLock,
    spin_lock,
    struct,
    u32,
    u64,
)
from osmia.compiler.build import checked_unit
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path


@struct
class Total:
    lock: SpinLock = spin_lock()
    packets: u64 = 0


DECLARATIONS: dict[str, Any] = {
    "hash": lambda: HashMap(u32, u32, max_entries=4, name="m"),
    "hash with locks": lambda: HashMap(u32, Total, max_entries=4, name="m"),
    "array": lambda: Array(u32, max_entries=4, name="m"),
    "array with locks": lambda: Array(Total, max_entries=4, name="m"),
    "LRU": lambda: LruHashMap(u32, u32, max_entries=4, name="m"),
    "per-CPU hash": lambda: PerCpuHashMap(u32, u32, max_entries=4, name="m"),
    "per-CPU array": lambda: PerCpuArray(u32, max_entries=4, name="m"),
}
SOURCE = """
from osmia import XdpAction, XdpContext, xdp

@xdp
def program(ctx: XdpContext) -> XdpAction:
    m.update(1, {value}, {flags})
    return XdpAction.PASS
"""


def refused(directory: Path, declared: Any, flags: int) -> bool:
    """Whether the compiler refuses these flags, and nothing else."""
    value = "Total(packets=1)" if declared.locked else "1"
    names = {"m": declared, "Total": Total}
    module: Any = module_from(directory, SOURCE.format(value=value, flags=flags), names=names)
    try:
        checked_unit((module.program.request,))
    except CompileError as error:
        return error.found == f"flags {flags}"
    return False


def fails(backend: Any, key: int, value: bytes, flags: int) -> bool:
    try:
        backend.update(key.to_bytes(4, "little"), value, flags)
    except KernelError:
        return True
    return False


@pytest.mark.parametrize("name", DECLARATIONS)
def test_the_compiler_refuses_what_the_kernel_never_takes(tmp_path: Path, name: str) -> None:
    declared = DECLARATIONS[name]()
    declared.create()
    with closing(declared):
        backend = declared.backend
        value = bytes(8 * backend.cpus if declared.kind.per_cpu else declared.value_size)
        for flags in range(8):
            backend.update((1).to_bytes(4, "little"), value, 0)
            if not declared.kind.fixed_keys:
                backend.delete((2).to_bytes(4, "little"))
            never = fails(backend, 1, value, flags) and fails(backend, 2, value, flags)
            assert refused(tmp_path, declared, flags) is never, flags
