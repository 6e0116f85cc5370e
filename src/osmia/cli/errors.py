"""Errors on stderr: which exit code each has, and how it is shown. One place for all commands."""

from __future__ import annotations

import os

from osmia.errors import CompileError, KernelError, NotSupportedError, OsmiaError, PermissionDeniedError, VerifierError

FAILURE, USAGE, NO_PERMISSION, VERIFIER_REFUSED, NOT_SUPPORTED = 1, 2, 3, 4, 5
INTERRUPTED = 130


class UsageError(OsmiaError):
    """A command line that asks for what is not there."""


class UserCodeError(OsmiaError):
    """An exception that a user's file raised; the text is its traceback."""


def exit_code(error: BaseException) -> int:
    """The exit code that an error ends a command with."""
    codes: tuple[tuple[type[BaseException], int], ...] = (
        (UsageError, USAGE),
        (PermissionDeniedError, NO_PERMISSION),
        (VerifierError, VERIFIER_REFUSED),
        (NotSupportedError, NOT_SUPPORTED),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), FAILURE)


def error_text(error: Exception, command: str, *, verbose: bool = False) -> str:
    """An error as stderr shows it, without a newline at its end."""
    if isinstance(error, UserCodeError):
        return str(error)
    if isinstance(error, SyntaxError):
        return diagnostic(error)
    if isinstance(error, OSError) and not isinstance(error, KernelError):
        return f"{command}: {_file_error(error)}"
    said = [str(error), *getattr(error, "__notes__", ())]
    text = f"{command}: " + "\n".join(said).replace("\n", "\n  ")
    if isinstance(error, UsageError):
        return f"{text}\n  see {command} --help"
    if isinstance(error, VerifierError):
        if verbose:
            return f"{text}\nthe verifier's log:\n{error.log.rstrip()}"
        return f"{text}\n  the verifier's whole log: again with -v"
    return text


def diagnostic(error: SyntaxError) -> str:
    """An error in source as compilers show it: place, source line, caret, and what was found and expected."""
    line, column = error.lineno or 1, error.offset or 1
    shown = [f"{error.filename}:{line}:{column}: error: {error.msg}"]
    text = (error.text or "").rstrip("\n")
    if text.strip():
        end = len(text) + 1 if (error.end_lineno or line) > line else error.end_offset or 0
        shown += underlined(text, column, end)
    if isinstance(error, CompileError):
        for label, said in (("found", error.found), ("expected", error.expected), ("fix", error.fix)):
            if said:
                shown.append(f"  {label}: {said}")
        shown += [f"  see: {place}" for place in error.related]
    return "\n".join(shown)


def underlined(text: str, start: int, end: int) -> list[str]:
    """A source line and what underlines the columns `start` to `end` (exclusive; characters, from 1).

    Tabs stay tabs in both lines, so that they meet whatever a tab is; wide characters are underlined by two.
    """
    indent = len(text) - len(text.lstrip())
    before = "".join(_blank(character) for character in text[indent : start - 1])
    width = sum(_columns(character) for character in text[start - 1 : max(start, end - 1)])
    return [f"    {text[indent:]}", f"    {before}^{'~' * (width - 1)}"]


def _blank(character: str) -> str:
    return "\t" if character == "\t" else " " * _columns(character)


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if character.isascii():
        return 1
    import unicodedata

    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _file_error(error: OSError) -> str:
    said = error.strerror or os.strerror(error.errno or 0)
    return f"{os.fsdecode(error.filename)}: {said}" if isinstance(error.filename, (str, bytes)) else said
