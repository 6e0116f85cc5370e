"""The memory of ring buffers, which the kernel and user code share."""

from __future__ import annotations

import errno
import mmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.kernel import Descriptor

PAGE = mmap.PAGESIZE


class RingMemory:
    """A ring buffer in memory (BPF_MAP_TYPE_RINGBUF, _USER_RINGBUF): it stays valid as long as this object is held."""

    __slots__ = ("consumed", "data", "descriptor", "produced", "words")
    wants_a_look = False

    def __init__(self, descriptor: Descriptor, size: int, *, written: bool) -> None:
        """Map the pages of a ring of `size` bytes, `written` by user code or read by it.

        OSError where the kernel does not let this process.
        """
        self.descriptor = descriptor
        """Keeps the file descriptor open while somebody waits on it."""
        # The first page is the consumer's, the second the producer's; the data follows twice, so that what goes on at
        # its start can be read in one piece (kernel/bpf/ringbuf.c).
        # Each side writes its own pages: the reader its position, the writer all else.
        ours, theirs = mmap.PROT_READ | mmap.PROT_WRITE, mmap.PROT_READ
        at, behind = (theirs, ours) if written else (ours, theirs)
        consumer = memoryview(mmap.mmap(descriptor.number, PAGE, prot=at))
        rest = memoryview(mmap.mmap(descriptor.number, PAGE + 2 * size, prot=behind, offset=PAGE))
        self.consumed = consumer[:8].cast("Q")
        """One number, which the reader writes: how many bytes it has read, ever."""
        self.produced = rest[:8].cast("Q")
        """One number, which the writer writes: how many bytes it has given room for, ever."""
        self.data = rest[PAGE:]
        """Twice the ring's bytes."""
        self.words = self.data.cast("I")
        """The same, as numbers of 32 bits: headers are read as one each."""

    @property
    def fd(self) -> int:
        """What can be waited on."""
        return self.descriptor.number


HINTS = {
    errno.EPERM: "it is mapped for reading elsewhere, or not this process's to read: it takes write access (EPERM)",
    errno.EACCES: "the file descriptor does not allow it (EACCES)",
}
