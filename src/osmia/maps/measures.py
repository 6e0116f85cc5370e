"""What an aggregation keeps for a key on each CPU, how that lies in memory, and how the CPUs' parts become one.

All of it is numbers of 64 bits that start at 0. Their names and signs in BTF say what they are, so that whoever opens
the map, from an object or where it is pinned, has a histogram again.
"""

from __future__ import annotations

from _struct import Struct

from osmia.layout import ArrayLayout, Declaration, IntegerLayout, StructLayout, place
from osmia.types import i64, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from osmia.layout import Field, Layout
    from osmia.maps.scales import Scale
    from osmia.maps.snapshots import HistogramSnapshot, StatsSnapshot

_U64: Any = u64
_I64: Any = i64
NUMBER = IntegerLayout(_U64)
SIGN = 1 << 63
"""Signed numbers are compared as unsigned ones, with this bit turned over."""
EVERY = (1 << 64) - 1

HISTOGRAM, STATS, COUNT = "osmia_histogram", "osmia_stats", "osmia_count"


class Measure(Declaration):
    """What is kept for one key on one CPU."""

    __slots__ = ("parts", "signed")

    layout: StructLayout

    def __init__(self, name: str, fields: list[tuple[str, Layout]], *, signed: bool) -> None:
        """`fields` of the struct that it lies in, whose type is called `name`; `signed` says what is added."""
        placed, size, alignment = place([(*each, None, None) for each in fields], union=False, packed=False)
        of: Any = self
        self.layout = StructLayout(of, name, size, alignment, placed, False, False, True, (name, 0))
        self.signed = signed
        self.parts: Callable[[bytes], Iterable[tuple[int, ...]]] = Struct(f"={_letters(fields)}").iter_unpack

    @property
    def of(self) -> Any:
        """The type of what is added: u64 or i64."""
        return i64 if self.signed else u64

    @property
    def __name__(self) -> str:
        return self.layout.name

    def field(self, name: str) -> Field:
        """A field of its struct."""
        found = self.layout.field(name)
        assert found is not None
        return found

    def snapshot(self, data: bytes) -> Any:
        """What the parts of all CPUs, one behind the other, are together."""
        raise NotImplementedError

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        raise NotImplementedError


class HistogramMeasure(Measure):
    """The sum of what was added, and how many values fell into each bucket."""

    __slots__ = ("scale",)

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        buckets = ArrayLayout(NUMBER, scale.length)
        super().__init__(HISTOGRAM, [("sum", _sum(scale.signed)), (scale.field, buckets)], signed=scale.signed)

    def snapshot(self, data: bytes) -> HistogramSnapshot:
        """What the parts of all CPUs are together."""
        from osmia.maps.snapshots import HistogramSnapshot

        total, *counts = map(sum, zip(*self.parts(data), strict=True))
        return HistogramSnapshot(self.scale, tuple(counts), total)

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return HISTOGRAM, self.signed, self.scale.linear


class StatsMeasure(Measure):
    """How many values, their sum, the largest and the smallest.

    The largest is `max`, of signed values with the sign turned over; the smallest is `not_min`, all bits of it turned
    over as well. So both start at 0, as memory does, and only grow.
    """

    __slots__ = ()

    def __init__(self, *, signed: bool) -> None:
        fields: list[tuple[str, Layout]] = [("count", NUMBER), ("sum", _sum(signed))]
        super().__init__(
            STATS, [*fields, *((name, NUMBER) for name in ("max", "not_min", "not_compared"))], signed=signed
        )

    def snapshot(self, data: bytes) -> StatsSnapshot:
        """What the parts of all CPUs are together."""
        from osmia.maps.snapshots import StatsSnapshot

        counts, sums, largest, least, missed = zip(*self.parts(data), strict=True)
        count, turned = sum(counts), SIGN if self.signed else 0
        if not count:
            return StatsSnapshot(0, 0, None, None, 0)
        smallest, greatest = self.value((max(least) ^ EVERY) ^ turned), self.value(max(largest) ^ turned)
        return StatsSnapshot(count, sum(sums), smallest, greatest, sum(missed))

    def value(self, bits: int) -> int:
        """The number that 64 bits are."""
        return bits - (1 << 64) if self.signed and bits >= SIGN else bits

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return STATS, self.signed


class CountMeasure(Measure):
    """A count."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(COUNT, [("count", NUMBER)], signed=False)

    def snapshot(self, data: bytes) -> int:
        """The count of all CPUs."""
        return sum(count for (count,) in self.parts(data))

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        return (COUNT,)


def _sum(signed: bool) -> IntegerLayout:
    return IntegerLayout(_I64) if signed else NUMBER


def _letters(fields: list[tuple[str, Layout]]) -> str:
    """How `struct` names the numbers."""
    letters = ""
    for _, layout in fields:
        if isinstance(layout, ArrayLayout):
            letters += f"{layout.length}Q"
        else:
            letters += "Q" if layout is NUMBER else "q"
    return letters
