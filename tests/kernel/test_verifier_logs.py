"""Logs of the verifier: the reason, the line of the source, and what is said of them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from osmia.errors import SourceLine, VerifierError
from osmia.kernel.verifier import verifier_error
from osmia.kernel.verifier_log import Step, read_log
from osmia.kernel.verifier_path import loops
from osmia.spec import LineInfo

if TYPE_CHECKING:
    from pathlib import Path

LINES = [LineInfo(0, "count.py", 5, 1, "def count(ctx):"), LineInfo(6, "count.py", 8, 5, "    counter.value += 1")]
SUMMARY = "processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"

NULL_CHECK = (
    "0: R1=ctx() R10=fp0\n"
    "; v = counter.lookup(0) @ other.py:7\n"
    "5: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=counter,ks=4,vs=8)\n"
    "; v.value += 1 @ other.py:8\n"
    "6: (79) r1 = *(u64 *)(r0 +0)\n"
    "R0 invalid mem access 'map_value_or_null'\n"
)


def place(log: str, lines: list[LineInfo]) -> tuple[str, str | None, int | None]:
    """What an error says of a log: the kernel's words, and the line."""
    error = verifier_error(13, "count", log, lines)
    return error.reason, error.file, error.line


def test_places_in_the_log() -> None:
    """Kernels from 6.9 say the place; it is believed."""
    error = verifier_error(13, "count", NULL_CHECK + SUMMARY, LINES)
    assert (error.errno, error.file, error.line) == (13, "other.py", 8)
    assert error.origin == SourceLine("other.py", 7, "v = counter.lookup(0)")
    assert error.log == NULL_CHECK + SUMMARY
    assert str(error) == (
        "other.py:8: the kernel's verifier refuses program 'count': a value that may be missing is used without a "
        "check for None\n"
        "    v.value += 1\n"
        "  from: other.py:7: v = counter.lookup(0)\n"
        "  fix: test it right behind the call, `if value is None: return ...`, on every path that uses it\n"
        "  kernel: R0 invalid mem access 'map_value_or_null'"
    )


def test_files_of_other_directories() -> None:
    """The log leaves the directory out, the object has it; and lines that it showed last on another way."""
    lines = [LineInfo(5, "src/other.py", 7, 1, "    v = counter.lookup(0)"), LineInfo(6, "src/other.py", 9, 1, "no")]
    error = verifier_error(13, "count", NULL_CHECK + SUMMARY, lines)
    assert error.origin == SourceLine("src/other.py", 7, "    v = counter.lookup(0)")
    assert (error.file, error.line) == ("src/other.py", 9)


def test_instructions_of_which_the_object_has_no_line() -> None:
    """Then it is the log's, in the file of that name where there is one."""
    lines = [LineInfo(5, "src/other.py", 7, 1, "    v = counter.lookup(0)"), LineInfo(6, "src/other.py", 0, 0, "")]
    error = verifier_error(13, "count", NULL_CHECK + SUMMARY, lines)
    assert (error.file, error.line) == ("src/other.py", 8)
    lines.append(LineInfo(9, "lib/other.py", 1, 1, ""))
    error = verifier_error(13, "count", NULL_CHECK + SUMMARY, lines)
    assert (error.file, error.line) == ("other.py", 8)


def test_files_where_python_knows_them() -> None:
    lines = [LineInfo(5, "./src/other.py", 7, 1, "    v = counter.lookup(0)")]
    error = verifier_error(13, "count", NULL_CHECK + SUMMARY, lines, lambda file: f"/somewhere/{file}")
    assert (error.file, error.line) == ("/somewhere/src/other.py", 7)


def test_a_caret_where_the_instruction_does_not_begin_the_line() -> None:
    """Columns count from 1. A line of another script is shown without: they count bytes, or characters."""
    for text, column, shown in (
        ("    v.value += 1", 16, ["    v.value += 1", "               ^"]),
        ("\tv.value +=\t1", 13, ["    v.value +=\t1", "              \t^"]),
        ("    v.value += 1", 5, ["    v.value += 1"]),
        ("    v.value += 1", 99, ["    v.value += 1"]),
        ("    wert.größe += 1", 18, ["    wert.größe += 1"]),
    ):
        log = NULL_CHECK.replace("; v.value += 1 @ other.py:8\n", "")
        lines = [LineInfo(5, "o.py", 7, 1, ""), LineInfo(6, "o.py", 8, column, text)]
        said = str(verifier_error(13, "count", log.replace("; v = counter.lookup(0) @ other.py:7\n", ""), lines))
        assert said.split("\n")[1 : 1 + len(shown)] == shown
        assert said.split("\n")[1 + len(shown)].startswith("  from: ")


LOOP = """\
def first():
    while True:
        for i in range(4):
            a = i
            while (
                a < i
            ):
                a += 1
"""


def looping(*rounds: int) -> list[Step]:
    return [Step(index, 0x07, "r1 += 1", 0, None, "") for index in rounds]


