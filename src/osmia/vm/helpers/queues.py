"""Helpers of queues and stacks, and of Bloom filters, which are asked by one of them."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.map_elements import read_map, written_map
from osmia.vm.maps.bloom import BloomFilter
from osmia.vm.maps.queues import Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper
    from osmia.vm.maps import VmMap


def map_push_elem(run: Execution, map_address: int, value: int, flags: int, *_: int) -> int:
    """Put a value in."""
    of = _checked(run, "map_push_elem", written_map(run, map_address))
    return of.push(run.read(value, of.value_size, f"value for '{of.name}': read"), flags)


def map_pop_elem(run: Execution, map_address: int, value: int, *_: int) -> int:
    """Take the next value out."""
    of = written_map(run, map_address)
    if not isinstance(of, Queue):
        raise run.fault("helper", f"map_pop_elem takes a queue or a stack, and '{of.name}' is a {of.kind.kernel_name}")
    return _given(run, of, value, of.take_out())


def map_peek_elem(run: Execution, map_address: int, value: int, *_: int) -> int:
    """The next value, which stays; of a filter, whether a value may have been put in."""
    of = _checked(run, "map_peek_elem", read_map(run, map_address))
    if isinstance(of, BloomFilter):
        held = of.contains(run.read(value, of.value_size, f"value for '{of.name}': read"))
        return 0 if held else -errno.ENOENT
    return _given(run, of, value, of.next_value())


def _given(run: Execution, of: VmMap, value: int, found: bytes | None) -> int:
    """Write what a program gets: zeros where there is none."""
    run.write(value, bytes(of.value_size) if found is None else found, f"value of '{of.name}': write")
    return 0 if found is not None else -errno.ENOENT


def _checked(run: Execution, helper: str, of: VmMap) -> VmMap:
    """VmError for a map that is none of these."""
    if isinstance(of, (Queue, BloomFilter)):
        return of
    raise run.fault(
        "helper", f"{helper} takes a queue, a stack or a filter, and '{of.name}' is a {of.kind.kernel_name}"
    )


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_map_push_elem: map_push_elem,
    ids.BPF_FUNC_map_pop_elem: map_pop_elem,
    ids.BPF_FUNC_map_peek_elem: map_peek_elem,
}
