"""Dynptrs as they lie on a program's stack: 16 bytes that stand for memory whose size is known when it runs.

struct bpf_dynptr_kern: an address of 64 bits, the size with the kind in its upper bits, and an offset.
"""

from __future__ import annotations

from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution

SIZE = 16
LARGEST = (1 << 24) - 1
"""DYNPTR_MAX_SIZE."""
LOCAL, RINGBUF = 1, 2
"""BPF_DYNPTR_TYPE_*: memory of the program's, a record of a ring buffer."""
_KIND_AT, _READ_ONLY = 28, 1 << 31


@record
class Dynptr:
    """What lies there."""

    address: int
    """Where its memory lies; 0 where it has none."""
    size: int
    kind: int
    read_only: bool


def put(run: Execution, place: int, address: int, size: int, kind: int, *, what: str) -> None:
    """Make one, or an empty one for an address of 0."""
    word = size | kind << _KIND_AT if address else 0
    run.write(place, address.to_bytes(8, "little") + word.to_bytes(4, "little") + bytes(4), what)


def get(run: Execution, place: int, what: str) -> Dynptr:
    """The one that lies there. VmError where it is not initialised."""
    data = run.read(place, SIZE, what)
    word = int.from_bytes(data[8:12], "little")
    address = int.from_bytes(data[:8], "little") + int.from_bytes(data[12:16], "little")
    return Dynptr(address, word & LARGEST, word >> _KIND_AT & 7, bool(word & _READ_ONLY))
