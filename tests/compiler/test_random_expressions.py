"""Random expressions in the kernel against CPython evaluating the same source: at least ten thousand with `--full`.

Operands come from maps, so that nothing is folded; a second run has constants only, so that everything is. What the
compiler refuses has to be refused by the rules of `evaluator`, which imports nothing from it, and the other way round.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import osmia
from evaluator import TWO_KINDS, UNARY_MIXED, WIDTHS, Expected, expected, limits, shape_of
from osmia.compiler import Target
from osmia.compiler.build import checked_unit
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")

ROWS = 8
IN_ONE = 12  # so many expressions make a program
NAMES = {f"{letter}_{width}": width for width in WIDTHS for letter in "ab"}
OPERANDS = tuple(f"{name}.value" for name in NAMES)
CPUS = ("v3", "v1", "v4", "v2")
PROBLEMS = {"integer division or modulo by zero", "negative shift count"}
LAST = (1 << 64) - 1


def _edges() -> SearchStrategy[int]:
    """Numbers beside the ends of the widths, and small ones."""
    ends = {end + near for width in WIDTHS for end in limits(width) for near in (-1, 0, 1)}
    return st.sampled_from(sorted((each for each in ends if -(1 << 63) <= each <= LAST), key=abs))


NUMBERS = st.one_of(st.integers(-9, 70), _edges(), st.integers(-(1 << 63), LAST))


@st.composite
def expressions(draw: DrawFn, depth: int = 3, *, leaves: SearchStrategy[str]) -> str:
    """An expression whose value is an integer or a bool. Few are refused: what the rules would refuse gets a cast."""
    if depth == 0:
        return draw(leaves)

    def part() -> str:
        return draw(expressions(depth - 1, leaves=leaves))

    kind = draw(st.sampled_from(("leaf", "binary", "binary", "binary", "unary", "call", "power", "choice", "test")))
    match kind:
        case "leaf":
            return draw(leaves)
        case "binary":
            symbol = draw(st.sampled_from(("+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>")))
            left, right = part(), part()
            if symbol in ("<<", ">>") and draw(st.integers(0, 9)):
                right = f"({right}) & {draw(st.sampled_from((7, 31, 63, 127)))}"
            return _cast_where_refused(draw, lambda one, other: f"({one}) {symbol} ({other})", left, right)
        case "unary":
            symbol = draw(st.sampled_from("-~+"))
            return _cast_where_refused(draw, lambda one: f"{symbol}({one})", part())
        case "call":
            return _call(draw, part)
        case "power":
            return f"({part()}) ** {draw(st.integers(0, 5))}"
        case "choice":
            test = draw(conditions(depth - 1, leaves=leaves))
            return _cast_where_refused(draw, lambda one, other: f"({one}) if {test} else ({other})", part(), part())
        case _:
            return f"int({draw(conditions(depth, leaves=leaves))})"


def _call(draw: DrawFn, part: Callable[[], str]) -> str:
    name = draw(st.sampled_from((*WIDTHS, "min", "max", "abs", "int", "bool", "pow")))
    if name in ("min", "max"):
        return f"{name}({', '.join(part() for _ in range(draw(st.integers(2, 3))))})"
    if name == "pow":
        return f"pow({part()}, {draw(st.integers(0, 3))})"
    return f"{name}({part()})"


@st.composite
def conditions(draw: DrawFn, depth: int, *, leaves: SearchStrategy[str]) -> str:
    """A bool."""
    lower = max(depth - 1, 0)

    def part() -> str:
        return draw(expressions(lower, leaves=leaves))

    kind = draw(st.sampled_from(("compare", "compare", "chain", "in", "range", "joined", "not", "truth")))
    compare = st.sampled_from(("<", "<=", ">", ">=", "==", "!="))
    match kind:
        case "chain":
            return f"(({part()}) {draw(compare)} ({part()}) {draw(compare)} ({part()}))"
        case "in":
            choices = ", ".join(str(draw(NUMBERS)) for _ in range(draw(st.integers(1, 3))))
            return f"(({part()}) {draw(st.sampled_from(('in', 'not in')))} ({choices},))"
        case "range":
            start, length = draw(st.integers(-300, 300)), draw(st.integers(0, 600))
            step = draw(st.sampled_from((1, 1, -1, 2, -3, 7)))
            bounds = f"{start}, {start + length if step > 0 else start - length}, {step}"
            return f"(({part()}) {draw(st.sampled_from(('in', 'not in')))} range({bounds}))"
        case "joined" if depth:
            symbol = draw(st.sampled_from(("and", "or")))
            return f"({draw(conditions(lower, leaves=leaves))} {symbol} {draw(conditions(lower, leaves=leaves))})"
        case "not":
            return f"(not ({part()}))"
        case "truth":
            return f"bool({part()})"
        case _:
            return f"(({part()}) {draw(compare)} ({part()}))"


def _cast_where_refused(draw: DrawFn, made: Callable[..., str], *parts: str) -> str:
    """The expression; where the rules refuse it for its operands' signs, with casts, but for one in sixteen."""
    source = made(*parts)
    problems = shape_of(source, NAMES)[1]
    before = sum(len(shape_of(part, NAMES)[1]) for part in parts)
    mixed = len(problems) > before and (problems[-1].endswith("has no 64-bit result") or problems[-1] == TWO_KINDS)
    if not mixed or draw(st.integers(0, 15)) == 15:
        return source
    width = (
        "i64"
        if problems[-1] in {UNARY_MIXED.format(symbol) for symbol in "-~"}
        else draw(st.sampled_from(("i64", "u64")))
    )
    return made(*(f"{width}({part})" for part in parts))


