"""The pace of reports, with a clock and a Stop of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from osmia.cli import schedule
from osmia.cli.schedule import ticks

if TYPE_CHECKING:
    from osmia.cli.stop import Stop


class Clock:
    """Time that passes by waiting only."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.end = float("inf")
        self.checks = 0
        patch.setattr(schedule, "monotonic", lambda: self.now)

    def wait(self, seconds: float) -> bool:
        self.now = min(self.now + max(0.0, seconds), self.end)
        return self.now >= self.end

    def check(self) -> None:
        self.checks += 1

    def times(self, seconds: float, count: int | None, *work: float) -> list[float]:
        """When the reports came, each of which takes some work."""
        found, left = [], list(work)
        for _ in ticks(cast("Stop", self), seconds, count, self.check):
            found.append(round(self.now - 100, 6))
            self.now += left.pop(0) if left else 0
        return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_work_does_not_shift_the_reports(clock: Clock) -> None:
    assert clock.times(1, 4, 0.3, 0.9, 0.1) == [1, 2, 3, 4]


def test_what_is_missed_is_not_made_up_for(clock: Clock) -> None:
    assert clock.times(1, 3, 5.5) == [1, 7, 8]


def test_a_long_interval_is_checked_every_second(clock: Clock) -> None:
    assert clock.times(10, 1) == [10]
    assert clock.checks == 10


def test_it_ends_when_asked(clock: Clock) -> None:
    clock.end = 103.5
    assert clock.times(1, None) == [1, 2, 3]
