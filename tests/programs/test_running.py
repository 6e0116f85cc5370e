"""Programs in the running kernel: test runs, attaching, shared maps, errors counted, closing."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from namespaces import settled
from osmia import (
    Array,
    HashMap,
    KernelError,
    NotLoadedError,
    PerCpuArray,
    XdpAction,
    XdpContext,
    XdpMode,
    u32,
    u64,
    xdp,
)
from osmia.programs.error_counts import ErrorCount
from osmia.programs.run_result import RunResult
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

PACKET = bytes(60)

packets = PerCpuArray(u64, max_entries=1)
divisors = Array(u32, max_entries=1)
flows = HashMap(u32, u64, max_entries=4)


@xdp
def counts(ctx: XdpContext) -> XdpAction:
    counter = packets.lookup(0)
    if counter is None:
        return XdpAction.ABORTED
    counter.value += 1
    return XdpAction.PASS


@xdp
def counts_too(ctx: XdpContext) -> XdpAction:
    counter = packets.lookup(0)
    if counter is None:
        return XdpAction.ABORTED
    counter.value += 100
    return XdpAction.DROP


@xdp(on_error=XdpAction.DROP)
def divides(ctx: XdpContext) -> XdpAction:
    divisor = divisors.lookup(0)
    if divisor is None:
        return XdpAction.ABORTED
    if 100 // divisor.value > 10:
        return XdpAction.TX
    if 100 % divisor.value > 10:
        return XdpAction.PASS
    return XdpAction.PASS


@xdp
def remains(ctx: XdpContext) -> XdpAction:
    divisor = divisors.lookup(0)
    if divisor is None:
        return XdpAction.PASS
    if 100 % divisor.value > 10:
        return XdpAction.TX
    return XdpAction.PASS


@xdp
def finds(ctx: XdpContext) -> XdpAction:
    flow = flows.lookup(7)
    if flow is None:
        return XdpAction.DROP
    flow.value += 1
    return XdpAction.PASS


@contextmanager
def closing(*held: Any) -> Iterator[None]:
    try:
        yield
    finally:
        for each in held:
            each.close()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    with closing(counts, counts_too, divides, finds, packets, divisors, flows):
        yield


def test_a_test_run() -> None:
    result = counts.test_run(PACKET)
    assert isinstance(result, RunResult)
    assert (result.action, result.return_value, result.data) == (XdpAction.PASS, 2, PACKET)
    assert result.duration > 0
    assert repr(result) == f"<RunResult of counts: PASS, 60 bytes, {result.duration} ns>"
    assert packets[0].sum() == 1
    assert counts.test_run(bytearray(PACKET), repeat=3).action is XdpAction.PASS
    assert packets[0].sum() == 4


def test_an_action_that_means_nothing_is_not_passed_off_as_one() -> None:
    result: RunResult[XdpAction] = RunResult("counts", XdpAction, 9, b"", 1)
    with pytest.raises(ValueError, match=r"^counts returned 9, which is no XdpAction$"):
        _ = result.action
    assert repr(result) == "<RunResult of counts: 9, 0 bytes, 1 ns>"


def test_a_result_says_where_errors_ended_the_program() -> None:
    """Only one that may be an error's: what the program returned is its error value, and it had errors."""
    line = divides.function.__code__.co_firstlineno + 5  # type: ignore[union-attr]
    divides.load()
    divisors[0] = 0
    assert repr(divides.test_run(PACKET)).endswith(f" ns; errors at line {line}: see divides.errors()>")
    divisors[0] = 50
    assert repr(divides.test_run(PACKET)).endswith(" ns>")
    assert repr(finds.test_run(PACKET)).startswith("<RunResult of finds: DROP, ")
    assert "error" not in repr(finds.test_run(PACKET))
    many = [ErrorCount("file.py", line, "assertion failed", 1) for line in (9, 7, 8, 9, 12)]
    shown = "<RunResult of counts: ABORTED, 0 bytes, 1 ns; errors at lines 7, 8, 9, ...: see counts.errors()>"
    assert repr(RunResult("counts", XdpAction, 0, b"", 1, many)) == shown


def test_attaches_and_counts(netns: Namespace) -> None:
    with netns.entered(), counts.attach(netns.far) as link:
        assert (counts.loaded, packets.live, link.interface, link.mode) == (True, True, netns.far, XdpMode.NATIVE)
        netns.send(5)
        assert settled(lambda: packets[0].sum(), 5) == 5
    with netns.entered():
        netns.send(2)
    assert settled(lambda: packets[0].sum(), 5) == 5  # the map lives on, the program is gone from the interface
    with netns.entered(), counts.attach(netns.far, mode=XdpMode.SKB) as link:
        netns.send(1)
        assert link.mode is XdpMode.SKB
    assert settled(lambda: packets[0].sum(), 6) == 6  # loaded once: the same program, the same map


def test_replaces_a_running_program(netns: Namespace) -> None:
    with netns.entered(), counts.attach(netns.far) as link:
        netns.send(1)
        assert settled(lambda: packets[0].sum(), 1) == 1
        with pytest.raises(NotLoadedError, match=r"^counts_too is not loaded"):
            link.update(counts_too)
        counts_too.load()
        link.update(counts_too)
        netns.send(1)
    assert settled(lambda: packets[0].sum(), 101) == 101


