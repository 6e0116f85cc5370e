"""Helpers that look up, write and delete the entries of maps."""

from __future__ import annotations

from osmia.abi.generated import helper_ids as ids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper


def map_lookup_elem(run: Execution, map_address: int, key: int, *_: int) -> int:
    """The address of a key's value, of this CPU where the map is per CPU; 0 where it is not there."""
    of = run.machine.map_at(map_address)
    return of.address_of(run.read(key, of.key_size, f"key of '{of.name}': read"), run.machine.cpu)


def map_update_elem(run: Execution, map_address: int, key: int, value: int, flags: int, *_: int) -> int:
    """Write a value."""
    of = run.machine.map_at(map_address)
    stored_key = run.read(key, of.key_size, f"key of '{of.name}': read")
    stored = run.read(value, of.value_size, f"value for '{of.name}': read")
    return of.update_element(stored_key, stored, flags, run.machine.cpu)


def map_delete_elem(run: Execution, map_address: int, key: int, *_: int) -> int:
    """Delete a key."""
    of = run.machine.map_at(map_address)
    return of.delete_element(run.read(key, of.key_size, f"key of '{of.name}': read"))


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_map_lookup_elem: map_lookup_elem,
    ids.BPF_FUNC_map_update_elem: map_update_elem,
    ids.BPF_FUNC_map_delete_elem: map_delete_elem,
}
