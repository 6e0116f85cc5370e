"""User ring buffers: records that user code hands to kernel code."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar
from osmia.maps.ring import Ring
from osmia.maps.table import MAP_KINDS

R = TypeVar("R")


class UserRingBuf(Ring[R], Generic[R]):
    """A ring buffer that user code writes and kernel code drains (BPF_MAP_TYPE_USER_RINGBUF, since Linux 6.1).

    It can be declared and made; neither side reads or writes it yet.
    """

    kind = MAP_KINDS["UserRingBuf"]

    def __init__(self, record: type[R], *, size: int, name: str = "", flags: int = 0) -> None:
        """Declare a ring of `size` bytes, a power of 2 and of whole pages, for records of type `record`.

        Its name is the variable's unless `name` says.
        """
        super().__init__(None, record, max_entries=size, name=name, flags=flags)
        self._check_size(size)
