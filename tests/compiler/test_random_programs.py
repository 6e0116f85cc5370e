"""Random statements in the kernel against CPython running the same source.

What the programs compute stays within 64 bits, so that stores into declared widths wrap and nothing else does: wrapping
operations are the subject of test_random_expressions. What raises in Python takes the error edge, at the same line.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import osmia
from evaluator import OutsideError, Run
from osmia import XdpAction
from osmia.compiler import Target
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hypothesis.strategies import DrawFn

    from osmia import Loaded

GIVEN = (0, 1, 2, 3, 7, 8, 100, 255)
CPUS = ("v3", "v1", "v4", "v2")
# What is compiled for debugging is another object.
MACHINES: tuple[dict[str, Any], ...] = ({}, {"engine": "python"}, {"debug": True})
HEAD = (
    f"{PRELUDE}given = Array(u8, max_entries=1)\nresults = Array(i64, max_entries=1)\n"
    "@xdp(on_error=XdpAction.TX)\n"
    "def program(ctx: XdpContext) -> XdpAction:\n"
    "    taken = given.lookup(0)\n    out = results.lookup(0)\n"
    "    if taken is None or out is None:\n        return XdpAction.ABORTED\n    x = taken.value\n"
)
TAIL = "    out.value = result\n    return XdpAction.PASS\n"
# Operations whose operand on the right can fail, and the problem if it always does.
CERTAIN = ("this always divides by zero", "this always shifts by a negative count")
# The verifier's budgets for branches in loops. They are rare: the test below counts them.
BUDGETS = ("more than a million steps", "too many branches", "it gives no reason")


class Writer:
    """Draws a body: a, b, c and the given x are assigned before it, d to f are declared with widths."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.loops = 0

    def pick(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def body(self) -> str:
        lines = ["a = x", f"b = {self.number(-9, 9)}", "c = a - 3", "result = 0"]
        lines += [f"{name}: {width} = x" for name, width in (("d", "u8"), ("e", "i8"), ("f", "i16"))]
        lines += self.statements(self.number(1, 6), depth=2)
        lines.append("result = result + a * 7 + b * 3 + c + d * 11 + e * 13 + f * 17")
        return "\n".join(lines)

    def statements(self, count: int, depth: int) -> list[str]:
        return [line for _ in range(count) for line in self.statement(depth)]

    def statement(self, depth: int) -> list[str]:
        nested = ["if", "match"] * bool(depth) + ["for", "while", "counter"] * (depth > 1)
        name = self.pick(*"abc")
        match self.pick("assign", "augmented", "declared", "declared", "swap", "divmod", "assert", *nested):
            case "assign":
                return [f"{name} = ({self.expression(2)}) % 1009"]
            case "augmented":
                return [
                    f"{name} {self.pick('+', '-', '*', '^', '|', '&', '//', '>>')}= {self.expression(1)}",
                    f"{name} %= 4093",
                ]
            case "declared":
                return [f"{self.pick(*'def')} {self.pick('', '', '+', '-', '*')}= {self.expression(2)}"]
            case "swap":
                names = self.draw(st.permutations("abcde"))
                targets = self.draw(st.permutations(names))
                return [f"{', '.join(targets[:3])} = {', '.join(names[:3])}"]
            case "divmod":
                return [f"a, b = divmod({self.expression(1)}, {self.expression(1)})", "a %= 1009", "b %= 1009"]
            case "assert":
                return [f"assert {self.condition(1)} or x != {self.number(0, 8)}, 'for readers'"]
            case "if":
                lines = [f"if {self.condition(2)}:", *self.block(depth)]
                if self.number(0, 1):
                    lines += [f"elif {self.condition(1)}:", *self.block(depth)]
                return [*lines, *(["else:", *self.block(depth)] if self.number(0, 1) else [])]
            case "for":
                return self.counted(depth)
            case "while":
                self.loops += 1
                n = f"n{self.loops}"
                return [f"{n} = x & 3", f"while ({n} := {n} - 1) >= 0:", *self.block(depth), "    result += 1"]
            case "counter":
                return self.counter()
            case _:
                return [
                    f"match ({self.expression(1)}) % 4:",
                    "    case 0:",
                    *indented(self.block(depth)),
                    f"    case 1 | 2 if {self.condition(1)}:",
                    *indented(self.block(depth)),
                    "    case other:",
                    "        result += other",
                ]

    def counted(self, depth: int) -> list[str]:
        self.loops += 1
        bounds = self.pick("3", "1, 4", "5, 0, -2", "x & 3", "2, (x & 3) + 1", "-2, x & 1")
        lines = [f"for i{self.loops} in range({bounds}):", f"    result += i{self.loops}", *self.block(depth)]
        if self.number(0, 1):
            lines += [f"    if {self.condition(1)}:", f"        {self.pick('break', 'continue')}"]
        lines.append("    result %= 65521")
        return [*lines, *(["else:", *self.block(0)] if self.number(0, 2) == 2 else [])]

    def counter(self) -> list[str]:
        """A number that loops in loops count, and what is made of it behind them."""
        self.loops += 1
        p = f"p{self.loops}"
        lines = [f"{p} = {self.pick('0', '0', '3', '-2', 'x', 'x & 7')}"]
        lines += self.counting(p, self.number(1, 3), only_up=bool(self.number(0, 1)))
        use = self.pick(f"{p}", f"x // ({p} + {self.number(0, 3)})", f"({p} << ({p} & 3))", f"int({p} >= {p} % 5)")
        return [*lines, f"result += {use}", f"if {p} > {self.number(-1, 20)}:", f"    result += {p}", "result %= 65521"]

    def counting(self, p: str, loops: int, *, only_up: bool) -> list[str]:
        """One loop with `loops - 1` others in it. `while` ends where a counter only goes up."""
        self.loops += 1
        n = f"n{self.loops}"
        ranges = [f"for {n} in range({each}):" for each in ("3", "0, 6, 2", "2, -1, -1", "x & 3", f"{p} & 3")]
        whiles = [f"while {p} < {self.number(0, 9)}:", f"while {p} < (x & 7) and {p} > {self.number(-9, 0)}:"]
        head = self.pick(*ranges, *(whiles if only_up else ()))
        again = [] if head in whiles else [n]
        lines = self.counts(p, again, self.number(0, 1), only_up=only_up)
        lines += self.counting(p, loops - 1, only_up=only_up) if loops > 1 else []
        lines += self.counts(p, again, self.number(0, 2), only_up=only_up)
        return [head, *indented([*lines, f"{p} += {self.number(1, 3)}"])]

    def counts(self, p: str, numbers: list[str], count: int, *, only_up: bool) -> list[str]:
        return [line for _ in range(count) for line in self.count(p, numbers, only_up=only_up)]

    def count(self, p: str, numbers: list[str], *, only_up: bool) -> list[str]:
        """One way to count. `numbers` has the loop's own, if there is one: such a loop may go on with the next."""
        step = self.pick("1", "1", "(x & 3)", "d", "(x > 9)", f"({p} & 1)", *numbers)
        test = self.pick("x & 1", f"{p} > {self.number(0, 9)}", f"{p} & 2", p, f"{p} % 3 == {self.number(0, 2)}")
        leave = self.pick("break", "continue") if numbers else "break"
        ways = [
            [f"{p} += {step}"],
            [f"{p} = {step} + {p}"],
            [f"if {test}:", f"    {p} += {step}"],
            [f"if {test}:", f"    {p} += 2", "else:", f"    {p} += {step}"],
            [f"if {test}:", f"    {leave}"],
            [f"{p} += {step} if {test} else 2"],
            [f"{p} = max({p}, {step})"],
            [f"result += ({p} := {p} + {step})", "result %= 65521"],
        ]
        other_ways = [
            [f"if {test}:", f"    {p} = {step}"],
            [f"{p} = min({p} + {step}, 60)"],
            [f"if {p} > 0 and {test}:", f"    {p} -= {step}"],
            [f"{p} -= {step}"],
        ]
        return self.draw(st.sampled_from(ways if only_up else ways + other_ways))

    def block(self, depth: int) -> list[str]:
        return indented(self.statements(self.number(1, 2), max(depth - 1, 0)))

    def expression(self, depth: int) -> str:
        if depth == 0 or self.number(0, 4) == 0:
            return self.pick(*"abcxdef", str(self.number(-5, 20)))
        one, other = self.expression(depth - 1), self.expression(depth - 1)
        match self.pick("binary", "binary", "shift", "call", "choice", "unary", "walrus", "test"):
            case "shift":
                return f"({one} {self.pick('<<', '>>')} ({other} & 7))"
            case "call":
                return self.pick(
                    f"min({one}, {other})", f"max({one}, {other}, 3)", f"abs({one})", f"u8({one})", f"i16({one})"
                )
            case "choice":
                return f"({one} if {self.condition(depth - 1)} else {other})"
            case "unary":
                return self.pick(f"(-{one})", f"(~{one})", f"(({one}) ** 2)")
            case "walrus":
                return f"(w := {one})"
            case "test":
                return f"int({self.condition(depth - 1)})"
            case _:
                return f"({one} {self.pick('+', '-', '*', '//', '%', '&', '|', '^')} {other})"

    def condition(self, depth: int) -> str:
        one, other = self.expression(max(depth - 1, 0)), self.expression(max(depth - 1, 0))
        operator = self.pick("<", "<=", ">", ">=", "==", "!=")
        test = self.pick(
            f"{one} {operator} {other}",
            f"0 < {one} {operator} {other}",
            f"{one} in (1, 2, 9)",
            f"{one} not in range(3, 40, 2)",
        )
        if depth == 0 or self.number(0, 1):
            return f"({test})"
        return f"({test} {self.pick('and', 'or')} {self.pick('', 'not ')}{self.condition(depth - 1)})"


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


@st.composite
def bodies(draw: DrawFn) -> str:
    return Writer(draw).body()


def agree(directory: Path, body: str, cpu: str) -> str:
    """Run a body in the kernel; fails where CPython says otherwise. Gives the outcome, for counting."""
    ran = Run(body)
    try:
        results = {x: ran.result(x=x) for x in range(256)}
    except OutsideError:
        return "outside"
    text = HEAD + textwrap.indent(body, "    ") + "\n" + TAIL
    try:
        loaded = osmia.load(module_from(directory, text), target=Target(cpu, (5, 10)))
    except osmia.CompileError as error:
        where = ((error.lineno or 0) - HEAD.count("\n"), (error.offset or 0) - 1 - 4)
        if error.problem in CERTAIN and where not in ran.survived:
            return "certain error"
        if error.problem == ran.misfits.get(where):
            return "misfit"
        pytest.fail(
            f"refused: {error.problem} at {where}, which did{'' if where in ran.reached else ' not'} run\n{body}"
        )
    except osmia.VerifierError as error:
        if any(budget in str(error) for budget in BUDGETS):
            return "budget"
        pytest.fail(f"{error}\n{body}")
    assert not ran.misfits, f"not refused: {ran.misfits}\n{body}"
    errors = compare(loaded, results, f"for {cpu}\n{body}")
    for options in MACHINES:
        target = None if "debug" in options else Target(cpu, (5, 10))
        with osmia.Machine(**options) as machine:
            compare(osmia.load(module_from(directory, text), target=target, engine=machine), results, body)
    return "errors" if errors else "agreed"


def compare(loaded: Loaded, results: dict[int, tuple[int | None, int | None]], where: str) -> Counter[int]:
    """Run a program that is loaded, here or there, and compare. Gives the errors that it counted, by line."""
    with loaded:
        expected_errors = Counter[int]()
        for x in GIVEN:
            loaded["given"][0] = x
            loaded["results"][0] = 0
            action = loaded["program"].test_run(bytes(14)).action
            result, raised_at = results[x]
            if raised_at is not None:
                expected_errors[raised_at] += 1
            expected = (XdpAction.PASS, result) if raised_at is None else (XdpAction.TX, 0)
            assert (action, loaded["results"][0]) == expected, f"x = {x}, {where}"
        errors = Counter[int]()
        for each in loaded["program"].errors():
            errors[each.line - HEAD.count("\n")] += each.count
        assert errors == expected_errors, where
    return errors


def search(directory: Path, examples: int, *, fixed: bool) -> Counter[str]:
    """Let hypothesis look for programs on which kernel and CPython differ."""
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
    @given(bodies(), st.sampled_from(CPUS))
    def differ(body: str, cpu: str) -> None:
        outcomes[agree(directory, body, cpu)] += 1

    differ()
    return outcomes


def _most_count(outcomes: Counter[str], examples: int) -> None:
    assert outcomes["agreed"] + outcomes["errors"] > examples * 0.6, outcomes
    assert outcomes["errors"] > examples * 0.05, outcomes
    assert outcomes["budget"] <= examples * 0.1, outcomes


def test_random_programs_do_what_python_does(tmp_path: Path) -> None:
    _most_count(search(tmp_path, 40, fixed=True), 40)


@pytest.mark.full
def test_many_random_programs(tmp_path: Path) -> None:
    outcomes = search(tmp_path, 600, fixed=False)
    print(dict(outcomes))
    _most_count(outcomes, 600)


@pytest.mark.parametrize("wrong", ["+", "%"])
def test_the_comparison_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """An evaluator that is wrong about one operation is found out."""
    body = "result = (x + 3) % 5"
    assert agree(tmp_path, body, "v3") == "agreed"
    right: Callable[..., int] = Run._operation

    def off_by_one(self: Run, symbol: str, *operands: int) -> int:
        return right(self, symbol, *operands) + (symbol == wrong)

    monkeypatch.setattr(Run, "_operation", off_by_one)
    with pytest.raises(AssertionError, match="x = 0, for v3"):
        agree(tmp_path, body, "v3")
