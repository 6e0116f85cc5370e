"""`osmia`: the command line. The table of commands, and what all of them have in common."""

from __future__ import annotations

import os
import sys

import osmia
from osmia.cli.errors import FAILURE, INTERRUPTED, USAGE, UsageError, error_text, exit_code
from osmia.cli.interrupt import end_at_once, raise_from_now_on
from osmia.cli.output import STDOUT, hold_standard_files, note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, ArgumentParser, Namespace
    from typing import Any, NoReturn, Protocol

    class Command(Protocol):
        """The module of a command."""

        def add_arguments(self, parser: ArgumentParser) -> None:
            """Declare the command's arguments."""

        def run(self, arguments: Namespace) -> int:
            """Do it, and give the exit code."""


COMMANDS = {
    "new": "make a project: a program of a kind, what controls it, and its test",
    "run": "load a program, attach it, and print what it gathers",
    "build": "compile the programs of a FILE.py to an object file",
    "check": "look for what the kernel would refuse, without a kernel; advice, no verdict",
    "objdump": "show the instructions of a program with the lines they come from",
    "trace": "run a program on packets without a kernel, line by line, and show what changes",
    "test": "run the tests of osmia itself, in a checkout: ./osmia test",
    "setup": "make what the above compiles or tests with, in a checkout, and say where: ./osmia setup",
}
WIDEST_HELP = 110
HELP = f"""\
usage: osmia COMMAND ...

eBPF with nothing but Python: the program in the kernel and the program that controls it, in one file.

commands:
{"".join(f"  {name:9} {what}{chr(10)}" for name, what in COMMANDS.items())}
options:
  -h, --help  show this text, or after a command the command's own
  --version   show the version

To begin with: osmia run counter -i lo
"""


def entry() -> NoReturn:
    """Run the command line of this process, and end the process."""
    end_at_once()
    hold_standard_files()
    try:
        code = main(sys.argv[1:])
    finally:
        _flush()
    sys.exit(code)


def main(words: list[str]) -> int:
    """Run a command line (without the program's name) and give its exit code. No exception comes out but SystemExit."""
    command, verbose = "osmia", False
    try:
        if words and words[0] in COMMANDS:
            command = f"osmia {words[0]}"
            module = _module(words[0])
            arguments = _parse(module, command, words[1:])
            verbose = getattr(arguments, "verbose", False)
            raise_from_now_on()
            return module.run(arguments)
        return _without_command(words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads has what they wanted, as `head` has: an end like any other.
        return 0
    except (osmia.OsmiaError, SyntaxError, OSError) as error:
        note(error_text(error, command, verbose=verbose))
        return exit_code(error)


def _without_command(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"osmia {osmia.__version__}")
        return 0
    if words in (["-h"], ["--help"]):
        print(HELP, end="")
        return 0
    if not words:
        note(HELP.rstrip())
        return USAGE
    if words[0].startswith("-"):
        raise UsageError(f"there is no option {words[0]}")
    import difflib

    close = difflib.get_close_matches(words[0], COMMANDS, n=1)
    guess = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(COMMANDS)}"
    raise UsageError(f"there is no command {words[0]!r}; {guess}")


def _module(command: str) -> Command:
    if command == "new":
        from osmia.cli import new

        return new
    if command == "run":
        from osmia.cli import run

        return run
    if command == "build":
        from osmia.cli import build

        return build
    if command == "check":
        from osmia.cli import check

        return check
    if command == "objdump":
        from osmia.cli import objdump

        return objdump
    if command == "trace":
        from osmia.cli import trace

        return trace
    what = "the tests are" if command == "test" else "the set-up is"
    raise osmia.OsmiaError(f"{what} not installed with osmia, but in its repository: run ./osmia {command} there")


def _parse(module: Command, command: str, words: list[str]) -> Namespace:
    """Parse a command's arguments; those after `--` are `rest`. SystemExit for --help."""
    from argparse import ArgumentParser, RawDescriptionHelpFormatter
    from functools import partial

    options: set[str] = set()

    class Parser(ArgumentParser):
        def add_argument(self, *names: str, **settings: Any) -> Action:
            options.update(names)
            return super().add_argument(*names, **settings)

        def error(self, message: str) -> NoReturn:
            raise UsageError(message)

    # A formatter left to find the width itself imports shutil, even where no help is asked for.
    formatter = partial(RawDescriptionHelpFormatter, width=_width())
    parser = Parser(prog=command, allow_abbrev=False, formatter_class=formatter)
    module.add_arguments(parser)
    # Arguments that may be left out can stand on both sides of an option, which parse_args() does not take.
    own = words[: words.index("--")] if "--" in words else words
    _check_options(own, {name for name in options if name.startswith("-")})
    arguments = parser.parse_intermixed_args(own)
    arguments.rest = words[len(own) + 1 :]
    return arguments


def _check_options(words: list[str], known: set[str]) -> None:
    """Refuse an option that the command does not have, before anything that is missing is asked for."""
    for word in words:
        # A letter may have others or its value behind it, and a number below 0 is no option.
        name = word.partition("=")[0] if word.startswith("--") else word[:2]
        if len(name) < 2 or name[0] != "-" or name[1] in "0123456789." or name in known:
            continue
        import difflib

        close = difflib.get_close_matches(name, sorted(known), n=1)
        raise UsageError(f"there is no option {name}" + (f"; did you mean {close[0]}?" if close else ""))


def _width() -> int:
    """The columns for help texts: the terminal's, up to what can be read well."""
    try:
        return min(os.get_terminal_size(STDOUT).columns - 2, WIDEST_HELP)
    except OSError:  # no terminal
        return WIDEST_HELP


def _flush() -> None:
    """Write out what is left of stdout, so that Python does not fail to as it ends."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        if not isinstance(error, BrokenPipeError):
            note(f"osmia: stdout: {error.strerror}")
            sys.exit(FAILURE)
