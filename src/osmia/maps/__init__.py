"""Maps: the table of types, what a declaration says, and the user's side of a live map.

Here: the values of one key of a per-CPU map.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, overload

    V = TypeVar("V")

    class PerCpuValues(tuple[V, ...]):
        """One value per possible CPU, by the CPU's number. It has no arithmetic: say which CPU, or `.sum()`."""

        __slots__ = ()

        @overload
        def sum(self: PerCpuValues[int]) -> int: ...
        @overload
        def sum(self, key: Callable[[V], int]) -> int: ...
        def sum(self, key: Any = None) -> int:
            """Add the values of all CPUs, or what `key` takes from each."""

        @overload
        def max(self: PerCpuValues[int]) -> int: ...
        @overload
        def max(self, key: Callable[[V], int]) -> int: ...
        def max(self, key: Any = None) -> int:
            """The largest of all CPUs' values, or of what `key` takes from each."""

        @overload
        def min(self: PerCpuValues[int]) -> int: ...
        @overload
        def min(self, key: Callable[[V], int]) -> int: ...
        def min(self, key: Any = None) -> int:
            """The smallest of all CPUs' values, or of what `key` takes from each."""

else:

    def _of_numbers(of, values):
        """What `of`, which is sum, max or min, makes of them. TypeError for what are no numbers."""
        try:
            # One value is its own largest without being compared, on a machine with one CPU.
            return of(values if of is sum or len(values) > 1 else [*values, *values])
        except TypeError:
            found = next((each for each in values if not hasattr(each, "__float__")), None)
            if found is None:
                raise
        raise TypeError(
            f"{of.__name__}() takes numbers, not {type(found).__name__}: say which number of each CPU's value, as in "
            f".{of.__name__}(lambda value: value.packets)"
        )

    class PerCpuValues(tuple):
        """One value per possible CPU, by the CPU's number. It has no arithmetic: say which CPU, or `.sum()`."""

        __slots__ = ()

        def __add__(self, other):
            return NotImplemented

        def __mul__(self, other):
            return NotImplemented

        __rmul__ = __mul__

        def sum(self, key=None):
            """Add the values of all CPUs, or what `key` takes from each."""
            return _of_numbers(sum, self if key is None else [*map(key, self)])

        def max(self, key=None):
            """The largest of all CPUs' values, or of what `key` takes from each."""
            return _of_numbers(max, self if key is None else [*map(key, self)])

        def min(self, key=None):
            """The smallest of all CPUs' values, or of what `key` takes from each."""
            return _of_numbers(min, self if key is None else [*map(key, self)])
