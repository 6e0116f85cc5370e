"""`osmia objdump`: a program's instructions, with the source lines they come from."""

from __future__ import annotations

import os

from osmia.cli.output import Output
from osmia.disassembly import objdump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Show the instructions of a program, with the source lines they come from."
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a BPF object, or a FILE.py, which is compiled for the running kernel, as by `osmia run`",
    )
    parser.add_argument("--section", metavar="NAME", help="show this section only, such as xdp")


def run(arguments: Namespace) -> int:
    """Print the file's code on stdout."""
    path: str = arguments.file
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".py") and not data.startswith(b"\x7fELF"):
        from osmia.cli.source import compile_file
        from osmia.compiler import running_kernel

        data = compile_file(path, running_kernel())
    with Output(None) as output:
        output.write(objdump(data, os.path.basename(path), arguments.section))
    return 0
