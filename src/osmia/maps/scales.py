"""Scales of histograms: which values are counted together."""

from __future__ import annotations

from osmia.errors import shown
from osmia.record import frozen_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

I64_LOW, I64_HIGH, U64_HIGH = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1
LOG2 = "log2"
LINEAR = "linear"


@frozen_record
class Scale:
    """Powers of two, or steps of one size; of numbers that are u64, or i64 where they are signed."""

    signed: bool
    linear: tuple[int, int, int] | None = None
    """Low, high and step; None for powers of two."""

    @property
    def lowest(self) -> int:
        """The smallest number there is."""
        return I64_LOW if self.signed else 0

    @property
    def highest(self) -> int:
        """The largest number there is."""
        return I64_HIGH if self.signed else U64_HIGH

    @property
    def length(self) -> int:
        """How many buckets there are."""
        if self.linear is None:
            return 65  # 0 and 64 powers of two; of signed numbers one less, and what is negative
        low, high, step = self.linear
        return (high - low) // step + 2

    def bounds(self) -> list[tuple[int, int]]:
        """The smallest and the largest number of each bucket, from the lowest bucket."""
        if self.linear is None:
            powers = [(1 << bits, (2 << bits) - 1) for bits in range(63 if self.signed else 64)]
            return [*([(self.lowest, -1)] if self.signed else []), (0, 0), *powers]
        low, high, step = self.linear
        steps = [(start, start + step - 1) for start in range(low, high, step)]
        return [(self.lowest, low - 1), *steps, (high, self.highest)]

    @property
    def field(self) -> str:
        """What the buckets are called in the struct that is a map's value: so BTF says which scale it is."""
        if self.linear is None:
            return LOG2
        return "_".join([LINEAR, *(str(each).replace("-", "m") for each in self.linear)])


def scale_of(field: str, *, signed: bool) -> Scale | None:
    """The scale that a field's name says; None where it says none."""
    if field == LOG2:
        return Scale(signed, None)
    name, *numbers = field.split("_")
    if name != LINEAR or len(numbers) != 3 or not all(each.removeprefix("m").isdecimal() for each in numbers):
        return None
    low, high, step = (int(each.replace("m", "-", 1)) for each in numbers)
    return Scale(signed, (low, high, step))


def linear_scale(subject: str, low: Any, high: Any, step: Any, *, signed: bool) -> Scale:
    """The scale that a declaration asks for; of powers of two unless it says all of `low`, `high` and `step`."""
    given = {"low": low, "high": high, "step": step}
    if all(each is None for each in given.values()):
        return Scale(signed, None)
    missing = [name for name, each in given.items() if each is None]
    if missing:
        raise TypeError(f"{subject}: a linear histogram has low, high and step; {' and '.join(missing)} is missing")
    for name, each in given.items():
        if type(each) is not int:
            raise TypeError(f"{subject}: {name} is an int, not {shown(each)}")
    scale = Scale(signed, (low, high, step))
    if not scale.lowest <= low < high <= scale.highest:
        raise ValueError(
            f"{subject}: low and high are {scale.lowest} to {scale.highest}, low the smaller one, not {low} and {high}"
        )
    if step < 1 or (high - low) % step:
        raise ValueError(f"{subject}: step divides high - low, which is {high - low}, not {step}")
    return scale
