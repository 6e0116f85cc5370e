"""Logs of machines: delivered as soon as a program has ended, in their order, with the machine's time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import Machine, ObjectError, XdpAction, XdpContext, log, u32, xdp
from osmia.errors import VmError
from osmia.unchecked import memory_at
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKET = bytes(64)


@xdp
def talks(ctx: XdpContext) -> XdpAction:
    log.debug(f"not shown {ctx.ingress_ifindex}")
    log.warn(f"{len(ctx.packet)} bytes on CPU {ctx.get_smp_processor_id()}")
    print("index", ctx.ingress_ifindex)
    return XdpAction.PASS


@xdp
def floods(ctx: XdpContext) -> XdpAction:
    for number in range(1000):
        log.info(f"number {number}")
    return XdpAction.PASS


@xdp
def fails(ctx: XdpContext) -> XdpAction:
    log.error("before it fails")
    at = memory_at(ctx, u32, 1 << 30)
    return XdpAction.PASS if at.value else XdpAction.DROP


class Kept(logging.Handler):
    """What was given to `logging`."""

    def __init__(self) -> None:
        super().__init__(level=0)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def kept() -> Iterator[Kept]:
    handler, logger = Kept(), logging.getLogger("osmia")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(1)
    yield handler
    logger.setLevel(before)
    logger.removeHandler(handler)


@pytest.mark.parametrize("engine", ["interpreter", "python", "jit"])
def test_records_are_there_when_a_program_has_ended(kept: Kept, engine: str) -> None:
    if engine == "jit":
        pytest.importorskip("llvmlite")
    with Machine(engine=engine, cpus=2) as machine:
        assert machine.logs == []
        machine.run(talks, PACKET, ingress_ifindex=3)
        machine.cpu = 1
        machine.advance(2.5)
        machine.run(talks, bytes(100), ingress_ifindex=4)
        assert [record.getMessage() for record in machine.logs] == [
            *("64 bytes on CPU 0", "index 3"),
            *("100 bytes on CPU 1", "index 4"),
        ]
        assert kept.records == machine.logs
        first, last = machine.logs[0], machine.logs[-1]
        assert (first.levelname, last.levelname, first.name) == ("WARNING", "INFO", "osmia.talks")
        assert first.pathname.endswith("tests/vm/test_machine_logs.py")
        assert first.lineno == talks.function.__code__.co_firstlineno + 3  # type: ignore[union-attr]
        assert first.created == machine.epoch / 1e9 + 1000
        assert round(last.created - first.created, 3) == 2.5
        extra: Any = last
        assert (extra.cpu, extra.ktime_ns, extra.program) == (1, machine.clock, "talks")


def test_levels_are_those_of_who_loads_it() -> None:
    with Machine() as machine:
        for level, count in (("debug", 3), ("error", 0)):
            with osmia.load(talks, engine=machine, log_level=level) as loaded:
                loaded[talks].test_run(PACKET)
                assert len(machine.logs) == count
                machine.logs.clear()


def test_two_objects_share_the_ring_of_a_machine_and_no_other() -> None:
    with Machine() as machine, Machine() as other:
        with osmia.load(talks, engine=machine) as first, osmia.load(talks, engine=machine) as second:
            first[talks].test_run(PACKET)
            second[talks].test_run(bytes(65))
        assert [record.getMessage()[:8] for record in machine.logs] == ["64 bytes", "index 1", "65 bytes", "index 1"]
        assert other.logs == []


def test_what_had_no_room_is_counted(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_size", 4096)
    with Machine() as machine:
        machine.run(floods, PACKET)
        *shown, told = [record.getMessage() for record in machine.logs]
        assert shown == [f"number {number}" for number in range(len(shown))]
        assert told == (f"{1000 - len(shown)} log records were lost: the ring of 4096 bytes was full (log.size)")
        assert 50 < len(shown) < 1000
        machine.run(talks, PACKET)
        assert machine.logs[-1].getMessage() == "index 1"
    assert [record.getMessage() for record in kept.records][: len(shown)] == shown


def test_what_was_logged_before_a_fault_is_there(kept: Kept) -> None:
    with Machine() as machine:
        with pytest.raises(VmError):
            machine.run(fails, PACKET)
        assert [record.getMessage() for record in machine.logs] == ["before it fails"]
        assert kept.records == machine.logs


def test_an_object_that_cannot_be_loaded_leaves_nothing() -> None:
    with Machine() as machine:
        machine.helpers.pop(130)
        machine.helpers.pop(131)
        assert refusal(ObjectError, lambda: machine.run(talks, PACKET)).startswith(
            "talks: the user-space runtime does not have what its programs ask for:\n  bpf_ringbuf_"
        )
        assert machine.logs == []
        assert not machine.own_logs.sources.all
