"""Aggregations as text and as JSON: histograms as histograms."""

from __future__ import annotations

from osmia.maps.snapshots import HistogramSnapshot, StatsSnapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# How many histograms of a map the text shows: each takes many lines.
HISTOGRAMS = 5


def aggregation_lines(held: Any, most: int, key_text: Callable[[Any], str]) -> list[str]:
    """A line for the aggregation, and below it what it holds, the largest counts first; `most` entries of it."""
    if held.kind.fixed_keys:
        return _entry(f"{held.name}:", held.read())
    found = held.to_dict()
    counted = sorted(found.items(), key=lambda entry: _count(entry[1]), reverse=True)
    shown = counted[: HISTOGRAMS if held.kind.class_name == "HistogramMap" else most]
    dropped = f", {held.dropped} values dropped" if held.losses.live and held.dropped else ""
    head = f"{held.name}: {len(found)} of {held.max_entries} at most{dropped}"
    width = max((len(key_text(key)) for key, _ in shown), default=0)
    below = [line for key, value in shown for line in _entry(f"  {key_text(key):>{width}}:", value)]
    more = len(found) - len(shown)
    return [head, *below, *([f"  ... and {more} more"] if more else [])]


def aggregation_entries(held: Any, plain: Callable[[Any], Any]) -> list[dict[str, object]]:
    """All that it holds, as JSON has it. An aggregation without keys is an array of one."""
    found = {0: held.read()} if held.kind.fixed_keys else held.to_dict()
    return [{"key": plain(key), "value": _plain(value)} for key, value in found.items()]


def _count(value: Any) -> int:
    return value if isinstance(value, int) else int(value.count)


def _entry(head: str, value: Any) -> list[str]:
    if not isinstance(value, HistogramSnapshot) or not value.count:
        return [f"{head} {value}"]
    indent = " " * (len(head) - len(head.lstrip()) + 2)
    return [head, *(indent + line for line in str(value).splitlines())]


def _plain(value: Any) -> Any:
    if isinstance(value, HistogramSnapshot):
        buckets = [{"low": low, "high": high, "count": count} for low, high, count in value if count]
        return {"count": value.count, "sum": value.sum, "mean": value.mean, "buckets": buckets}
    if isinstance(value, StatsSnapshot):
        names = ("count", "sum", "mean", "min", "max", "not_compared")
        return {name: getattr(value, name) for name in names}
    return value
