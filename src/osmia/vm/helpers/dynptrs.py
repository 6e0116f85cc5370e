"""Helpers of dynptrs, whatever memory they stand for."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm import dynptrs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def dynptr_from_mem(run: Execution, data: int, size: int, flags: int, place: int, *_: int) -> int:
    """Make one of memory of the program's own."""
    size &= 0xFFFF_FFFF
    problem = -errno.E2BIG if size > dynptrs.LARGEST else -errno.EINVAL if flags else 0
    dynptrs.put(run, place, 0 if problem else data, size, dynptrs.LOCAL, what="dynptr_from_mem's ptr: write")
    return problem


def _outside(found: dynptrs.Dynptr, offset: int, size: int) -> int:
    """Why a part of its memory is none: a negative error number, or 0."""
    if not found.address:
        return -errno.EINVAL
    return -errno.E2BIG if size > found.size or offset > found.size - size else 0


def dynptr_read(run: Execution, into: int, size: int, source: int, offset: int, flags: int) -> int:
    """Copy bytes out."""
    size, offset = size & 0xFFFF_FFFF, offset & 0xFFFF_FFFF
    found = dynptrs.get(run, source, "dynptr_read's src: read")
    problem = -errno.EINVAL if flags else _outside(found, offset, size)
    if not problem:
        run.write(into, run.read(found.address + offset, size, "dynptr_read: read"), "dynptr_read's dst: write")
    return problem


def dynptr_write(run: Execution, into: int, offset: int, source: int, size: int, flags: int) -> int:
    """Copy bytes in."""
    size, offset = size & 0xFFFF_FFFF, offset & 0xFFFF_FFFF
    found = dynptrs.get(run, into, "dynptr_write's dst: read")
    problem = -errno.EINVAL if flags or found.read_only else _outside(found, offset, size)
    if not problem:
        run.write(found.address + offset, run.read(source, size, "dynptr_write's src: read"), "dynptr_write: write")
    return problem


def dynptr_data(run: Execution, place: int, offset: int, size: int, *_: int) -> int:
    """The address of a part of its memory; 0 where it is none."""
    size, offset = size & 0xFFFF_FFFF, offset & 0xFFFF_FFFF
    found = dynptrs.get(run, place, "dynptr_data's ptr: read")
    return 0 if _outside(found, offset, size) or found.read_only else found.address + offset


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_dynptr_from_mem: dynptr_from_mem,
    ids.BPF_FUNC_dynptr_read: dynptr_read,
    ids.BPF_FUNC_dynptr_write: dynptr_write,
    ids.BPF_FUNC_dynptr_data: dynptr_data,
}
