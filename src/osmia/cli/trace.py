"""`osmia trace`: a program run on packets, line by line, with what changes."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError

import osmia
from osmia.cli import options
from osmia.cli.errors import UsageError
from osmia.cli.output import Output, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from typing import Any

    from osmia.programs.error_counts import ErrorCount
    from osmia.programs.loaded import Loaded
    from osmia.vm.tracing import Shown

MOST_FOLLOWED = 1024
"""Maps of more entries are not looked through at each line."""
MOST_KEPT = 1000
"""So many lines are kept, at most, before they are printed."""
DESCRIPTION = """\
Run a program on packets without a kernel and without root, and print each line that runs with what it changes:
locals, the values of maps, globals, the packet. At the end of each packet stands what the program returned.

Of a FILE.py the lines are Python's, and locals have their names. Of an object they are those that its compiler noted,
and registers stand in the place of locals.
"""
EPILOG = """\
Where a program does what it may not, the trace ends there, and the error says what it was: exit code 1.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    add = parser.add_argument
    add("file", metavar="FILE.py", help="FILE.py or FILE.o")
    add("--packet", action="append", type=_packet, metavar="HEX", help="a packet, as hex digits; may be repeated")
    add("--pcap", metavar="FILE", help="the packets of a capture (pcap, pcapng, - for stdin)")
    add("--count", type=options.packets, metavar="N", help="trace that many packets (default: all)")
    add("--program", metavar="NAME", help="which program, if the file has several")
    add(
        *("-s", "--setting"),
        dest="settings",
        action="append",
        type=options.setting,
        metavar="NAME=VALUE",
        help="give a setting of the file another value; may be repeated",
    )


def run(arguments: Namespace) -> int:
    """Trace the program."""
    if bool(arguments.packet) is bool(arguments.pcap):
        raise UsageError("one of --packet HEX and --pcap FILE says what the program is given")
    path: str = arguments.file
    compiled = path.endswith(".py")
    with Output(None) as output, osmia.Machine(debug=compiled, engine="python") as machine:
        from osmia.cli.file import load_file

        with load_file(path, dict(arguments.settings or ()), machine) as loaded:
            given = ((packet, len(packet)) for packet in arguments.packet or ())
            packets = given if arguments.packet else _of_capture(arguments.pcap, machine)
            trace = _Trace(loaded, machine, output, _chosen(loaded, path, arguments.program))
            number = 0
            for number, (packet, length) in enumerate(packets, 1):
                trace.packet(number, packet, length)
                if number == arguments.count:
                    break
            if not number:
                note(f"{arguments.pcap} has no packets")
    return 0


class _Trace:
    """Prints the runs of one program."""

    def __init__(self, loaded: Loaded, machine: osmia.Machine, output: Output, program: Any) -> None:
        self._loaded, self._machine, self._output, self._program = loaded, machine, output, program
        self._lines: dict[str, list[str]] = {}
        self._noted: dict[tuple[str, int], str] = {}
        for each in machine.programs.values():
            self._noted |= {(each.code.path(line.file), line.line): line.text for line in each.code.lines}
        self._text: list[str] = []
        self._before: tuple[str, int] | None = None
        """The line that ran last, if nothing has changed by it."""
        self._counted: list[ErrorCount] = []
        """The errors of the packets so far."""

    def packet(self, number: int, packet: bytes, length: int) -> None:
        """Run the program on one; `length` is how long it was before it was captured."""
        from osmia.vm.tracing import Follower

        cut = f" of {length}, the rest was cut when it was captured" if length > len(packet) else ""
        self._text, self._before = [f"packet {number}, {len(packet)} bytes{cut}: {self._program.name}"], None
        try:
            with Follower(self._machine, self._line, self._change, self._shown):
                result = self._program.test_run(packet)
            self._text += [f"=> {_said(result)}{self._errors()}", ""]
        finally:
            self._print()

    def _errors(self) -> str:
        """Where the packet took an error edge, and why."""
        before, self._counted = self._counted, self._program.errors()
        new = [each for each in self._counted if each not in before]
        return "".join(f"; error at {os.path.basename(each.file)}:{each.line}: {each.problem}" for each in new)

    def _print(self) -> None:
        if self._text and not self._output.broken:
            self._output.write("\n".join(self._text) + "\n")
        self._text = []

    def _line(self, file: str, line: int) -> None:
        if self._before == (file, line):  # a callback, or the round of a loop, that begins in the line that calls it
            return
        self._before = (file, line)
        if len(self._text) >= MOST_KEPT:
            self._print()
        if file not in self._lines:
            self._lines[file] = _source(file)
        lines = self._lines[file]
        text = lines[line - 1] if 0 < line <= len(lines) else self._noted.get((file, line), "")
        self._text.append(f"{os.path.basename(file)}:{line}:  {text}".rstrip())

    def _change(self, text: str) -> None:
        self._text.append(f"        | {text}")
        self._before = None

    def _shown(self) -> Shown:
        """What maps and globals hold."""
        found: dict[str, str] = {}
        for name, each in self._loaded.maps.items():
            # What begins with a dot is global data, whose variables have names of their own.
            if name[0] != "." and each.max_entries <= MOST_FOLLOWED and hasattr(each, "items"):
                found |= {f"{name}[{key!r}]": repr(value) for key, value in each.items()}
        for name, variable in self._loaded.globals.items():
            found[f"{name}.value"] = repr(variable.value)
        return found


def _said(result: Any) -> str:
    """What a run returned, by its name if it has one."""
    return repr(result).partition(": ")[2].partition(",")[0]


def _source(file: str) -> list[str]:
    """The lines of a file: of Python's in the encoding that it says, of C's in UTF-8."""
    from tokenize import detect_encoding

    try:
        with open(file, "rb") as source:
            encoding = detect_encoding(source.readline)[0]
            source.seek(0)
            return source.read().decode(encoding, "replace").splitlines()
    except OSError:
        return []
    except SyntaxError:  # it says no encoding, and is not in UTF-8
        with open(file, encoding="utf-8", errors="replace") as source:
            return source.read().splitlines()


def _chosen(loaded: Loaded, path: str, name: str | None) -> Any:
    """The program that is traced. UsageError where there is none of that name, or several."""
    programs = {each.name: each for each in loaded.programs.values()}
    if name is None and len(programs) > 1:
        raise UsageError(f"{path} has {len(programs)} programs: choose one by --program, of {', '.join(programs)}")
    if name is not None and name not in programs:
        raise UsageError(f"{path} has no program {name!r}; it has {', '.join(programs)}")
    found = programs[name] if name is not None else next(iter(programs.values()))
    if not hasattr(found, "test_run"):
        raise UsageError(f"{found.name} is of kind {found.kind.name}: what it is given is no packet")
    return found


def _packet(text: str) -> bytes:
    """A packet, as a command line gives it."""
    try:
        return bytes.fromhex(text.replace(":", " "))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no packet: it is written as hex digits, such as 0242ac11...") from None


def _of_capture(path: str, machine: osmia.Machine) -> Iterator[tuple[bytes, int]]:
    """The packets of a capture, and how long they were; the machine's clock goes with their times."""
    from osmia import pcap
    from osmia.cli.embedded import check_ethernet

    reader, start, first = pcap.read(path), machine.clock, None
    for packet in reader:
        check_ethernet(path, reader.interfaces[packet.interface].link_type)
        if packet.time_ns is not None:
            first = packet.time_ns if first is None else first
            machine.advance_to(max(machine.clock, start + packet.time_ns - first))
        yield packet.data, packet.original_length
