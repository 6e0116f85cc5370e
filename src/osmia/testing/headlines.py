"""What pytest's summary says of an error that has a place in a program: the error first, and then where."""

from __future__ import annotations

from pathlib import Path

from osmia.errors import CompileError, VerifierError, VmError


def headline(error: BaseException) -> str:
    """One line: what is wrong, then the program's file and line; empty for errors that pytest has right by itself."""
    match error:
        case CompileError(problem=what, filename=str() as file, lineno=int() as line):
            pass
        case VerifierError(file=str() as file, line=int() as line):
            what = error.cause or error.reason or _first_line(error, file, line)
        case VmError(file=str() as file, line=int() as line):
            what = _first_line(error, file, line)
        case _:
            return ""
    return f"{type(error).__name__}: {what} ({Path(file).name}:{line})"


def _first_line(error: VerifierError | VmError, file: str, line: int) -> str:
    return str(error).partition("\n")[0].removeprefix(f"{file}:{line}: ")
