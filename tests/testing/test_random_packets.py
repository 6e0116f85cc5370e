"""Random packets: the same for the same seed, of all lengths, and of all that there is."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from osmia.testing.packets import dissect, random_packets
from osmia.testing.packets.layer import KINDS
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_seed_gives_the_same_packets_everywhere() -> None:
    """Whatever the version of Python: who reports a difference says the seed and the number."""
    whole = b"".join(random_packets(1, 300))
    assert hashlib.sha256(whole).hexdigest()[:16] == "140c4fe3c59fbf96"
    assert list(random_packets(1, 50)) == list(islice(random_packets(1, 300), 50))
    assert list(random_packets(1, 50)) != list(random_packets(2, 50))


def test_every_kind_of_layer_comes_right_and_wrong() -> None:
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for data in random_packets(5, 4000, largest=2000):
        text = repr(dissect(data))
        kinds = {line.split()[0].rstrip(",") for line in text.splitlines()[1:]}
        (wrong if "should be" in text or "there)" in text or "cut off" in text else right).update(kinds)
    assert set(KINDS) <= set(right)
    assert set(KINDS) - {"ethernet", "vxlan"} <= set(wrong) | {"ethernet"}
    assert min(right[name] for name in KINDS) >= 5


def test_lengths() -> None:
    sizes = Counter(len(data) for data in random_packets(7, 20000))
    assert set(range(160)) <= set(sizes)
    assert max(sizes) == 65536
    assert sum(count for size, count in sizes.items() if size > 9000) > 100
    assert {14 <= len(data) <= 1514 for data in random_packets(7, 2000, smallest=14, largest=1514)} == {True}
    assert list(random_packets(1, 5, smallest=0, largest=0)) == [b""] * 5
    assert list(random_packets(1, 0)) == []


@pytest.mark.parametrize(
    ("use", "of", "text"),
    [
        (
            lambda: random_packets(1, 2, largest=65537),
            ValueError,
            "random_packets(): count is 0 or more, and 0 <= smallest <= largest <= 65536, not 2, 0 and 65537",
        ),
        (lambda: random_packets("x", 2), TypeError, "random_packets(): seed is a number, not str 'x'"),  # type: ignore[arg-type]
    ],
)
def test_what_is_refused(use: Callable[[], object], of: type[Exception], text: str) -> None:
    assert refusal(of, use) == text