def test_the_loops_of_a_way(tmp_path: Path) -> None:
    """Those with the most rounds first; one that tests nothing is known by what stands in it alone."""
    path = tmp_path / "loop.py"
    path.write_text(LOOP, encoding="utf-8")
    texts = LOOP.splitlines()

    def place_of(step: Step) -> tuple[str, int, str]:
        return str(path), step.index, texts[step.index - 1]

    def lines(steps: list[Step]) -> list[int]:
        return [each.line for each in loops(steps, place_of)]

    assert lines(looping(3, 4, 6, 8, 6, 8, 6, 3, 4, 6, 8, 6)) == [6, 3]
    assert lines(looping(3, 3, 4)) == [3]  # one round: a line of several instructions is come by once
    assert lines(looping(1, 2, 4)) == [3]
    assert lines(looping(1)) == []
    assert lines([]) == []


def test_logs_without_places() -> None:
    """Older kernels print the line's text only: the instruction is looked up."""
    log = NULL_CHECK.replace(" @ other.py:7", "").replace(" @ other.py:8", "")
    error = verifier_error(13, "count", log + SUMMARY, LINES)
    assert (error.file, error.line) == ("count.py", 8)
    assert error.origin == SourceLine("count.py", 5, "def count(ctx):")


def test_without_lines_the_instructions_are_named() -> None:
    log = NULL_CHECK.replace("; v = counter.lookup(0) @ other.py:7\n", "").replace("; v.value += 1 @ other.py:8\n", "")
    error = verifier_error(13, "count", log, [])
    assert (error.file, error.line, error.origin, error.branches) == (None, None, None, ())
    assert str(error).startswith(
        "the kernel's verifier refuses program 'count': a value that may be missing is used without a check for None "
        "(at instruction 6)\n"
        "  from: instruction 5: call bpf_map_lookup_elem#1\n"
        "  fix: "
    )


def test_text_that_looks_like_a_place() -> None:
    log = "; who @ home @ a b.py:12\n6: (79) r1 = *(u64 *)(r0 +0)\nR0 !read_ok\n"
    assert place(log, []) == ("R0 !read_ok", "a b.py", 12)


@pytest.mark.parametrize(
    ("start", "path"),
    [
        ("0: (b7) r1 = 0\n", "path: line 5 -> line 8 (3 times), line 8 -> line 5 (2 times)"),
        ("Validating f() func#1...\n", "path: line 5 -> line 8 (3 times), line 8 -> line 5 (2 times)"),
        ("", "path: ..., line 5 -> line 8, line 8 -> line 5 (2 times)"),
    ],
    ids=["whole", "of a function", "cut"],
)
def test_rounds_are_counted(start: str, path: str) -> None:
    """Not where the start of the log is missing: there may have been more."""
    lines = [
        LineInfo(0, "count.py", 1, 1, ""),
        *(LineInfo(at, "count.py", 5 + at % 2 * 3, 1, "") for at in range(1, 11)),
    ]
    rounds = "".join(f"{at}: (15) if r1 == 0x0 goto pc+1\n{at + 1}: (b7) r1 = 0\n" for at in (2, 4, 6))
    turned = "9: (15) if r1 == 0x0 goto pc+1\n10: (b7) r1 = 0\n" * 2
    error = verifier_error(13, "count", f"{start}{rounds}{turned}R0 !read_ok\n", lines)
    assert f"\n  {path}\n" in str(error)


def test_instructions_of_no_line() -> None:
    """Line 0 stands for what the compiler made of several lines: the line before on the way is the one to look at."""
    log = NULL_CHECK.replace("; v.value += 1 @ other.py:8", ";  @ other.py:0")
    error = verifier_error(13, "count", log, [LineInfo(0, "other.py", 0, 0, "")])
    assert (error.file, error.line) == ("other.py", 7)
    none = log.replace("other.py:7", "other.py:0")
    assert str(verifier_error(13, "count", none, [LineInfo(0, "other.py", 0, 0, "")])).startswith(
        "the kernel's verifier refuses program 'count': a value that may be missing is used without a check for None "
        "(at instruction 6)\n  from: instruction 5: call bpf_map_lookup_elem#1\n"
    )


def test_reasons_of_several_lines() -> None:
    log = (
        "8: (71) r0 = *(u8 *)(r1 +12)\ninvalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)\n"
        "R1 offset is outside of the packet\n"
    )
    assert read_log(log + SUMMARY).reason == (
        "invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0); R1 offset is outside of the packet"
    )


def test_a_reason_without_a_newline() -> None:
    log = f"5: (85) call bpf_tail_call#12\nexpected prog array map for tail call{SUMMARY}"
    assert read_log(log).reason == "expected prog array map for tail call"


def test_states_and_branches_are_no_reasons() -> None:
    log = (
        "func#0 @0\n6: R0=0 R10=fp0\nfrom 6 to 9: R0=0 R10=fp0\n9: (95) exit\n"
        "mark_precise: frame0: last_idx 9 first_idx 0\nregs=1 stack=0 before 6: (b7) r0 = 0\n R0=0 R10=fp0\n"
        "R0 !read_ok\nverification time 20 usec\nstack depth 8\n"
    )
    assert place(log + SUMMARY, LINES) == ("R0 !read_ok", "count.py", 8)


