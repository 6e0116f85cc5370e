"""Helpers that look up, write and delete the entries of maps, and that walk over them."""

from __future__ import annotations

import errno

from osmia.abi.generated import BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG
from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.sockets import taken
from osmia.vm.memory import READ_ONLY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper
    from osmia.vm.maps import VmMap

_WALKED = ("ARRAY", "PERCPU_ARRAY", "HASH", "PERCPU_HASH", "LRU_HASH", "LRU_PERCPU_HASH")


def map_lookup_elem(run: Execution, map_address: int, key: int, *_: int) -> int:
    """The address of a key's value, of this CPU where the map is per CPU; 0 where it is not there.

    A socket that a map holds is the program's to give back.
    """
    of = read_map(run, map_address)
    found = of.address_of(run.read(key, of.key_size, f"key of '{of.name}': read"), run.machine.cpu)
    return taken(run, run.machine.objects[found]) if of.takes_objects and found else found


def map_lookup_percpu_elem(run: Execution, map_address: int, key: int, cpu: int, *_: int) -> int:
    """The same of a CPU by its number; 0 where there is no such CPU, too."""
    of = read_map(run, map_address)
    stored_key = run.read(key, of.key_size, f"key of '{of.name}': read")
    return of.percpu_address_of(stored_key, cpu & 0xFFFF_FFFF)


def map_update_elem(run: Execution, map_address: int, key: int, value: int, flags: int, *_: int) -> int:
    """Write a value."""
    of = written_map(run, map_address)
    stored_key = run.read(key, of.key_size, f"key of '{of.name}': read")
    if of.takes_objects:
        return of.put_object(stored_key, value, flags)
    stored = run.read(value, of.value_size, f"value for '{of.name}': read")
    return of.update_element(stored_key, stored, flags, run.machine.cpu)


def map_delete_elem(run: Execution, map_address: int, key: int, *_: int) -> int:
    """Delete a key."""
    of = written_map(run, map_address)
    return of.delete_element(run.read(key, of.key_size, f"key of '{of.name}': read"))


def for_each_map_elem(run: Execution, map_address: int, callback: int, context: int, flags: int, *_: int) -> int:
    """Call a function with each key and its value until it gives other than 0: how often."""
    of = read_map(run, map_address)
    if of.kind.kernel_name not in _WALKED:
        raise run.fault("helper", f"for_each_map_elem walks over '{of.name}', which is a {of.kind.kernel_name}")
    if flags:
        return -errno.EINVAL
    memory, count = run.machine.memory, 0
    key = memory.allocate(of.key_size, f"key of '{of.name}'", state=READ_ONLY)
    try:
        for each in list(of.all_keys()):
            place = of.address_for_user(each, run.machine.cpu)
            if not place:  # the function has deleted it meanwhile
                continue
            memory.data[key.address : key.address + of.key_size] = each
            count += 1
            if run.call_function(callback, map_address, key.address, place, context):
                break
    finally:
        memory.free(key)
    return count


def read_map(run: Execution, map_address: int) -> VmMap:
    """A map that a program reads. VmError for one that programs may only write."""
    of = run.machine.map_at(map_address)
    if of.flags & BPF_F_WRONLY_PROG:
        raise run.fault("access", f"programs may only write to map '{of.name}', which has BPF_F_WRONLY_PROG")
    return of


def written_map(run: Execution, map_address: int) -> VmMap:
    """A map that a program writes. VmError for one that programs may only read."""
    of = run.machine.map_at(map_address)
    if of.flags & BPF_F_RDONLY_PROG:
        raise run.fault("access", f"programs may only read map '{of.name}', which has BPF_F_RDONLY_PROG")
    return of


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_map_lookup_elem: map_lookup_elem,
    ids.BPF_FUNC_map_lookup_percpu_elem: map_lookup_percpu_elem,
    ids.BPF_FUNC_map_update_elem: map_update_elem,
    ids.BPF_FUNC_map_delete_elem: map_delete_elem,
    ids.BPF_FUNC_for_each_map_elem: for_each_map_elem,
}
