"""`osmia run counter`: the packets that reach an interface, per CPU, in total and per second."""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import monotonic, time

import osmia
from osmia.cli.counts import FORMATS, Report
from osmia.cli.interface import attach, check_attached
from osmia.cli.options import MODES
from osmia.cli.output import Output
from osmia.cli.schedule import ticks
from osmia.cli.stop import Stop
from osmia.errors import KernelError
from osmia.kernel.cpus import online_cpus, possible_cpus
from osmia.tools import counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import Protocol

    from osmia.links.xdp import XdpLink
    from osmia.maps.percpu_array import PerCpuArray

    class Source(Protocol):
        """Where packets come from, and what runs the program on them."""

        engine: str
        interface: str

        @property
        def mode(self) -> str:
            """How the packets are got."""

        @property
        def lost(self) -> int | None:
            """How many packets no program saw; None where that cannot be."""

        @property
        def numbers(self) -> tuple[int, ...]:
            """The CPUs that values are of."""

        def cpus(self) -> tuple[int, ...]:
            """The CPUs to show."""

        def now(self) -> float:
            """Seconds, since whenever."""

        def time(self) -> float:
            """Seconds since the epoch."""

        def wait(self, seconds: float) -> bool:
            """Let packets come for so long; whether the command is to end."""

        def check(self) -> None:
            """Raise KernelError where none can come any more."""

        def finish(self) -> None:
            """Count what has come in up to now."""


OBJECT = f"{os.path.splitext(counter.__file__)[0]}.o"


def run(arguments: Namespace) -> int:
    """Count until the last report, Ctrl-C or SIGTERM, then say the final totals."""
    lines = FORMATS[arguments.format](timestamps=arguments.timestamps).lines
    with Output(arguments.output) as output, ExitStack() as stack:
        if arguments.pcap or arguments.demo:
            _replay(arguments, stack, lambda report: output.write(lines(report)))
            return 0
        reader = _begin(arguments, stack)
        source = reader.source
        try:
            for _ in ticks(source, arguments.interval, arguments.count, source.check):
                output.write(lines(reader.report()))
        finally:
            if not output.broken:
                source.finish()
                output.write(lines(reader.report(final=True)))
    return 0


def _begin(arguments: Namespace, stack: ExitStack) -> _Reader:
    """Count in the kernel, or where it lets this process have no BPF, in the embedded runtime."""
    if arguments.engine == "vm":
        return _in_embedded_runtime(arguments, stack, None)
    try:
        return _in_kernel(arguments, stack)
    except KernelError as error:
        from osmia.cli.embedded import refuses_bpf

        if arguments.engine == "kernel" or arguments.mode or not refuses_bpf(error):
            raise
        stack.close()
        return _in_embedded_runtime(arguments, stack, error)


def _in_kernel(arguments: Namespace, stack: ExitStack) -> _Reader:
    loaded = stack.enter_context(osmia.load(OBJECT))
    stop = stack.enter_context(Stop())
    if arguments.verbose:
        from osmia.cli.describe import describe

        describe(OBJECT, loaded)
    program, mode = loaded[counter.xdp_map_counter], MODES[arguments.mode or "auto"]
    link = stack.enter_context(attach(program, arguments.interface, mode, quiet=arguments.quiet))
    return _Reader(loaded[counter.packet_counter], _InKernel(link, stop))


def _in_embedded_runtime(arguments: Namespace, stack: ExitStack, refusal: KernelError | None) -> _Reader:
    """Count packets as they come in by AF_PACKET; `refusal` is why not in the kernel, None where nobody asked it."""
    from osmia.cli import embedded

    machine = stack.enter_context(embedded.machine_of_this_host())
    loaded = stack.enter_context(osmia.load(OBJECT, engine=machine))
    stop = stack.enter_context(Stop())
    programs = list(machine.programs.values())
    live = stack.enter_context(embedded.live(machine, programs, arguments, stop, refusal))
    return _Reader(loaded[counter.packet_counter], live)


def _replay(arguments: Namespace, stack: ExitStack, write: Callable[[Report], None]) -> None:
    """Count the packets of a capture, with reports in the capture's time."""
    from osmia.cli import embedded

    machine = stack.enter_context(embedded.machine_for_replay())
    loaded = stack.enter_context(osmia.load(OBJECT, engine=machine))
    stop = stack.enter_context(Stop())
    replay = stack.enter_context(embedded.replay(list(machine.programs.values()), arguments, stop))
    reader = _Reader(loaded[counter.packet_counter], replay)
    for _ in replay.parts(arguments.interval, arguments.count):
        write(reader.report())
    write(reader.report(final=True))
    replay.finish()


class _InKernel:
    """The kernel runs the program."""

    engine = "kernel"
    lost = None

    def __init__(self, link: XdpLink, stop: Stop) -> None:
        self._link = link
        self.interface = link.interface
        self.wait = stop.wait
        self.now, self.time = monotonic, time
        self.cpus = online_cpus
        self.numbers = possible_cpus()

    @property
    def mode(self) -> str:
        """How it is attached."""
        return self._link.mode_name

    def check(self) -> None:
        """Raise KernelError if it is not attached any more."""
        check_attached(self._link)

    def finish(self) -> None:
        """What has come in is counted."""


class _Reader:
    """Reads the counts, and knows what they were before."""

    def __init__(self, counts: PerCpuArray[int], source: Source) -> None:
        self.source = source
        self._counts = counts
        self._start = self._before = (source.now(), 0)

    def report(self, *, final: bool = False) -> Report:
        """What is counted now. The final report's rate is over all the time."""
        source = self.source
        values, now = self._counts[0], source.now()
        since, before = self._start if final else self._before
        total, seconds = values.sum(), now - since
        self._before = (now, total)
        cpus, by_cpu = source.cpus(), dict(zip(source.numbers, values, strict=True))
        return Report(
            time=source.time(),
            interface=source.interface,
            mode=source.mode,
            engine=source.engine,
            cpus=cpus,
            per_cpu=tuple(by_cpu[cpu] for cpu in cpus),
            total=total,
            seconds=seconds,
            pps=(total - before) / seconds if seconds > 0 else 0.0,
            lost=source.lost,
            final=final,
        )
