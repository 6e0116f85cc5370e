"""`osmia run FILE`: the programs of a file that has no main of its own, attached, with their maps printed."""

from __future__ import annotations

from contextlib import ExitStack
from time import time

import osmia
from osmia.cli.attached import attached, chosen
from osmia.cli.errors import UsageError
from osmia.cli.maps import FORMATS, Report
from osmia.cli.output import Output, note
from osmia.cli.schedule import ticks
from osmia.cli.stop import Stop
from osmia.errors import KernelError, ObjectError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from types import ModuleType

    from osmia.cli.schedule import Waits
    from osmia.programs.loaded import Loaded
    from osmia.programs.machine import Machine

    What = str | ModuleType


@record
class _Running:
    """What runs until the command ends."""

    engine: str
    """What runs it: `kernel`, or `vm`, the embedded runtime."""
    loaded: Loaded
    facts: tuple[dict[str, object], ...]
    """Where each program is, as JSON has it."""
    stop: Stop
    waits: Waits
    """What waits for the next report."""
    check: Callable[[], None]
    """Raise KernelError where a program does not run any more."""
    finish: Callable[[], None]
    """Let programs see what has come up to now."""
    time: Callable[[], float] = time
    """Seconds since the epoch."""


def run(arguments: Namespace) -> int:
    """Print the maps until the last report, Ctrl-C or SIGTERM."""
    lines = FORMATS[arguments.format](timestamps=arguments.timestamps).lines
    what = _what(arguments.what)
    with Output(arguments.output) as output, ExitStack() as stack:
        if arguments.pcap or arguments.demo:
            _replay(what, arguments, stack, lambda report: output.write(lines(report)))
            return 0
        running = _begin(what, arguments, stack)

        def report(*, final: bool) -> str:
            return lines(Report(running.time(), running.engine, running.facts, running.loaded, final))

        given = 0
        try:
            for _ in ticks(running.waits, arguments.interval, arguments.count, running.check):
                given += 1
                if given == arguments.count:
                    running.finish()
                output.write(report(final=given == arguments.count))
        finally:
            if running.stop.asked and given != arguments.count and not output.broken:
                running.finish()
                output.write(report(final=True))
    return 0


def _begin(what: What, arguments: Namespace, stack: ExitStack) -> _Running:
    """Run them in the kernel, or where it lets this process have no BPF, in the embedded runtime if they only watch."""
    if arguments.engine == "vm":
        return _in_embedded_runtime(what, arguments, stack, None)
    try:
        return _in_kernel(what, arguments, stack)
    except KernelError as error:
        from osmia.cli.embedded import refuses_bpf

        asked = arguments.engine == "kernel" or arguments.mode or arguments.cgroup or arguments.netns
        if asked or arguments.interface is None or not refuses_bpf(error):
            raise
        stack.close()
        try:
            return _in_embedded_runtime(what, arguments, stack, error)
        except ObjectError as problem:
            error.add_note(f"the embedded runtime does not stand in for it: {problem}")
            raise error from None


def _in_kernel(what: What, arguments: Namespace, stack: ExitStack) -> _Running:
    loaded = stack.enter_context(_load(what, arguments.settings))
    stop = stack.enter_context(Stop())
    if arguments.verbose:
        from osmia.cli.describe import describe

        describe(arguments.what, loaded)
    attachments = stack.enter_context(attached(chosen(loaded, arguments), arguments))

    def check() -> None:
        for each in attachments:
            each.check()

    facts = tuple(each.facts for each in attachments)
    return _Running("kernel", loaded, facts, stop, stop, check, lambda: None)


def _in_embedded_runtime(what: What, arguments: Namespace, stack: ExitStack, refusal: KernelError | None) -> _Running:
    """Run them on packets as they come in by AF_PACKET; `refusal` is why not in the kernel, None where nobody asked."""
    from osmia.cli import embedded

    machine = stack.enter_context(embedded.machine_of_this_host())
    loaded = stack.enter_context(_load(what, arguments.settings, machine))
    programs = embedded.chosen(loaded, arguments, asked=refusal is None)
    stop = stack.enter_context(Stop())
    live = stack.enter_context(embedded.live(machine, programs, arguments, stop, refusal))
    facts = embedded.facts_of(programs, live)

    def finish() -> None:
        live.finish()
        if live.lost:
            note(f"{live.lost} packets were lost: they came faster than the programs ran")

    return _Running("vm", loaded, facts, stop, live, live.check, finish)


def _replay(what: What, arguments: Namespace, stack: ExitStack, write: Callable[[Report], None]) -> None:
    """Run them on the packets of a capture, with reports in the capture's time."""
    from osmia.cli import embedded

    machine = stack.enter_context(embedded.machine_of_this_host())
    loaded = stack.enter_context(_load(what, arguments.settings, machine))
    programs = embedded.chosen(loaded, arguments)
    stop = stack.enter_context(Stop())
    replay = stack.enter_context(embedded.replay(programs, arguments, stop))
    facts = embedded.facts_of(programs, replay)
    given = 0
    for _ in replay.parts(arguments.interval, arguments.count):
        given += 1
        write(Report(replay.time(), "vm", facts, loaded, final=given == arguments.count))
    if given != arguments.count:
        write(Report(replay.time(), "vm", facts, loaded, final=True))
    replay.finish()


def _what(path: str) -> What:
    """What is loaded: a module that is run once, or the path of an object."""
    if not path.endswith(".py"):
        return path
    from osmia.cli.source import as_module

    return as_module(path)


def load_file(path: str, settings: dict[str, str] | None, machine: Machine | None = None) -> Loaded:
    """Load all programs of a FILE.py or an object, with settings as text: into the kernel, or a machine."""
    return _load(_what(path), settings, machine)


def _load(what: What, settings: dict[str, str] | None, machine: Machine | None = None) -> Loaded:
    if not settings:
        return osmia.load(what, engine=machine)
    from osmia.programs.global_data import SettingText

    try:
        texts = {name: SettingText(value) for name, value in settings.items()}
        return osmia.load(what, settings=texts, engine=machine)
    except (KeyError, ValueError, OverflowError) as error:
        raise UsageError(f"-s: {error.args[0]}") from None
