"""What a debug build tells of itself, as `compiler.llvm.marks` wrote it: lines, locals, breakpoints."""

from __future__ import annotations

from osmia.record import record
from osmia.spec import FIRST_MARK
from osmia.vm.code import CALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from osmia.vm.code import Code, Slot

LINE, LOCAL, AGAIN, BREAKPOINT = "line", "local", "again", "breakpoint"


@record
class Mark:
    """One of them."""

    kind: str
    """LINE: a line begins; LOCAL: a local holds what is in r1; AGAIN: the same, if it has a value; BREAKPOINT."""
    scope: int = 0
    """The function, or the call that is written out, which it is of: each has a number of its own."""
    line: int = 0
    function: str = ""
    file: str = ""
    name: str = ""
    """Of a local."""
    shown: Any = None
    """Of a local: how its value is shown, as `views.maker` takes it."""


def read_marks(notes: Sequence[str]) -> list[Mark]:
    """The marks of an object."""
    import json

    found: list[Mark] = []
    for note in notes:
        kind, _, rest = note.partition(" ")
        scope, _, rest = rest.partition(" ")
        if kind == LINE:
            line, function, file = rest.split(" ", 2)
            found.append(Mark(LINE, int(scope), int(line), function, file))
        elif kind in (LOCAL, AGAIN):
            name, _, shown = rest.partition(" ")
            found.append(Mark(kind, int(scope), name=name, shown=json.loads(shown)))
        else:
            found.append(Mark(BREAKPOINT))
    return found


def mark_of(code: Code, of: Slot) -> Mark | None:
    """The mark that an instruction is; None for any other instruction."""
    if of[0] != CALL or of[2] or not 0 <= of[4] - FIRST_MARK < len(code.marks):
        return None
    return code.marks[of[4] - FIRST_MARK]
