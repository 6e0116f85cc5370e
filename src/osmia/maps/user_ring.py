"""User ring buffers: records that user code hands to kernel code."""

from __future__ import annotations

from osmia.errors import shown
from osmia.generic import Generic, TypeVar, overload
from osmia.maps.codec import Bytes, Codec
from osmia.maps.ring import Ring
from osmia.maps.table import MAP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NoReturn

    from numpy.typing import NDArray

    from osmia.maps.backend import MapBackend
    from osmia.maps.producing import Producer, Reserved
    from osmia.types import Ref

R = TypeVar("R")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to


class UserReservation(Generic[R]):
    """Room for a record: a `with` statement fills it in where the kernel will read it, and submits it at its end."""

    def __init__(self, ring: UserRingBuf[R], timeout: float | None) -> None:
        self._ring = ring
        self._timeout = timeout
        self._place: Reserved | None = None

    def __enter__(self) -> R:
        """The record, which begins with the defaults of its fields, and zeros. KernelError (ENOSPC) without room."""
        from osmia.maps.producing import reserve

        if self._place is not None:
            raise RuntimeError(f"{self._ring.subject}: a reservation is taken once: call reserve() again")
        record: R
        record, self._place = reserve(self._ring, self._timeout)
        return record

    def __exit__(self, kind: object, *exception: object) -> None:
        """Submit the record; discard it where an exception leaves the block."""
        assert self._place is not None
        self._place.end(discard=kind is not None)


class UserRingBuf(Ring[R], Generic[R]):
    """A ring buffer that user code writes and kernel code drains (BPF_MAP_TYPE_USER_RINGBUF, since Linux 6.1).

    User code writes records: `commands.output(record)`, `commands.output_many(records)`, `with commands.reserve() as
    record:`. Kernel code calls a function for each: `commands.drain(callback)`. Any number of threads may write, of one
    process: the kernel has no means to keep several apart.
    """

    kind = MAP_KINDS["UserRingBuf"]

    def __init__(self, record: type[R], *, size: int, name: str = "", flags: int = 0) -> None:
        """Declare a ring of `size` bytes, a power of 2 and of whole pages, for records of type `record`.

        Its name is the variable's unless `name` says. A record takes 8 bytes more than its size, which is rounded up to
        a multiple of 8.
        """
        super().__init__(None, record, max_entries=size, name=name, flags=flags)
        self._check_size(size)

    def drain(self, callback: Callable[[R], bool | None], flags: int = 0, /) -> int:  # noqa: ARG002 - types matter
        """In kernel code: call `callback(record)` for each record that waits, until it returns True.

        Gives how many records were taken out, at most 131,072, or a negative error number: -EBUSY (-16) where another
        CPU drains the ring, -EINVAL (-22) and -E2BIG (-7) for a ring that something else than osmia has filled wrong.
        A record of another size than the ring's type is taken out without a call, and counted: `program.errors()` says
        how many. `flags`: 0, BPF_RB_NO_WAKEUP (1) or BPF_RB_FORCE_WAKEUP (2): whether user code that waits for room is
        woken.
        """
        raise TypeError(f"{self.subject}: drain() is for kernel code: user code writes to this ring")

    def output(self, record: R, /, *, timeout: float | None = 0) -> None:
        """Write a record. KernelError (ENOSPC) where there is no room within `timeout` seconds; None waits for ever."""
        producer = self._producer or self._opened()
        data = producer.framed(record)
        if timeout == 0 and producer.put(data):
            return
        from osmia.maps.producing import put

        put(self, data, timeout)

    def output_many(self, records: Iterable[R] | NDArray[Any], /, *, timeout: float | None = 0) -> None:
        """Write many records, a sequence or a NumPy array of them: the kernel sees all of them at once.

        KernelError (ENOSPC) where there is no room for all within `timeout` seconds, None waits for ever; ValueError
        where the ring could never hold them. None of them is written then.
        """
        from osmia.maps.producing import framed_all, put

        put(self, framed_all(self, self._records, records), timeout)

    @overload
    def reserve(self: UserRingBuf[I], *, timeout: float | None = 0) -> UserReservation[Ref[I]]: ...
    @overload
    def reserve(self, *, timeout: float | None = 0) -> UserReservation[R]: ...
    def reserve(self, *, timeout: float | None = 0) -> Any:
        """Room for a record, as in `with commands.reserve() as record:`, which fills it in where the kernel reads it.

        The record is submitted at the end of the block, and discarded by an exception that leaves it. The kernel reads
        no record behind one that is reserved. KernelError (ENOSPC) where there is no room within `timeout` seconds,
        None waits for ever. A number is filled in as `record.value`.
        """
        name = self.value.__name__
        if isinstance(self.value, Bytes):
            raise TypeError(f"{self.subject}: records without a type are written whole: output(data)")
        if getattr(getattr(self.value, "__osmia_layout__", None), "frozen", False):
            raise TypeError(f"{self.subject}: {name} is frozen: write it whole, as in output({name}(...))")
        return UserReservation(self, timeout)

    def discard(self, record: Any, /) -> None:
        """Give up a record that was reserved: kernel code does not see it. The rest of the `with` must not touch it."""
        from osmia.maps.producing import reserved_in

        place = reserved_in(self._producer, record)
        if place is None:
            raise TypeError(f"{self.subject}: discard() takes a record that its reserve() gave, not {shown(record)}")
        place.memory()
        place.end(discard=True)

    def _declare(self, key: Any, value: Any, *, max_entries: int, flags: int) -> None:
        super()._declare(key, value, max_entries=max_entries, flags=flags)
        self._records = Codec(value, self, "record")

    def _use(self, backend: MapBackend) -> None:
        super()._use(backend)
        self._producer: Producer | None = None

    def _opened(self) -> Producer:
        """The live ring in memory, where it is put when the first record is written. NotLoadedError if it is closed."""
        from osmia.maps.producing import Producer

        backend = self.backend
        if self._producer is None:
            self._producer = Producer(self.subject, backend, self._records)
        return self._producer

    if not TYPE_CHECKING:  # for type checkers it has no such thing

        def __iter__(self) -> NoReturn:
            raise TypeError(f"{self.subject}: user code writes to this ring; kernel code reads it: drain(callback)")
