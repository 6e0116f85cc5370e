"""Helpers that ask for routes and MTUs: `machine.fib` and `machine.mtus` have them."""

from __future__ import annotations

import errno
import struct

from osmia.abi.generated import helper_ids as ids
from osmia.vm.arithmetic import signed
from osmia.vm.contexts.structs import ETHERNET
from osmia.vm.helpers.packet_bytes import packet_of
from osmia.vm.helpers.packet_shape import VLAN
from osmia.vm.network import FRAGMENTS_NEEDED, NOT_FORWARDED, Route, route_to
from osmia.vm.objects import AF_INET, AF_INET6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

PARAMETERS = 64
"""The bytes of struct bpf_fib_lookup."""
_FLAGS = 0x3F
SKIP_NEIGHBOUR, SOURCE = 4, 16
"""BPF_FIB_LOOKUP_SKIP_NEIGH, BPF_FIB_LOOKUP_SRC."""
_FAMILY, _LENGTH, _IFINDEX, _METRIC, _SOURCE, _DESTINATION, _VLAN, _MACS = 0, 6, 8, 12, 16, 32, 48, 52
"""Where the members lie."""
SEGMENTS = 1
"""BPF_MTU_CHK_SEGS."""


def fib_lookup(run: Execution, _context: int, parameters: int, size: int, flags: int, *_: int) -> int:
    """Look for a route: what was found is written into the parameters."""
    size, flags = size & 0xFFFF_FFFF, flags & 0xFFFF_FFFF
    if size < PARAMETERS or flags & ~_FLAGS:
        return -errno.EINVAL
    memory = run.machine.memory
    data = bytearray(memory.read(parameters, PARAMETERS))
    width = {AF_INET: 4, AF_INET6: 16}.get(data[_FAMILY])
    if width is None:
        return -errno.EAFNOSUPPORT
    if int.from_bytes(data[_IFINDEX : _IFINDEX + 4], "little") not in run.machine.mtus:
        return -errno.ENODEV
    route = route_to(run.machine.fib, bytes(data[_DESTINATION : _DESTINATION + width]))
    if route is None:
        return NOT_FORWARDED
    if route.result:
        return route.result
    result = _found(data, route, width, flags, above=run.program.kind.name != "xdp", length=packet_of(run).size)
    memory.write(parameters, bytes(data))
    return result


def _found(data: bytearray, route: Route, width: int, flags: int, *, above: bool, length: int) -> int:
    """Write a route into the parameters: what the helper returns."""
    from ipaddress import ip_address

    wanted = int.from_bytes(data[_LENGTH : _LENGTH + 2], "little")
    if wanted > route.mtu:
        struct.pack_into("<H", data, _LENGTH, route.mtu)
        return FRAGMENTS_NEEDED
    struct.pack_into("<II", data, _IFINDEX, route.ifindex, route.metric)
    if flags & SOURCE and route.source:
        data[_SOURCE : _SOURCE + width] = ip_address(route.source).packed
    if route.gateway:
        gateway = ip_address(route.gateway).packed
        data[_FAMILY] = AF_INET if len(gateway) == 4 else AF_INET6
        data[_DESTINATION : _DESTINATION + len(gateway)] = gateway
    if not flags & SKIP_NEIGHBOUR:
        data[_MACS : _MACS + 12] = route.smac + route.dmac
    data[_VLAN : _VLAN + 4] = bytes(4)
    struct.pack_into("<H", data, _LENGTH, route.mtu)
    too_long = above and not wanted and length > route.mtu + ETHERNET + VLAN
    return FRAGMENTS_NEEDED if too_long else 0


def check_mtu(run: Execution, _context: int, ifindex: int, place: int, difference: int, flags: int) -> int:
    """Whether the packet fits through an interface: 0 if so, 1 if not; its MTU is written where the length was."""
    memory, above = run.machine.memory, run.program.kind.name != "xdp"
    given = memory.number(place, 4)
    difference = signed(difference & 0xFFFF_FFFF, 32)
    if flags & ~(SEGMENTS if above else 0) or (flags and (difference or given)):
        return -errno.EINVAL
    own = run.context.number("ifindex" if above else "ingress_ifindex")
    mtu = run.machine.mtus.get(ifindex & 0xFFFF_FFFF or own)
    if mtu is None:
        return -errno.ENODEV
    length = (given + ETHERNET if given else packet_of(run).size) + difference
    memory.put(place, 4, mtu)
    return int(length > mtu + ETHERNET)


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_fib_lookup: fib_lookup,
    ids.BPF_FUNC_check_mtu: check_mtu,
}
