"""`osmia run counter`: the packets that reach an interface, per CPU, in total and per second."""

from __future__ import annotations

import os
from time import monotonic, time

import osmia
from osmia.cli.counts import FORMATS, Report
from osmia.cli.describe import describe
from osmia.cli.interface import attach, check_attached
from osmia.cli.options import MODES
from osmia.cli.output import Output
from osmia.cli.schedule import ticks
from osmia.cli.stop import Stop
from osmia.kernel.cpus import online_cpus, possible_cpus
from osmia.tools import counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from osmia.links.xdp import XdpLink
    from osmia.maps.array import PerCpuArray

OBJECT = f"{os.path.splitext(counter.__file__)[0]}.o"


def run(arguments: Namespace) -> int:
    """Count until the last report, Ctrl-C or SIGTERM, then say the final totals."""
    lines = FORMATS[arguments.format](timestamps=arguments.timestamps).lines
    with Output(arguments.output) as output, osmia.load(OBJECT) as loaded, Stop() as stop:
        if arguments.verbose:
            describe(OBJECT, loaded)
        program, mode = loaded[counter.xdp_map_counter], MODES[arguments.mode or "auto"]
        with attach(program, arguments.interface, mode, quiet=arguments.quiet) as link:
            reader = _Reader(loaded[counter.packet_counter], link)
            try:
                for _ in ticks(stop, arguments.interval, arguments.count, lambda: check_attached(link)):
                    output.write(lines(reader.report()))
            finally:
                if not output.broken:
                    output.write(lines(reader.report(final=True)))
    return 0


class _Reader:
    """Reads the counts, and knows what they were before."""

    def __init__(self, counts: PerCpuArray[int], link: XdpLink) -> None:
        self._counts = counts
        self._link = link
        self._start = self._before = (monotonic(), 0)

    def report(self, *, final: bool = False) -> Report:
        """What is counted now. The final report's rate is over all the time."""
        values, now = self._counts[0], monotonic()
        since, before = self._start if final else self._before
        total, seconds = values.sum(), now - since
        self._before = (now, total)
        cpus, by_cpu = online_cpus(), dict(zip(possible_cpus(), values, strict=True))
        return Report(
            time=time(),
            interface=self._link.interface,
            mode=self._link.mode_name,
            cpus=cpus,
            per_cpu=tuple(by_cpu[cpu] for cpu in cpus),
            total=total,
            seconds=seconds,
            pps=(total - before) / seconds if seconds > 0 else 0.0,
            final=final,
        )
