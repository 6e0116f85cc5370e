"""The conditions that led to a refused instruction, whether they hold on that way, and the loops that it went round."""

from __future__ import annotations

import ast
import linecache

from osmia.errors import Branch, SourceLine
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia.kernel.verifier_log import Step

    Place = tuple[str, int, str]

_JUMPS = (0x05, 0x06)  # the classes BPF_JMP and BPF_JMP32
_OPERATION = 0xF0
_SHOWN_LOOPS = 3
_NO_CONDITIONS = (0x00, 0x80, 0x90, 0xE0)  # goto, call, exit, may_goto


@record
class _Source:
    """A Python file."""

    lines: list[str]
    conditions: list[_Condition]
    """Outer ones first."""
    loops: dict[int, ast.For | ast.While]
    """By the lines of their headers."""


@record
class _Condition:
    """A Python statement that tests something."""

    header: range
    """The lines of what is tested."""
    body: range
    """The lines that run where it holds."""
    otherwise: frozenset[int]
    """Lines that run only where it does not."""
    function: range


def branches(steps: list[Step], place_of: Callable[[Step], Place | None]) -> tuple[Branch, ...]:
    """The conditions on the way, in order; several jumps of one line in a row are one condition.

    Whether a condition holds can be said where the source is Python that lies where the object says, as the object
    has it: the jump itself may test the opposite.
    """
    found: list[Branch] = []
    sources: dict[str, _Source] = {}
    places = [place_of(step) for step in steps]
    position = 0
    while position < len(steps) - 1:
        here = places[position]
        if here is None or not _is_condition(steps[position]):
            position += 1
            continue
        following = _leaves(steps, places, position)
        if here[0] not in sources:
            sources[here[0]] = _source(here[0])
        found.append(_branch(here, places[following] if following else None, sources[here[0]]))
        position = following or len(steps)
    return tuple(found)


def loops(steps: list[Step], place_of: Callable[[Step], Place | None]) -> tuple[SourceLine, ...]:
    """The loops of Python files whose headers were come by more than once, those with the most rounds first.

    One without an end of its own, such as `while True:`, has no instruction at its header: the innermost one around the
    last line is taken then.
    """
    rounds: dict[Place, int] = {}
    sources: dict[str, _Source] = {}
    last: Place | None = None
    for step in steps:
        here = place_of(step)
        if here is None or here == last:
            continue
        last = here
        if here[0] not in sources:
            sources[here[0]] = _source(here[0])
        if here[1] in sources[here[0]].loops:
            rounds[here] = rounds.get(here, 0) + 1
    several = [place for place in sorted(rounds, key=rounds.__getitem__, reverse=True) if rounds[place] > 1]
    if not several and last is not None:
        source = sources[last[0]]
        around = [line for line, loop in source.loops.items() if last[1] in _lines(loop, loop)]
        several = [(last[0], line, source.lines[line - 1].rstrip("\n")) for line in around[-1:]]
    return tuple(SourceLine(*place) for place in several[:_SHOWN_LOOPS])


def _is_condition(step: Step) -> bool:
    return step.opcode & 0x07 in _JUMPS and step.opcode & _OPERATION not in _NO_CONDITIONS


def _leaves(steps: list[Step], places: list[Place | None], position: int) -> int | None:
    """The first step after one that is of another line, in its function or in one called from there."""
    here = places[position]
    for following in range(position + 1, len(steps)):
        if places[following] not in (here, None) and steps[following].depth <= steps[position].depth:
            return following
    return None


def _branch(here: Place, following: Place | None, source: _Source) -> Branch:
    file, line, text = here
    next_line = following[1] if following and following[0] == file else None
    taken = None
    if next_line is not None and line <= len(source.lines) and source.lines[line - 1].strip() == text.strip():
        taken = next((_holds(each, next_line) for each in reversed(source.conditions) if line in each.header), None)
    return Branch(file, line, text, taken=taken, next_line=next_line)


def _holds(condition: _Condition, next_line: int) -> bool | None:
    if next_line not in condition.function or next_line in condition.header:
        return None
    if next_line in condition.body:
        return True
    return False if next_line in condition.otherwise else None


def _source(file: str) -> _Source:
    """A Python file and its conditions; an empty one where it cannot be read."""
    lines = linecache.getlines(file) if file.endswith(".py") else []
    try:
        tree = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return _Source([], [], {})
    found: list[_Condition] = []
    headers: dict[int, ast.For | ast.While] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            whole = _lines(function, function)
            found += (each for block in _blocks(function) for each in _tested(block, whole))
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.While):
            tested = node.test if isinstance(node, ast.While) else node.iter
            headers.update(dict.fromkeys(_lines(node, tested), node))
    return _Source(lines, found, headers)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, without those of functions in it."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block:
            yield block
            for statement in block:
                if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                    yield from _blocks(statement)
    for case in node.cases if isinstance(node, ast.Match) else ():
        yield from _blocks(case)


def _tested(block: list[ast.stmt], function: range) -> Iterator[_Condition]:
    """The conditions among the statements of a block."""
    for position, statement in enumerate(block):
        if isinstance(statement, ast.Match):
            for case in statement.cases:
                yield _Condition(
                    _lines(case.pattern, case.guard or case.pattern), _block(case.body), frozenset(), function
                )
        elif isinstance(statement, ast.If | ast.While):
            header = _lines(statement.test, statement.test)
            otherwise = frozenset(_block(statement.orelse))
            if isinstance(statement, ast.If) and not otherwise and _leaves_block(statement.body):
                otherwise = _but_returns(block[position + 1 :])
            yield _Condition(header, _block(statement.body), otherwise, function)


def _leaves_block(body: list[ast.stmt]) -> bool:
    return isinstance(body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)


def _but_returns(block: list[ast.stmt]) -> frozenset[int]:
    """The lines of a block without those of its `return`s: the compiler may make one exit of several."""
    returns = {
        line for each in block for node in ast.walk(each) if isinstance(node, ast.Return) for line in _lines(node, node)
    }
    return frozenset(_block(block)) - returns


def _block(block: list[ast.stmt]) -> range:
    return _lines(block[0], block[-1]) if block else range(0)


def _lines(first: ast.stmt | ast.expr | ast.pattern, last: ast.stmt | ast.expr | ast.pattern) -> range:
    return range(first.lineno, (last.end_lineno or last.lineno) + 1)
