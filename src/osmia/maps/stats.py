"""Count, sum, smallest and largest of the values that kernel code adds."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar
from osmia.maps.aggregations import KeyedAggregation, Single, is_signed, keyed, one
from osmia.maps.measures import StatsMeasure
from osmia.maps.snapshots import StatsSnapshot
from osmia.types import u32, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from osmia.maps.numpy_arrays import Arrays

K = TypeVar("K")


class Stats(Single[StatsSnapshot]):
    """Count, sum, mean, smallest and largest of the values that kernel code adds (since Linux 5.12).

    It keeps them on each CPU apart, and atomically: exact, whatever interrupts what.
    """

    kind = one("Stats", "stats")

    def __init__(self, of: type[int] = u64, *, name: str = "") -> None:
        """Declare them for values of u64, or of i64. The name is the variable's unless `name` says."""
        measure = StatsMeasure(signed=is_signed("Stats", of))
        super().__init__(u32, measure, max_entries=1, name=name, flags=0)

    def add(self, value: int, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: count a value."""
        self._in_kernel_code(f"{self.subject}.read()")


class StatsMap(KeyedAggregation[K, StatsSnapshot], Generic[K]):
    """Count, sum, mean, smallest and largest for each key (since Linux 5.12)."""

    kind = keyed("StatsMap", "stats")

    def __init__(self, key: type[K], of: type[int] = u64, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare them for values of u64, or of i64, and up to `max_entries` keys, which take 40 bytes a CPU each."""
        measure = StatsMeasure(signed=is_signed("StatsMap", of))
        super().__init__(key, measure, max_entries=max_entries, name=name, flags=flags)

    def add(self, key: K, value: int, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: count a value for `key`."""
        self._in_kernel_code(f"{self.subject}[key]")

    def to_numpy(self) -> Arrays:
        """All of them as two NumPy arrays, `keys` and `values`, of which a value has count, sum, min and max.

        Keys without values are left out. Sums wrap at 64 bits.
        """
        from osmia.maps.aggregated_arrays import stats

        return stats(self)

    def top(self, n: int, by: Literal["count", "sum", "mean", "min", "max"] = "count") -> list[tuple[K, StatsSnapshot]]:
        """The `n` keys with the largest count (or what `by` says), the largest first, with what is known of them."""
        return self._top(n, by, ("count", "sum", "mean", "min", "max"))
