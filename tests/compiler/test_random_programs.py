"""Random programs in the kernel against CPython running the same source.

The evaluator here is Python itself: it knows nothing of the compiler. What the programs compute stays within 64 bits,
so that only the listed outcomes differ: what raises in Python takes the error edge.
"""

from __future__ import annotations

import random
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import XdpAction
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = 60
GIVEN = (0, 1, 2, 7, 100, 255)


class Writer:
    """Writes a random body: locals a, b, c and the given x, all assigned before; the result is `result`."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.loops = 0

    def body(self) -> str:
        lines = ["a = x", f"b = {self.random.randint(-9, 9)}", "c = a - 3", "result = 0"]
        lines += self.statements(4, depth=2)
        lines.append("result = result + a * 7 + b * 3 + c")
        return "\n".join(lines)

    def statements(self, count: int, depth: int) -> list[str]:
        return [line for _ in range(count) for line in self.statement(depth)]

    def statement(self, depth: int) -> list[str]:
        kinds = ["assign"] * 3 + [
            "augmented",
            "swap",
            *(["if", "match"] if depth else []),
            *(["for", "while"] if depth > 1 else []),
        ]
        name = self.random.choice("abc")
        match self.random.choice(kinds):
            case "assign":
                return [f"{name} = ({self.expression(2)}) % 1009"]
            case "augmented":
                return [
                    f"{name} {self.random.choice(['+', '-', '*', '^', '|', '&'])}= {self.expression(1)}",
                    f"{name} %= 4093",
                ]
            case "swap":
                return ["a, b, c = " + ", ".join(self.random.sample("abc", 3))]
            case "if":
                return [
                    f"if {self.condition(2)}:",
                    *self.block(depth),
                    *(["else:", *self.block(depth)] if self.chance(0.6) else []),
                ]
            case "for":
                self.loops += 1
                bounds = self.random.choice(["3", "1, 4", "5, 0, -2", "x & 3", "2, (x & 3) + 1"])
                leave = self.random.choice(["break", "continue"])
                return [
                    f"for i{self.loops} in range({bounds}):",
                    f"    result += i{self.loops}",
                    *self.block(depth),
                    *([f"    if {self.condition(1)}:", f"        {leave}"] if self.chance(0.5) else []),
                    "    result %= 65521",
                    *(["else:", *self.block(0)] if self.chance(0.3) else []),
                ]
            case "while":
                self.loops += 1
                n = f"n{self.loops}"
                return [f"{n} = x & 3", f"while {n} > 0:", f"    {n} -= 1", *self.block(depth), "    result += 1"]
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

    def block(self, depth: int) -> list[str]:
        return indented(self.statements(self.random.randint(1, 2), max(depth - 1, 0)))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def expression(self, depth: int) -> str:
        if depth == 0 or self.chance(0.2):
            return self.random.choice(["a", "b", "c", "x", str(self.random.randint(-5, 20))])
        one, other = self.expression(depth - 1), self.expression(depth - 1)
        return self.random.choice(
            [
                f"({one} + {other})",
                f"({one} - {other})",
                f"({one} * {other})",
                f"({one} // {other})",
                f"({one} % {other})",
                f"({one} & {other})",
                f"({one} | {other})",
                f"({one} ^ {other})",
                f"({one} >> ({other} & 7))",
                f"({one} << ({other} & 7))",
                f"min({one}, {other})",
                f"max({one}, {other}, 3)",
                f"abs({one})",
                f"-{one}",
                f"~{one}",
                f"({one} if {self.condition(depth - 1)} else {other})",
                f"({one}) ** 2",
                f"int({self.condition(depth - 1)})",
            ]
        )

    def condition(self, depth: int) -> str:
        one, other = self.expression(max(depth - 1, 0)), self.expression(max(depth - 1, 0))
        operator = self.random.choice(["<", "<=", ">", ">=", "==", "!="])
        test = self.random.choice(
            [
                f"{one} {operator} {other}",
                f"0 < {one} {operator} {other}",
                f"{one} in (1, 2, 9)",
                f"{one} not in range(3, 40, 2)",
            ]
        )
        if depth == 0 or self.chance(0.5):
            return f"({test})"
        joined = self.random.choice(["and", "or"])
        return f"({test} {joined} {self.random.choice(['', 'not '])}{self.condition(depth - 1)})"


def indented(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def in_python(body: str, x: int) -> tuple[XdpAction, int]:
    names: dict[str, Any] = {"x": x}
    try:
        exec(body, names)
    except ZeroDivisionError:
        return XdpAction.TX, 0
    return XdpAction.PASS, names["result"]


def source(body: str) -> str:
    return (
        f"{PRELUDE}given = Array(u8, max_entries=1)\nresults = Array(i64, max_entries=1)\n"
        "@xdp(on_error=XdpAction.TX)\n"
        "def program(ctx: XdpContext) -> XdpAction:\n"
        "    taken = given.lookup(0)\n    out = results.lookup(0)\n"
        "    if taken is None or out is None:\n        return XdpAction.ABORTED\n    x = taken.value\n"
        f"{textwrap.indent(body, '    ')}\n    out.value = result\n    return XdpAction.PASS\n"
    )


# What may be refused although CPython runs it: the compiler's certain errors, and the verifier's budget for branches in
# loops. Everything else has to load and to agree.
REFUSALS = ("this always divides by zero", "has no 64-bit result", "more than a million steps", "too many branches", "it gives no reason")


@pytest.mark.parametrize("start", range(0, PROGRAMS, 15))
def test_random_programs_do_what_python_does(tmp_path: Path, start: int) -> None:
    agreed = 0
    for seed in range(start, start + 15):
        body = Writer(seed).body()
        try:
            loaded = osmia.load(module_from(tmp_path, source(body)))
        except (osmia.CompileError, osmia.VerifierError) as error:
            if not any(reason in str(error) for reason in REFUSALS):
                pytest.fail(f"{error}\n{body}")
            continue
        with loaded:
            for x in GIVEN:
                loaded["given"][0] = x
                loaded["results"][0] = 0
                action = loaded["program"].test_run(bytes(14)).action
                assert (action, loaded["results"][0]) == in_python(body, x), f"x = {x}\n{body}"
        agreed += 1
    assert agreed >= 9
