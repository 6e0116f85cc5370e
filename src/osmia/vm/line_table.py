"""The lines of a code object that was made of other source than the user's (CPython's co_linetable, from 3.11)."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import CodeType

_LONGEST = 8
"""So many code units does an entry stand for at most."""
_NO_COLUMNS, _NO_LOCATION = 13, 15


def with_lines(code: CodeType, lines: Sequence[int], first: int, name: str) -> CodeType:
    """The same code with another name and other lines: `lines` has one for each of its own, 0 for none."""
    table = bytearray()
    if sys.version_info >= (3, 14):  # who traces lines is told none below the first one: it is counted from there
        first = min(first, *filter(None, lines))
    at = first
    for length, line in _runs(code, lines):
        for begin in range(0, length, _LONGEST):
            count = min(_LONGEST, length - begin)
            if not line:
                table.append(0x80 | _NO_LOCATION << 3 | count - 1)
                continue
            table.append(0x80 | _NO_COLUMNS << 3 | count - 1)
            table += _signed(line - at)
            at = line
    return code.replace(co_linetable=bytes(table), co_firstlineno=first, co_name=name, co_qualname=name)


def on_line(code: CodeType, line: int, name: str) -> CodeType:
    """The same code with another name, all of it on one line."""
    units = len(code.co_code) // 2
    table = bytearray()
    for begin in range(0, units, _LONGEST):
        table.append(0x80 | _NO_COLUMNS << 3 | min(_LONGEST, units - begin) - 1)
        table += _signed(0)
    return code.replace(co_linetable=bytes(table), co_firstlineno=line, co_name=name, co_qualname=name)


def _runs(code: CodeType, lines: Sequence[int]) -> Iterator[tuple[int, int]]:
    """How many code units in a row are on which line, 0 for none."""
    count, line = 0, 0
    for start, *_ in code.co_positions():
        of = lines[start - 1] if start else 0
        if count and of != line:
            yield count, line
            count = 0
        count, line = count + 1, of
    if count:
        yield count, line


def _signed(value: int) -> bytes:
    """A number as such tables have it: six bits a byte, the lowest first, the sign in the lowest."""
    rest = -value << 1 | 1 if value < 0 else value << 1
    found = bytearray()
    while rest >= 64:
        found.append(rest & 63 | 64)
        rest >>= 6
    found.append(rest)
    return bytes(found)
