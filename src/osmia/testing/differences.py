"""The same test in the kernel and in the user-space runtime, and what is different between them."""

from __future__ import annotations

import functools
import inspect
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from osmia.kernel.cpus import possible_cpus
from osmia.testing.engines import ACTIVE, Engine, Kernel, Vm
from osmia.testing.packets.comparing import packet_differences
from osmia.testing.packets.dissection import dissect
from osmia.testing.runs import Run, verdict_of
from osmia.testing.snapshots import Snapshot, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from osmia.maps.reading import Reading
    from osmia.programs.program import PacketProgram, Program
    from osmia.programs.run_result import RunResult
    from osmia.testing.divergences import Divergence
    from osmia.testing.engines import Packet as AnyPacket
    from osmia.testing.noting import Noting

MOST_ENTRIES = 1 << 20
MOST_SHOWN = 10
IN_KERNEL, IN_RUNTIME = "in the kernel", "in the runtime"


@dataclass
class Outcome:
    """What one run gave."""

    program: Program[Any, Any]
    packet: bytes
    returned: int
    verdict: str
    left: bytes
    """The packet after it."""


@dataclass
class Transcript:
    """What a test did in one engine, and what came of it."""

    outcomes: list[Outcome] = field(default_factory=list)
    events: dict[str, list[str]] = field(default_factory=dict)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)
    noted: list[tuple[Divergence, ...]] = field(default_factory=list)
    """After each run, where that is looked for: the known errors of kernels that the runs so far may have met."""


class Watched(Engine):
    """An engine of which all that it does is taken down."""

    def __init__(self, inner: Vm | Kernel, noting: Noting | None = None) -> None:
        self._inner = inner
        self._noting = noting
        self.name = inner.name
        self.captured = inner.captured
        self.transcript = Transcript()
        self._programs: dict[int, Program[Any, Any]] = {}

    def __repr__(self) -> str:
        return repr(self._inner)

    @property
    def last(self) -> Run | None:  # type: ignore[override]
        """What was run last."""
        return self._inner.last

    def run(self, program: Program[Any, Any], packet: AnyPacket | None = None, /, **context: object) -> RunResult[Any]:
        """Run a program once."""
        result = self._inner.run(program, packet, **context)
        self._take(program, packet, result)
        return result

    def replaying(self, program: PacketProgram[Any, Any]) -> Callable[[AnyPacket, RunResult[Any] | None], None]:
        """What `replay()` tells of each packet is taken down, too."""
        tell = self._inner.replaying(program)

        def both(packet: AnyPacket, result: RunResult[Any] | None) -> None:
            tell(packet, result)
            if result is not None:
                self._take(program, packet, result)

        return both

    def __enter__(self) -> Self:
        ACTIVE.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        ACTIVE.remove(self)

    def _take(self, program: Program[Any, Any], packet: AnyPacket | None, result: RunResult[Any]) -> None:
        data = bytes(packet) if packet is not None else b""
        self._programs[id(program)] = program
        left = data if result.data == data else result.data
        self.transcript.outcomes.append(Outcome(program, data, result.return_value, verdict_of(result), left))
        if self._noting is not None:
            self.transcript.noted.append((*self._noting.noted,))

    def events(self, ring: Reading[Any]) -> list[Any]:
        """Take out the events that are in a ring now."""
        found = self._inner.events(ring)
        self.transcript.events.setdefault(ring.subject, []).extend(map(repr, found))
        return found

    def finish(self) -> None:
        """Take down what the maps hold in the end."""
        for program in self._programs.values():
            if program.loaded:
                self.transcript.maps |= Snapshot(program.shared, MOST_ENTRIES).contents


def compare(kernel: Transcript, runtime: Transcript) -> tuple[list[str], int]:
    """What is different, and how many runs may have made it so: 0 where it is the test that is different."""
    found: list[str] = []
    for number, (one, other) in enumerate(zip(kernel.outcomes, runtime.outcomes, strict=False), start=1):
        found += _in_outcomes(number, one, other)
        if found:
            return found, number if one.program is other.program and one.packet == other.packet else 0
    if len(kernel.outcomes) != len(runtime.outcomes):
        many, others = len(kernel.outcomes), len(runtime.outcomes)
        return [f"runs: {many} {IN_KERNEL}, {others} {IN_RUNTIME}: the test itself does not do the same twice"], 0
    for name in {**kernel.events, **runtime.events}:
        found += _in_events(name, kernel.events.get(name, []), runtime.events.get(name, []))
    changed = differences(kernel.maps, runtime.maps, f"{IN_KERNEL},")
    found += [f"{line} {IN_RUNTIME}" for line in changed[:MOST_SHOWN]]
    if len(changed) > MOST_SHOWN:
        found.append(f"... and {len(changed) - MOST_SHOWN} more entries of maps")
    return found, len(runtime.outcomes)


