"""FastRing in kernel code: what reaches its reader, on every way out of a reservation, in loops and in functions."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from memory_programs import CPUS, results, run, running, source
from osmia import XdpAction
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from program_files import module_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENT = """
from osmia import FastRing
@struct
class Inner:
    small: u16 = 3
    text: Chars = chars(6)
@struct
class Event:
    count: u64 = 7
    port: u32 = 0
    inner: Inner = Inner()

ring = FastRing(Event, 64)
"""
RESERVE = "with ring.reserve() as event:\n    if event is None:\n        return XdpAction.DROP\n"


@pytest.fixture(autouse=True)
def on_one_cpu() -> Iterator[None]:
    """Order is kept for each CPU: the programs of a test run on one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def events(loaded: Any) -> list[tuple[Any, ...]]:
    held = loaded["ring"]
    return [(each.count, each.port, each.inner.small, each.inner.text) for each in iter(lambda: held.read(0), None)]


@pytest.mark.parametrize("cpu", CPUS)
def test_an_event_starts_with_its_defaults_and_is_submitted_at_the_end(tmp_path: Path, cpu: str) -> None:
    body = RESERVE + "    event.port = x\n    event.inner.text = 'ab'\n"
    with running(tmp_path, EVENT, body, cpu) as loaded:
        for first in (5, 7) * 40:  # the room of events that were read is taken again
            results(loaded, first, 6)
            assert events(loaded) == [(7, first, 3, "ab"), (7, 6, 3, "ab")]
        assert loaded["ring"].lost == 0


@pytest.mark.parametrize("cpu", CPUS)
def test_every_way_out(tmp_path: Path, cpu: str) -> None:
    """A return submits, the error edge leaves out, and `discard` gives up the event alone."""
    body = RESERVE + (
        "    event.port = x\n"
        "    if x == 1:\n        return XdpAction.TX\n"
        "    if x == 2:\n        ring.discard(event)\n        return XdpAction.PASS\n"
        "    if x == 3:\n        ring.discard(event)\n"
        "    else:\n        event.count = 100 // x\n"
        "    out.value = 1\n"
        "out.value += 2"
    )
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert run(loaded, 1) == (XdpAction.TX, 0)
        assert run(loaded, 2) == (XdpAction.PASS, 0)
        assert run(loaded, 3) == (XdpAction.PASS, 3)
        assert run(loaded, 0) == (XdpAction.TX, 0)
        assert run(loaded, 4) == (XdpAction.PASS, 3)
        assert [each[:2] for each in events(loaded)] == [(7, 1), (25, 4)]
        assert loaded["ring"].lost == 0


@pytest.mark.parametrize("cpu", CPUS)
def test_in_loops(tmp_path: Path, cpu: str) -> None:
    body = (
        "for i in range(6):\n"
        "    with ring.reserve() as event:\n"
        "        if event is None:\n            break\n"
        "        event.port = i\n"
        "        if i == x:\n            ring.discard(event)\n            continue\n"
        "        if i == x + 3:\n            break\n"
        "        event.count = i\n"
        "    out.value += 1\n"
    )
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert results(loaded, 1) == [3]
        assert [each[:2] for each in events(loaded)] == [(0, 0), (2, 2), (3, 3), (7, 4)]


@pytest.mark.parametrize("cpu", CPUS)
def test_two_rings_at_once_and_filled_in_by_functions(tmp_path: Path, cpu: str) -> None:
    module = EVENT + (
        "from osmia import func\n"
        "others = FastRing(u64, 16)\n"
        "def fill(event: Event, n: u32) -> bool:\n"
        "    event.port = n\n"
        "    if n == 9:\n        return False\n"
        "    event.count = 100 // n\n"
        "    return True\n"
        "@func(inline=False)\n"
        "def report(n: u32) -> u32:\n"
        "    with ring.reserve(Event) as event, others.reserve() as other:\n"
        "        if event is None or other is None:\n            return 1\n"
        "        if not fill(event, n):\n            others.discard(other)\n            return 2\n"
        "        other.value = n\n"
        "    return 3\n"
    )
    with running(tmp_path, module, "out.value = report(x)", cpu) as loaded:
        assert results(loaded, 5, 9) == [3, 2]
        assert run(loaded, 0) == (XdpAction.TX, 0)
        assert [each[:2] for each in events(loaded)] == [(20, 5), (7, 9)]
        assert loaded["others"].read(0) == 5
        assert loaded["others"].read(0) is None


@pytest.mark.parametrize("cpu", CPUS)
def test_one_in_the_middle_of_another(tmp_path: Path, cpu: str) -> None:
    """A ring has room for one event at a time: what is reserved within it is lost, and counted."""
    body = RESERVE + "    event.port = x\n    out.value = ring.output(Event(port=99))\n"
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert results(loaded, 5) == [-28]
        assert [each[1] for each in events(loaded)] == [5]
        assert (loaded["ring"].lost, loaded["ring"].nested) == (1, 1)


@pytest.mark.parametrize("cpu", CPUS)
def test_output_copies_an_event(tmp_path: Path, cpu: str) -> None:
    body = "event = Event(port=x)\nout.value = ring.output(event)\nevent.port = 1\nout.value += ring.output(event)\n"
    with running(tmp_path, EVENT, body, cpu) as loaded:
        assert results(loaded, 5) == [0]
        assert [each[1] for each in events(loaded)] == [5, 1]
        assert results(loaded, *range(40)) == [0] * 32 + [-56] * 8
        assert loaded["ring"].lost == 16


@pytest.mark.parametrize("cpu", CPUS)
def test_output_of_numbers_and_bytes(tmp_path: Path, cpu: str) -> None:
    module = EVENT + "small = FastRing(u16, 4)\n"
    body = "out.value = small.output(x)\nout.value += small.output(7)\nout.value += small.output(b'ab')\n"
    body += f"out.value += ring.output({b'12345678abcd' + bytes(12)!r})"
    with running(tmp_path, module, body, cpu) as loaded:
        assert results(loaded, 5) == [0]
        assert [*iter(lambda: loaded["small"].read(0), None)] == [5, 7, 0x6261]
        assert events(loaded) == [(0x3837363534333231, 0x64636261, 0, "")]


def test_the_position_is_the_last_that_is_stored(tmp_path: Path) -> None:
    """All that an event holds is stored before the position that submits it, and nothing of it after."""
    body = RESERVE + "    event.count = 0x1234\n    event.port = x\n"
    made = module_from(tmp_path, source(EVENT, body))
    target = Target("v3", (6, 1))
    unit, _ = checked_unit((made.program.request,), target)
    text = generate(unit, target, "asm").decode()
    steps = [line.strip() for line in text.splitlines() if "=" in line or line.strip().startswith("if")]
    ring = next(re.search(r"\*\(u64 \*\)\((r\d) \+ 64\)", step) for step in steps if "+ 64)" in step)
    assert ring is not None
    produced = f"*(u64 *)({ring[1]} + 0) = "
    at = next(number for number, step in enumerate(steps) if step.startswith(produced))
    stores = [number for number, step in enumerate(steps) if re.match(r"\*\(u(8|16|32|64) \*\)\(r[0-9] \+ ", step)]
    slot = [number for number in stores if f"({ring[1]} + " not in steps[number]]
    assert len(slot) >= 3
    busy = [number for number in stores if f"({ring[1]} + 8)" in steps[number]]
    assert busy[0] < min(slot) <= max(slot) < at < busy[-1]
