"""A user's FILE.py: run as a module or as `__main__`, and compiled. Its own exceptions are told from osmia's."""

from __future__ import annotations

import ast
import os
import sys
from types import ModuleType

from osmia.cli.errors import UserCodeError
from osmia.cli.output import STDOUT
from osmia.errors import ObjectError, OsmiaError
from osmia.programs.loaded import programs_of, requests_of, run_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from traceback import TracebackException

    from osmia.compiler import ProgramRequest, Target

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def read(path: str) -> bytes:
    """The source of a file. OSError where it cannot be read, ObjectError where it is none."""
    with open(path, "rb") as file:
        source = file.read()
    if b"\0" in source:
        raise ObjectError(f"{path}: no Python source: it holds a NUL byte")
    return source


def has_own_main(path: str) -> bool:
    """Whether a file has an `if __name__ == "__main__":` of its own. SyntaxError where it does not parse."""
    tree = ast.parse(read(path), path)
    tests = [statement.test for statement in tree.body if isinstance(statement, ast.If)]
    return any(_asks_for_main(node) for test in tests for node in ast.walk(test))


def as_module(path: str) -> ModuleType:
    """The file, run as a module. UserCodeError for what it raises."""
    source = read(path)
    try:
        return run_file(path, source)
    except Exception as error:  # noqa: BLE001 - the user's program may raise anything
        raise _told_apart(error) from None


def as_main(path: str, arguments: list[str]) -> None:
    """Run the file as `python FILE.py ARGUMENTS` does. UserCodeError for what it raises."""
    module = ModuleType("__main__")
    module.__file__ = path
    code = compile(read(path), path, "exec", dont_inherit=True)
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules["__main__"] = module
    try:
        exec(code, vars(module))  # noqa: S102 - it is the user's program
    except Exception as error:  # noqa: BLE001 - the user's program may raise anything
        raise _told_apart(error) from None


def requests(path: str) -> tuple[ProgramRequest, ...]:
    """All programs of the file, as the compiler is asked for them. ObjectError where it has none."""
    return requests_of(path, programs_of(as_module(path)))


def compile_file(path: str, target: Target) -> bytes:
    """All programs of the file, in one object."""
    from osmia.compiler.cache import object_for

    return object_for(requests(path), target).data


def _asks_for_main(node: ast.expr | ast.AST) -> bool:
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
        return False
    sides = [node.left, *node.comparators]
    names = [side.id for side in sides if isinstance(side, ast.Name)]
    return names == ["__name__"] and any(isinstance(side, ast.Constant) and side.value == "__main__" for side in sides)


def _told_apart(error: Exception) -> Exception:
    """What to raise for an exception that came out of a user's file."""
    if isinstance(error, (OsmiaError, SyntaxError)) or (isinstance(error, BrokenPipeError) and _nobody_reads()):
        return error
    from traceback import StackSummary, TracebackException

    shown = TracebackException.from_exception(error)
    for each in _chain(shown):
        # Frames of osmia's own say nothing about the user's mistake.
        each.stack = StackSummary.from_list([frame for frame in each.stack if not frame.filename.startswith(PACKAGE)])
    return UserCodeError("".join(shown.format()).rstrip())


def _chain(shown: TracebackException | None) -> Iterator[TracebackException]:
    if shown is not None:
        yield shown
        yield from _chain(shown.__cause__)
        yield from _chain(shown.__context__)


def _nobody_reads() -> bool:
    """Whether stdout is a pipe that has no reader any more."""
    import select

    poll = select.poll()
    poll.register(STDOUT, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))
