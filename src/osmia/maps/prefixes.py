"""The prefixes of a trie, many at once: a prefix has no bits behind its length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.dtypes import import_numpy

if TYPE_CHECKING:
    from typing import Any

    from osmia.maps.backend import Buffer

LENGTH = 4
"""The bytes of a key that say how many bits of the others count."""


def check(held: Any, packed: Buffer) -> None:
    """Refuse prefixes that `held` would not take one by one, with the same words."""
    numpy = import_numpy()
    lengths, data = _parts(held, packed)
    bits = numpy.unpackbits(data, axis=1)
    wrong = (lengths > bits.shape[1]) | (bits & _behind(lengths, bits)).any(axis=1)
    if wrong.any():
        first = int(wrong.argmax())
        held._refuse_pair(int(lengths[first]), data[first].tobytes())


def cleared(held: Any, packed: Buffer) -> Buffer:
    """The same prefixes without bits behind their lengths, which tell none apart: kernel code may write some."""
    numpy = import_numpy()
    lengths, data = _parts(held, packed)
    bits = numpy.unpackbits(data, axis=1)
    kept = numpy.packbits(bits & ~_behind(lengths, bits), axis=1)
    head = lengths.astype("<u4").view(numpy.uint8).reshape(-1, LENGTH)
    return memoryview(numpy.concatenate([head, kept], axis=1).reshape(-1))


def _parts(held: Any, packed: Buffer) -> tuple[Any, Any]:
    """The lengths, and the bytes of each."""
    numpy = import_numpy()
    rows = numpy.frombuffer(packed, numpy.uint8).reshape(-1, held.key_size)
    lengths = numpy.ascontiguousarray(rows[:, :LENGTH]).view("<u4").reshape(-1)
    return lengths, numpy.ascontiguousarray(rows[:, LENGTH:])


def _behind(lengths: Any, bits: Any) -> Any:
    """Where bits lie behind the length of their prefix."""
    numpy = import_numpy()
    return numpy.arange(bits.shape[1]) >= lengths[:, None]
