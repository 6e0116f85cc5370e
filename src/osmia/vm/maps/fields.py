"""What values hold that programs use by helpers alone: spin locks and timers, as the type of a value says."""

from __future__ import annotations

from osmia.errors import ObjectError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.btf.read import Btf

SIZES = {"bpf_spin_lock": 4, "bpf_timer": 16}
"""The structs that the kernel finds by their names, with their bytes."""


@record
class Fields:
    """Where they lie in a value."""

    of: dict[int, str]
    """By offset: the name of the struct."""

    def spans(self, size: int) -> Iterator[tuple[int, int]]:
        """The rest of a value of `size` bytes, as pieces from one offset to another."""
        start = 0
        for offset in sorted(self.of):
            if start < offset:
                yield start, offset
            start = offset + SIZES[self.of[offset]]
        if start < size:
            yield start, size

    @property
    def locked(self) -> bool:
        """Whether there is a spin lock."""
        return "bpf_spin_lock" in self.of.values()


NO_FIELDS = Fields({})


def fields_of(btf: Btf | None, number: int) -> Fields:
    """Those of a type of an object's BTF. None where nobody can read it."""
    if btf is None or not number:
        return NO_FIELDS
    try:
        return Fields(dict(_found(btf, number, 0)))
    except ObjectError:  # the kernel would find none either
        return NO_FIELDS


def _found(btf: Btf, number: int, offset: int) -> Iterator[tuple[int, str]]:
    from osmia.btf import kinds

    of = btf.resolve(number)
    if of.kind == kinds.ARRAY:
        element, _, count = btf.array(of)
        found = [*_found(btf, element, 0)]
        for index in range(count if found else 0):
            yield from ((offset + index * btf.size(element) + at, name) for at, name in found)
    if of.kind != kinds.STRUCT:
        return
    if of.name in SIZES:
        yield offset, of.name
        return
    for member in btf.members(of):
        yield from _found(btf, member.type, offset + member.offset // 8)
