"""The embedded runtime behind `osmia run`: packets of an interface or of a capture, and programs that watch them."""

from __future__ import annotations

import errno
import os
from bisect import bisect_left
from contextlib import suppress
from time import monotonic, monotonic_ns, time, time_ns

from osmia.cli.attached import check_one_xdp
from osmia.cli.errors import UsageError
from osmia.cli.interface import name_or_index
from osmia.cli.output import note
from osmia.errors import CaptureError, KernelError, NotSupportedError, ObjectError, PermissionDeniedError
from osmia.kernel.cpus import online_cpus, possible_cpus
from osmia.kernel.interfaces import interface_index
from osmia.programs.machine import Machine
from osmia.vm.machine import START
from osmia.vm.program import VmProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator
    from typing import Self

    from osmia.cli.stop import Stop
    from osmia.kernel.packet_socket import PacketSocket
    from osmia.pcap import Frames
    from osmia.programs.loaded import Loaded
    from osmia.vm.frames import FramesRunner

    Checked = tuple[VmProgram, bool]
    """A program, and whether it is proven to only watch."""

_GIVEN_PACKETS = (("xdp", ""), ("sched_cls", "ingress"))
_SECOND = 1_000_000_000
_LONGEST_DRAIN = 1.0
# So many packets are run before somebody looks whether the command is to end.
_AT_ONCE = 1 << 16
OFFERS = "replay a capture in place of an interface: --pcap FILE, or --demo for one that the command makes"


def refuses_bpf(error: KernelError) -> bool:
    """Whether the kernel lets this process have no BPF, or has none: not that it refuses this program."""
    if isinstance(error, NotSupportedError):
        return error.feature == "bpf(2)"
    return isinstance(error, PermissionDeniedError)


def why_no_bpf(error: KernelError) -> str:
    """The same in words, without the fix: the capabilities that are missing, else what the kernel's answer means."""
    capabilities = getattr(error, "capabilities", ())
    if capabilities:
        return f"this process lacks {' and '.join(capabilities)}"
    reason = str(error).replace("\n", " ").partition(": ")[2] or str(error)
    return reason.partition(". ")[0]


def machine_of_this_host() -> Machine:
    """A machine with the CPUs of this one, and the quickest engine that is there."""
    return Machine(cpus=max(possible_cpus()) + 1, engine="auto")


def machine_for_replay() -> Machine:
    """A machine of one CPU, with the quickest engine that is there."""
    return Machine(engine="auto")


def chosen(loaded: Loaded, arguments: Namespace, *, asked: bool = True) -> list[VmProgram]:
    """The programs of a file that are given an interface's packets, by name or all. A note names the others.

    UsageError where the command line does not fit them, ObjectError where there is none, or where the runtime was not
    `asked` for and one does more than watch.
    """
    path, names = arguments.what, arguments.program or ()
    for name in names:
        if name not in loaded.programs:
            raise UsageError(f"{path} has no program {name!r}; it has {', '.join(loaded.programs)}")
    for option, value in (("--cgroup", arguments.cgroup), ("--netns", arguments.netns)):
        if value:
            raise UsageError(f"{option}: the embedded runtime takes packets of an interface or a capture, nothing else")
    if arguments.interface is None and not (arguments.pcap or arguments.demo):
        raise UsageError(f"{path}: -i IFACE is missing: the interface whose packets its programs watch, such as -i lo")
    named = [each for name, each in loaded.programs.items() if not names or name in names]
    fit = [each for each in named if (each.kind.name, each.hook) in _GIVEN_PACKETS]
    others = ", ".join(f"{each.name} ({each.kind.section(each.hook)})" for each in named if each not in fit)
    takes = "the embedded runtime runs what is given the packets that an interface receives: xdp and tc/ingress"
    if not fit:
        raise ObjectError(f"{path}: {takes}; its programs are others: {others}")
    check_one_xdp(fit, path)
    programs = [each.backend for each in fit if isinstance(each.backend, VmProgram)]
    if not asked:
        for program in programs:
            check_watches(program, asked=asked, quiet=True)
    if others and not arguments.quiet:
        note(f"not run, for {takes}: {others}")
    return programs


def facts_of(programs: list[VmProgram], source: Live | Replay) -> tuple[dict[str, object], ...]:
    """Where each program is, as JSON has it."""
    where: dict[str, object] = {"interface": source.interface, "mode": source.mode}
    return tuple({"program": each.name, "section": each.section, **where} for each in programs)


