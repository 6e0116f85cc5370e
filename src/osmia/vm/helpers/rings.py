"""Helpers of ring buffers, of both directions."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.abi.generated.flags import BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP
from osmia.vm import dynptrs
from osmia.vm.faults import place_of
from osmia.vm.maps.rings import Record, RingBuf, UserRingBuf
from osmia.vm.memory import READY, UNINITIALISED
from osmia.vm.references import give_back, take

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.errors import VmError
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

_WAKEUPS = BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP
_MOST_SAMPLES = 128 * 1024
"""BPF_MAX_USER_RINGBUF_SAMPLES."""
_DONE = "submit() or discard()"


def ringbuf_reserve(run: Execution, map_address: int, size: int, flags: int, *_: int) -> int:
    """Make room for a record, of whose bytes nothing was written; 0 where there is none."""
    of = _ring(run, "ringbuf_reserve", map_address)
    record = None if flags else _reserved(run, of, size)
    if record is None:
        return 0
    address = record.block.address
    take(run, address, f"the record of '{of.name}'", _DONE, lambda: _drop(run, address))
    return address


def ringbuf_submit(run: Execution, address: int, flags: int, *_: int) -> int:
    """Hand a record over."""
    return _ended(run, "ringbuf_submit", address, flags, discard=False)


def ringbuf_discard(run: Execution, address: int, flags: int, *_: int) -> int:
    """Give a record up."""
    return _ended(run, "ringbuf_discard", address, flags, discard=True)


def ringbuf_output(run: Execution, map_address: int, data: int, size: int, flags: int, *_: int) -> int:
    """Write a copy of what lies in memory."""
    of = _ring(run, "ringbuf_output", map_address)
    if flags & ~_WAKEUPS:
        return -errno.EINVAL
    copied = run.read(data, size, f"record for '{of.name}': read")
    position = of.records.reserve(size)
    if position < 0:
        return -errno.EAGAIN
    of.records.commit(position, copied, size, flags)
    return 0


def ringbuf_query(run: Execution, map_address: int, which: int, *_: int) -> int:
    """A figure of a ring."""
    return _ring(run, "ringbuf_query", map_address).records.query(which)


def ringbuf_reserve_dynptr(run: Execution, map_address: int, size: int, flags: int, place: int, *_: int) -> int:
    """Make room for a record, as a dynptr; one of nothing where there is none."""
    of, size = _ring(run, "ringbuf_reserve_dynptr", map_address), size & 0xFFFF_FFFF
    number, address = -errno.E2BIG if size > dynptrs.LARGEST else -errno.EINVAL, 0
    if not flags and size <= dynptrs.LARGEST:
        record = _reserved(run, of, size)
        if record is not None:
            number, address = 0, record.block.address
    what = "ringbuf_reserve_dynptr's ptr: write"
    dynptrs.put(run, place, address, size, dynptrs.RINGBUF, what=what)
    take(run, place, f"the record of '{of.name}'", _DONE, lambda: _drop(run, address))
    return number


def ringbuf_submit_dynptr(run: Execution, place: int, flags: int, *_: int) -> int:
    """Hand the record of a dynptr over."""
    return _ended_dynptr(run, "ringbuf_submit_dynptr", place, flags, discard=False)


def ringbuf_discard_dynptr(run: Execution, place: int, flags: int, *_: int) -> int:
    """Give the record of a dynptr up."""
    return _ended_dynptr(run, "ringbuf_discard_dynptr", place, flags, discard=True)


def user_ringbuf_drain(run: Execution, map_address: int, callback: int, context: int, flags: int, *_: int) -> int:
    """Call a function with each record that user code has written, until it gives other than 0: how many there were."""
    of = run.machine.map_at(map_address)
    if not isinstance(of, UserRingBuf):
        raise _wrong(run, "user_ringbuf_drain", of.name, of.kind.kernel_name)
    if flags & ~_WAKEUPS:
        return -errno.EINVAL
    if of.drained_by:
        return -errno.EBUSY
    of.drained_by.append(run)
    try:
        seen, number = _drain(run, of, callback, context)
    finally:
        of.drained_by.clear()
    if flags & BPF_RB_FORCE_WAKEUP or (seen and not flags & BPF_RB_NO_WAKEUP):
        of.records.tell_writer()
    return number


def _drain(run: Execution, of: UserRingBuf, callback: int, context: int) -> tuple[int, int]:
    """How many records were looked at, and how many of them the function was given, or a negative error number."""
    seen = discarded = result = 0
    while seen < _MOST_SAMPLES and result == 0:
        number, sample = of.records.peek()
        if number == -errno.ENODATA:
            break
        if number == -errno.EAGAIN:
            seen, discarded = seen + 1, discarded + 1
            continue
        if number:
            return seen, number
        result = _called(run, of, callback, sample, context)
        seen += 1
    return seen, seen - discarded


def _called(run: Execution, of: UserRingBuf, callback: int, sample: bytes, context: int) -> int:
    """What the function gives for one record, which is read then."""
    memory = run.machine.memory
    data = memory.allocate(len(sample), f"record of '{of.name}'")
    pointer = memory.allocate(dynptrs.SIZE, f"dynptr of a record of '{of.name}'")
    memory.data[data.address : data.address + len(sample)] = sample
    dynptrs.put(run, pointer.address, data.address, len(sample), dynptrs.LOCAL, what="user_ringbuf_drain: write")
    try:
        return run.call_function(callback, pointer.address, context)
    finally:
        of.records.release(len(sample))
        memory.free(data)
        memory.free(pointer)


def _reserved(run: Execution, of: RingBuf, size: int) -> Record | None:
    position = of.records.reserve(size)
    if position < 0:
        return None
    state = READY if run.machine.allow_uninitialised else UNINITIALISED
    code, slot = run.code, run.slot
    block = run.machine.memory.allocate(size, f"the record of '{of.name}'", state=state)
    block.origin_at = lambda _offset: f"it was reserved by {place_of((code, slot))}"
    record = run.machine.records[block.address] = Record(of, position, block)
    return record


def _end(run: Execution, address: int, flags: int, *, discard: bool) -> bool:
    """Submit a record or discard it. False where there is none, or it was ended already."""
    record = run.machine.records.pop(address, None)
    if record is None:
        return False
    memory, size = run.machine.memory, record.block.size
    record.of.records.commit(record.position, None if discard else memory.read(address, size), size, flags)
    memory.free(record.block)
    return True


def _drop(run: Execution, address: int) -> None:
    """Give up what a program has left, if it is there."""
    _end(run, address, 0, discard=True)


def _ended(run: Execution, helper: str, address: int, flags: int, *, discard: bool) -> int:
    if not _end(run, address, flags, discard=discard):
        raise run.fault("helper", f"{helper} is given {address:#x}, which is no record that is reserved")
    give_back(run, address)
    return 0


def _ended_dynptr(run: Execution, helper: str, place: int, flags: int, *, discard: bool) -> int:
    found = dynptrs.get(run, place, f"{helper}'s ptr: read")
    if place not in run.references:
        raise run.fault("helper", f"{helper} is given what is no dynptr of a record that is reserved")
    _end(run, found.address, flags, discard=discard)
    give_back(run, place)
    dynptrs.put(run, place, 0, 0, dynptrs.RINGBUF, what=f"{helper}'s ptr: write")
    return 0


def _ring(run: Execution, helper: str, map_address: int) -> RingBuf:
    of = run.machine.map_at(map_address)
    if isinstance(of, RingBuf) and not of.written:
        return of
    raise _wrong(run, helper, of.name, of.kind.kernel_name)


def _wrong(run: Execution, helper: str, name: str, kind: str) -> VmError:
    wanted = "USER_RINGBUF" if helper == "user_ringbuf_drain" else "RINGBUF"
    return run.fault("helper", f"{helper} takes a {wanted}, and '{name}' is a {kind}")


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_ringbuf_reserve: ringbuf_reserve,
    ids.BPF_FUNC_ringbuf_submit: ringbuf_submit,
    ids.BPF_FUNC_ringbuf_discard: ringbuf_discard,
    ids.BPF_FUNC_ringbuf_output: ringbuf_output,
    ids.BPF_FUNC_ringbuf_query: ringbuf_query,
    ids.BPF_FUNC_ringbuf_reserve_dynptr: ringbuf_reserve_dynptr,
    ids.BPF_FUNC_ringbuf_submit_dynptr: ringbuf_submit_dynptr,
    ids.BPF_FUNC_ringbuf_discard_dynptr: ringbuf_discard_dynptr,
    ids.BPF_FUNC_user_ringbuf_drain: user_ringbuf_drain,
}
