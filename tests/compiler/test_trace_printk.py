"""`trace_printk`, as the kernel's trace pipe shows it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

import osmia
from memory_programs import results, running
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from program_files import PRELUDE, module_from
from trace_pipe import Pipe, trace_pipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """The trace pipe of this kernel."""
    with trace_pipe() as opened:
        yield opened


MODULE = "wide = Global(u64, (1 << 64) - 1)\nlow = Global(i64, -5)\n"


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ('ctx.trace_printk("MARK%u and %llx and %lld\\n", x, wide.value, low.value)', "7 and ffffffffffffffff and -5"),
        ('ctx.trace_printk("MARK%d%%, %5u|%-4x|", 50, x, x)', "50%,     7|7   |"),
        ('helpers.trace_printk(f"MARK{x} {wide.value:x} {low.value}")', "7 ffffffffffffffff -5"),
        ('ctx.trace_printk(f"MARK100% of {x}")', "100% of 7"),
        ("ctx.trace_printk(TEXT, x)", "constant 7"),
    ],
)
def test_what_the_trace_pipe_shows(tmp_path: Path, pipe: Pipe, call: str, shown: str) -> None:
    mark = f"osmia-{os.getpid()}-{time.monotonic_ns()}:"
    module = MODULE + f'TEXT = "{mark}constant %u"\n'
    with running(tmp_path, module, f"out.value = {call.replace('MARK', mark)}") as loaded:
        assert results(loaded, 7)[0] > len(shown)
        assert pipe.line_with(mark) == shown


@pytest.mark.parametrize(
    ("text", "old"), [("%d %u %llx %p", True), ("%5d", False), ("%%", False), ("%X", False), ("%pks", True)]
)
def test_formats_that_older_kernels_do_not_take(tmp_path: Path, text: str, old: bool) -> None:
    """An object for 5.10 has none: the kernel would write nothing, and say so to nobody."""
    numbers = ", 1" * (text.count("%") - 2 * text.count("%%"))
    program = f"@xdp\ndef p(ctx: XdpContext) -> XdpAction:\n    ctx.trace_printk('{text}'{numbers[:9]})\n"
    program = program.replace(" %p'", "'") + "    return XdpAction.PASS\n"
    unit, _ = checked_unit((module_from(tmp_path, PRELUDE + program).p.request,))
    assert generate(unit, Target("v3", (5, 13)))
    if old:
        assert generate(unit, Target("v3", (5, 10)))
        return
    with pytest.raises(osmia.CompileError) as caught:
        generate(unit, Target("v3", (5, 10)))
    assert caught.value.problem == "this format is for Linux 5.13 and newer"
    assert caught.value.__notes__ == [
        f"found: {text!r}; the object is for Linux 5.10",
        "expected: %d, %i, %u, %x, with l or ll for 64 bits, %p, %s",
        "fix: leave widths and flags out, or build for a newer kernel",
    ]
