"""`osmia run`: load a program, attach it, and show what it gathers."""

from __future__ import annotations

import os

from osmia.cli import options
from osmia.cli.errors import UsageError
from osmia.cli.output import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

# What ships with osmia: the name and what it does.
BUNDLED = {"counter": "count the packets that reach the interface, per CPU and per second"}

DESCRIPTION = """\
Load a program, attach it, and print what it gathers until Ctrl-C, or `count` times.

WHAT is the name of a program that ships with osmia, which needs no compiler:

{bundled}

or FILE.py or FILE.o. Of a file all programs are loaded and attached, and the maps are printed:

  xdp, tc                                  to the interface of -i, which takes one xdp program
  cgroup_skb, cgroup_sock, sock_ops        to the cgroup of --cgroup
  sk_lookup                                to this network namespace, or that of --netns
  tracepoint, raw_tracepoint, tp_btf, lsm  to what the file says

Where the kernel lets the command have no BPF, programs of an interface that only watch its packets run in
the embedded runtime, on copies of them; with --pcap or --demo they run on those of a capture, without
any rights. A note says so.

What is attached to sockets, or belongs to entries of a map, is left to Python code, and a note says how.
A FILE.py with a main of its own (`if __name__ == "__main__":`) is run as Python does, with the arguments
after `--`; what -s and --log-level give goes before what it gives to its programs itself.
"""
ENGINES = ("auto", "kernel", "vm")
ENGINE_HELP = "kernel, or vm: the embedded runtime; auto: the kernel where it may, else vm (default: auto)"
EPILOG = """\
Data goes to stdout, notes to stderr. All is detached when the command ends, in whatever way.

exit codes: 0 also for Ctrl-C, SIGTERM, and a reader that closes the pipe; 1 failure; 2 usage; 3 no permission;
4 the verifier refused the program; 5 the kernel lacks a feature
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = DESCRIPTION.format(bundled="\n".join(f"  {name:10} {what}" for name, what in BUNDLED.items()))
    parser.epilog = EPILOG
    add = parser.add_argument
    add("what", metavar="WHAT", help="name, FILE.py or FILE.o")
    add("interval", nargs="?", type=options.interval, help="seconds between reports, fractions too (default: 1)")
    add("count", nargs="?", type=options.count, help="end after that many reports (default: never)")
    add("-i", "--iface", dest="interface", metavar="IFACE", help="the interface, by its name or index")
    add("--engine", choices=ENGINES, help=ENGINE_HELP)
    add("--pcap", metavar="FILE", help="replay a capture (pcap, pcapng, - for stdin) in the embedded runtime")
    add("--demo", action="store_true", help="the same with a capture that the command makes")
    add("--cgroup", metavar="PATH", help="the cgroup (version 2), by its directory")
    add("--netns", metavar="NETNS", help="the network namespace, by its name in /run/netns or its path")
    add("--mode", choices=options.MODES, help="of xdp; auto: native where the driver can, else skb (default: auto)")
    add("-f", "--format", choices=("text", "json", "csv"), help="json is one object a line (default: text)")
    add("-o", "--output", metavar="FILE", help="write the data to FILE in place of stdout")
    add("-T", "--timestamps", action="store_true", help="show the time of each report")
    add("--program", action="append", metavar="NAME", help="attach this program alone; may be repeated")
    add(
        *("-s", "--setting"),
        dest="settings",
        action="append",
        type=options.setting,
        metavar="NAME=VALUE",
        help="give a setting of the file another value; may be repeated",
    )
    add("--log-level", type=options.log_level, metavar="LEVEL", help="what its programs log: trace, debug, ..., off")
    add("-q", "--quiet", action="store_true", help="no notes on stderr, errors only")
    add("-v", "--verbose", action="store_true", help="more notes: what was loaded; the verifier's log if it refuses")


def run(arguments: Namespace) -> int:
    """Run what is named."""
    what: str = arguments.what
    _choose_log_level(arguments.log_level)
    if what in BUNDLED:
        _check_bundled(arguments)
        _fill_in(arguments)
        from osmia.cli import counter

        return counter.run(arguments)
    if not what.endswith((".py", ".o")) and not os.path.exists(what):
        raise UsageError(_unknown(what))
    if what.endswith(".py"):
        from osmia.cli.source import has_own_main

        if has_own_main(what):
            return _run_own_main(arguments)
    if arguments.rest:
        raise UsageError(f"{what} has no main of its own that takes the arguments after --")
    _check_engine(arguments)
    if arguments.format == "csv":
        raise UsageError("the maps of a file are printed as text or json, not as csv")
    _fill_in(arguments)
    from osmia.cli import file

    return file.run(arguments)


def _choose_log_level(level: int | None) -> None:
    """What the command line says goes before what a file gives to its programs."""
    if level is not None:
        from osmia.logs import choose_level

        choose_level(level)


def _check_bundled(arguments: Namespace) -> None:
    """Refuse what is for files, and ask for the interface."""
    for_files = {
        "--program": arguments.program,
        "-s": arguments.settings,
        "--log-level": arguments.log_level is not None,
        "--cgroup": arguments.cgroup,
        "--netns": arguments.netns,
        "--": arguments.rest,
    }
    for option, value in for_files.items():
        if value:
            raise UsageError(f"{option} is for files; {arguments.what} ships with osmia")
    _check_engine(arguments)
    if arguments.interface is None and not (arguments.pcap or arguments.demo):
        raise UsageError(f"{arguments.what}: -i IFACE is missing: the interface to attach to, such as -i lo")


def _check_engine(arguments: Namespace) -> None:
    """Refuse what does not go together of an engine, a capture and an interface."""
    capture = "--pcap" if arguments.pcap else "--demo" if arguments.demo else ""
    if arguments.pcap and arguments.demo:
        raise UsageError("--pcap and --demo are two captures: give one")
    if capture and arguments.engine == "kernel":
        raise UsageError(f"{capture} is replayed in the embedded runtime, not in the kernel: leave --engine out")
    for option, value in (("-i", arguments.interface), ("--mode", arguments.mode)):
        if capture and value:
            raise UsageError(f"{option} is for interfaces, and {capture} is a capture: give one of them")
    if arguments.engine == "vm" and arguments.mode:
        raise UsageError("--mode is how the kernel runs xdp programs, and --engine vm is not the kernel")


def _run_own_main(arguments: Namespace) -> int:
    """Run a file that does everything itself. Options that it would never see are refused."""
    given = {
        "interval": arguments.interval,
        "--mode": arguments.mode,
        "-f": arguments.format,
        "-o": arguments.output,
        "-T": arguments.timestamps,
        "--cgroup": arguments.cgroup,
        "--netns": arguments.netns,
        "--program": arguments.program,
        "--engine": arguments.engine,
        "--pcap": arguments.pcap,
        "--demo": arguments.demo,
    }
    for option, value in given.items():
        if value:
            raise UsageError(
                f"{arguments.what} has a main of its own, which {option} does not reach: its arguments stand after --"
            )
    if arguments.interface and not arguments.quiet:
        effect = "-i has no effect; its arguments stand after --"
        note(f"{arguments.what} has a main of its own, which chooses the interface: {effect}")
    from osmia.cli.source import as_main
    from osmia.programs.program import FROM_COMMAND_LINE

    FROM_COMMAND_LINE.update(_by_name(arguments.settings or []))
    try:
        as_main(arguments.what, arguments.rest)
    except KeyboardInterrupt:
        return 0
    return 0


def _fill_in(arguments: Namespace) -> None:
    """Give the options that were left out their values."""
    arguments.interval = arguments.interval or 1.0
    arguments.format = arguments.format or "text"
    arguments.engine = arguments.engine or "auto"
    arguments.settings = _by_name(arguments.settings or [])


def _by_name(settings: list[tuple[str, str]]) -> dict[str, str]:
    """The settings that were given, each once."""
    found: dict[str, str] = {}
    for name, value in settings:
        if name in found:
            raise UsageError(f"the setting {name} is given twice: as {found[name]} and as {value}")
        found[name] = value
    return found


def _unknown(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, BUNDLED, n=1)
    guess = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(BUNDLED)}."
    return f"no program {name!r} ships with osmia, and there is no such file; {guess} Files are FILE.py or FILE.o"
