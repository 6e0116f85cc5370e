"""Histograms: how many values fell into each range, counted in the kernel."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar, overload
from osmia.maps.aggregations import KeyedAggregation, Single, is_signed, keyed, one
from osmia.maps.measures import HistogramMeasure
from osmia.maps.scales import linear_scale
from osmia.maps.snapshots import HistogramSnapshot
from osmia.types import u32, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from osmia.maps.aggregated_arrays import HistogramArrays

K = TypeVar("K")


class Histogram(Single[HistogramSnapshot]):
    """A histogram: how many of the values that kernel code adds fell into each bucket, and their sum.

    The buckets are 0, 1, 2 to 3, 4 to 7 and so on up to 2**63; with `low`, `high` and `step` they are of one size, with
    one more for what is below `low` and one for what is not below `high`. It counts on each CPU apart, and atomically:
    exact, whatever interrupts what. Since Linux 5.10.
    """

    kind = one("Histogram", "histograms")

    @overload
    def __init__(self, of: type[int] = ..., *, name: str = "") -> None: ...
    @overload
    def __init__(self, of: type[int] = ..., *, low: int, high: int, step: int, name: str = "") -> None: ...
    def __init__(self, of: Any = u64, *, low: Any = None, high: Any = None, step: Any = None, name: str = "") -> None:
        """Declare a histogram of u64, or of i64, whose negative values have a bucket of their own.

        Its name is the variable's unless `name` says.
        """
        scale = linear_scale("Histogram", low, high, step, signed=is_signed("Histogram", of))
        super().__init__(u32, HistogramMeasure(scale), max_entries=1, name=name, flags=0)

    def add(self, value: int, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: count a value."""
        self._in_kernel_code(f"{self.subject}.read()")


class HistogramMap(KeyedAggregation[K, HistogramSnapshot], Generic[K]):
    """A histogram for each key (since Linux 5.10). Their buckets are those of a Histogram."""

    kind = keyed("HistogramMap", "histograms")

    @overload
    def __init__(
        self, key: type[K], of: type[int] = ..., *, max_entries: int, name: str = "", flags: int = 0
    ) -> None: ...
    @overload
    def __init__(
        self,
        key: type[K],
        of: type[int] = ...,
        *,
        max_entries: int,
        low: int,
        high: int,
        step: int,
        name: str = "",
        flags: int = 0,
    ) -> None: ...
    def __init__(
        self,
        key: type[K],
        of: Any = u64,
        *,
        max_entries: int,
        low: Any = None,
        high: Any = None,
        step: Any = None,
        name: str = "",
        flags: int = 0,
    ) -> None:
        """Declare histograms of u64, or of i64, for up to `max_entries` keys.

        Each takes 528 bytes a CPU, a linear one 8 bytes for each of its buckets. With the flag BPF_F_NO_PREALLOC they
        take memory once they are used; tracing programs take that since Linux 6.1.
        """
        scale = linear_scale("HistogramMap", low, high, step, signed=is_signed("HistogramMap", of))
        super().__init__(key, HistogramMeasure(scale), max_entries=max_entries, name=name, flags=flags)

    def add(self, key: K, value: int, /) -> None:  # noqa: ARG002 - kernel code's
        """In kernel code: count a value in the histogram of `key`."""
        self._in_kernel_code(f"{self.subject}[key]")

    def to_numpy(self) -> HistogramArrays:
        """All histograms as three NumPy arrays, `keys[n]`, `counts[n, bucket]` and `sums[n]`.

        The numbers of a bucket are those of any one's `.buckets`. Sums wrap at 64 bits.
        """
        from osmia.maps.aggregated_arrays import histograms

        return histograms(self)

    def top(self, n: int, by: Literal["count", "sum", "mean"] = "count") -> list[tuple[K, HistogramSnapshot]]:
        """The `n` keys with the largest count (or sum, or mean), the largest first, with their histograms."""
        return self._top(n, by, ("count", "sum", "mean"))