def check_watches(program: VmProgram, *, asked: bool, quiet: bool) -> bool:
    """Whether a program is proven to watch only. Another one is refused, or where the runtime was asked for, noted."""
    from osmia.vm.watching import beyond_watching

    more = beyond_watching(program)
    if not more:
        return True
    if not asked:
        raise ObjectError(
            f"{program.name} may do more than watch ({more}). --engine vm runs it on copies of the packets, without "
            "an effect on them"
        )
    if not quiet:
        note(f"{program.name} may do more than watch, which has no effect here: packets are copies ({more})")
    return False


def live(
    machine: Machine, programs: list[VmProgram], arguments: Namespace, stop: Stop, refusal: KernelError | None
) -> Live:
    """Programs on the packets of the interface of `-i`; `refusal` is why not in the kernel, None where nobody asked it.

    KernelError and PermissionDeniedError where packets cannot be received, ObjectError for a program that the runtime
    does not stand in for.
    """
    asked = refusal is None
    checked = [(each, check_watches(each, asked=asked, quiet=arguments.quiet)) for each in programs]
    try:
        made = Live(machine, checked, arguments.interface, stop)
    except PermissionDeniedError as denied:
        if refusal is not None:
            raise refused_as_well(refusal, arguments.interface, denied) from None
        denied.add_note(OFFERS)
        raise
    if not arguments.quiet:
        runs = f"the embedded runtime (engine vm) is given the packets of {made.interface} by AF_PACKET"
        note(runs if refusal is None else f"not in the kernel, for {why_no_bpf(refusal)}: {runs}")
    return made


class Live:
    """Runs programs on the packets that an interface receives."""

    engine, mode = "vm", "af_packet"

    def __init__(self, machine: Machine, checked: list[Checked], interface: str, stop: Stop) -> None:
        """Begin to receive. KernelError as `PacketSocket`."""
        from osmia.kernel.packet_socket import PacketSocket

        self._machine = machine
        self._stop = stop
        index = interface_index(name_or_index(interface))
        # What takes time is done before packets come.
        self._runners = _runners(checked, index)
        self._socket: PacketSocket = PacketSocket(index)
        self.interface = self._socket.interface
        self._done = self._left = 0
        self.now, self.time = monotonic, time
        self.cpus = online_cpus
        self.numbers = tuple(range(machine.cpus))

    @property
    def lost(self) -> int:
        """How many packets no program saw: those that had no room, and those that were left at the end."""
        return self._socket.lost + self._left

    def wait(self, seconds: float) -> bool:
        """Run programs on what comes in, for so long or until a signal has come; whether one has."""
        until = monotonic() + seconds
        while not self._stop.asked:
            left = until - monotonic()
            if left <= 0:
                break
            self._stop.wait(left, self._socket.descriptors)
            self._take(lambda: self._stop.asked or monotonic() >= until)
        return self._stop.asked

    def check(self) -> None:
        """An interface that is gone, or down, is noticed where packets are waited for."""

    def finish(self) -> None:
        """Run programs on what has come in up to now, but not for long: what is left then is lost."""
        came, until = self._socket.received, monotonic() + _LONGEST_DRAIN
        # An interface that is gone has an error already, which is on its way.
        with suppress(KernelError):
            while self._done + self._socket.lost < came and monotonic() < until:
                self._take(lambda: monotonic() >= until, 0.05)
        if self._done + self._socket.lost < came:
            self._left = self._socket.received - self._done - self._socket.lost

    def _take(self, enough: Callable[[], bool], timeout: float = 0) -> None:
        from osmia.vm.frames import run_all

        # Times of packets are those of the wall clock, and programs are told those of the monotonic one.
        shift = monotonic_ns() - time_ns()
        for block in self._socket.blocks(timeout):
            self._machine.cpu = block.cpu
            run_all(self._runners, block.frames, shift, block.packet_types)
            self._done += len(block.frames)
            if enough():
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()
        for runner in self._runners:
            runner.close()


def check_ethernet(name: str, link_type: int) -> None:
    """CaptureError for packets that do not begin as those that programs are given."""
    from osmia.pcap import LinkType, link_type_name

    if link_type != LinkType.ETHERNET:
        raise CaptureError(
            name,
            0,
            f"its packets begin with {link_type_name(link_type)}, and those of an interface that programs are "
            f"given with {link_type_name(LinkType.ETHERNET)}: capture at one interface, as by tcpdump -i eth0",
        )


