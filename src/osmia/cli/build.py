"""`osmia build`: compile the programs of a file to an object, or show a stage on the way there."""

from __future__ import annotations

import os

from osmia.cli import source
from osmia.cli.errors import UsageError
from osmia.cli.output import Output, note
from osmia.cli.target import add_target, chosen_target, dotted
from osmia.maps.declaration import RESERVED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from osmia.compiler import ProgramRequest, Target

STAGES = ("ir", "ll", "asm", "btf", "elf")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Compile all programs of FILE.py into one object file, which runs where there is no compiler."
    parser.add_argument("file", metavar="FILE.py")
    parser.add_argument("-o", "--output", metavar="FILE", help="the file to write, - for stdout (default: FILE.o)")
    add_target(parser)
    parser.add_argument(
        "--emit",
        choices=STAGES,
        default="elf",
        help="osmia's IR, LLVM's IR as osmia writes it, BPF assembly, the types of the object, or (the default) the "
        "object; all but it go to stdout unless -o is given",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="do not say on stderr what was made")


def run(arguments: Namespace) -> int:
    """Compile, and write what is asked for."""
    path: str = arguments.file
    if not path.endswith(".py"):
        raise UsageError(f"{path} is no FILE.py: build compiles Python source")
    target = chosen_target(arguments.cpu, arguments.kernel)
    given = arguments.output or (f"{path[:-3]}.o" if arguments.emit == "elf" else "-")
    if given != "-" and os.path.exists(given) and os.path.exists(path) and os.path.samefile(given, path):
        raise UsageError(f"-o {given} is the source itself")
    data = _stage(source.requests(path), target, arguments.emit, path)
    with Output(given) as output:
        output.write(data)
    if given != "-" and not arguments.quiet:
        note(_made(given, arguments.emit, data, target))
    return 0


def _made(path: str, stage: str, data: bytes | str, target: Target) -> str:
    """What was made, in a line; of an object what is in it, but for what is osmia's own."""
    what = f"for {target.cpu}, kernel {dotted(target.kernel)} and newer"
    if isinstance(data, bytes) and stage == "elf":
        from osmia.object_file import read_object

        spec = read_object(data, path)
        names = ", ".join(name for name in spec.maps if name != RESERVED)
        maps = f"; maps {names}" if names else ""
        what = f"{len(data)} bytes, {what}: programs {', '.join(spec.programs)}{maps}"
    return f"osmia build: {path}: {what}"


def _stage(requests: tuple[ProgramRequest, ...], target: Target, stage: str, path: str) -> bytes | str:
    from osmia.compiler.build import checked_unit, generate

    if stage in {"elf", "btf"}:
        from osmia.compiler.cache import object_for

        data = object_for(requests, target).data
        return data if stage == "elf" else _btf(data, path)
    unit, _ = checked_unit(requests, target)
    if stage == "ir":
        from osmia.compiler.ir.text import unit_text

        return unit_text(unit)
    if stage == "ll":
        from osmia.compiler.llvm.module import module_text

        return module_text(unit, target)
    return generate(unit, target, "asm")


def _btf(data: bytes, path: str) -> str:
    from osmia.btf.dump import dump_btf
    from osmia.elf import read_elf

    section = read_elf(data, path).section(".BTF")
    assert section is not None, "the compiler writes BTF into every object"
    return dump_btf(section.data, path)
