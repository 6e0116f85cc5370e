"""Snapshots of aggregations: text, arithmetic and arrays, without a kernel."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from osmia import HistogramSnapshot, StatsSnapshot
from osmia.maps.scales import Scale, scale_of
from refusal import refusal
from this_kernel import require_numpy

pytestmark = pytest.mark.usefixtures("engine")

UNSIGNED, SIGNED = Scale(signed=False, linear=None), Scale(signed=True, linear=None)
STEPS = Scale(signed=True, linear=(-10, 10, 5))


def of(scale: Scale, counts: dict[int, int], total: int = 0) -> HistogramSnapshot:
    """A histogram with values in some buckets."""
    return HistogramSnapshot(scale, tuple(counts.get(index, 0) for index in range(scale.length)), total)


def test_powers_of_two_as_text() -> None:
    assert of(UNSIGNED, {0: 3, 1: 100, 2: 1, 4: 50}).text(width=10) == (
        "[0]       3 |@         |\n"
        "[1]     100 |@@@@@@@@@@|\n"
        "[2, 4)    1 |@         |\n"
        "[4, 8)    0 |          |\n"
        "[8, 16)  50 |@@@@@     |"
    )
    large = of(UNSIGNED, dict.fromkeys((10, 11, 20, 21, 30, 31, 41, 51, 61, 64), 1)).text(width=1)
    labels = [line.rpartition(")")[0] + ")" for line in large.splitlines() if line.endswith(" 1 |@|")]
    assert labels == [
        *("[512, 1K)", "[1K, 2K)", "[512K, 1M)", "[1M, 2M)", "[512M, 1G)", "[1G, 2G)"),
        *("[1T, 2T)", "[1P, 2P)", "[1E, 2E)", "[8E, 16E)"),
    ]
    assert of(SIGNED, {0: 1, 1: 2, 2: 1}).text(width=2) == "(..., 0) 1 |@ |\n[0]      2 |@@|\n[1]      1 |@ |"


def test_steps_as_text() -> None:
    assert of(STEPS, {0: 1, 1: 2, 5: 4}).text(unit="items", width=4) == (
        "items      count\n"
        "(..., -10)     1 |@   |\n"
        "[-10, -5)      2 |@@  |\n"
        "[-5, 0)        0 |    |\n"
        "[0, 5)         0 |    |\n"
        "[5, 10)        0 |    |\n"
        "[10, ...)      4 |@@@@|"
    )


def test_formats() -> None:
    some = of(UNSIGNED, {1: 1, 2: 4})
    assert str(some) == some.text() == f"{some}" == f"{some:52}"
    assert f"{some:20ns}" == some.text(unit="ns", width=20)
    assert f"{some:20 ns}" == some.text(unit="ns", width=20)
    assert f"{some:µs}" == some.text(unit="µs")
    assert len(str(some).splitlines()[0]) == len("[2, 4) 4 |") + 52 + 1
    assert str(of(UNSIGNED, {})) == f"{of(STEPS, {}):ns}" == "no values"
    wrong: Any = some
    assert refusal(ValueError, lambda: some.text(width=0)) == (
        "the width of a histogram's bars is an int of 1 or more, not int 0"
    )
    assert refusal(ValueError, lambda: wrong.text(width="5")) == (
        "the width of a histogram's bars is an int of 1 or more, not str '5'"
    )
    assert refusal(TypeError, lambda: wrong.text(unit=5)) == "the unit of a histogram is a str, not int 5"


def test_a_histogram_is_a_value() -> None:
    one, same = of(UNSIGNED, {3: 2}, 10), of(UNSIGNED, {3: 2}, 10)
    assert (one == same, hash(one) == hash(same), one == of(UNSIGNED, {3: 2}, 11)) == (True, True, False)
    assert (one.count, one.mean, len(one), one.buckets[3]) == (2, 5.0, 65, (4, 7, 2))
    assert pickle.loads(pickle.dumps(one)) == one
    assert (of(UNSIGNED, {}).mean, of(UNSIGNED, {}).count) == (None, 0)
    with pytest.raises(AttributeError):
        one.sum = 5  # type: ignore[misc]


def test_histograms_are_added_and_subtracted() -> None:
    before, now = of(UNSIGNED, {3: 2}, 10), of(UNSIGNED, {3: 3, 4: 1}, 24)
    assert now - before == of(UNSIGNED, {3: 1, 4: 1}, 14)
    assert now + before == of(UNSIGNED, {3: 5, 4: 1}, 34) == sum([now, before])
    assert refusal(ValueError, lambda: before - now) == (
        "a histogram less a later one: a bucket has fewer values now than before, so it was cleared between the two, "
        "or they are of different histograms"
    )
    assert refusal(ValueError, lambda: now + of(STEPS, {})) == (
        "two histograms of different scales have no common buckets: powers of two of u64 and -10 to 10 by 5 of i64"
    )
    wrong: Any = now
    uses: tuple[Any, ...] = (
        lambda: wrong + 1,
        lambda: wrong - 1,
        lambda: 1 + wrong,
        lambda: wrong + StatsSnapshot(0, 0, None, None),
    )
    for use in uses:
        with pytest.raises(TypeError):
            use()


def test_statistics() -> None:
    none, some = StatsSnapshot(0, 0, None, None), StatsSnapshot(3, -10, -8, 5)
    assert (str(none), str(some)) == ("no values", "count 3, mean -3.3, min -8, max 5, sum -10")
    assert str(StatsSnapshot(3, 6, 1, 3, 2)).endswith(", sum 6, 2 not compared")
    assert (none.mean, some.mean) == (None, -10 / 3)
    assert none + some == some + none == sum([none, some]) == some
    assert some + StatsSnapshot(1, 100, 100, 100, 1) == StatsSnapshot(4, 90, -8, 100, 1)
    wrong: Any = some
    uses: tuple[Any, ...] = (lambda: wrong + 1, lambda: 1 + wrong)
    for use in uses:
        with pytest.raises(TypeError):
            use()


def test_buckets_as_an_array() -> None:
    require_numpy()
    found = of(UNSIGNED, {64: 5, 0: 1}).to_numpy()
    assert (found.dtype.names, len(found)) == (("low", "high", "count"), 65)
    assert found[-1].tolist() == (1 << 63, (1 << 64) - 1, 5)
    assert of(SIGNED, {0: 2}).to_numpy()[0].tolist() == (-(1 << 63), -1, 2)
    assert of(STEPS, {2: 7}).to_numpy()[["low", "high", "count"]].tolist()[1:3] == [(-10, -6, 0), (-5, -1, 7)]


def test_a_field_says_the_scale() -> None:
    for scale in (UNSIGNED, SIGNED, STEPS, Scale(signed=False, linear=(0, 100, 10))):
        assert scale_of(scale.field, signed=scale.signed) == scale
        assert len(scale.bounds()) == scale.length
    assert [scale_of(name, signed=True) for name in ("", "log", "linear_1_2", "linear_1_2_x", "linear_1_2_3_4")] == [
        None
    ] * 5
