"""`osmia check`: what it says, where, and that it takes no kernel and no privileges."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import pytest

import children
import osmia.cli.check  # noqa: F401 - before an ordinary user has to find it
from command_line import called, run
from ordinary import open_to_all
from osmia.checking import check
from osmia.object_file import read_object

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
from osmia import HashMap, XdpAction, XdpContext, u8, u32, u64, xdp
from osmia.unchecked import assume

table = HashMap(u32, u64, max_entries=4)


@xdp
def careless(ctx: XdpContext) -> XdpAction:
    found = assume(table.lookup(1))
    if ctx.rx_queue_index:
        found.value += 1
    return XdpAction.PASS


@xdp
def listed(ctx: XdpContext) -> XdpAction:
    numbers = [1, 2]
    return XdpAction.PASS


@xdp
def wide(ctx: XdpContext) -> XdpAction:
    small: u8 = 300
    return XdpAction.PASS


@xdp
def right(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS
"""
FOUND = """\
{path}:11:9: error: a value that may be missing is used without a check for None [null-check]
        found.value += 1
        ^
  from: {path}:9: found = assume(table.lookup(1)) (map table)
  fix: test it right behind the call, `if value is None: return ...`, on every path that uses it
"""
NOTE = """\
osmia check: {path}: 3 errors found in programs careless, listed, wide, right, for kernel 5.10 and newer. This is \
advice: the kernel's verifier decides.
"""
RIGHT = """\
from osmia import XdpAction, XdpContext, xdp


@xdp
def right(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_all_that_is_found_of_all_programs(program: Path) -> None:
    code, out, err = run("check", str(program))
    assert code == 1
    assert err == NOTE.format(path=program)
    places = [line.split(" ")[0] for line in out.splitlines() if ": error: " in line]
    assert places == [f"{program}:{place}:" for place in ("11:9", "17:15", "23:17")]
    assert FOUND.format(path=program).replace("        found", "    found").replace("        ^", "    ^") in out
    assert "error: 300 does not fit 'small' [compile]" in out
    assert "  fix: write u8(300) to wrap it to 44, or use a wider type" in out


def test_json_is_a_finding_a_line(program: Path) -> None:
    code, out, err = run("check", str(program), "-f", "json", "-q")
    assert (code, err) == (1, "")
    findings = [json.loads(line) for line in out.splitlines()]
    assert [(each["name"], each["line"], each["program"]) for each in findings] == [
        ("null-check", 11, "careless"),
        ("compile", 17, "listed"),
        ("compile", 23, "wide"),
    ]
    assert findings[0]["severity"] == "error"
    assert findings[0]["text"] == "        found.value += 1"


def test_nothing_found(tmp_path: Path) -> None:
    path = tmp_path / "right.py"
    path.write_text(RIGHT)
    said = "nothing found in program right, for kernel {} and newer. This is advice: the kernel's verifier decides.\n"
    assert run("check", str(path)) == (0, "", f"osmia check: {path}: " + said.format("5.10"))
    assert run("check", str(path), "--cpu", "v4") == (0, "", f"osmia check: {path}: " + said.format("6.6"))
    assert run("check", str(path), "--kernel", "6.1", "-q") == (0, "", "")


def test_an_object(program: Path, tmp_path: Path) -> None:
    """Its lines are those of the source that it was made from, as the object names it."""
    program.write_text(PROGRAM.replace("[1, 2]", "1").replace("300", "30"))
    made = tmp_path / "program.o"
    assert run("build", str(program), "-o", str(made), "-q") == (0, "", "")
    code, out, err = run("check", str(made))
    assert code == 1
    first, *_, origin, _ = out.splitlines()
    assert first.endswith(
        "program.py:11:9: error: a value that may be missing is used without a check for None [null-check]"
    )
    assert origin.endswith("program.py:9: found = assume(table.lookup(1)) (map table)")
    assert err == (
        f"osmia check: {made}: 1 error found in programs careless, listed, wide, right, for kernel 5.10 and newer. "
        "This is advice: the kernel's verifier decides.\n"
    )


def test_a_kernel_that_is_too_old(program: Path) -> None:
    code, out, err = run("check", str(program), "--kernel", "5.4")
    assert (code, out) == (2, "")
    assert "osmia's programs need kernel 5.10 or newer, not 5.4" in err


@pytest.mark.parametrize("privileged", [True, False], ids=["root", "nobody"])
def test_it_takes_no_kernel(program: Path, tmp_path: Path, privileged: bool) -> None:
    """In a process that may not call bpf(2), and as an ordinary user."""
    program.write_text(PROGRAM.replace("[1, 2]", "1").replace("300", "30"))
    made = tmp_path / "program.o"
    assert run("build", str(program), "-o", str(made), "-q") == (0, "", "")
    open_to_all(tmp_path)

    # Python's own library may lie where an ordinary user cannot read: what is imported later is imported before.
    assert [each.line for each in check(read_object(made.read_bytes(), "program.o")).findings] == [11]

    def before() -> None:
        children.without_bpf(errno.ENOSYS)()
        if not privileged:
            children.become_nobody()

    code, out, err = called("check", str(made), before=before)
    assert (code, out.count("error: ")) == (1, 1), err
    assert "1 error found" in err
    if privileged:
        code, out, err = called("check", str(program), before=before)
        assert (code, out.count("error: ")) == (1, 1), err


@pytest.mark.parametrize(
    ("name", "data", "code", "text"),
    [
        ("text.o", b"hello", 2, "{path} is neither a FILE.py nor an ELF object"),
        ("cut.o", b"\x7fELF\x02\x01", 1, "{path}: "),
        ("none.py", b"x = 1\n", 1, "{path}: no program: expected a function with a decorator such as @xdp"),
    ],
)
def test_what_cannot_be_checked(tmp_path: Path, name: str, data: bytes, code: int, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    done = run("check", str(path))
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("osmia check: " + text.format(path=path))
    assert "Traceback" not in done.err


def test_a_file_that_is_not_there() -> None:
    assert run("check", "/nonexistent.py") == (1, "", "osmia check: /nonexistent.py: No such file or directory\n")
