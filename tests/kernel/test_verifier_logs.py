"""Logs of the verifier: the reason, and the line of the source."""

from __future__ import annotations

import pytest

from osmia.kernel.verifier import Rejection, plain_words, read_log, verifier_error
from osmia.spec import LineInfo

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


def test_places_in_the_log() -> None:
    """Kernels from 6.9 say the place; it is believed."""
    assert read_log(NULL_CHECK + SUMMARY, LINES) == Rejection(
        "R0 invalid mem access 'map_value_or_null'", "other.py", 8, "v.value += 1", 6
    )


def test_logs_without_places() -> None:
    """Older kernels print the line's text only: the instruction is looked up."""
    log = NULL_CHECK.replace(" @ other.py:7", "").replace(" @ other.py:8", "")
    assert read_log(log + SUMMARY, LINES) == Rejection(
        "R0 invalid mem access 'map_value_or_null'", "count.py", 8, "    counter.value += 1", 6
    )


def test_text_that_looks_like_a_place() -> None:
    log = "; who @ home @ a b.py:12\n6: (79) r1 = *(u64 *)(r0 +0)\nR0 !read_ok\n"
    assert read_log(log, []) == Rejection("R0 !read_ok", "a b.py", 12, "who @ home", 6)


def test_reasons_of_several_lines() -> None:
    log = (
        "8: (71) r0 = *(u8 *)(r1 +12)\ninvalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)\n"
        "R1 offset is outside of the packet\n"
    )
    assert read_log(log + SUMMARY, LINES).reason == (
        "invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0); R1 offset is outside of the packet"
    )


def test_states_and_branches_are_no_reasons() -> None:
    log = (
        "func#0 @0\n6: R0=0 R10=fp0\nfrom 6 to 9: R0=0 R10=fp0\n9: (95) exit\n"
        "mark_precise: frame0: last_idx 9 first_idx 0\nR0 !read_ok\nverification time 20 usec\nstack depth 8\n"
    )
    assert read_log(log + SUMMARY, LINES) == Rejection("R0 !read_ok", "count.py", 8, "    counter.value += 1", 9)


@pytest.mark.parametrize(
    ("reason", "instruction", "line"),
    [
        ("unreachable insn 7", 7, 8),
        ("jump out of range from insn 4 to 1", 4, 5),
        ("infinite loop detected at insn 6", 6, 8),
        ("back-edge from insn 9 to 3", 9, 8),
    ],
)
def test_instructions_named_by_the_reason(reason: str, instruction: int, line: int) -> None:
    assert read_log(f"{reason}\n{SUMMARY}", LINES) == Rejection(
        reason, "count.py", line, LINES[line == 8].text, instruction
    )


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
    assert read_log(log, LINES) == Rejection("R0 !read_ok", "count.py", 8, "    counter.value += 1", 6)


def test_reports_on_what_is_not_known() -> None:
    """The report's own words and its instruction, which the plain line does not always name."""
    expected = Rejection("R0 has no value on this path, so it cannot be read.", "count.py", 8, LINES[1].text, 6)
    assert read_log(f"something new\n{REPORT}{SUMMARY}", LINES) == expected
    assert read_log(f"{REPORT}{SUMMARY}", LINES) == expected


def test_reports_that_are_cut_short() -> None:
    """The log ends where the buffer does."""
    for end in range(len(REPORT)):
        found = read_log(f"6: (95) exit\nsomething new\n{REPORT[:end]}", LINES)
        assert found.instruction == 6
        assert found.reason


@pytest.mark.parametrize("log", ["", "\n\n", SUMMARY])
def test_logs_that_say_nothing(log: str) -> None:
    assert read_log(log, LINES) == Rejection("it gives no reason", None, None, "", None)
    assert str(verifier_error(22, "count", log, [])) == (
        "the kernel's verifier refuses program 'count': it gives no reason"
    )


def test_plain_words() -> None:
    """What is in the table is said in plain words with the kernel's own behind them; else only those."""
    assert plain_words("R1 invalid mem access 'map_value_or_null'") == (
        "a value that may be missing is used without a check for None (`R1 invalid mem access 'map_value_or_null'`)"
    )
    assert plain_words("something new") == "something new"