def test_steps() -> None:
    """An instruction, what the registers hold after it, and how deep in calls it is."""
    log = (
        "0: R1=ctx() R10=fp0\n"
        "0: (85) call pc+2\ncaller:\n R10=fp0\ncallee:\n frame1: R1=ctx() R10=fp0\n3: frame1: R1=ctx() R10=fp0\n"
        "3: (b7) r0 = 1                        ; frame1: R0=1\n"
        "4: (95) exit\nreturning from callee:\n frame1: R0=1 R10=fp0\nto caller at 1:\n R0=1 R10=fp0\n"
        "1: (55) if r0 != 0x0 goto pc+4 6: R0=1 R10=fp0\n"
        "6: (95) exit\n"
    )
    assert [(step.index, step.text, step.depth) for step in read_log(log).steps] == [
        (0, "call pc+2", 0),
        (3, "r0 = 1", 1),
        (4, "exit", 1),
        (1, "if r0 != 0x0 goto pc+4", 0),
        (6, "exit", 0),
    ]
    assert read_log(log).steps[1] == Step(3, 0xB7, "r0 = 1", 1, None, "frame1: R0=1")
    assert read_log(log).steps[3].state == "R0=1 R10=fp0"


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("unreachable insn 7", 8),
        ("jump out of range from insn 4 to 1", 5),
        ("infinite loop detected at insn 6", 8),
        ("back-edge from insn 9 to 3", 8),
    ],
)
def test_instructions_named_by_the_reason(reason: str, line: int) -> None:
    assert place(f"{reason}\n{SUMMARY}", LINES) == (reason, "count.py", line)


REPORT = (
    "\nVerification failed: Register Type Safety: Unreadable register\n\nReason:\n"
    "  R0 has no value on this path,\n  so it cannot be read.\n\nAt:\n  count @ count.py:8:5\n  Source context:\n"
    "  >>> 8 |     counter.value += 1\n        | ^-- error: R0 is not readable\n  Instruction context:\n"
    "      5 | (85) call bpf_map_lookup_elem#1\n  >>> 6 | (95) exit\n\n"
    "Causal path:\n  Instruction context:\n  >>> 2 | (bf) r0 = r1\n\nSuggestion:\n  Set R0 on every path.\n\n"
)


def test_logs_of_kernels_from_7_3() -> None:
    """They have a report in words behind the plain lines; what is known is said as on other kernels."""
    log = f"0: R1=ctx() R10=fp0\n6: (95) exit\nR0 !read_ok\n{REPORT}{SUMMARY}"
    error = verifier_error(13, "count", log, LINES)
    assert (error.reason, error.line) == ("R0 !read_ok", 8)
    assert error.cause == "a value is read that is not set on this path"


@pytest.mark.parametrize("plain", ["something new\n", ""])
def test_reports_on_what_is_not_known(plain: str) -> None:
    """The report's own words and its instruction, which the plain line does not always name."""
    error = verifier_error(13, "count", f"{plain}{REPORT}{SUMMARY}", LINES)
    kernel = "\n  kernel: something new" if plain else ""
    assert str(error) == (
        "count.py:8: the kernel's verifier refuses program 'count': R0 has no value on this path, so it cannot be "
        "read.\n"
        f"    counter.value += 1\n  fix: Set R0 on every path.{kernel}"
    )
    assert error.cause == "R0 has no value on this path, so it cannot be read."
    assert error.fix == "Set R0 on every path."


def test_reports_that_are_cut_short() -> None:
    """The log ends where the buffer does."""
    for end in range(len(REPORT)):
        error = verifier_error(13, "count", f"6: (95) exit\nsomething new\n{REPORT[:end]}", LINES)
        assert error.line == 8
        assert error.reason.startswith("something new")


def test_what_is_in_no_catalogue() -> None:
    """The kernel's own words, and nothing made up."""
    error = verifier_error(13, "count", f"6: (95) exit\nsomething new\n{SUMMARY}", LINES)
    assert str(error) == (
        "count.py:8: the kernel's verifier refuses program 'count': something new\n    counter.value += 1"
    )
    assert (error.reason, error.cause, error.fix, error.origin) == ("something new", "", "", None)


@pytest.mark.parametrize("log", ["", "\n\n", SUMMARY])
def test_logs_that_say_nothing(log: str) -> None:
    assert str(verifier_error(22, "count", log, [])) == (
        "the kernel's verifier refuses program 'count': it gives no reason"
    )


def test_logs_that_are_cut_anywhere() -> None:
    """Whatever is left of one, an error comes of it."""
    for end in range(len(NULL_CHECK)):
        for log in (NULL_CHECK[:end], NULL_CHECK[end:]):
            assert str(verifier_error(13, "count", log, LINES))


def test_an_error_can_be_sent_to_another_process() -> None:
    error = verifier_error(13, "count", NULL_CHECK + SUMMARY, LINES)
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, VerifierError)
    assert (str(again), again.errno, again.origin, again.fix) == (str(error), 13, error.origin, error.fix)
