"""Reading, writing and deleting many entries of a live map at once, as bytes that lie one behind the other."""

from __future__ import annotations

from _struct import Struct

from osmia.abi.generated import BPF_F_LOCK
from osmia.errors import KernelError, shown
from osmia.maps.declaration import check_update_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from osmia.maps.backend import Buffer

MOST_TO_COUNT = 1 << 26
"""In bytes: entries are counted by reading them all, and that takes so much memory."""


def read(held: Any, *, delete: bool = False) -> tuple[Buffer, Buffer]:
    """All keys and all values of a map; with `delete`, they are taken out of it.

    Of a hash map each part is of one moment, and a key that stays is there once, whatever happens to others.
    """
    backend = held.backend
    found = backend.read_all(delete, held._update_flags)
    if found is None:
        return _read_one_by_one(held, delete=delete)
    return found if held.kind.keys in {"any", "index"} else _each_once(held, *found)


def count(held: Any) -> int:
    """How many keys a map holds."""
    whole = (held.key_size + size_of_values(held)) * held.max_entries
    # A trie's batches go from key to key, as a walk does, and may give one twice.
    if held.kind.keys == "any" and "lookup" in held.kind.batch and whole <= MOST_TO_COUNT:
        found = held.backend.read_all(False, held._update_flags)
        if found is not None:
            return len(found[0]) // int(held.key_size)
    return sum(1 for _ in held._walk())


def _read_one_by_one(held: Any, *, delete: bool) -> tuple[Buffer, Buffer]:
    backend = held.backend
    take = backend.pop if delete else backend.lookup
    keys, values = [], []
    for key in held._walk():
        value = take(key, held._update_flags)
        if value is not None:
            keys.append(key)
            values.append(value)
    return bytearray().join(keys), bytearray().join(values)


def _each_once(held: Any, keys: Buffer, values: Buffer) -> tuple[Buffer, Buffer]:
    """Each key once: where the one that the kernel came to last goes away, it starts again from the first."""
    by_key = dict(zip(pieces(keys, held.key_size), pieces(values, size_of_values(held)), strict=True))
    if len(by_key) * held.key_size == memoryview(keys).nbytes:
        return keys, values
    return bytearray().join(by_key), bytearray().join(by_key.values())


def write(held: Any, keys: Buffer, values: Buffer, flags: int) -> None:
    """Write entries, in their order. KernelError names the key that was refused: those before it are written then."""
    backend = held.backend
    # The kernel's batches take no other flags: with those it has to be told one by one.
    if not flags & ~BPF_F_LOCK and backend.update_all(keys, values, flags):
        return
    for key, value in zip(pieces(keys, held.key_size), pieces(values, size_of_values(held)), strict=True):
        try:
            backend.update(key, value, flags)
        except KernelError as error:
            error.key = key
            raise


def delete(held: Any, keys: Buffer) -> int:
    """Delete keys; how many were there."""
    backend = held.backend
    deleted: int | None = backend.delete_all(keys)
    if deleted is not None:
        return deleted
    return sum(1 for key in pieces(keys, held.key_size) if backend.delete(key))


def packed_keys(held: Any, keys: Any, operation: str = "update_many") -> Buffer:
    """Keys as user code gives them, an array or one by one. TypeError, OverflowError or KeyError for a wrong one."""
    if not is_array(keys):
        return b"".join(map(held._encode_key, sequence(held, keys, "keys", operation)))
    from osmia.maps import numpy_arrays

    packed = numpy_arrays.packed(held, held._keys, keys)
    if held.kind.keys == "prefix":
        from osmia.maps import prefixes

        prefixes.check(held, packed)
    if held.kind.fixed_keys and keys.size and int(keys.max()) >= held.max_entries:
        raise held._outside(int(keys.max()))
    return packed


def packed_values(held: Any, values: Any) -> Buffer:
    """Values as user code gives them, an array or one by one. TypeError or OverflowError for a wrong one."""
    if not is_array(values):
        encode = held._encode if held.kind.per_cpu else held._values.encode
        return b"".join(map(encode, sequence(held, values, "values", "update_many")))
    from osmia.maps import numpy_arrays

    take = numpy_arrays.packed_per_cpu if held.kind.per_cpu else numpy_arrays.packed
    return take(held, held._values, values)


def update_many(held: Any, keys: Any, values: Any, flags: Any) -> int:
    """What `update_many()` of a map does."""
    check_update_flags(held.subject, flags)
    packed = packed_keys(held, keys), packed_values(held, values)
    counts: tuple[int, int] = len(packed[0]) // held.key_size, len(packed[1]) // size_of_values(held)
    if counts[0] != counts[1]:
        raise ValueError(f"{held.subject}: update_many() takes a value for each key, not {counts[0]} and {counts[1]}")
    held._write_all(*packed, flags | held._update_flags)
    return counts[0]


def to_dict(held: Any, *, delete: bool) -> dict[Any, Any]:
    """What `to_dict()` of a map gives."""
    keys, values = read(held, delete=delete)
    decode = held._decode if held.kind.per_cpu else held._values.decode
    packed = zip(pieces(keys, held.key_size), pieces(values, size_of_values(held)), strict=True)
    return {held._keys.decode(key): decode(value) for key, value in packed}


def is_array(given: object) -> bool:
    """Whether it is a NumPy array, without importing NumPy: who has one, has imported it."""
    return hasattr(given, "dtype") and any(base.__module__ == "numpy" for base in type(given).__mro__)


def sequence(held: Any, given: Any, what: str, operation: str) -> list[Any]:
    """What was given one by one. TypeError for what is no sequence of entries."""
    # A mapping gives its keys, which are no values.
    unfit = isinstance(given, (str, bytes, dict)) or (what != "keys" and hasattr(given, "keys"))
    if unfit or not hasattr(given, "__iter__"):
        raise TypeError(f"{held.subject}: {operation}() takes a sequence or an array of {what}, not {shown(given)}")
    return list(given)


def pieces(data: Buffer, size: int) -> Iterator[bytes]:
    """The entries that lie one behind the other, each as bytes of its own."""
    return (piece for (piece,) in Struct(f"{size}s").iter_unpack(data))


def size_of_values(held: Any) -> int:
    """How many bytes a value has in bulk: of a per-CPU map, those of all possible CPUs, each padded to 8."""
    if not held.kind.per_cpu:
        return int(held.value_size)
    return (int(held.value_size) + 7) // 8 * 8 * int(held.backend.cpus)
