"""Ways out of scopes and loops that are a test for None: scopes around are left, and called loops end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler import Target
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (
    PRELUDE
    + """
from osmia import RingBuf, struct

@struct
class Event:
    number: u64 = 0

one = RingBuf(Event, size=1 << 16)
two = RingBuf(Event, size=4096)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    with one.reserve() as outer:
        if outer is None:
            return XdpAction.DROP
        outer.number = 1
        with two.reserve() as inner:
            if inner is None:
                return XdpAction.ABORTED
            inner.number = 2
    return XdpAction.PASS
"""
)


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
def test_returning_0_for_none_leaves_the_scopes_around(tmp_path: Path, cpu: str) -> None:
    with osmia.load(module_from(tmp_path, TEXT), target=Target(cpu, (5, 10))) as loaded:
        actions = [loaded["program"].test_run(bytes(14)).action for _ in range(300)]
    full = actions.index(XdpAction.ABORTED)
    assert 0 < full < 300
    assert set(actions[:full]) == {XdpAction.PASS}
    assert set(actions[full:]) == {XdpAction.ABORTED}


CALLED = (
    PRELUDE
    + """
slots = Array(u64, max_entries=200_000)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    for index in range(200_001):
        slot = slots.lookup(index)
        if slot is None:
            return XdpAction.ABORTED
        slot.value += 1
    return XdpAction.PASS
"""
)


@pytest.mark.parametrize("kernel", [(5, 17), (6, 9)])
def test_returning_0_for_none_ends_a_loop_in_every_form(tmp_path: Path, kernel: tuple[int, int]) -> None:
    with osmia.load(module_from(tmp_path, CALLED), target=Target("v3", kernel)) as loaded:
        assert loaded["program"].test_run(bytes(14)).action is XdpAction.ABORTED
        assert loaded["slots"][0] == loaded["slots"][199_999] == 1
