"""What tests bind maps to in place of the kernel: they derive from this, and say what they answer."""

from __future__ import annotations


class NoBackend:
    """A backend that answers nothing."""

    fd = -1
    cpus = 1
    max_entries = 1

    def lookup(self, _key: bytes, _flags: int = 0, /) -> bytes | None:
        raise NotImplementedError

    def update(self, _key: bytes, _value: bytes, _flags: int, /) -> None:
        raise NotImplementedError

    def delete(self, _key: bytes, /) -> bool:
        raise NotImplementedError

    def lookup_and_delete(self, _key: bytes, /) -> bytes | None:
        raise NotImplementedError

    def holds(self, _value: bytes, /) -> bool:
        raise NotImplementedError

    def has_key(self, _key: bytes, /) -> bool:
        raise NotImplementedError

    def opened(self, _number: int, /) -> NoBackend | None:
        raise NotImplementedError

    def next_key(self, _key: bytes | None, /) -> bytes | None:
        raise NotImplementedError

    def memory(self) -> memoryview:
        raise NotImplementedError

    def close(self) -> None: ...
