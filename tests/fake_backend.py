"""A backend of maps for tests: whoever derives from it says what it holds; it has no batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.maps.backend import RingMemory

T = TypeVar("T")


class FakeBackend:
    """What is not overridden, a test does not ask for."""

    fd = entry = -1
    cpus = 1
    max_entries = 1
    cpu_numbers = (0,)

    place = None
    own_objects = False

    def object_key(self, given: Any, /) -> bytes | None:
        raise NotImplementedError

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        raise NotImplementedError

    def reader(
        self,
        pack: Callable[[Any], bytes],
        unpack: Callable[[bytes], tuple[Any, ...]],
        make: Callable[[Any], T],
        indices: bool = False,
        /,
    ) -> Callable[[Any], T | None]:
        def read(key: Any) -> T | None:
            found = self.lookup(pack(key))
            return None if found is None else make(unpack(found))

        return read

    def update(self, key: bytes, value: bytes, flags: int, /) -> None:
        raise NotImplementedError

    def delete(self, key: bytes, /) -> bool:
        raise NotImplementedError

    def pop(self, key: bytes, flags: int = 0, /) -> bytes | None:
        value = self.lookup(key, flags)
        return value if value is not None and self.delete(key) else None

    def lookup_and_delete(self, key: bytes, /) -> bytes | None:
        raise NotImplementedError

    def holds(self, value: bytes, /) -> bool:
        raise NotImplementedError

    def has_key(self, key: bytes, /) -> bool:
        raise NotImplementedError

    def opened(self, number: int, /) -> FakeBackend | None:
        raise NotImplementedError

    def read_all(self, delete: bool = False, flags: int = 0, /) -> None:
        """It has no batches."""

    def update_all(self, keys: Any, values: Any, flags: int, /) -> bool:
        return False

    def delete_all(self, keys: Any, /) -> None:
        """It has no batches."""

    def next_key(self, key: bytes | None, /) -> bytes | None:
        raise NotImplementedError

    def ring(self, written: bool = False, /) -> RingMemory:
        raise NotImplementedError

    def perf_buffers(self, pages: int, wakeup_events: int, /) -> None:
        raise NotImplementedError

    def own_perf_events(self) -> bool:
        raise NotImplementedError

    def memory(self) -> memoryview:
        raise NotImplementedError

    def freeze(self) -> None:
        raise NotImplementedError

    def pin(self, path: str, /) -> None:
        raise NotImplementedError

    def unpin(self, path: str, /) -> None:
        raise NotImplementedError

    def info(self) -> dict[str, Any]:
        raise NotImplementedError

    def charged(self) -> dict[str, int]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""