def several(each: SearchStrategy[T]) -> SearchStrategy[list[T]]:
    """Lists of about 25, which shrink to one."""
    return st.lists(st.lists(each, max_size=16), max_size=16).map(
        lambda groups: [one for group in groups for one in group]
    )


VARYING = expressions(leaves=st.one_of(st.sampled_from(OPERANDS), st.sampled_from(OPERANDS), NUMBERS.map(str)))
CONSTANT = expressions(leaves=NUMBERS.map(str))


def rows_of(seed: int) -> list[dict[str, int]]:
    """What the operands are, row by row: edges, small numbers, and anything."""
    generator = random.Random(seed)
    rows = []
    for _ in range(ROWS):
        row = {}
        for name, width in NAMES.items():
            low, high = limits(width)
            near = generator.choice((low, 0, high))
            number = generator.choice(
                (near + generator.randint(-3, 3), generator.randint(low, high), generator.randint(-9, 70))
            )
            row[name] = min(max(number, low), high)
        rows.append(row)
    return rows


def source_of(asked: list[Expected]) -> str:
    """Programs that work an expression out for one row at each run: a map counts the runs."""
    runs = max(1, len(asked) * ROWS)
    lines = [PRELUDE.rstrip(), f"results = Array(u64, max_entries={runs})", f"finished = Array(u8, max_entries={runs})"]
    lines += [f"cursors = Array(u32, max_entries={1 + len(asked) // IN_ONE})"]
    lines += [f"of_{name} = Array({width}, max_entries={ROWS})" for name, width in NAMES.items()]
    for first in range(0, len(asked), IN_ONE):
        lines += [
            "@xdp(on_error=XdpAction.TX)",
            f"def program{first}(ctx: XdpContext) -> XdpAction:",
            f"    at = cursors.lookup({first // IN_ONE})",
            "    if at is None:",
            "        return XdpAction.ABORTED",
            f"    run: u32 = at.value + {first * ROWS}",
            "    at.value += 1",
            f"    row, which = run % {ROWS}, run // {ROWS}",
            "    out, done = results.lookup(run), finished.lookup(run)",
            "    if out is None or done is None:",
            "        return XdpAction.ABORTED",
        ]
        for index, each in enumerate(asked[first : first + IN_ONE], first):
            lines.append(f"    if which == {index}:")
            for name in NAMES:
                if f"{name}.value" in each.source:
                    lines += [f"        {name} = of_{name}.lookup(row)", f"        if {name} is None:"]
                    lines += ["            return XdpAction.ABORTED"]
            lines.append(f"        out.value = u64({each.source})  # {index}")
        lines += ["    done.value = 1", "    return XdpAction.PASS"]
    return "\n".join(lines) + "\n"


def agree(directory: Path, sources: list[str], rows: list[dict[str, int]], cpu: str) -> Counter[str]:
    """Run them all in the kernel; fails where CPython says otherwise. Gives how many there were of each outcome."""
    asked = [expected(source, NAMES) for source in sources]
    for each in asked:
        if each.refusals:
            refused_as_expected(directory, each)
    outcomes = Counter({"expressions": len(asked), "refused": sum(bool(each.refusals) for each in asked)})
    asked = [each for each in asked if not each.refusals]
    if not asked:
        return outcomes
    text = source_of(asked)
    try:
        loaded = osmia.load(module_from(directory, text), target=Target(cpu, (5, 10)))
    except osmia.CompileError as error:
        pytest.fail(f"refused, but by no rule: {error.problem}, found {getattr(error, 'found', '')}\n{error.text}")
    except osmia.VerifierError as error:
        pytest.fail(f"{error}\n{text}")
    outcomes.update(compare(loaded, asked, rows, text, f"in the kernel, for {cpu}"))
    with osmia.Machine() as machine:
        there = osmia.load(module_from(directory, text), target=Target(cpu, (5, 10)), engine=machine)
        compare(there, asked, rows, text, f"in a machine, for {cpu}")
    return outcomes


