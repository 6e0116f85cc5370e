"""Helpers of tunnels: what a packet came out of (`machine.tunnel_key`), and what it goes into."""

from __future__ import annotations

import errno
import struct

from osmia.abi.generated import helper_ids as ids
from osmia.vm.tunnel import IPV6, KEY_SIZE, Tunnel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

_OLD_SIZES = (8, 22, 24, 28)
"""What struct bpf_tunnel_key was in older kernels."""
_TUNNEL_FLAGS = 16
"""BPF_F_TUNINFO_FLAGS."""
ZERO_CHECKSUM, DONT_FRAGMENT, SEQUENCE, NO_KEY = 2, 4, 8, 16
"""BPF_F_ZERO_CSUM_TX, BPF_F_DONT_FRAGMENT, BPF_F_SEQ_NUMBER, BPF_F_NO_TUNNEL_KEY."""
_SET_FLAGS = IPV6 | ZERO_CHECKSUM | DONT_FRAGMENT | SEQUENCE | NO_KEY
_FLAGS_AT = 22
"""Where the flags lie in the key."""
MOST_OPTIONS = 255
_KEY = struct.Struct("<I16sBBHI16s")


def skb_get_tunnel_key(run: Execution, _context: int, into: int, size: int, flags: int, *_: int) -> int:
    """What is known of the packet's tunnel; zeros where it has none."""
    found = run.context.tunnel
    problem = 0
    if found is None or flags & ~(IPV6 | _TUNNEL_FLAGS):
        problem = -errno.EINVAL
    elif found.is_ipv6 != bool(flags & IPV6):
        problem = -errno.EPROTO
    elif size != KEY_SIZE and (size not in _OLD_SIZES or (size == _OLD_SIZES[0] and found.is_ipv6)):
        problem = -errno.EINVAL
    key = found.key if found is not None else b""
    if found is not None and flags & _TUNNEL_FLAGS:
        key = key[:_FLAGS_AT] + found.flags.to_bytes(2, "big") + key[_FLAGS_AT + 2 :]
    data = bytes(size) if problem else key[:size]
    run.write(into, data, "skb_get_tunnel_key's key: write")
    return problem


def skb_set_tunnel_key(run: Execution, _context: int, key: int, size: int, flags: int, *_: int) -> int:
    """Say what tunnel it goes into; it is in the context after the run."""
    if flags & ~_SET_FLAGS or (size != KEY_SIZE and size not in _OLD_SIZES):
        return -errno.EINVAL
    data = run.machine.memory.read(key, size).ljust(KEY_SIZE, b"\0")
    number, remote, tos, ttl, more, label, local = _KEY.unpack(data)
    if more or (label and not flags & IPV6):
        return -errno.EINVAL
    # Whoever asks for the key afterwards is told it as the other end would be.
    back = (local, remote) if flags & IPV6 else (local[:4] + bytes(12), remote[:4] + bytes(12))
    kept = _KEY.pack(number, back[0], tos, ttl, 0, label & 0xFFFFF, back[1])
    run.context.tunnel = Tunnel(kept, bool(flags & IPV6), sent=True, flags=_kernel_flags(flags))
    run.context.extra["tunnel_key"] = data
    return 0


def _kernel_flags(flags: int) -> int:
    """What the kernel keeps of the flags (IP_TUNNEL_*_BIT): never to be cached, among others."""
    found = 0x2000 | (0x0100 if flags & DONT_FRAGMENT else 0) | (0x0008 if flags & SEQUENCE else 0)
    return found | (0 if flags & ZERO_CHECKSUM else 0x0001) | (0 if flags & NO_KEY else 0x0004)


def skb_get_tunnel_opt(run: Execution, _context: int, into: int, size: int, *_: int) -> int:
    """The options of the packet's tunnel: how many bytes they have."""
    found = run.context.tunnel
    problem = -errno.ENOENT if found is None or not found.options else 0
    if found is not None and not problem and size < len(found.options):
        problem = -errno.ENOMEM
    options = b"" if problem or found is None else found.options
    run.write(into, options.ljust(size, b"\0"), "skb_get_tunnel_opt's opt: write")
    return problem or len(options)


def skb_set_tunnel_opt(run: Execution, _context: int, options: int, size: int, *_: int) -> int:
    """Set the options of the tunnel that the program has set."""
    found = run.context.tunnel
    if found is None or not found.sent or size % 4:
        return -errno.EINVAL
    if size > MOST_OPTIONS:
        return -errno.ENOMEM
    found.options = run.context.extra["tunnel_options"] = run.machine.memory.read(options, size)
    return 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_skb_get_tunnel_key: skb_get_tunnel_key,
    ids.BPF_FUNC_skb_set_tunnel_key: skb_set_tunnel_key,
    ids.BPF_FUNC_skb_get_tunnel_opt: skb_get_tunnel_opt,
    ids.BPF_FUNC_skb_set_tunnel_opt: skb_set_tunnel_opt,
}