def test_two_programs_share_a_declared_map() -> None:
    counts.test_run(PACKET)
    counts_too.test_run(PACKET)
    counts.test_run(PACKET)
    assert packets[0].sum() == 102


def test_what_user_code_writes_kernel_code_reads() -> None:
    assert finds.test_run(PACKET).action is XdpAction.DROP
    flows[7] = 41
    assert finds.test_run(PACKET).action is XdpAction.PASS
    assert dict(flows.items()) == {7: 42}
    del flows[7]
    assert finds.test_run(PACKET).action is XdpAction.DROP


@needs_root("loads programs")
def test_loading_is_done_once_by_many_threads() -> None:
    fds: list[int] = []
    barrier = threading.Barrier(4)

    def load() -> None:
        barrier.wait()
        counts.load()
        fds.append(counts.fd)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fds) == 4
    assert len(set(fds)) == 1
    counts.test_run(PACKET)
    assert packets[0].sum() == 1


def test_errors_are_counted_by_their_places() -> None:
    divisors_line = divides.function.__code__.co_firstlineno  # type: ignore[union-attr]
    divides.load()
    assert divides.errors() == []
    divisors[0] = 50
    assert divides.test_run(PACKET).action is XdpAction.PASS
    assert divides.errors() == []
    divisors[0] = 0
    for _ in range(3):
        assert divides.test_run(PACKET).action is XdpAction.DROP
    (error,) = divides.errors()
    assert isinstance(error, ErrorCount)
    assert (error.line, error.count) == (divisors_line + 5, 3)
    assert error.file == __file__
    assert error.problem == "integer division or modulo by zero"
    divides.close()
    with pytest.raises(NotLoadedError, match=r"^divides is not loaded"):
        divides.errors()


def test_a_program_without_error_sites_has_no_errors() -> None:
    counts.load()
    assert counts.errors() == []


def test_closing_a_program_leaves_its_maps_and_its_links(netns: Namespace) -> None:
    with netns.entered(), counts.attach(netns.far):
        counts.close()
        counts.close()
        assert not counts.loaded
        netns.send(3)
        assert settled(lambda: packets[0].sum(), 3) == 3
    counts.test_run(PACKET)  # loaded anew, with the map that lives
    assert settled(lambda: packets[0].sum(), 4) == 4


def test_everything_can_be_closed_and_loaded_again() -> None:
    counts.test_run(PACKET)
    counts.close()
    packets.close()
    with pytest.raises(NotLoadedError, match=r"^packets is closed: load\(\) a program that uses it$"):
        packets[0]
    counts.test_run(PACKET)
    assert packets[0].sum() == 1


def test_a_map_closed_under_a_program_is_not_silently_doubled() -> None:
    counts.test_run(PACKET)
    packets.close()
    with pytest.raises(NotLoadedError) as caught:
        counts_too.test_run(PACKET)
    assert str(caught.value) == (
        "packets is closed, but counts still uses it: close counts before counts_too is loaded"
    )
    counts.close()
    counts_too.test_run(PACKET)
    assert packets[0].sum() == 100


@needs_root("loads programs")
def test_a_failed_load_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> None:
        raise KernelError(5, "cannot")

    with monkeypatch.context() as patch:
        patch.setattr(packets, "bind", fails)
        with pytest.raises(KernelError, match=r"^cannot$"):
            counts.load()
    assert not counts.loaded
    assert not packets.live
    counts.test_run(PACKET)
    assert packets[0].sum() == 1


def test_a_signal_handler_cannot_load_in_the_middle_of_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    from osmia.loader import load

    load_object = load.load_object

    def interrupted(*arguments: Any, **options: Any) -> Any:
        with pytest.raises(RuntimeError) as caught:
            counts_too.load()
        texts.append(str(caught.value))
        return load_object(*arguments, **options)

    texts: list[str] = []
    monkeypatch.setattr(load, "load_object", interrupted)
    counts.load()
    monkeypatch.undo()
    text = "counts_too cannot be loaded by a signal handler that interrupts the loading of counts: load it before"
    assert texts == [text]
    counts_too.load()


def test_programs_of_one_object_count_their_own_errors() -> None:
    with osmia.load(sys.modules[__name__]) as loaded:
        for program, value in ((divides, 0), (remains, 0), (remains, 0)):
            loaded[divisors][0] = value
            assert loaded[program].test_run(PACKET).action in {XdpAction.DROP, XdpAction.ABORTED}
        assert [each.count for each in loaded[divides].errors()] == [1]
        (error,) = loaded[remains].errors()
        assert error.count == 2
        assert error.line == remains.function.__code__.co_firstlineno + 5  # type: ignore[union-attr]
        assert loaded[counts].errors() == []


def test_declarations_inside_a_function_work(netns: Namespace) -> None:
    inner = Array(u64, max_entries=1)

    @xdp
    def local(ctx: XdpContext) -> XdpAction:
        value = inner.lookup(0)
        if value is None:
            return XdpAction.ABORTED
        value.value += 2
        return XdpAction.PASS

    with closing(local, inner):
        local.test_run(PACKET)
        assert inner[0] == 2


def test_no_such_interface_leaves_it_loaded_and_not_attached(netns: Namespace) -> None:
    with netns.entered(), pytest.raises(KernelError, match="nosuch0"):
        counts.attach("nosuch0")
    assert counts.loaded
