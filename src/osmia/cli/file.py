"""`osmia run FILE`: the programs of a file that has no main of its own, attached, with their maps printed."""

from __future__ import annotations

from time import time

import osmia
from osmia.cli.attached import attached, chosen
from osmia.cli.describe import describe
from osmia.cli.errors import UsageError
from osmia.cli.maps import FORMATS, Report
from osmia.cli.output import Output
from osmia.cli.schedule import ticks
from osmia.cli.stop import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from types import ModuleType

    from osmia.programs.loaded import Loaded


def run(arguments: Namespace) -> int:
    """Print the maps until the last report, Ctrl-C or SIGTERM."""
    lines = FORMATS[arguments.format](timestamps=arguments.timestamps).lines
    with Output(arguments.output) as output, load_file(arguments.what, arguments.settings) as loaded, Stop() as stop:
        if arguments.verbose:
            describe(arguments.what, loaded)
        with attached(chosen(loaded, arguments), arguments) as attachments:

            def report(*, final: bool) -> str:
                return lines(Report(time(), tuple(each.facts for each in attachments), loaded, final))

            def check() -> None:
                for each in attachments:
                    each.check()

            given = 0
            try:
                for _ in ticks(stop, arguments.interval, arguments.count, check):
                    given += 1
                    output.write(report(final=given == arguments.count))
            finally:
                if stop.asked and given != arguments.count and not output.broken:
                    output.write(report(final=True))
    return 0


def load_file(path: str, settings: dict[str, str], machine: osmia.Machine | None = None) -> Loaded:
    """Load all programs of a FILE.py or an object, with settings as text: into the kernel, or a machine."""
    what: str | ModuleType = path
    if path.endswith(".py"):
        from osmia.cli.source import as_module

        what = as_module(path)
    if not settings:
        return osmia.load(what, engine=machine)
    from osmia.programs.global_data import SettingText

    try:
        return osmia.load(what, settings={name: SettingText(value) for name, value in settings.items()}, engine=machine)
    except (KeyError, ValueError, OverflowError) as error:
        raise UsageError(f"-s: {error.args[0]}") from None
