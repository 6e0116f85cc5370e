"""Helpers that copy bytes out of packets and into them."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids
from osmia.vm.memory import UNINITIALISED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper
    from osmia.vm.packet import Packet

MOST_RELATIVE = 0xFFFF
INT_MAX = (1 << 31) - 1
START_MAC, START_NET = 0, 1
"""BPF_HDR_START_*."""


def packet_of(run: Execution) -> Packet:
    """The packet of the run. VmError where it has none."""
    found = run.context.packet
    if found is None:
        raise run.fault("helper", "it asks for the packet, and there is none in this run", fix="run it with a packet")
    return found


def written(run: Execution, address: int, size: int, what: str) -> bytes:
    """Bytes of the packet that a helper reads, programs' or not. VmError where nobody has written them."""
    memory = run.machine.memory
    at = bytes(memory.shadow[address : address + size]).find(UNINITIALISED)
    if at >= 0:
        raise run.access_fault(address + at, size - at, writes=False, what=f"{what}: read")
    return memory.read(address, size)


def skb_load_bytes(run: Execution, _context: int, offset: int, into: int, size: int, *_: int) -> int:
    """Copy bytes out; zeros where the packet ends before."""
    packet, offset = packet_of(run), offset & 0xFFFF_FFFF
    inside = offset <= INT_MAX and offset + size <= packet.size
    found = written(run, packet.start + offset, size, "skb_load_bytes") if inside else bytes(size)
    run.write(into, found, "skb_load_bytes's to: write")
    return 0 if inside else -errno.EFAULT


def skb_load_bytes_relative(run: Execution, _context: int, offset: int, into: int, size: int, start: int) -> int:
    """Copy bytes out, counted from the Ethernet or the IP header on."""
    if run.program.kind.name == "sk_reuseport":
        raise run.fault(
            "helper",
            "skb_load_bytes_relative reads headers before the packet, which is given from its TCP or UDP header on",
            fix="read from there on by skb_load_bytes",
        )
    packet, offset, start = packet_of(run), offset & 0xFFFF_FFFF, start & 0xFFFF_FFFF
    begin = packet.start + {START_MAC: run.context.mac, START_NET: run.context.network}.get(start, 0) + offset
    inside = offset <= MOST_RELATIVE and start in (START_MAC, START_NET) and begin + size <= packet.end
    found = written(run, begin, size, "skb_load_bytes_relative") if inside else bytes(size)
    run.write(into, found, "skb_load_bytes_relative's to: write")
    return 0 if inside else -errno.EFAULT


def skb_store_bytes(run: Execution, _context: int, offset: int, source: int, size: int, flags: int) -> int:
    """Copy bytes in."""
    packet, offset = packet_of(run), offset & 0xFFFF_FFFF
    if flags & ~(of.BPF_F_RECOMPUTE_CSUM | of.BPF_F_INVALIDATE_HASH):
        return -errno.EINVAL
    if offset > INT_MAX or offset + size > packet.size:
        return -errno.EFAULT
    memory = run.machine.memory
    memory.write(packet.start + offset, memory.read(source, size))
    if flags & of.BPF_F_INVALIDATE_HASH and "hash" in run.context.members:
        run.context.set("hash", 0)
    return 0


def skb_pull_data(run: Execution, _context: int, size: int, *_: int) -> int:
    """All of a packet lies in one piece here; more than that there is not."""
    return -errno.ENOMEM if size & 0xFFFF_FFFF > packet_of(run).size else 0


def _xdp_problem(run: Execution, offset: int, size: int) -> int:
    if offset > 0xFFFF or size > 0xFFFF:
        return -errno.EFAULT
    return -errno.EINVAL if offset + size > packet_of(run).size else 0


def xdp_load_bytes(run: Execution, _context: int, offset: int, into: int, size: int, *_: int) -> int:
    """Copy bytes out; nothing where the packet ends before."""
    offset &= 0xFFFF_FFFF
    problem = _xdp_problem(run, offset, size)
    if not problem:
        found = written(run, packet_of(run).start + offset, size, "load_bytes")
        run.write(into, found, "load_bytes's buf: write")
    return problem


def xdp_store_bytes(run: Execution, _context: int, offset: int, source: int, size: int, *_: int) -> int:
    """Copy bytes in."""
    offset &= 0xFFFF_FFFF
    problem = _xdp_problem(run, offset, size)
    if not problem:
        memory = run.machine.memory
        memory.write(packet_of(run).start + offset, memory.read(source, size))
    return problem


def xdp_get_buff_len(run: Execution, *_: int) -> int:
    """The bytes of the packet."""
    return packet_of(run).size if run.context.packet is not None else 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_skb_load_bytes: skb_load_bytes,
    ids.BPF_FUNC_skb_load_bytes_relative: skb_load_bytes_relative,
    ids.BPF_FUNC_skb_store_bytes: skb_store_bytes,
    ids.BPF_FUNC_skb_pull_data: skb_pull_data,
    ids.BPF_FUNC_xdp_load_bytes: xdp_load_bytes,
    ids.BPF_FUNC_xdp_store_bytes: xdp_store_bytes,
    ids.BPF_FUNC_xdp_get_buff_len: xdp_get_buff_len,
}
