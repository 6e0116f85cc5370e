"""The helpers that write to perf events."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.abi.generated.flags import BPF_F_CTXLEN_MASK, BPF_F_CURRENT_CPU, BPF_F_INDEX_MASK
from osmia.vm.helpers.packet_bytes import packet_of, written
from osmia.vm.maps.perf import PerfEventArray

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

_LENGTH_SHIFT = 32


def perf_event_output(run: Execution, _context: int, map_address: int, flags: int, data: int, size: int) -> int:
    """Write a record: what lies in memory, and as many bytes of the packet as the flags say."""
    of = _array(run, "perf_event_output", map_address)
    copied = run.read(data, size, f"record for '{of.name}': read")
    of_packets = run.program.kind.packet is not None
    if flags & ~(BPF_F_INDEX_MASK | (BPF_F_CTXLEN_MASK if of_packets else 0)):
        return -errno.EINVAL
    packet = run.context.packet_bytes(0, (flags & BPF_F_CTXLEN_MASK) >> _LENGTH_SHIFT) if of_packets else b""
    if packet is None:
        return -errno.EFAULT
    if packet:
        written(run, packet_of(run).start, len(packet), "perf_event_output")
    return _write(run, of, flags, copied + packet)


def object_output(run: Execution, address: int, map_address: int, flags: int, data: int, size: int) -> int:
    """The same with as many bytes of an object of the kernel's, which is a packet: those of its memory."""
    of = _array(run, "skb_output", map_address)
    copied = run.read(data, size, f"record for '{of.name}': read")
    if flags & ~(BPF_F_INDEX_MASK | BPF_F_CTXLEN_MASK):
        return -errno.EINVAL
    packet, length = run.machine.objects[address].block, (flags & BPF_F_CTXLEN_MASK) >> _LENGTH_SHIFT
    if length > packet.size:
        return -errno.EFAULT
    return _write(run, of, flags, copied + run.machine.memory.read(packet.address, length))


def _array(run: Execution, helper: str, map_address: int) -> PerfEventArray:
    of = run.machine.map_at(map_address)
    if isinstance(of, PerfEventArray):
        return of
    problem = f"{helper} takes a PERF_EVENT_ARRAY, and '{of.name}' is a {of.kind.kernel_name}"
    raise run.fault("helper", problem)


def _write(run: Execution, of: PerfEventArray, flags: int, data: bytes) -> int:
    index, cpu = flags & BPF_F_INDEX_MASK, run.machine.cpu
    return of.output(cpu if index == BPF_F_CURRENT_CPU else index, cpu, data)


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_perf_event_output: perf_event_output,
    ids.BPF_FUNC_skb_output: object_output,
    ids.BPF_FUNC_xdp_output: object_output,
}
