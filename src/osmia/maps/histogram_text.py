"""A histogram as text: a line for each bucket, with a bar."""

from __future__ import annotations

from osmia.errors import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.maps.scales import Scale
    from osmia.maps.snapshots import HistogramSnapshot

BAR = "@"
"""A character that every terminal, log and encoding has."""
UNITS = ("", "K", "M", "G", "T", "P", "E")


def text(of: HistogramSnapshot, unit: str, width: int) -> str:
    """The lines from the first to the last bucket with values; `no values` if there are none."""
    if type(width) is not int or width < 1:
        raise ValueError(f"the width of a histogram's bars is an int of 1 or more, not {shown(width)}")
    if not isinstance(unit, str):
        raise TypeError(f"the unit of a histogram is a str, not {shown(unit)}")
    used = [index for index, count in enumerate(of.counts) if count]
    if not used:
        return "no values"
    shown_buckets = range(used[0], used[-1] + 1)
    bounds, most = of.scale.bounds(), max(of.counts)
    labels = [_label(of.scale, index, *bounds[index]) for index in shown_buckets]
    counts = [str(of.counts[index]) for index in shown_buckets]
    bars = [_bar(of.counts[index], most, width) for index in shown_buckets]
    label_width = max(map(len, (*labels, unit)))
    count_width = max(map(len, (*counts, "count" if unit else "")))
    lines = [
        f"{label:<{label_width}} {count:>{count_width}} |{bar:<{width}}|"
        for label, count, bar in zip(labels, counts, bars, strict=True)
    ]
    heading = [f"{unit:<{label_width}} {'count':>{count_width}}"] if unit else []
    return "\n".join([*heading, *lines])


def _bar(count: int, most: int, width: int) -> str:
    """A bar as long as the count is; no count is so small that it has none."""
    return BAR * (max(1, (2 * count * width + most) // (2 * most)) if count else 0)


def _label(scale: Scale, index: int, low: int, high: int) -> str:
    """The numbers of a bucket, the upper one not among them."""
    if scale.linear is None:
        if low == high:
            return f"[{low}]"
        return f"(..., {high + 1})" if low < 0 else f"[{_short(low)}, {_short(high + 1)})"
    if index == 0:
        return f"(..., {high + 1})"
    return f"[{low}, ...)" if index == scale.length - 1 else f"[{low}, {high + 1})"


def _short(power: int) -> str:
    """A power of two in the largest unit that it is a whole number of."""
    unit = (power.bit_length() - 1) // 10
    return f"{power >> 10 * unit}{UNITS[unit]}"
