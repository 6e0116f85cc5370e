"""`osmia run FILE`: the programs of a file that has no main of its own, attached, with their maps printed."""

from __future__ import annotations

from time import time

import osmia
from osmia.cli.describe import describe
from osmia.cli.errors import UsageError
from osmia.cli.interface import attach, check_attached
from osmia.cli.maps import FORMATS, Report
from osmia.cli.output import Output
from osmia.cli.schedule import ticks
from osmia.cli.stop import Stop
from osmia.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from types import ModuleType

    from osmia.programs.loaded import Loaded
    from osmia.programs.xdp import XdpProgram


def run(arguments: Namespace) -> int:
    """Print the maps until the last report, Ctrl-C or SIGTERM."""
    lines = FORMATS[arguments.format](timestamps=arguments.timestamps).lines
    with Output(arguments.output) as output, _load(arguments.what, arguments.settings) as loaded, Stop() as stop:
        if arguments.verbose:
            describe(arguments.what, loaded)
        program = _chosen(loaded, arguments.what, arguments.program)
        with attach(program, arguments.interface, arguments.mode, quiet=arguments.quiet) as link:

            def report(*, final: bool) -> str:
                return lines(Report(time(), link.interface, link.mode_name, loaded, final))

            given = 0
            try:
                for _ in ticks(stop, arguments.interval, arguments.count, lambda: check_attached(link)):
                    given += 1
                    output.write(report(final=given == arguments.count))
            finally:
                if stop.asked and given != arguments.count and not output.broken:
                    output.write(report(final=True))
    return 0


def _load(path: str, settings: dict[str, str]) -> Loaded:
    what: str | ModuleType = path
    if path.endswith(".py"):
        from osmia.cli.source import as_module

        what = as_module(path)
    if not settings:
        return osmia.load(what)
    from osmia.programs.global_data import SettingText

    try:
        return osmia.load(what, settings={name: SettingText(value) for name, value in settings.items()})
    except (KeyError, ValueError, OverflowError) as error:
        raise UsageError(f"-s: {error.args[0]}") from None


def _chosen(loaded: Loaded, path: str, name: str | None) -> XdpProgram:
    """The program to attach: an interface takes one."""
    fit = {each.name: each for each in loaded.programs.values() if isinstance(each, osmia.XdpProgram)}
    there = ", ".join(fit)
    if not fit:
        raise ObjectError(
            f"{path}: it has no program that attaches to an interface; it has {', '.join(loaded.programs)}"
        )
    if name is None and len(fit) > 1:
        raise UsageError(
            f"{path} has {len(fit)} programs for an interface, which takes one: add --program NAME. They are {there}"
        )
    if name is not None and name not in fit:
        raise UsageError(f"{path} has no program {name!r} for an interface; it has {there}")
    return fit[name or there]
