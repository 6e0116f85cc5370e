"""How errors are shown: the place, the source line, the caret under the right characters, and the exit code."""

from __future__ import annotations

import pytest

from osmia.cli.errors import UsageError, UserCodeError, error_text, exit_code, underlined
from osmia.errors import CompileError, KernelError, NotSupportedError, ObjectError, PermissionDeniedError, VerifierError


def compile_error(text: str | None, column: int, end: int, *, end_line: int = 3) -> CompileError:
    return CompileError(
        "what is wrong",
        filename="dir/counter.py",
        line=3,
        column=column,
        end_line=end_line,
        end_column=end,
        text=text,
        found="this",
        expected="that",
        fix="write that",
        related=("counter.py:1: where it is from",),
    )


NOTES = """\
  found: this
  expected: that
  fix: write that
  see: counter.py:1: where it is from"""


def test_a_compile_error_is_shown_whole() -> None:
    assert error_text(compile_error("    value = limit + 1\n", 13, 18), "osmia build") == (
        "dir/counter.py:3:13: error: what is wrong\n    value = limit + 1\n            ^~~~~\n" + NOTES
    )


def test_a_compile_error_without_its_line() -> None:
    assert error_text(compile_error(None, 1, 2), "osmia build") == (
        "dir/counter.py:3:1: error: what is wrong\n" + NOTES
    )


def test_an_error_over_several_lines_is_underlined_to_the_end_of_the_first() -> None:
    assert error_text(compile_error("  x = f(1,", 7, 4, end_line=4), "osmia").splitlines()[1:3] == [
        "    x = f(1,",
        "        ^~~~",
    ]


@pytest.mark.parametrize(
    ("text", "start", "end", "carets"),
    [
        ("abc", 2, 3, " ^"),
        ("abc", 2, 2, " ^"),
        ("abc", 2, 0, " ^"),
        ("abc", 1, 4, "^~~"),
        ("abc", 4, 5, "   ^"),
        ("\tx\ty", 4, 5, " \t^"),
        ("x = 包 + y", 9, 10, "         ^"),
        ("x = 包裹", 5, 7, "    ^~~~"),
        ("e\u0301 = y", 6, 7, "    ^"),
        ("é = y", 5, 6, "    ^"),
    ],
)
def test_carets_stand_under_what_they_mean(text: str, start: int, end: int, carets: str) -> None:
    assert underlined(text, start, end) == [f"    {text.lstrip()}", f"    {carets}"]


def test_a_syntax_error_of_python() -> None:
    with pytest.raises(SyntaxError) as raised:
        compile("x = 1\ny = (2,\n", "some.py", "exec")
    assert error_text(raised.value, "osmia run") == "some.py:2:5: error: '(' was never closed\n    y = (2,\n        ^"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ObjectError("a.o: damaged"), 1, "osmia run: a.o: damaged"),
        (ObjectError("two\nlines"), 1, "osmia run: two\n  lines"),
        (KernelError(19, "there is no interface 'x'"), 1, "osmia run: there is no interface 'x'"),
        (UserCodeError("Traceback ..."), 1, "Traceback ..."),
        (UsageError("count is 0"), 2, "osmia run: count is 0\n  see osmia run --help"),
        (PermissionDeniedError(1, "lacks CAP_BPF"), 3, "osmia run: lacks CAP_BPF"),
        (VerifierError(13, "refused"), 4, "osmia run: refused\n  the verifier's whole log: again with -v"),
        (NotSupportedError(38, "no bpf(2)"), 5, "osmia run: no bpf(2)"),
        (FileNotFoundError(2, "No such file or directory", "a.o"), 1, "osmia run: a.o: No such file or directory"),
        (OSError(5, "Input/output error"), 1, "osmia run: Input/output error"),
    ],
)
def test_texts_and_exit_codes(error: Exception, code: int, text: str) -> None:
    assert (exit_code(error), error_text(error, "osmia run")) == (code, text)


def test_the_log_of_the_verifier_on_request() -> None:
    error = VerifierError(13, "refused")
    error.log = "0: (95) exit\nR0 !read_ok\n"
    assert error_text(error, "osmia run", verbose=True) == (
        "osmia run: refused\nthe verifier's log:\n0: (95) exit\nR0 !read_ok"
    )
