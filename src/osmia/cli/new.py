"""`osmia new`: make a project that runs at once, for a kind of program."""

from __future__ import annotations

import keyword
import os
import re
import shlex
import sys
from argparse import ArgumentTypeError

import osmia
from osmia.cli.errors import UsageError
from osmia.cli.output import STDERR, note, write_all
from osmia.cli.started import osmia_command, pytest_command
from osmia.cli.templates import TARGETS, TEMPLATES, argument_of, files_of, target_of
from osmia.kinds import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from osmia.cli.templates import Target
    from osmia.kinds import Kind

STDIN = 0
NAME = re.compile(r"[A-Za-z]([A-Za-z0-9._-]*[A-Za-z0-9])?")
# What the project's files, or the tools that run them, import by that name.
TAKEN = ("osmia", "llvmlite", "numpy", "pytest", "mypy", "conftest")

DESCRIPTION = """\
Make a project in a new directory: a program of the kind and what controls it, in one file, with a test of
the kernel code, a pyproject.toml and a README.md. Nothing that exists is overwritten.

NAME is the project's name, or the path of a directory whose last part it is; . is this directory.
"""
EPILOG = """\
kinds:
{kinds}

A terminal is asked for what the kind needs and no option says: the interface, the cgroup, the hook.

exit codes: 0; 1 failure; 2 usage
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = DESCRIPTION
    rows = (f"  {name:15} {TEMPLATES[name].summary.replace('$hook', TEMPLATES[name].hook)}" for name in kinds())
    parser.epilog = EPILOG.format(kinds="\n".join(rows))
    add = parser.add_argument
    add("name", metavar="NAME", help="the project to make")
    add("--type", dest="kind", type=_kind, default="xdp", metavar="KIND", help="the kind of program (default: xdp)")
    add("-i", "--iface", dest="interface", metavar="IFACE", help="the interface to attach to (default: lo)")
    add("--attach", metavar="HOOK", help="the tracepoint or hook to attach to, such as sched/sched_process_exec")
    add("--cgroup", metavar="PATH", help="the cgroup (version 2) to attach to, by its directory")
    add("--netns", metavar="NETNS", help="the network namespace, by its name in /run/netns or its path")
    add("--port", metavar="PORT", help="the port that sockets share (default: 7000)")
    add("-q", "--quiet", action="store_true", help="do not say on stderr what was made")


def run(arguments: Namespace) -> int:
    """Make the project."""
    if arguments.rest:
        raise UsageError("there is nothing that arguments after -- could be for")
    path = os.path.normpath(arguments.name)
    name = os.path.basename(os.path.abspath(path))
    module = module_name(name)
    there = _check_directory(path)
    kind = kinds()[arguments.kind]
    template = TEMPLATES[arguments.kind]
    target = target_of(kind, template)
    _check_options(arguments, target)
    made = target.check(_given(arguments, target), target.option)
    words = {"name": name, "module": module, "version": osmia.__version__, "target": made}
    words["argument"] = argument_of(target)
    files = files_of(template, made if target.argument == "attach" else "", words)
    _write(path, files, there=there)
    if not arguments.quiet:
        note(f"osmia new: made {path}: {', '.join(files)}")
        note(f"  run it (as root): {osmia_command()} run {shlex.quote(os.path.join(path, f'{module}.py'))}")
        note(f"  test it:          {pytest_command()} {shlex.quote(path)}")
    return 0


def kinds() -> dict[str, Kind]:
    """All kinds of programs by the names of their decorators, in the order of the table."""
    return {kind.module: kind for kind in KINDS.values()}


def module_name(name: str) -> str:
    """The module of a project: `my-counter` is `my_counter`. UsageError where the name is none."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a project: it begins with a letter, has letters, digits, `-`, `_` and `.`, and "
            "ends with a letter or a digit"
        )
    module = re.sub(r"[-.]+", "_", name).lower()
    why = ""
    if keyword.iskeyword(module):
        why = "is a keyword of Python"
    elif module in TAKEN:
        why = "would hide what the project itself needs by that name"
    elif module in sys.stdlib_module_names:
        why = "would hide the module of Python's standard library"
    if why:
        raise UsageError(f"{name!r}: the module {module} {why}; take another name, such as my-{name}")
    return module


def _kind(text: str) -> str:
    if text in kinds():
        return text
    import difflib

    close = difflib.get_close_matches(text, kinds(), n=1)
    guess = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(kinds())}"
    raise ArgumentTypeError(f"there is no kind {text!r}; {guess}")


def _check_directory(path: str) -> bool:
    """Whether the project's directory is there. OsmiaError where it holds something."""
    try:
        entries = os.listdir(path)
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        raise osmia.OsmiaError(f"{path} is there already, and no directory: take another name") from None
    if entries:
        raise osmia.OsmiaError(f"{path} is there already, and not empty: take another name, or an empty directory")
    return True


def _check_options(arguments: Namespace, target: Target) -> None:
    """Refuse what is said for other kinds."""
    options = {each.argument: each.option for each in TARGETS.values()}
    for argument, option in options.items():
        if argument != target.argument and getattr(arguments, argument) is not None:
            raise UsageError(f"{option} is not for {arguments.kind}, which takes {target.option}")


def _given(arguments: Namespace, target: Target) -> str:
    """What to attach to: what the command line says, or who sits at the terminal, or the default."""
    given: str | None = getattr(arguments, target.argument)
    if given is not None:
        return given
    answer = _asked(target) if target.asked and os.isatty(STDIN) else ""
    if not answer and not target.default:
        raise UsageError(
            f"{target.option} is missing: {target.what}, such as {target.option.split()[0]} {target.example}"
        )
    return answer or target.default


def _asked(target: Target) -> str:
    """Ask the terminal; empty where it says nothing."""
    default = f" [{target.default}]" if target.default else f", such as {target.example}"
    write_all(STDERR, f"{target.what}{default}: ".encode())
    return sys.stdin.buffer.readline().decode(errors="surrogateescape").strip()


def _write(path: str, files: dict[str, str], *, there: bool) -> None:
    """Write the files, all of them or none. What exists is not touched."""
    if not there:
        try:
            os.mkdir(path)
        except FileNotFoundError:
            raise osmia.OsmiaError(f"there is no directory {os.path.dirname(path)} to make {path} in") from None
    made: list[str] = []
    try:
        for name, text in files.items():
            place = os.path.join(path, name)
            with open(place, "x", encoding="utf-8") as file:
                made.append(place)
                file.write(text)
    except BaseException:
        for place in made:
            os.unlink(place)
        if not there:
            os.rmdir(path)
        raise
