"""Why the verifier refused a program: the error that says where, why, where the value came from, and what to do."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import groupby

from osmia.errors import ENOTSUPP, SourceLine, VerifierError
from osmia.kernel import verifier_origin
from osmia.kernel.verifier_catalogue import explain
from osmia.kernel.verifier_log import read_log, reported_instruction, reported_words
from osmia.kernel.verifier_path import branches, loops

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia.errors import Branch
    from osmia.kernel.verifier_catalogue import Case, Explanation
    from osmia.kernel.verifier_log import Log, Step
    from osmia.kernel.verifier_origin import Origin
    from osmia.spec import LineInfo

_SHOWN_BRANCHES = 6
_CALL, _EXIT = 0x85, 0x95
_LOAD, _CLASS = 0x01, 0x07
# What the verifier refuses without a word: array_map_direct_value_addr() in kernel/bpf/arraymap.c gives the number.
_FROZEN = (
    "a map that is frozen, and that programs may only read, is read as a constant here, which the kernel can of a map "
    "of one entry alone",
    "freeze() it once the program is loaded, or declare it without BPF_F_RDONLY_PROG",
)


def verifier_error(
    number: int,
    program: str,
    log: str,
    lines: Sequence[LineInfo],
    path_of: Callable[[str], str] | None = None,
) -> VerifierError:
    """The error for a log; `lines` are the program's, with offsets over the whole of it, ascending.

    `path_of` says where a source file that the object names lies.
    """
    read = read_log(log)
    table = _Lines(lines, path_of or str)
    known = explain(read.reason) or explain(reported_words(read.report, "Reason"))
    table.leave(read.steps)
    refused, place = _refused(read, known, table)
    origin = _origin(known, read.steps) if known else None
    case = _case(known, origin, read) if known else None
    made = (origin.ended_by or origin.step) if origin and not (case and case.refused) else None
    report = "" if known else read.report
    reason = read.reason or reported_words(read.report, "Reason") or "it gives no reason"
    cause, fix = reported_words(report, "Reason"), reported_words(report, "Suggestion")
    if known:
        said = case or known.entry
        cause, fix = said.cause.format(**known.groups), said.fix.format(**known.groups)
    elif number == ENOTSUPP and not read.reason and read.steps and read.steps[-1].opcode & _CLASS == _LOAD:
        cause, fix = _FROZEN
    from_line = table.source(made) if made else None
    way = branches(read.steps, table.place) if not known or "at" not in known.groups else ()
    around = loops(read.steps, table.place) if known and known.entry.trace == "loop" else ()
    error = VerifierError(
        number,
        "\n".join(
            (
                _first_line(program, cause or reason, place, refused),
                *_shown(place, table.column(refused, place) if place and refused is not None else 0),
                *_labelled("from", _origin_words(made, from_line, refused, place)),
                *_labelled("loop", ", in ".join(_line_words(each) for each in around)),
                *_labelled("path", _path_words(way, place, cut=read.cut)),
                *_labelled("fix", fix),
                *_labelled("kernel", reason if cause and cause != reason else ""),
            )
        ),
    )
    error.file, error.line = (place.file, place.line) if place else (None, None)
    error.origin, error.branches = from_line, way
    error.reason, error.cause, error.fix, error.log = reason, cause, fix, log
    return error


class _Lines:
    """The source lines of a program's instructions."""

    def __init__(self, lines: Sequence[LineInfo], path_of: Callable[[str], str]) -> None:
        self._lines = lines
        self._paths = {file: path_of(file.removeprefix("./")) for file in {line.file for line in lines}}
        self._offsets = [line.offset for line in lines]
        self._moved: dict[int, Step] = {}

    def leave(self, steps: list[Step]) -> None:
        """Take the line of an exit from the jump that led there, where it has none of its own.

        Compilers make one exit of several returns, which is of no line then; what stands before it in the code, and so
        gives it a line, is another way.
        """
        if not steps or steps[-1].opcode != _EXIT:
            return
        first = len(steps) - 1
        while first and steps[first - 1].index + 1 == steps[first].index and steps[first - 1].opcode != _CALL:
            first -= 1
        position = bisect_right(self._offsets, steps[-1].index)
        if not first or not position or self._offsets[position - 1] >= steps[first].index:
            return
        if steps[first - 1].depth == steps[first].depth:
            self._moved = {id(step): steps[first - 1] for step in steps[first:]}

    def at(self, index: int) -> tuple[str, int, str] | None:
        """The line of an instruction, as the object has it."""
        position = bisect_right(self._offsets, index)
        if not position:
            return None
        line = self._lines[position - 1]
        return (self._paths[line.file], line.line, line.text) if line.line else None

    def column(self, index: int, place: SourceLine) -> int:
        """The column of an instruction, counted from 1; 0 where the object does not say, or the line is another one."""
        position = bisect_right(self._offsets, index)
        line = self._lines[position - 1] if position else None
        return line.column if line and (line.line, line.text) == (place.line, place.text) else 0

    def place(self, step: Step) -> tuple[str, int, str] | None:
        """The line of a step: as the object says, or else the log, which has a file's name without its directory.

        The log leaves a line out that it showed last, also where that was on another way.
        """
        step = self._moved.get(id(step), step)
        said, known = step.source, self.at(step.index)
        if said is None:
            return known
        paths = [path for path in self._paths.values() if path.rpartition("/")[2] == said[0]]
        if paths and known:
            return known
        return (paths[0], *said[1:]) if len(paths) == 1 else said

    def last(self, steps: list[Step]) -> SourceLine | None:
        """The line of the last step that is of one."""
        return next((found for step in reversed(steps) if (found := self.source(step))), None)

    def source(self, step: Step) -> SourceLine | None:
        """The same, as it is shown."""
        found = self.place(step)
        return SourceLine(*found) if found else None


