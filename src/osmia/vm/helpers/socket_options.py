"""Helpers of socket options, and of the options in TCP headers."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids
from osmia.vm.contexts.structs import MOST_OPTIONS, ROOM
from osmia.vm.helpers.packet_bytes import packet_of
from osmia.vm.helpers.sockets import own_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

LEVELS = (0, 1, 6, 41)
"""SOL_IP, SOL_SOCKET, SOL_TCP, SOL_IPV6."""
SOL_TCP = 6
SYN, SYN_MAC = 1005, 1007
"""TCP_BPF_SYN to TCP_BPF_SYN_MAC: the SYN that was saved, with more and more of its headers."""
TCP_HEADER = 20
END, NOTHING = 0, 1
EXPERIMENTAL = (253, 254)
LOAD_SYN = 1
"""BPF_LOAD_HDR_OPT_TCP_SYN."""
OPTIONS, OPTIONS_OF_SYN = 12, 20
"""What the kernel takes of them: for time stamps, and for all that a connection begins with."""
TCP_SYN = 2


def _unlocked(run: Execution) -> bool:
    """Whether an event comes at a time when the socket is not the program's alone."""
    return run.program.kind.name == "sock_ops" and run.context.number("op") > of.BPF_SOCK_OPS_WRITE_HDR_OPT_CB


def setsockopt(run: Execution, _context: int, level: int, name: int, value: int, size: int) -> int:
    """Set an option: `options` of the socket has it afterwards."""
    level, name, found = level & 0xFFFF_FFFF, name & 0xFFFF_FFFF, own_socket(run)
    if _unlocked(run):
        return -errno.EOPNOTSUPP
    if found is None or not found.is_full or level not in LEVELS:
        return -errno.EINVAL
    found.options[level, name] = run.machine.memory.read(value, size)
    return 0


def getsockopt(run: Execution, _context: int, level: int, name: int, value: int, size: int) -> int:
    """An option that was set, by the program or by a test; zeros and -EINVAL for all others."""
    level, name, found = level & 0xFFFF_FFFF, name & 0xFFFF_FFFF, own_socket(run)
    if _unlocked(run):
        return -errno.EOPNOTSUPP
    held = None if found is None or not found.is_full else found.options.get((level, name))
    run.write(value, (held or b"")[:size].ljust(size, b"\0"), "getsockopt's optval: write")
    if level == SOL_TCP and SYN <= name <= SYN_MAC:
        if held is None:
            return -errno.ENOENT
        return len(held) if len(held) <= size else -errno.ENOSPC
    return 0 if held is not None else -errno.EINVAL


def _searched(options: bytes, kind: int, magic: bytes) -> tuple[int, bytes]:
    """An option of a TCP header: 0, or a negative error number; and its bytes."""
    at = 0
    while at < len(options):
        if options[at] == END:
            return -errno.ENOMSG, b"\0"
        if options[at] == NOTHING:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            return -errno.EFAULT, b""
        found = options[at : at + length]
        if found[0] == kind:
            if not magic or found[2:].startswith(magic):
                return 0, found
            if len(magic) > length - 2:
                return -errno.ENOMSG, b""
        at += length
    return -errno.ENOMSG, b""


def load_hdr_opt(run: Execution, _context: int, place: int, size: int, flags: int, *_: int) -> int:
    """Look for an option in the packet's TCP header: how many bytes it has."""
    context, memory = run.context, run.machine.memory
    if _unlocked(run):
        return -errno.EOPNOTSUPP
    if size < 2 or flags & ~LOAD_SYN:
        return -errno.EINVAL
    wanted = memory.read(place, size)
    kind, length = wanted[0], wanted[1]
    lengths = (4, 6) if kind in EXPERIMENTAL else (0,)
    if length > size or kind in (END, NOTHING) or length not in lengths:
        return -errno.EINVAL
    if flags & LOAD_SYN:
        found = own_socket(run)
        header = found.options.get((SOL_TCP, SYN)) if found is not None else None
        if header is None:
            return -errno.ENOENT
    elif context.packet is None or context.number("op") == of.BPF_SOCK_OPS_HDR_OPT_LEN_CB:
        return -errno.EPERM
    else:
        header = context.packet.data
    problem, option = _searched(header[TCP_HEADER:], kind, wanted[2:length])
    if problem:
        return problem
    memory.write(place, option[:size])
    return len(option) if len(option) <= size else -errno.ENOSPC


def _room(run: Execution) -> int:
    """How many bytes of options may still be written, or be reserved."""
    held, context = run.context.extra.get(ROOM), run.context
    if isinstance(held, int):
        return held
    if context.packet is not None and context.packet.size:
        return MOST_OPTIONS - max(context.packet.size - TCP_HEADER, 0)
    return MOST_OPTIONS - (OPTIONS_OF_SYN if context.number("skb_tcp_flags") & TCP_SYN else OPTIONS)


def store_hdr_opt(run: Execution, _context: int, source: int, size: int, flags: int, *_: int) -> int:
    """Write an option behind the packet's TCP header."""
    context = run.context
    if context.number("op") != of.BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
        return -errno.EPERM
    if size < 2 or flags:
        return -errno.EINVAL
    given = run.machine.memory.read(source, size)
    kind, length = given[0], given[1]
    if length > size or kind in (END, NOTHING):
        return -errno.EINVAL
    room = _room(run)
    if length > room:
        return -errno.ENOSPC
    if kind in EXPERIMENTAL and length < 4:
        return -errno.EINVAL
    header = packet_of(run).data
    problem, found = _searched(header[TCP_HEADER:], kind, given[2:4] if kind in EXPERIMENTAL else b"")
    if problem == 0:
        return -errno.EEXIST
    if problem != -errno.ENOMSG or found:
        return -errno.ENOSPC if found else problem
    packet_of(run).replace(header + given[:length])
    context.extra[ROOM] = room - length
    return 0


def reserve_hdr_opt(run: Execution, _context: int, size: int, flags: int, *_: int) -> int:
    """Reserve room for options that are written later."""
    size &= 0xFFFF_FFFF
    if run.context.number("op") != of.BPF_SOCK_OPS_HDR_OPT_LEN_CB:
        return -errno.EPERM
    if flags or size < 2:
        return -errno.EINVAL
    if size > _room(run):
        return -errno.ENOSPC
    run.context.extra[ROOM] = _room(run) - size
    return 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_setsockopt: setsockopt,
    ids.BPF_FUNC_getsockopt: getsockopt,
    ids.BPF_FUNC_load_hdr_opt: load_hdr_opt,
    ids.BPF_FUNC_store_hdr_opt: store_hdr_opt,
    ids.BPF_FUNC_reserve_hdr_opt: reserve_hdr_opt,
}
