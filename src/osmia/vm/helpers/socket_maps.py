"""Helpers of sockets and maps: those that put a connection's socket into one, and that ask where its cgroup is."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.sockets import cgroups_of, own_socket
from osmia.vm.maps.cgroups import CgroupArray
from osmia.vm.maps.sockets import SocketHash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

_EVENTS = (
    of.BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB,
    of.BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB,
    of.BPF_SOCK_OPS_TCP_LISTEN_CB,
)
"""When a connection's socket may be put into a map."""


def sock_update(run: Execution, _context: int, map_address: int, key: int, flags: int, *_: int) -> int:
    """Put the connection's socket into a map."""
    found, socket = run.machine.map_at(map_address), own_socket(run)
    if not isinstance(found, SocketHash):
        raise run.fault("helper", f"it takes a map of sockets, and '{found.name}' is a {found.kind.kernel_name}")
    given = run.read(key, found.key_size, f"key of '{found.name}': read")
    if socket is None or not socket.is_full or run.context.number("op") not in _EVENTS:
        return -errno.EOPNOTSUPP
    return found.put_object(given, socket.address, flags)


def skb_under_cgroup(run: Execution, _context: int, map_address: int, index: int, *_: int) -> int:
    """Whether the packet's socket is in a cgroup of an array, or below it."""
    found, socket = run.machine.map_at(map_address), own_socket(run)
    if not isinstance(found, CgroupArray):
        raise run.fault(
            "helper", f"skb_under_cgroup takes a CGROUP_ARRAY, and '{found.name}' is a {found.kind.kernel_name}"
        )
    if socket is None or not socket.is_full:
        return -errno.ENOENT
    return found.under(index & 0xFFFF_FFFF, cgroups_of(socket))


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_sock_map_update: sock_update,
    ids.BPF_FUNC_sock_hash_update: sock_update,
    ids.BPF_FUNC_skb_under_cgroup: skb_under_cgroup,
}
