"""The conditions on the way to what the verifier refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import compiled
import osmia
import refused_programs
from osmia.errors import VerifierError
from osmia.kernel.verifier_log import Step
from osmia.kernel.verifier_path import branches
from raw_programs import EXIT
from refused_programs import END, FOUND, START, Refused, add_register, jump, load, load_refused, mov, store_value
from this_kernel import needs_root

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
def program(ctx):
    a = 1
    if a:
        b = 2
    else:
        b = 3
    if b is None:
        return 0
    c = b
    while c:
        c -= 1
    match c:
        case 1:
            d = 1
        case _:
            d = 2
    if d: e = 1
    if e == 1 or (
        e == 2
    ):
        f = 1
    elif e == 3:
        f = 2
    if f:
        g = 1
    return g


def other(ctx):
    return 1
"""
LINES = SOURCE.splitlines()


def taken(directory: Path, *lines: int, name: str = "p.py", source: str = SOURCE) -> list[tuple[int, bool | None]]:
    """Conditional jumps at all lines but the last, in that order."""
    path = directory / name
    path.write_text(source)
    steps = [Step(index, 0x15, "if r0 == 0x0 goto pc+1", 0, None, "") for index in range(len(lines))]
    places = [(str(path), line, LINES[line - 1]) for line in lines]
    return [(branch.line, branch.taken) for branch in branches(steps, lambda step: places[step.index])]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((3, 4), [(3, True)]),
        ((3, 6), [(3, False)]),
        ((3, 7), [(3, None)]),
        ((7, 8), [(7, True)]),
        ((7, 9), [(7, False)]),
        ((7, 26), [(7, None)]),
        ((10, 11), [(10, True)]),
        ((10, 12), [(10, None)]),
        ((13, 14), [(13, True)]),
        ((17, 18), [(17, None)]),
        ((18, 21), [(18, True)]),
        ((19, 21), [(19, True)]),
        ((18, 22), [(18, False)]),
        ((18, 23), [(18, False)]),
        ((22, 23), [(22, True)]),
        ((24, 26), [(24, None)]),
        ((24, 30), [(24, None)]),
        ((2, 3), [(2, None)]),
        ((3, 3, 3, 4), [(3, True)]),
        ((3, 4, 7, 9), [(3, True), (4, None), (7, False)]),
    ],
)
def test_whether_a_condition_holds(
    tmp_path: Path, lines: tuple[int, ...], expected: list[tuple[int, bool | None]]
) -> None:
    """Only where the way goes on in what runs for one answer alone."""
    assert taken(tmp_path, *lines) == expected


def test_a_source_that_tells_nothing(tmp_path: Path) -> None:
    """One that has changed since, is no Python, or is not there."""
    assert taken(tmp_path, 3, 4, source="\n" + SOURCE) == [(3, None)]
    assert taken(tmp_path, 3, 4, name="p.c") == [(3, None)]
    assert taken(tmp_path, 3, 4, name="broken.py", source=SOURCE.replace("return g", "return (")) == [(3, None)]
    steps = [Step(0, 0x15, "if r0 == 0x0 goto pc+1", 0, None, ""), Step(1, 0x95, "exit", 0, None, "")]
    gone = {0: ("gone.py", 3, "    if a:"), 1: ("gone.py", 4, "        b = 2")}
    assert [(each.taken, each.next_line) for each in branches(steps, lambda step: gone[step.index])] == [(None, 4)]


@pytest.mark.parametrize("opcode", [0x05, 0x06, 0x85, 0x95, 0xE5, 0xB7, 0x61], ids=hex)
def test_what_is_no_condition(opcode: int) -> None:
    steps = [Step(0, opcode, "", 0, None, ""), Step(1, 0x95, "exit", 0, None, "")]
    assert branches(steps, lambda step: ("p.py", step.index + 1, "")) == ()


@needs_root("loads programs")
def test_the_way_through_a_python_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the kernel: what the jumps test, the opposite here, is not what is said."""
    refused = Refused(
        [
            START,
            FOUND,
            ("    if found is None:", jump(0x55, 0, 0, 2)),
            ("        return 0", [mov(0, 0), EXIT]),
            ("    index = ctx.rx_queue_index", load(4, 1, 6, 16)),
            ("    if index < 100:", jump(0x35, 1, 100, 2)),
            ("        found.values[index] = 1", [add_register(0, 1), store_value(1, 0, 0, 1)]),
            END,
        ]
    )
    path = tmp_path / "p.py"
    path.write_text("\n".join(text for text, _ in refused.lines))
    monkeypatch.setattr(refused_programs, "FILE", str(path))
    with pytest.raises(VerifierError) as caught:
        load_refused(refused)
    assert [(each.line, each.taken, each.next_line) for each in caught.value.branches] == [(3, False, 5), (6, True, 7)]
    lines = str(caught.value).splitlines()
    assert lines[2:4] == [f"  from: {path}:5: index = ctx.rx_queue_index", "  path: line 3: false, line 6: true"]


LONG = """
SEC("xdp") int far(struct xdp_md *ctx) {
    u32 x = ctx->rx_queue_index, sum = 0;
    if (x & 1) sum += bpf_ktime_get_ns();
    if (x & 2) sum += bpf_ktime_get_ns();
    if (x & 4) sum += bpf_ktime_get_ns();
    if (x & 8) sum += bpf_ktime_get_ns();
    if (x & 16) sum += bpf_ktime_get_ns();
    if (x & 32) sum += bpf_ktime_get_ns();
    if (x & 64) sum += bpf_ktime_get_ns();
    return *(u8 *)(long)ctx->data + sum;
}
"""


def test_a_long_way_through_a_c_program(tmp_path: Path) -> None:
    """With the lines that the log has; the last conditions are shown, all of them are kept."""
    path = tmp_path / "far.o"
    path.write_bytes(compiled.c_object(LONG))
    with pytest.raises(VerifierError) as caught:
        osmia.load(path)
    error = caught.value
    assert error.file is not None
    assert error.file.endswith("/program.c")  # whole, as the object has it; the log leaves the directory out
    assert error.line is not None
    first = error.line - 7
    assert [branch.line for branch in error.branches] == list(range(first, error.line))
    shown = str(error).splitlines()
    assert shown[1] == "    return *(u8 *)(long)ctx->data + sum;"
    ways = ", ".join(f"line {line} -> line {line + 1}" for line in range(first + 1, error.line))
    assert f"  path: ..., {ways}" in shown
