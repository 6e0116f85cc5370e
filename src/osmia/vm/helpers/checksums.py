"""Helpers of the Internet's checksum, in the kernel's arithmetic: words as they lie in memory, carries added again."""

from __future__ import annotations

import errno

from osmia.abi.generated import flags as of
from osmia.abi.generated import helper_ids as ids
from osmia.errors import ENOTSUPP
from osmia.vm.helpers.packet_bytes import packet_of, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

U16, U32 = 0xFFFF, 0xFFFF_FFFF
MOST_OFFSET = 0xFFFF
_L4_FLAGS = (
    of.BPF_F_MARK_MANGLED_0 | of.BPF_F_MARK_ENFORCE | of.BPF_F_PSEUDO_HDR | of.BPF_F_HDR_FIELD_MASK | of.BPF_F_IPV6
)
QUERY, INC, DEC, RESET = range(4)
"""BPF_CSUM_LEVEL_*."""
HIGHEST_LEVEL = 3


def _wrapped(total: int, most: int) -> int:
    """A sum with its carries added to it: 0 only where all of it was 0."""
    return (total - 1) % most + 1 if total else 0


def _sum(data: bytes, start: int = 0) -> int:
    """csum_partial: a sum with the words of some bytes, of 32 bits."""
    padded = data + bytes(-len(data) % 4)
    words = (int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4))
    return _wrapped(start + sum(words), U32)


def _less(total: int, other: int) -> int:
    """csum_sub."""
    return _wrapped(total + (other ^ U32), U32)


def _folded(total: int) -> int:
    """csum_fold: what a header holds."""
    return _wrapped((total & U16) + (total >> 16), U16) ^ U16


def csum_diff(run: Execution, old: int, old_size: int, new: int, new_size: int, seed: int) -> int:
    """The difference that other bytes make to a sum, of 16 bits."""
    seed &= U32
    before = run.machine.memory.read(old, old_size) if old_size else b""
    after = run.machine.memory.read(new, new_size) if new_size else b""
    if before and after:
        total = _less(_sum(after, seed), _sum(before))
    elif after:
        total = _sum(after, seed)
    elif before:
        total = _sum(before, seed ^ U32) ^ U32
    else:
        total = seed
    return _wrapped((total & U16) + (total >> 16), U16)


def _replaced(before: int, old: int, new: int) -> int:
    """csum_replace4: a checksum once a word has changed."""
    return _folded(_wrapped(_less(before ^ U16, old & U32) + (new & U32), U32))


def _replaced_by(before: int, difference: int) -> int:
    """csum_replace_by_diff."""
    return _folded(_wrapped((difference & U32) + (before ^ U32), U32))


def _replaced_short(before: int, old: int, new: int) -> int:
    """csum_replace2: of a word of 16 bits."""
    less = _wrapped((before ^ U16) + (old & U16 ^ U16), U16)
    return _wrapped(less + (new & U16), U16) ^ U16


def _place(run: Execution, offset: int) -> int:
    """Where the checksum lies, or a negative error number."""
    packet = packet_of(run)
    if offset > MOST_OFFSET or offset & 1 or offset + 2 > packet.size:
        return -errno.EFAULT
    return packet.start + offset


def l3_csum_replace(run: Execution, _context: int, offset: int, old: int, new: int, flags: int) -> int:
    """Change the checksum of an IP header."""
    if flags & ~of.BPF_F_HDR_FIELD_MASK:
        return -errno.EINVAL
    place = _place(run, offset & U32)
    if place < 0:
        return place
    memory = run.machine.memory
    before = int.from_bytes(written(run, place, 2, "l3_csum_replace"), "little")
    if flags == 0 and old == 0:
        after = _replaced_by(before, new)
    elif flags == 2:
        after = _replaced_short(before, old, new)
    elif flags == 4:
        after = _replaced(before, old, new)
    else:
        return -errno.EINVAL
    memory.put(place, 2, after)
    return 0


def l4_csum_replace(run: Execution, _context: int, offset: int, old: int, new: int, flags: int) -> int:
    """Change the checksum of a header behind it."""
    if flags & ~_L4_FLAGS:
        return -errno.EINVAL
    place = _place(run, offset & U32)
    if place < 0:
        return place
    memory = run.machine.memory
    before = int.from_bytes(written(run, place, 2, "l4_csum_replace"), "little")
    size = flags & of.BPF_F_HDR_FIELD_MASK
    zero_is_none = flags & of.BPF_F_MARK_MANGLED_0
    if zero_is_none and not flags & of.BPF_F_MARK_ENFORCE and not before:
        return 0
    if size == 0 and old == 0:
        after = _replaced_by(before, new)
    elif size == 2:
        after = _replaced(before, old & U16, new & U16)
    elif size == 4:
        after = _replaced(before, old, new)
    else:
        return -errno.EINVAL
    memory.put(place, 2, U16 if zero_is_none and not after else after)
    return 0


def csum_update(*_: object) -> int:
    """No driver has summed a packet of the machine's up."""
    return -ENOTSUPP


def csum_level(run: Execution, _context: int, level: int, *_: int) -> int:
    """How many of a packet's checksums are right: of none is that known before the program says so."""
    context = run.context
    known = context.checked_sums
    if level == QUERY:
        return -errno.EACCES if known is None else known
    if level == INC:
        context.checked_sums = 0 if known is None else min(known + 1, HIGHEST_LEVEL)
    elif level == DEC:
        context.checked_sums = known - 1 if known else None
    elif level == RESET:
        context.checked_sums = None
    else:
        return -errno.EINVAL
    return 0


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_csum_diff: csum_diff,
    ids.BPF_FUNC_l3_csum_replace: l3_csum_replace,
    ids.BPF_FUNC_l4_csum_replace: l4_csum_replace,
    ids.BPF_FUNC_csum_update: csum_update,
    ids.BPF_FUNC_csum_level: csum_level,
}
