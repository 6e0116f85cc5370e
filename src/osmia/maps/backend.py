"""What a live map asks of whatever holds it: the kernel, or the user-space runtime."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class MapBackend(Protocol):
        """Keys and values are bytes of exactly the map's sizes. Errors of the kernel come as KernelError."""

        @property
        def fd(self) -> int:
            """The map's file descriptor, -1 where it has none."""

        @property
        def max_entries(self) -> int:
            """As the map was created."""

        @property
        def cpus(self) -> int:
            """How many possible CPUs there are: so many values a per-CPU map has for a key."""

        def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
            """The value (of a per-CPU map: one per possible CPU, each padded to 8 bytes), or None.

            `flags`: 0, or BPF_F_LOCK to read it under its spin lock.
            """

        def update(self, key: bytes, value: bytes, flags: int, /) -> None:
            """Write a value; `flags` as BPF_MAP_UPDATE_ELEM takes them."""

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

        def next_key(self, key: bytes | None, /) -> bytes | None:
            """The key after `key`, the first one for None; None at the end."""

        def memory(self) -> memoryview:
            """The values of an array that was made with BPF_F_MMAPABLE, as memory that both sides share.

            It is as long as whole pages, and stays valid as long as it is held.
            """

        def close(self) -> None:
            """Let go of the map."""