def _in_outcomes(number: int, one: Outcome, other: Outcome) -> list[str]:
    if one.program is not other.program or one.packet != other.packet:
        return [
            f"run {number} is another one {IN_KERNEL} than {IN_RUNTIME}: the test itself does not do the same twice"
        ]
    found = []
    if one.returned != other.returned:
        found.append(
            f"run {number}: {one.program.name} returned {one.verdict} {IN_KERNEL}, {other.verdict} {IN_RUNTIME}"
        )
    if one.left != other.left:
        found.append(f"run {number}: {one.program.name} left another packet {IN_KERNEL} than {IN_RUNTIME}")
        found += [f"  {line}" for line in packet_differences(dissect(one.left), dissect(other.left))]
    return found and [*found, *repr(dissect(one.packet)).splitlines()]


def _in_events(name: str, one: list[str], other: list[str]) -> list[str]:
    for number, (event, same) in enumerate(zip(one, other, strict=False), start=1):
        if event != same:
            return [f"event {number} of {name}: {event} {IN_KERNEL}, {same} {IN_RUNTIME}"]
    if len(one) != len(other):
        return [f"{name}: {len(one)} events {IN_KERNEL}, {len(other)} {IN_RUNTIME}"]
    return []


def _explained(test: Callable[[Engine], None], runs: int, cpu: int) -> list[str]:
    """The known errors of kernels that the first runs of a test have met: it runs again, and that is noted."""
    if not runs:
        return []
    from osmia.testing.noting import Noting  # noqa: PLC0415 - few tests find a difference

    with Vm(engine="interpreter", cpus=len(possible_cpus())) as machine:
        machine.cpu = cpu
        watched = Watched(machine, Noting(machine))
        with watched:
            test(watched)
    noted = watched.transcript.noted[:runs]
    return [
        f"known of Linux {'.'.join(map(str, each.seen_in))}: {each.name}: {each.what}"
        for each in (noted[-1] if noted else ())
    ]


def differential(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in the kernel and in the user-space runtime, and compare all that came of it.

    The test takes `engine`, and has to do the same each time. Compared is what each run returned and left of its
    packet, the events that were taken out by `engine.events()`, and in the end the maps of the programs that were run.
    Where the kernel may not be used, the test runs in the runtime alone, and the end of pytest's run says so.

    Where something is different, the test runs in the runtime once more, to see whether it has met a known error of
    kernels (`osmia.testing.divergences`): such a difference is said at the end of pytest's run, and fails nothing.

    What depends on the time, on random numbers or on the process is not the same in both. TypeError for a test that
    does not take `engine`, or that does not run when it is called: an `async` one, or a generator.
    """
    if inspect.iscoroutinefunction(test) or inspect.isgeneratorfunction(test) or inspect.isasyncgenfunction(test):
        raise TypeError(
            f"@differential: {test.__name__}() is async or a generator, and calling it runs nothing: write a plain "
            "function, with asyncio.run() in it where something is awaited"
        )
    if isinstance(test, (staticmethod, classmethod)):
        return type(test)(differential(test.__func__))
    signature = inspect.signature(test)
    if "engine" not in signature.parameters:
        raise TypeError(f"@differential: {test.__name__}() is to take `engine`, in which it runs its programs")
    kept = [each for name, each in signature.parameters.items() if name not in ("engine", "request")]
    asked = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY)

    @functools.wraps(test)
    def both(*arguments: Any, request: pytest.FixtureRequest | None = None, **fixtures: Any) -> None:
        __tracebackhide__ = True
        if request is None:
            raise TypeError(
                f"@differential: {test.__name__}() was called without pytest's fixtures, as tests in a "
                "unittest.TestCase are: write it as a function, or in a class of no base"
            )
        given = {**fixtures, "request": request} if "request" in signature.parameters else fixtures
        _run_both(lambda engine: test(*arguments, engine=engine, **given), request)

    both.__signature__ = signature.replace(parameters=[*kept, asked])  # type: ignore[attr-defined]
    return both


def _run_both(test: Callable[[Engine], None], request: pytest.FixtureRequest) -> None:
    __tracebackhide__ = True
    from osmia.testing import plugin  # noqa: PLC0415 - pytest is there where tests run
    from osmia.testing.access import why_no_kernel  # noqa: PLC0415

    why = why_no_kernel()
    if why:
        plugin.tell(f"ran in the user-space runtime alone, and not in the kernel: {why}", request.node)
        with Vm() as alone:
            test(alone)
        return
    with _one_cpu() as cpu:
        with Kernel() as inside:
            in_kernel = Watched(inside)
            with in_kernel:
                test(in_kernel)
            in_kernel.finish()
        with Vm(cpus=len(possible_cpus())) as machine:
            machine.cpu = cpu
            in_runtime = Watched(machine)
            with in_runtime:
                test(in_runtime)
            in_runtime.finish()
        found, runs = compare(in_kernel.transcript, in_runtime.transcript)
        explained = _explained(test, runs, cpu) if found else []
    if explained:
        for line in explained:
            plugin.tell(f"found a difference that is explained: {found[0]}: {line}", request.node)
    elif found:
        plugin.fail("\n".join(["the kernel and the user-space runtime do not do the same:", *found]), request.node)


@contextmanager
def _one_cpu() -> Iterator[int]:
    """Stay on one CPU, whose values of per-CPU maps the runtime's are compared with."""
    allowed = os.sched_getaffinity(0)
    cpu = min(allowed)
    os.sched_setaffinity(0, {cpu})
    try:
        yield cpu
    finally:
        os.sched_setaffinity(0, allowed)
