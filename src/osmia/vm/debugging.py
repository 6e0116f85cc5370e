"""What translated code shows of the user's: the line of each instruction, and locals under their names."""

from __future__ import annotations

from osmia.vm.marks import AGAIN, LINE, LOCAL, mark_of
from osmia.vm.views import expression

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.vm.code import Code
    from osmia.vm.flow import Flow
    from osmia.vm.marks import Mark

NO_LINE = 0
"""Of what belongs to no line of the user's: the way from block to block."""
SHOWN = "u_"
"""How the names of the user's locals begin in the source that is made."""


def lines_of(code: Code, flow: Flow) -> dict[int, int]:
    """The line of each instruction in its function's file; the number of the slot where lines are not known."""
    return _marked_lines(code, flow) if code.marks else _noted_lines(code, flow)


def _noted_lines(code: Code, flow: Flow) -> dict[int, int]:
    """Lines as the object's line information has them."""
    found: dict[int, int] = {}
    first = code.line_of(flow.entry)
    last = first.line if first is not None else 0
    for slot in sorted(slot for block in flow.blocks.values() for slot in block.slots):
        line = code.line_of(slot)
        if first is not None and line is not None and line.file == first.file and line.line:
            last = line.line
        found[slot] = last or slot + 1
    return found


def _marked_lines(code: Code, flow: Flow) -> dict[int, int]:
    """Lines of a debug build: each holds until the next one is marked; NO_LINE where it depends on the way."""
    first = code.line_of(flow.entry)
    file = first.file.removeprefix("./") if first is not None else ""

    def after(mark: Mark, before: int) -> int:
        return mark.line if mark.kind == LINE and mark.file == file else before

    found: dict[int, int] = {}
    for block, before in _by_marks(code, flow, NO_LINE, after).items():
        line = before
        for slot in flow.blocks[block].slots:
            mark = mark_of(code, code.slots[slot])
            line = line if mark is None else after(mark, line)
            found[slot] = line
    return found


def _by_marks(code: Code, flow: Flow, start: int, after: Callable[[Mark, int], int]) -> dict[int, int]:
    """A number that marks change, where each block begins; 0 where it depends on the way there."""
    known = {flow.entry: start}
    ahead = [flow.entry]
    while ahead:
        block = flow.blocks[ahead.pop()]
        number = known[block.slots[0]]
        for slot in block.slots:
            mark = mark_of(code, code.slots[slot])
            number = number if mark is None else after(mark, number)
        for each in block.follow:
            now = number if known.get(each, number) == number else 0
            if known.get(each) != now:
                known[each] = now
                ahead.append(each)
    return known


class Locals:
    """Where the source of one function keeps the user's locals.

    Those of the function itself, and of calls that are written out in its file, are locals of the Python function. A
    name that several of them have shows the one of the line that runs; all are kept. The locals of calls of functions
    in other files are in a dictionary, which is the namespace that their lines run in.
    """

    def __init__(self, code: Code, flow: Flow, file: str) -> None:
        self._names: dict[int, dict[str, None]] = {}
        self._foreign: set[int] = set()
        self._scope = 0
        """The scope whose names are shown where the source is written now; 0 where that depends on the way."""
        for block in flow.blocks.values():
            for slot in block.slots:
                mark = mark_of(code, code.slots[slot])
                if mark is not None and mark.kind == LINE and mark.file != file:
                    self._foreign.add(mark.scope)
                elif mark is not None and mark.kind in (LOCAL, AGAIN):
                    self._names.setdefault(mark.scope, {})[mark.name] = None
        own = [names for scope, names in self._names.items() if scope not in self._foreign]
        self._shared = {name for names in own for name in names if sum(name in each for each in own) > 1}
        self._scopes = _by_marks(code, flow, 0, self._scope_after)

    def enter(self, block: int) -> None:
        """What is asked for next stands in a block."""
        self._scope = self._scopes[block]

    def _scope_after(self, mark: Mark, before: int) -> int:
        """The scope whose names are shown."""
        return mark.scope if mark.kind == LINE and mark.scope not in self._foreign else before

    def prepared(self) -> list[str]:
        """What stands at the function's start."""
        kept = [
            f"_kept_{scope}_{name}"
            for scope, names in self._names.items()
            for name in names
            if name in self._shared and scope not in self._foreign
        ]
        return [*(f"_names_{scope} = {{}}" for scope in sorted(self._foreign)), *(f"{each} = _unset" for each in kept)]

    def begins(self, mark: Mark) -> list[str]:
        """What stands right before a line: names that it shares with other functions are its own."""
        if mark.scope in self._foreign:
            return []
        self._scope = mark.scope
        shared = [each for each in self._names.get(mark.scope, ()) if each in self._shared]
        found: list[str] = []
        for each in shared:
            kept, name = f"_kept_{mark.scope}_{each}", f"{SHOWN}{each}"
            found += [f"{name} = {kept}", f"if {name} is _unset:", f"    del {name}"]
        return found

    def runs_in(self, mark: Mark, name: str) -> str:
        """What stands for a line of a function that is in another file; empty for any other line."""
        return f"_exec({name}, {name}_globals, _names_{mark.scope})" if mark.scope in self._foreign else ""

    def holds(self, mark: Mark, name: str) -> list[str]:
        """What stands where a local has got a value, which is in r1."""
        if mark.scope in self._foreign:
            places = [f"_names_{mark.scope}[{mark.name!r}]"]
        elif mark.name in self._shared:
            places = [f"_kept_{mark.scope}_{mark.name}"]
            places += [f"{SHOWN}{mark.name}"] if mark.scope == self._scope else []
        else:
            places = [f"{SHOWN}{mark.name}"]
        assigned = [*expression(mark.shown, name), " = ".join([*places, "_seen"])]
        if mark.kind != AGAIN or mark.scope in self._foreign or mark.name in self._shared:
            return assigned
        nested = (f"    {each}" for each in assigned)
        return ["try:", f"    {places[0]}", "except NameError:", "    pass", "else:", *nested]