class Replay:
    """Runs programs on the packets of a capture, as fast as it can; time is the capture's."""

    engine, lost, numbers = "vm", None, (0,)

    def __init__(self, checked: list[Checked], frames: Frames, name: str, mode: str, stop: Stop) -> None:
        """Take the packets of a capture. CaptureError where they are none of Ethernet."""
        from osmia.pcap import NO_TIME

        self.interface, self.mode = name, mode
        self._stop = stop
        self._frames = frames
        for number in sorted(set(frames.interface_numbers)):
            check_ethernet(name, frames.interfaces[number].link_type)
        first = next((each for each in frames.times if each != NO_TIME), 0)
        self._shift = START - first
        self._began = self._now = first
        self._runners = _runners(checked, 1)
        self._at = 0

    def cpus(self) -> tuple[int, ...]:
        """All packets are given to one."""
        return self.numbers

    def now(self) -> float:
        """Seconds of the capture."""
        return self.time()

    def time(self) -> float:
        """When the packet was captured that is next."""
        return self._now / _SECOND

    def wait(self, seconds: float) -> bool:  # noqa: ARG002 - the capture's time does not pass by itself
        """Whether the command is to end."""
        return self._stop.asked

    def check(self) -> None:
        """There is no interface that could be gone."""

    def cut(self) -> int:
        """How many of the packets were cut when they were captured."""
        lengths, originals = self._frames.lengths, self._frames.original_lengths
        if lengths == originals:
            return 0
        return sum(length < original for length, original in zip(lengths, originals, strict=True))

    def parts(self, interval: float, count: int | None) -> Iterator[None]:
        """Run on to where a report is due: every `interval` seconds of the capture's time, `count` times at most."""
        times, given = self._frames.times, 0
        step = max(1, round(interval * _SECOND))
        due = self._began + step
        while self._at < len(times) and given != count and not self._stop.asked:
            self._run_to(bisect_left(times, due, self._at))
            if self._at == len(times) or self._stop.asked:
                break
            self._now = due
            yield
            given += 1
            # After a time without packets the reports go on with the next one.
            due += max(1, -(-(times[self._at] + 1 - due) // step)) * step
        if self._at == len(times):
            self._now = max(self._began, max(times, default=self._began))

    def _run_to(self, end: int) -> None:
        from osmia.vm.frames import run_all

        while self._at < end and not self._stop.asked:
            part = self._frames.part(self._at, min(end, self._at + _AT_ONCE))
            run_all(self._runners, part, self._shift)
            self._at += len(part)

    def finish(self) -> None:
        """Raise CaptureError if the capture was damaged: what was before that is counted."""
        if self._frames.problem is not None:
            raise self._frames.problem

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for runner in self._runners:
            runner.close()


def replay(programs: list[VmProgram], arguments: Namespace, stop: Stop) -> Replay:
    """Programs on the packets of the capture that `--pcap` or `--demo` asks for. CaptureError, OSError."""
    from osmia import pcap

    checked = [(each, check_watches(each, asked=True, quiet=arguments.quiet)) for each in programs]
    if arguments.demo:
        from osmia.cli.demo import capture

        made = Replay(checked, pcap.frames(capture()), "demo", "demo", stop)
    else:
        made = Replay(checked, pcap.frames(arguments.pcap, partial=True), arguments.pcap, "pcap", stop)
    if not arguments.quiet:
        what = "a capture made for this" if arguments.demo else arguments.pcap
        note(f"replaying {what} in the embedded runtime (engine vm)")
        cut = made.cut()
        if cut:
            were, they, them = ("was", "it was", "it") if cut == 1 else ("were", "they were", "them")
            note(f"{cut} of its packets {were} cut when {they} captured: programs see what is left of {them}")
    return made


def refused_as_well(refusal: KernelError, interface: str, denied: PermissionDeniedError) -> PermissionDeniedError:
    """The error where neither the kernel's BPF nor packet sockets are to be had."""
    error = PermissionDeniedError(
        denied.errno or errno.EPERM,
        f"cannot watch the packets of {interface}: neither in the kernel, for {why_no_bpf(refusal)}, nor in the "
        f"embedded runtime, for {why_no_bpf(denied)}{_way_out(denied)}\n{OFFERS}",
    )
    error.capabilities = (*getattr(refusal, "capabilities", ()), *denied.capabilities)
    return error


def _way_out(denied: PermissionDeniedError) -> str:
    """How packets could be watched after all: the embedded runtime takes the fewest rights."""
    from osmia.kernel.capabilities import in_user_namespace

    if in_user_namespace():
        return ". Run it as root outside of its user namespace"
    if not denied.capabilities:
        return ""
    give = f"give it {' and '.join(denied.capabilities)}, which is all that the embedded runtime takes"
    if os.geteuid() == 0:
        return f". This process is root, but what started it, such as a container, took those away: {give}"
    return f". Run it as root, or {give}"


def _runners(checked: list[Checked], ifindex: int) -> list[FramesRunner]:
    from osmia.vm.frames import FramesRunner

    return [FramesRunner(program, ifindex, watches=watches) for program, watches in checked]
