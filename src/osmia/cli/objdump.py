"""`osmia objdump`: an object's instructions, with the source lines they come from."""

from __future__ import annotations

import os
import sys

from osmia.disassembly import objdump
from osmia.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", metavar="FILE.o", help="a BPF object file")
    parser.add_argument("--section", metavar="NAME", help="show this section only, such as xdp")


def run(arguments: Namespace) -> int:
    """Print the file's code on stdout. 1 where the file cannot be read or understood, with the reason on stderr."""
    path: str = arguments.file
    try:
        text = _text(path, arguments.section)
    except OSError as error:
        print(f"osmia objdump: {path}: {error.strerror}", file=sys.stderr)
        return 1
    except ObjectError as error:
        print(f"osmia objdump: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0


def _text(path: str, section: str | None) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs more than the whole command
        data = file.read()
    if path.endswith(".py") and not data.startswith(b"\x7fELF"):
        raise ObjectError(f"{path}: Python source; compile it first: osmia build {path} -o {path[:-3]}.o")
    return objdump(data, os.path.basename(path), section)  # noqa: PTH119 - as above
