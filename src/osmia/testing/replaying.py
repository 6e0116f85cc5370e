"""A program run on many packets, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any

from osmia.errors import shown
from osmia.kernel import THE_KERNEL
from osmia.programs.program import PacketProgram
from osmia.testing.engines import ACTIVE
from osmia.vm.program import VmProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia.programs.run_result import RunResult
    from osmia.testing.engines import Packet


class Replay:
    """What came of a replay."""

    def __init__(self, program: str, results: list[RunResult[Any]]) -> None:
        self._program = program
        self.results = results
        """What each packet gave, in their order."""
        self.counts: Counter[Any] = Counter(_verdict(each) for each in results)
        """How often each verdict was returned."""

    def __len__(self) -> int:
        """How many packets there were."""
        return len(self.results)

    def __repr__(self) -> str:
        counted = ", ".join(f"{getattr(key, 'name', key)} {count}" for key, count in self.counts.most_common())
        many = f"{len(self)} packet{'s' * (len(self) != 1)}"
        return f"<Replay of {many} through {self._program}{': ' if counted else ''}{counted}>"


def replay(
    program: PacketProgram[Any, Any], packets: str | PathLike[str] | Iterable[Packet], *, limit: int | None = None
) -> Replay:
    """Run a program on packets, or on those of a capture (pcap or pcapng) by its path; at most `limit` of them.

    It runs in what the program is loaded into: in a test with the fixture `vm` that is the runtime. There the machine's
    clock goes as the capture's does.
    """
    if not isinstance(program, PacketProgram):
        raise TypeError(f"replay() takes a program that is given packets, not {shown(program)}")
    path = isinstance(packets, (str, PathLike))
    if isinstance(packets, (bytearray, memoryview)) or (hasattr(packets, "__bytes__") and not path):
        raise TypeError("replay() takes several packets, or the path of a capture; this is one: write [packet]")
    if not isinstance(packets, Iterable) and not path:
        raise TypeError(f"replay() takes packets, or the path of a capture, not {shown(packets)}")
    _check_limit(limit)
    program.load()
    given = _captured(program, packets) if isinstance(packets, (str, PathLike)) else packets
    tell = _teller(program)
    results = []
    for packet in islice(given, limit):
        tell(packet, None)
        result = program.test_run(packet)
        tell(packet, result)
        results.append(result)
    return Replay(program.name, results)


def _check_limit(limit: object) -> None:
    if limit is None:
        return
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f"replay() takes a limit that is a number of packets, not {shown(limit)}")
    if limit < 0:
        raise ValueError(f"replay() takes a limit of 0 packets or more, not {limit}")


def _teller(program: PacketProgram[Any, Any]) -> Callable[[Packet, RunResult[Any] | None], None]:
    """What is told of each packet, before and after it: the engine of the test that the program is loaded into."""
    name = "kernel" if program.place is THE_KERNEL else "vm"
    for engine in reversed(ACTIVE):
        if engine.name == name:
            return engine.replaying(program)
    return lambda _packet, _result: None


def _captured(program: PacketProgram[Any, Any], path: str | PathLike[str]) -> Iterator[bytes]:
    """The packets of a capture; a machine's clock is set by their times, as far as they have some."""
    from osmia import pcap  # noqa: PLC0415 - tests without captures take none of it

    backend = program.backend
    machine = backend.machine if isinstance(backend, VmProgram) else None
    began = None
    for packet in pcap.read(path):
        if machine is not None and packet.time_ns is not None:
            if began is None:
                began = machine.clock - packet.time_ns
            # Captures of several CPUs go back a little now and then.
            machine.advance_to(max(machine.clock, began + packet.time_ns))
        yield packet.data


def _verdict(result: RunResult[Any]) -> object:
    try:
        return result.action
    except ValueError:
        return result.return_value
