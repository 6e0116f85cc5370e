"""What tests of compiled code ask of the kernel that they run on; without it they are skipped, with the reason."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

from osmia import KernelError, LsmContext, lsm
from osmia.kernel.features import kernel_version

# Of each thing that an object can ask of a kernel: what it is, and the first kernel that has it.
SINCE = {
    "v4": ("the instructions of v4", (6, 6)),
    "may_goto": ("may_goto", (6, 9)),
    "bpf_loop": ("bpf_loop", (5, 17)),
    "for_each": ("bpf_for_each_map_elem", (5, 13)),
    "nested locks": ("locks inside of nested structs", (6, 11)),
    "fetch": ("atomics that give what was there, and other ones than adding", (5, 12)),
}


def has(thing: str) -> bool:
    """Whether the kernel that runs has it: kernels that are new enough always do, and a test there fails without it."""
    return kernel_version() >= SINCE[thing][1]


def require(thing: str) -> None:
    """Skip the test where the kernel is too old for it."""
    name, since = SINCE[thing]
    require_kernel(since, name)


def require_numpy() -> None:
    """Skip the test, or a module of tests, where NumPy is built for another CPU than a virtual machine has."""
    try:
        importlib.import_module("numpy")
    except (RuntimeError, ImportError) as problem:  # the second time it says that it was loaded before
        pytest.skip(f"NumPy: {problem}", allow_module_level=True)


def needs_root(what: str) -> pytest.MarkDecorator:
    """Marks a test, or with `pytestmark` a module of tests, that does what takes root."""
    return pytest.mark.skipif(os.geteuid() != 0, reason=f"needs root: {what}")


def require_root(what: str) -> None:
    """Skip the test where an ordinary user runs it: it does what takes root."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root: {what}")


def require_kernel(since: tuple[int, int], what: str) -> None:
    """Skip the test on kernels before the one that brought what it takes."""
    here = kernel_version()
    if here < since:
        pytest.skip(f"Linux {here[0]}.{here[1]} has not {what}: {since[0]}.{since[1]} has")


@lsm("file_open", on_error=0)
def _allows(ctx: LsmContext) -> int:
    return 0


def why_no_lsm() -> str:
    """Why programs at hooks of the security modules cannot run here; empty where they can."""
    if os.geteuid() != 0:
        return "programs at hooks of the security modules need root"
    try:
        _allows.load()
    except KernelError as error:
        return f"this kernel does not take lsm programs: {error}"
    finally:
        _allows.close()
    listed = Path("/sys/kernel/security/lsm")
    if listed.exists() and "bpf" not in listed.read_text().strip().split(","):
        return "the kernel was started without `lsm=...,bpf`"
    return ""
