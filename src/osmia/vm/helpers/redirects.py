"""Helpers that send a packet somewhere: recorded in `machine.redirects`, with what the kernel would answer."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids
from osmia.vm.network import Redirect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper
    from osmia.vm.maps import VmMap

_INTERNAL = of.BPF_F_NEIGH | of.BPF_F_PEER | of.BPF_F_NEXTHOP
_REDIRECT_FLAGS = of.BPF_F_INGRESS
TC_SHOT, TC_REDIRECT = 2, 7
XDP_ABORTED, XDP_REDIRECT = 0, 4
XDP_ACTIONS = 3
"""The flags of redirect_map that say what is returned where there is no entry."""
SK_DROP, SK_PASS = 0, 1
NEIGHBOUR = 20
"""The bytes of struct bpf_redir_neigh."""
_MANY = of.BPF_F_BROADCAST | of.BPF_F_EXCLUDE_INGRESS


def _note(run: Execution, helper: str, ifindex: int | None, flags: int, **more: object) -> None:
    run.machine.redirects.append(Redirect(helper, ifindex, flags, **more))  # type: ignore[arg-type]


def redirect(run: Execution, ifindex: int, flags: int, *_: int) -> int:
    """Send the packet out of an interface, once the program has returned this."""
    ifindex &= 0xFFFF_FFFF
    if run.program.kind.name == "xdp":
        if flags:
            return XDP_ABORTED
        _note(run, "redirect", ifindex, flags)
        return XDP_REDIRECT
    if flags & ~_REDIRECT_FLAGS:
        return TC_SHOT
    _note(run, "redirect", ifindex, flags)
    return TC_REDIRECT


def redirect_peer(run: Execution, ifindex: int, flags: int, *_: int) -> int:
    """Send the packet to the other side of a pair of interfaces."""
    if flags:
        return TC_SHOT
    _note(run, "redirect_peer", ifindex & 0xFFFF_FFFF, flags)
    return TC_REDIRECT


def redirect_neigh(run: Execution, ifindex: int, parameters: int, size: int, flags: int, *_: int) -> int:
    """Send the packet to a neighbour, whose address the kernel looks up."""
    size &= 0xFFFF_FFFF
    if flags or (size and size < NEIGHBOUR):
        return TC_SHOT
    data = run.machine.memory.read(parameters, NEIGHBOUR) if size else b""
    _note(run, "redirect_neigh", ifindex & 0xFFFF_FFFF, flags, data=data)
    return TC_REDIRECT


def clone_redirect(run: Execution, _context: int, ifindex: int, flags: int, *_: int) -> int:
    """Send a copy of the packet out of an interface; -EINVAL where `machine.mtus` has none of that index."""
    ifindex &= 0xFFFF_FFFF
    if flags & ~_REDIRECT_FLAGS or ifindex not in run.machine.mtus:
        return -errno.EINVAL
    _note(run, "clone_redirect", ifindex, flags, data=run.context.frame)
    return 0


def redirect_map(run: Execution, map_address: int, key: int, flags: int, *_: int) -> int:
    """Send the packet to what a map says, where it says something; else what the flags say."""
    found, key = run.machine.map_at(map_address), key & 0xFFFF_FFFF
    many = _MANY if found.kind.kernel_name.startswith("DEVMAP") else 0
    if flags & ~(XDP_ACTIONS | many):
        return XDP_ABORTED
    if not flags & of.BPF_F_BROADCAST and not found.has_key(key.to_bytes(4, "little")):
        return flags & XDP_ACTIONS
    _note(run, "redirect_map", None, flags, map=found.name, key=key)
    return XDP_REDIRECT


def _to_socket(run: Execution, helper: str, found: VmMap, key: bytes, shown: object, flags: int) -> int:
    """Send what a socket gets to a socket of a map."""
    if flags & ~_REDIRECT_FLAGS or not found.has_key(key):
        return SK_DROP
    _note(run, helper, None, flags, map=found.name, key=shown)
    return SK_PASS


def sk_redirect_map(run: Execution, _context: int, map_address: int, key: int, flags: int, *_: int) -> int:
    """To the socket at an index."""
    found, key = run.machine.map_at(map_address), key & 0xFFFF_FFFF
    return _to_socket(run, "sk_redirect_map", found, key.to_bytes(4, "little"), key, flags)


def msg_redirect_map(run: Execution, _context: int, map_address: int, key: int, flags: int, *_: int) -> int:
    """To the socket at an index."""
    found, key = run.machine.map_at(map_address), key & 0xFFFF_FFFF
    return _to_socket(run, "msg_redirect_map", found, key.to_bytes(4, "little"), key, flags)


def _key(run: Execution, found: VmMap, address: int) -> bytes:
    return run.read(address, found.key_size, f"key of '{found.name}': read")


def sk_redirect_hash(run: Execution, _context: int, map_address: int, key: int, flags: int, *_: int) -> int:
    """To the socket of a key."""
    found = run.machine.map_at(map_address)
    given = _key(run, found, key)
    return _to_socket(run, "sk_redirect_hash", found, given, given, flags)


def msg_redirect_hash(run: Execution, _context: int, map_address: int, key: int, flags: int, *_: int) -> int:
    """To the socket of a key."""
    found = run.machine.map_at(map_address)
    given = _key(run, found, key)
    return _to_socket(run, "msg_redirect_hash", found, given, given, flags)


def sk_select_reuseport(run: Execution, _context: int, map_address: int, key: int, flags: int, *_: int) -> int:
    """Choose the socket of a key; -ENOENT where there is none."""
    found = run.machine.map_at(map_address)
    given = _key(run, found, key)
    if flags:
        return -errno.EINVAL
    if not found.has_key(given):
        return -errno.ENOENT
    _note(run, "sk_select_reuseport", None, flags, map=found.name, key=given)
    return 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_redirect: redirect,
    ids.BPF_FUNC_redirect_peer: redirect_peer,
    ids.BPF_FUNC_redirect_neigh: redirect_neigh,
    ids.BPF_FUNC_clone_redirect: clone_redirect,
    ids.BPF_FUNC_redirect_map: redirect_map,
    ids.BPF_FUNC_sk_redirect_map: sk_redirect_map,
    ids.BPF_FUNC_sk_redirect_hash: sk_redirect_hash,
    ids.BPF_FUNC_msg_redirect_map: msg_redirect_map,
    ids.BPF_FUNC_msg_redirect_hash: msg_redirect_hash,
    ids.BPF_FUNC_sk_select_reuseport: sk_select_reuseport,
}
