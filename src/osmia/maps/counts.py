"""Counts by key."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar
from osmia.maps.aggregations import KeyedAggregation, keyed
from osmia.maps.measures import CountMeasure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.maps.numpy_arrays import Arrays

K = TypeVar("K")


class CountMap(KeyedAggregation[K, int], Generic[K]):
    """A count for each key (since Linux 5.10): how often something happened, or a sum of amounts.

    It counts on each CPU apart, and atomically: exact, whatever interrupts what. The counts wrap at 64 bits on each
    CPU. Without a key, take a PerCpuCounter or a Counter.
    """

    kind = keyed("CountMap", "counts")

    def __init__(self, key: type[K], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare counts for up to `max_entries` keys. The name is the variable's unless `name` says."""
        super().__init__(key, CountMeasure(), max_entries=max_entries, name=name, flags=flags)

    def add(self, key: K, amount: int = 1, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: add a number that is not negative to the count of `key`."""
        self._in_kernel_code(f"{self.subject}[key]")

    def to_numpy(self) -> Arrays:
        """All counts as two NumPy arrays, `keys` and `values`. Counts wrap at 64 bits."""
        from osmia.maps.aggregated_arrays import counts

        return counts(self)

    def top(self, n: int) -> list[tuple[K, int]]:
        """The `n` keys with the largest counts, the largest first."""
        return self._top(n, "", ("",))
