"""Compile errors: one function that builds them, and what it needs to say them well."""

from __future__ import annotations

import difflib
import linecache
from typing import TYPE_CHECKING

from osmia.errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.compiler.location import Location


def error(
    problem: str,
    at: Location,
    *,
    found: str = "",
    expected: str = "",
    fix: str = "",
    related: tuple[str, ...] = (),
) -> CompileError:
    """The error for a place: what is wrong, what was found and expected, and how to write it."""
    text = linecache.getline(at.file, at.line).rstrip("\n") or None
    return CompileError(
        problem,
        filename=at.file,
        line=at.line,
        column=at.column,
        end_line=at.end_line,
        end_column=at.end_column,
        text=text,
        found=found,
        expected=expected,
        fix=fix,
        related=related,
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'packet_counter'?`, or nothing where no known name is close."""
    close = difflib.get_close_matches(name, sorted(set(known)), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""