def compare(
    loaded: osmia.Loaded, asked: list[Expected], rows: list[dict[str, int]], text: str, where: str
) -> Counter[str]:
    """Run expressions that are loaded, and compare: how many gave values, and how many raised."""
    with loaded:
        for name in NAMES:
            if f"of_{name}" not in loaded.maps:  # no expression reads it
                continue
            loaded[f"of_{name}"].update(dict(enumerate(row[name] for row in rows)))
        errors = Counter[int]()
        for first in range(0, len(asked), IN_ONE):
            program = loaded[f"program{first}"]
            program.test_run(bytes(14), repeat=len(asked[first : first + IN_ONE]) * ROWS)
            for count in program.errors():
                assert count.problem in PROBLEMS
                errors[count.line] += count.count
        results, finished = list(loaded["results"].values()), list(loaded["finished"].values())
    lines = {
        int(mark[1]): line for line, each in enumerate(text.splitlines(), 1) if (mark := re.search(r"# (\d+)$", each))
    }
    outcomes = Counter[str]()
    for index, each in enumerate(asked):
        values = [each.value(row) for row in rows]
        for row, value in enumerate(values):
            run = index * ROWS + row
            found = results[run] if finished[run] else None
            assert found == value, (
                f"{each.source}\n{ {name: number for name, number in rows[row].items() if name in each.source} }\n"
                f"{found}, in Python {value} (None: it raises), {where}"
            )
        assert errors[lines[index]] == values.count(None), f"{each.source}: counted {errors[lines[index]]} errors"
        outcomes["values"] += len(values) - values.count(None)
        outcomes["errors"] += values.count(None)
    return outcomes


def refused_as_expected(directory: Path, each: Expected) -> None:
    """What the rules refuse is refused, for a reason that they give."""
    text = source_of([each])
    module = module_from(directory, text)
    try:
        checked_unit((module.program0.request,))
        found, line = "not refused", ""
    except osmia.CompileError as error:
        found, line = error.problem, error.text or ""
    assert found in each.refusals, f"{each.source}: {found}, by the rules {each.refusals}"
    assert "out.value = " in line


def search(directory: Path, each: SearchStrategy[str], examples: int, *, fixed: bool) -> Counter[str]:
    """Let hypothesis look for expressions on which kernel and CPython differ."""
    outcomes = Counter[str]()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=fixed,
        phases=[Phase.generate] if fixed else [Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(several(each), st.integers(0, 1 << 16), st.sampled_from(CPUS))
    def differ(sources: list[str], seed: int, cpu: str) -> None:
        assume(sources)
        outcomes.update(agree(directory, sources, rows_of(seed), cpu))

    differ()
    return outcomes


def test_expressions_of_operands_from_maps(tmp_path: Path) -> None:
    outcomes = search(tmp_path, VARYING, 12, fixed=True)
    assert outcomes["expressions"] > 150
    assert outcomes["values"] > 1000
    assert outcomes["errors"] > 20


def test_expressions_of_constants(tmp_path: Path) -> None:
    outcomes = search(tmp_path, CONSTANT, 12, fixed=True)
    assert outcomes["expressions"] > 150
    assert outcomes["values"] > 500
    assert outcomes["refused"] > 5


@pytest.mark.full
@pytest.mark.parametrize("kind", ["varying", "constant"])
def test_ten_thousand_expressions(tmp_path: Path, kind: str) -> None:
    outcomes: Counter[str] = Counter()
    while outcomes["expressions"] < 10_000:
        outcomes += search(tmp_path, {"varying": VARYING, "constant": CONSTANT}[kind], 100, fixed=False)
    print(dict(outcomes))
    assert outcomes["values"] > 10_000


def test_the_comparison_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluator that is wrong about one operation is found out."""
    rows: Any = rows_of(0)
    agree(tmp_path, ["a_u8.value - b_u16.value"], rows, "v3")
    monkeypatch.setattr("evaluator.Expected.value", lambda self, operands: 1)
    with pytest.raises(AssertionError, match="in the kernel"):
        agree(tmp_path, ["a_u8.value - b_u16.value"], rows, "v3")
