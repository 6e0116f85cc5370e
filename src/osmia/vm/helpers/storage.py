"""Helpers of what hangs on objects of the kernel's, on cgroups, and of stacks that are kept."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.maps.cgroups import CgroupArray, CgroupStorage, PerCpuCgroupStorage
from osmia.vm.maps.stacks import StackTraceMap
from osmia.vm.maps.storage import Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.errors import VmError
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper
    from osmia.vm.maps import VmMap


def storage_get(run: Execution, map_address: int, address: int, value: int, flags: int, *_: int) -> int:
    """Where the value of an object lies, made where flags ask for it; 0 where there is none."""
    of = _storage(run, map_address)
    initial = run.read(value, of.value_size, f"value for '{of.name}': read") if value else None
    return of.of_object(address, initial, flags)


def storage_delete(run: Execution, map_address: int, address: int, *_: int) -> int:
    """Delete the value of an object."""
    of = _storage(run, map_address)
    return of.delete_of_object(address) if address else -errno.EINVAL


def get_local_storage(run: Execution, map_address: int, *_: int) -> int:
    """Where the value of the cgroup lies that the program runs for."""
    of = run.machine.map_at(map_address)
    if isinstance(of, (CgroupStorage, PerCpuCgroupStorage)):
        return of.local(run)
    raise _wrong(run, "get_local_storage takes a storage of cgroups", of)


def current_task_under_cgroup(run: Execution, map_address: int, index: int, *_: int) -> int:
    """Whether the thread is in a cgroup of an array, or below it."""
    of = run.machine.map_at(map_address)
    if isinstance(of, CgroupArray):
        return of.under(index & 0xFFFF_FFFF, run.machine.task.cgroup_ids)
    raise _wrong(run, "current_task_under_cgroup takes a CGROUP_ARRAY", of)


def get_stackid(run: Execution, _context: int, map_address: int, flags: int, *_: int) -> int:
    """Keep a stack, and give its number."""
    of = run.machine.map_at(map_address)
    if isinstance(of, StackTraceMap):
        return of.keep(flags)
    raise _wrong(run, "get_stackid takes a STACK_TRACE", of)


def _storage(run: Execution, map_address: int) -> Storage:
    of = run.machine.map_at(map_address)
    if isinstance(of, Storage):
        return of
    raise _wrong(run, "it takes a storage of values", of)


def _wrong(run: Execution, expected: str, of: VmMap) -> VmError:
    return run.fault("helper", f"{expected}, and '{of.name}' is a {of.kind.kernel_name}")


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_sk_storage_get: storage_get,
    ids.BPF_FUNC_sk_storage_delete: storage_delete,
    ids.BPF_FUNC_task_storage_get: storage_get,
    ids.BPF_FUNC_task_storage_delete: storage_delete,
    ids.BPF_FUNC_inode_storage_get: storage_get,
    ids.BPF_FUNC_inode_storage_delete: storage_delete,
    ids.BPF_FUNC_cgrp_storage_get: storage_get,
    ids.BPF_FUNC_cgrp_storage_delete: storage_delete,
    ids.BPF_FUNC_get_local_storage: get_local_storage,
    ids.BPF_FUNC_current_task_under_cgroup: current_task_under_cgroup,
    ids.BPF_FUNC_get_stackid: get_stackid,
}
