"""Snapshots: what an aggregation held when it was read, as values of user code's own."""

from __future__ import annotations

from osmia.errors import shown
from osmia.record import frozen_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy as np

    from osmia.maps.scales import Scale


@frozen_record
class HistogramSnapshot:
    """A histogram at a moment. Each value was counted in one bucket, so that `count` is the sum of all.

    `for low, high, count in snapshot` goes through the buckets; both `low` and `high` belong to the bucket. Two of the
    same scale are added by `+`; `-` takes away what an earlier one had, which leaves what came since then.
    """

    scale: Scale
    counts: tuple[int, ...]
    """How many values fell into each bucket, from the lowest one."""
    sum: int
    """Of all values. Each CPU's part of it wraps at 64 bits."""

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """The sum divided by the count; None if there are no values."""
        count = self.count
        return self.sum / count if count else None

    @property
    def buckets(self) -> tuple[tuple[int, int, int], ...]:
        """All buckets from the lowest one: the smallest and the largest number of it, and how many fell into it."""
        return tuple((low, high, count) for (low, high), count in zip(self.scale.bounds(), self.counts, strict=True))

    def to_numpy(self) -> np.ndarray[Any, Any]:
        """The buckets as a structured array of `low`, `high` and `count`; `low` and `high` belong to the bucket."""
        from osmia.maps.aggregated_arrays import buckets

        return buckets(self)

    def text(self, *, unit: str = "", width: int = 52) -> str:
        """A line for each bucket from the first to the last one with values, and a bar of up to `width` characters.

        A `unit` stands in a line above. Powers of two are written as 1K (1024), 1M, 1G and so on.
        """
        from osmia.maps.histogram_text import text

        return text(self, unit, width)

    def __str__(self) -> str:
        return self.text()

    def __format__(self, spec: str) -> str:
        """The text, as in `f"{snapshot:40ns}"`: the width of the bars and the unit, both of which may be left out."""
        unit = spec.lstrip("0123456789")
        digits = spec[: len(spec) - len(unit)]
        return self.text(unit=unit.strip(), width=int(digits)) if digits else self.text(unit=unit.strip())

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return iter(self.buckets)

    def __len__(self) -> int:
        """How many buckets there are."""
        return len(self.counts)

    def __add__(self, other: HistogramSnapshot) -> HistogramSnapshot:
        if not isinstance(other, HistogramSnapshot):
            return NotImplemented
        self._check_alike(other)
        counts = (one + more for one, more in zip(self.counts, other.counts, strict=True))
        return HistogramSnapshot(self.scale, tuple(counts), self.sum + other.sum)

    def __radd__(self, other: int) -> HistogramSnapshot:
        """For `sum(snapshots)`, which starts with 0."""
        return self if other == 0 and isinstance(other, int) else NotImplemented

    def __sub__(self, earlier: HistogramSnapshot) -> HistogramSnapshot:
        """What came since an earlier snapshot of the same histogram. ValueError for one that is not earlier."""
        if not isinstance(earlier, HistogramSnapshot):
            return NotImplemented
        self._check_alike(earlier)
        counts = tuple(now - before for now, before in zip(self.counts, earlier.counts, strict=True))
        if min(counts) < 0:
            raise ValueError(
                "a histogram less a later one: a bucket has fewer values now than before, so it was cleared between "
                "the two, or they are of different histograms"
            )
        return HistogramSnapshot(self.scale, counts, self.sum - earlier.sum)

    def _check_alike(self, other: HistogramSnapshot) -> None:
        if self.scale != other.scale:
            raise ValueError(
                f"two histograms of different scales have no common buckets: {_scale(self.scale)} and "
                f"{_scale(other.scale)}"
            )


@frozen_record
class StatsSnapshot:
    """Count, sum, smallest and largest value at a moment. Two are added by `+`."""

    count: int
    sum: int
    """Of all values. Each CPU's part of it wraps at 64 bits."""
    min: int | None
    """The smallest value; None if there are none."""
    max: int | None
    """The largest value; None if there are none."""
    not_compared: int = 0
    """How many values are in `count` and `sum` alone.

    A program that was interrupted four times within a few instructions, each time by one that added a new extreme,
    gives up comparing. Unless that happened this is 0.
    """

    @property
    def mean(self) -> float | None:
        """The sum divided by the count; None if there are no values."""
        return self.sum / self.count if self.count else None

    def __str__(self) -> str:
        if not self.count:
            return "no values"
        missed = f", {self.not_compared} not compared" if self.not_compared else ""
        return f"count {self.count}, mean {self.mean:.1f}, min {self.min}, max {self.max}, sum {self.sum}{missed}"

    def __add__(self, other: StatsSnapshot) -> StatsSnapshot:
        if not isinstance(other, StatsSnapshot):
            return NotImplemented
        missed = self.not_compared + other.not_compared
        smallest = min((each for each in (self.min, other.min) if each is not None), default=None)
        largest = max((each for each in (self.max, other.max) if each is not None), default=None)
        return StatsSnapshot(self.count + other.count, self.sum + other.sum, smallest, largest, missed)

    def __radd__(self, other: int) -> StatsSnapshot:
        """For `sum(snapshots)`, which starts with 0."""
        return self if other == 0 and isinstance(other, int) else NotImplemented


def ranked(entries: list[tuple[Any, Any]], n: Any, by: Any, measures: tuple[str, ...]) -> list[tuple[Any, Any]]:
    """The `n` entries in which `by` is largest, largest first. TypeError or ValueError for what `top` does not take."""
    if type(n) is not int:
        raise TypeError(f"top() takes how many, an int, not {shown(n)}")
    if n < 0:
        raise ValueError(f"top() takes how many, 0 or more, not {n}")
    if by not in measures:
        raise ValueError(f"top() is by {' or '.join(measures)}, not {by!r}")
    keyed = [(getattr(snapshot, by) if by else snapshot, key, snapshot) for key, snapshot in entries]
    known = [each for each in keyed if each[0] is not None]
    known.sort(key=lambda each: each[0], reverse=True)
    return [(key, snapshot) for _, key, snapshot in known[:n]]


def _scale(scale: Scale) -> str:
    of = "i64" if scale.signed else "u64"
    if scale.linear is None:
        return f"powers of two of {of}"
    low, high, step = scale.linear
    return f"{low} to {high} by {step} of {of}"
