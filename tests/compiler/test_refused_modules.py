"""Refusals that no program of refused.txt reaches: of modules beside each other, and of source that has changed.

Each text is pinned whole, as there.
"""

from __future__ import annotations

import linecache
import sys
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia.abi.generated.helpers import HELPERS
from osmia.compiler.build import checked_unit
from osmia.kinds import KINDS
from program_files import body_of, module_from, text_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

PASSES = "return XdpAction.PASS"
CGROUP_PROGRAM = """from osmia import CgroupAction, CgroupSkbContext, cgroup_skb


@cgroup_skb("egress", on_error=CgroupAction.DENY)
def program(ctx: CgroupSkbContext) -> CgroupAction:
    return CgroupAction.ALLOW
"""


def refusal(module: ModuleType, *programs: Any) -> str:
    """What the compiler says of programs that are compiled together: of a module's `program` if no others are given."""
    with pytest.raises(osmia.CompileError) as caught:
        checked_unit(tuple(each.request for each in programs or (module.program,)))
    return text_of(caught.value, str(module.__file__))


def test_programs_of_two_licences(tmp_path: Path) -> None:
    one = module_from(tmp_path, body_of(PASSES).replace("program", "first"))
    other = module_from(tmp_path, body_of(PASSES) + "\nLICENSE = 'Dual MIT/GPL'\n")
    assert refusal(other, one.first, other.program) == (
        "4:5: programs that are loaded together have one licence\n"
        "def program(ctx: XdpContext) -> XdpAction:\n"
        "    ^^^^^^^\n"
        "found: 'Dual MIT/GPL' and 'GPL'\n"
        "expected: one LICENSE\n"
        "fix: give their modules the same LICENSE, or load them apart\n"
    )


def test_a_kind_that_must_say_what_an_error_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KINDS["xdp"], "error_value", None)
    module = module_from(tmp_path, body_of(PASSES))
    assert refusal(module) == (
        "4:5: a program of kind xdp must say what it returns after an error\n"
        "def program(ctx: XdpContext) -> XdpAction:\n"
        "    ^^^^^^^\n"
        "found: no on_error=\n"
        "expected: @xdp(on_error=...)\n"
        "fix: say whether an error lets the event through or stops it\n"
    )
    module.program.hook = "devmap"
    assert 'expected: @xdp(hook="devmap", on_error=...)\n' in refusal(module)
    stated = module_from(tmp_path, body_of(PASSES).replace("@xdp", "@xdp(on_error=XdpAction.DROP)"))
    checked_unit((stated.program.request,))


def test_the_hook_is_in_what_is_expected(tmp_path: Path) -> None:
    """The decorators refuse it first; who makes a program by hand is told the same by the compiler."""
    module = module_from(tmp_path, CGROUP_PROGRAM)
    module.program.on_error = None
    assert refusal(module) == (
        "5:5: a program of kind cgroup_skb must say what it returns after an error\n"
        "def program(ctx: CgroupSkbContext) -> CgroupAction:\n"
        "    ^^^^^^^\n"
        "found: no on_error=\n"
        'expected: @cgroup_skb("egress", on_error=...)\n'
        "fix: say whether an error lets the event through or stops it\n"
    )


def test_a_function_of_a_helper_for_other_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HELPERS["jiffies64"], "kinds", ("kprobe", "tracepoint"))
    module = module_from(tmp_path, "from osmia.helpers import jiffies64\n" + body_of("jiffies64()\n" + PASSES))
    assert refusal(module) == (
        "6:5: programs of kind xdp cannot call jiffies64\n"
        "    jiffies64()\n"
        "    ^^^^^^^^^^^\n"
        "found: jiffies64()\n"
        "expected: a helper that they may call; jiffies64 is for kprobe, tracepoint\n"
        "fix: see docs/helpers.md for what each kind may call\n"
    )


def test_source_that_is_nested_too_deeply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python itself refuses most of what is so deep, so that the limits are lowered here: mypy raises Python's."""
    monkeypatch.setattr("osmia.compiler.build.DEEPEST", 1000)
    module = module_from(tmp_path, body_of("n = ctx.rx_queue_index\nm = " + "n + " * 900 + "n\n" + PASSES))
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    try:
        text = refusal(module)
    finally:
        sys.setrecursionlimit(before)
    assert text == (
        "3:1: the source is nested too deeply\n"
        "@xdp\n"
        "^\n"
        "found: more than 1000 levels in program\n"
        "expected: expressions and branches of moderate depth\n"
        "fix: split the expression into several statements\n"
    )


def test_source_that_is_nowhere() -> None:
    names: dict[str, Any] = {}
    exec(compile(body_of(PASSES), "<made up>", "exec"), names)
    with pytest.raises(osmia.CompileError) as caught:
        checked_unit((names["program"].request,))
    assert text_of(caught.value, "<made up>") == (
        "3:1: the source of program is not to be had\n"
        "^\n"
        "found: no file program.py\n"
        "expected: a function that stands in a file (or in a notebook or console that keeps its source)\n"
        "fix: put the program into a .py file\n"
    )


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        (PASSES, "return XdpAction.DROP", "the function there is another one now"),
        ("def program", "def other", "the function there is another one now"),
        ("\n@xdp", "\n\n\n@xdp", "the function there is another one now"),
        ("return", "return (", "it no longer parses: '(' was never closed"),
    ],
)
def test_source_that_has_changed(tmp_path: Path, before: str, after: str, how: str) -> None:
    module = module_from(tmp_path, body_of(PASSES))
    file = module.__file__
    assert file is not None
    text = body_of(PASSES).replace(before, after)
    (tmp_path / "0" / "program.py").write_text(text, encoding="utf-8")
    linecache.checkcache(file)
    shown = text.splitlines()[2]
    assert refusal(module) == (
        "3:1: program.py has changed since Python read program\n"
        + "".join(f"{line}\n" for line in [shown] if line)
        + f"^\nfound: {how}\n"
        "expected: the source that is running\n"
        "fix: start the program again (or reload the module)\n"
    )
