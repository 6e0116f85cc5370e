"""What a live map asks of whatever holds it: the kernel, or the user-space runtime."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import RLock
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol, TypeVar

    from osmia.maps.descriptors import HasFileno

    T = TypeVar("T")

    Buffer = bytes | bytearray | memoryview
    """Entries as they lie one behind the other."""

    class RingMemory(Protocol):
        """A ring buffer in memory, which stays valid as long as this is held."""

        @property
        def fd(self) -> int:
            """What can be waited on."""

        consumed: Any
        """One number of 64 bits, `[0]`, which the reader writes: how many bytes it has read, ever."""
        produced: Any
        """One number of 64 bits, `[0]`: how many bytes there was room made for, ever."""
        wants_a_look: bool
        """Whether it knows by a look at `produced` alone that there is nothing to read any more."""
        data: Any
        """Twice the ring's bytes, so that what goes on at its start can be read in one piece.

        A memoryview where user code reads it; where user code writes it, slices can be written.
        """
        words: memoryview[int]
        """The same, as numbers of 32 bits."""

    class PerfBuffer(Protocol):
        """The buffer of one CPU's perf event, which stays valid as long as this is held."""

        cpu: int
        head: Any
        """One number of 64 bits, `[0]`: how many bytes were written, ever."""
        tail: Any
        """The same, which user code writes: how many bytes it has read, ever."""
        data: Any
        """The records, as memory. One that reaches the end goes on at the start."""
        headers: Any
        """The same, as numbers of 64 bits."""

        def lost(self) -> int | None:
            """How many records had no room; None where the kernel says it in records."""

    class PerfBuffers(Protocol):
        """The buffers of an array of perf events."""

        lock: RLock
        """Who reads holds it."""
        begun: bool
        """Whether somebody reads."""

        @property
        def of(self) -> Sequence[PerfBuffer]:
            """One for each CPU."""

        @property
        def waiting(self) -> HasFileno:
            """What can be waited on."""

        def wait_for_running(self) -> None:
            """Return when each program has ended that runs now: what it wrote is there then."""

    class MapBackend(Protocol):
        """Keys and values are bytes of exactly the map's sizes. Errors of the kernel come as KernelError."""

        @property
        def fd(self) -> int:
            """The map's file descriptor, -1 where it is not live. VmError where it has none."""

        @property
        def entry(self) -> int:
            """What stands for it in the entries of maps."""

        @property
        def place(self) -> object:
            """Where it is: what goes into a map is of the same place. It says so itself: `the kernel`."""

        @property
        def max_entries(self) -> int:
            """As the map was created."""

        @property
        def cpus(self) -> int:
            """How many possible CPUs there are: so many values a per-CPU map has for a key."""

        @property
        def cpu_numbers(self) -> tuple[int, ...]:
            """The numbers of the possible CPUs, from the lowest."""

        @property
        def own_objects(self) -> bool:
            """Whether values hang on objects of the backend's own, where they do: else a key is a file descriptor."""

        def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
            """The value (of a per-CPU map: one per possible CPU, each padded to 8 bytes), or None.

            `flags`: 0, or BPF_F_LOCK to read it under its spin lock.
            """

        def reader(
            self,
            pack: Callable[[Any], bytes],
            unpack: Callable[[bytes], tuple[Any, ...]],
            make: Callable[[Any], T],
            indices: bool = False,
            /,
        ) -> Callable[[Any], T | None]:
            """`lookup` for who asks often: from a key to what `make` makes of the unpacked value, or None.

            `indices`: keys are integers of 4 bytes, and only who errs asks for one that is not there.
            """

        def update(self, key: bytes, value: bytes, flags: int, /) -> None:
            """Write a value; `flags` as BPF_MAP_UPDATE_ELEM takes them."""

        def object_key(self, given: Any, /) -> bytes | None:
            """The key of one of those that user code names; None where there is no such one."""

        def lookup_and_delete(self, key: bytes, /) -> bytes | None:
            """Take the value of a key out, or the next one of a queue or stack; None if there is none."""

        def holds(self, value: bytes, /) -> bool:
            """Whether a Bloom filter may have been given a value."""

        def has_key(self, key: bytes, /) -> bool:
            """Whether a trie holds exactly this prefix: its look-up finds shorter ones too."""

        def opened(self, number: int, /) -> MapBackend | None:
            """Another map, by its id; None if it is gone."""

        def delete(self, key: bytes, /) -> bool:
            """Delete a key; False if it was not there."""

        def pop(self, key: bytes, flags: int = 0, /) -> bytes | None:
            """Delete a key and give its value, None if it was not there; `flags` as for `lookup`."""

        def read_all(self, delete: bool = False, flags: int = 0, /) -> tuple[Buffer, Buffer] | None:
            """All keys and all values, which with `delete` are taken out. None where it has no batches for that."""

        def update_all(self, keys: Buffer, values: Buffer, flags: int, /) -> bool:
            """Write many entries. False where it has no batches for that, and nothing was written."""

        def delete_all(self, keys: Buffer, /) -> int | None:
            """Delete keys: how many were there. None where it has no batches for that, and nothing was deleted."""

        def next_key(self, key: bytes | None, /) -> bytes | None:
            """The key after `key`, the first one for None; None at the end."""

        def memory(self) -> memoryview:
            """The values of an array that was made with BPF_F_MMAPABLE, as memory that both sides share.

            It is as long as whole pages, and stays valid as long as it is held.
            """

        def ring(self, written: bool = False, /) -> RingMemory:
            """The memory of a ring buffer; `written` where user code writes it, and the kernel reads."""

        def perf_buffers(self, pages: int, wakeup_events: int, /) -> PerfBuffers | None:
            """The buffers of an array of perf events, which are opened once; None where user code sets the events."""

        def own_perf_events(self) -> bool:
            """Let go of those buffers, as user code sets the events. False where they are being read."""

        def freeze(self) -> None:
            """From now on user code cannot write to the map."""

        def pin(self, path: str, /) -> None:
            """Give it a name in a BPF file system."""

        def unpin(self, path: str, /) -> None:
            """Take the name away. ValueError where another map has it."""

        def info(self) -> dict[str, Any]:
            """What the kernel says of it (struct bpf_map_info)."""

        def charged(self) -> dict[str, int]:
            """What else the kernel says: `memlock`, in bytes, and `frozen`, 0 or 1."""

        def close(self) -> None:
            """Let go of the map."""