def _refused(log: Log, known: Explanation | None, table: _Lines) -> tuple[int | None, SourceLine | None]:
    """The instruction that was refused and its line: the last one, unless the reason names another."""
    named = known.groups.get("at") if known else None
    index = int(named) if named else reported_instruction(log.report)
    last = log.steps[-1] if log.steps else None
    if index is None or (last and last.index == index):
        return (last.index, table.last(log.steps)) if last else (None, None)
    found = table.at(index)
    return index, SourceLine(*found) if found else None


def _origin(known: Explanation, steps: list[Step]) -> Origin | None:
    """Where the value came from that an entry is about."""
    if not steps:
        return None
    trace, groups = known.entry.trace, known.groups
    kind, _, name = trace.partition(" ")
    if kind == "call":
        return verifier_origin.last_call(steps, name)
    if kind == "acquired":
        return verifier_origin.step_at(steps, int(groups["acquired"]))
    registers = {
        "base": verifier_origin.base(steps[-1]),
        "operand": verifier_origin.operand(steps[-1]),
        "r0": 0,
        "": None,
    }
    named = groups.get("register") or groups.get("other")
    register = registers[kind] if kind in registers else int(named) if named else verifier_origin.base(steps[-1])
    if register is None:
        return None
    return verifier_origin.origin(steps, register, number=kind in ("number", "operand"))


def _case(known: Explanation, origin: Origin | None, log: Log) -> Case | None:
    """The case of an entry that the refused instruction tells, or the value's origin."""
    for case in known.entry.cases:
        if case.refused and log.steps and re.match(case.refused, log.steps[-1].text):
            return case
    if origin is None:
        others = (case for case in known.entry.cases if not case.origin and not case.refused)
        return next(others, None) if log.function else None
    for case in known.entry.cases:
        step = origin.ended_by if case.ended_by else origin.step
        if step and case.origin and re.match(case.origin, step.text):
            return case
    return None


def _first_line(program: str, why: str, place: SourceLine | None, refused: int | None) -> str:
    where = f"{place.file}:{place.line}: " if place else ""
    at = f" (at instruction {refused})" if place is None and refused is not None else ""
    return f"{where}the kernel's verifier refuses program '{program}': {why}{at}"


def _shown(place: SourceLine | None, column: int) -> list[str]:
    """The source line, with a caret where what was refused does not begin it."""
    if place is None or not place.text.strip():
        return []
    text = place.text.rstrip()
    indent = len(text) - len(text.lstrip())
    line = f"    {text[indent:]}"
    if not indent + 1 < column <= len(text) or not text.isascii():
        return [line]
    before = "".join("\t" if character == "\t" else " " for character in text[indent : column - 1])
    return [line, f"    {before}^"]


def _labelled(label: str, words: str) -> list[str]:
    return [f"  {label}: {words}"] if words else []


def _origin_words(made: Step | None, line: SourceLine | None, refused: int | None, place: SourceLine | None) -> str:
    """Where the value came from; nothing where that is the line that is shown already."""
    if made is None or made.index == refused:
        return ""
    if line is None:
        return f"instruction {made.index}: {made.text}"
    return "" if line == place else _line_words(line)


def _line_words(line: SourceLine) -> str:
    return f"{line.file}:{line.line}: {line.text.strip()}"


def _path_words(way: tuple[Branch, ...], place: SourceLine | None, *, cut: bool) -> str:
    """The last conditions: `line 12: true (3 times), line 15 -> line 19`, with the file where it is another one."""
    shown: list[str] = []
    for words, same in groupby(_branch_words(branch, place) for branch in way):
        times = len(list(same))
        counted = times > 1 and (shown or not cut)
        shown.append(f"{words} ({times} times)" if counted else words)
    more = len(shown) > _SHOWN_BRANCHES or (cut and shown)
    return ", ".join(["...", *shown[-_SHOWN_BRANCHES:]] if more else shown)


def _branch_words(branch: Branch, place: SourceLine | None) -> str:
    where = f"line {branch.line}" if place and branch.file == place.file else f"{branch.file}:{branch.line}"
    if branch.taken is not None:
        return f"{where}: {'true' if branch.taken else 'false'}"
    return f"{where} -> line {branch.next_line}" if branch.next_line is not None else where
