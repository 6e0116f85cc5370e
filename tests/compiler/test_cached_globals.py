"""Globals and settings of cached objects: found again by their declarations, and compared with what they were."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from osmia import CompileError, Global, XdpAction, XdpContext, setting, u16, u32, u64, xdp
from osmia.compiler import Target, build, cache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TARGET = Target("v3", (5, 10))

total: Any = Global(u64)
other: Any = total
PORT: Any = setting(u16, 53)


@xdp
def program(ctx: XdpContext) -> XdpAction:
    total.value += PORT
    other.value += 1
    return XdpAction.PASS


class Compiler:
    """The compiler, and how often it was asked."""

    def __init__(self) -> None:
        self.compile = build.checked_unit
        self.times = 0

    def checked_unit(self, requests: Any, target: Any) -> Any:
        self.times += 1
        return self.compile(requests)


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(tmp_path))
    made = Compiler()
    monkeypatch.setattr(build, "checked_unit", made.checked_unit)
    yield made
    monkeypatch.undo()


def test_declarations_are_found_again(compiler: Compiler) -> None:
    for _ in range(2):
        found = cache.object_for((program.request,), TARGET)
        assert (found.globals, found.settings) == ({"total": total}, {"PORT": PORT})
        assert found.globals["total"] is total
        assert found.settings["PORT"] is PORT
    assert compiler.times == 1


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("total", Global(u32, name="total")),
        ("total", Global(u64, 1, name="total")),
        ("total", 5),
        ("PORT", setting(u16, 54, name="PORT")),
        ("PORT", setting(u32, 53, name="PORT")),
        ("PORT", 53),
    ],
)
def test_a_changed_declaration_is_compiled_anew(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch, name: str, changed: Any
) -> None:
    cache.object_for((program.request,), TARGET)
    monkeypatch.setitem(globals(), name, changed)
    if name == "total":
        monkeypatch.setitem(globals(), "other", changed)
    with pytest.raises(CompileError) if changed == 5 else nullcontext():
        cache.object_for((program.request,), TARGET)
    assert compiler.times == 2


def test_two_globals_that_have_become_one(compiler: Compiler, monkeypatch: pytest.MonkeyPatch) -> None:
    one: Any = Global(u64)
    monkeypatch.setitem(globals(), "total", one)
    monkeypatch.setitem(globals(), "other", Global(u64))
    assert len(cache.object_for((program.request,), TARGET).globals) == 2
    monkeypatch.setitem(globals(), "other", one)
    assert len(cache.object_for((program.request,), TARGET).globals) == 1
    assert compiler.times == 2


@xdp
def counting(ctx: XdpContext) -> XdpAction:
    seen = ctx.rx_queue_index
    return XdpAction.PASS if seen == 0 else XdpAction.DROP


def test_a_declaration_that_a_local_comes_to_hide_is_noticed(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.object_for((counting.request,), TARGET)
    monkeypatch.setitem(globals(), "seen", 7)  # a variable that the local hides, as in Python
    cache.object_for((counting.request,), TARGET)
    assert compiler.times == 1
    for declaration in (setting(u32, 1, name="seen"), Global(u32, name="seen")):
        monkeypatch.setitem(globals(), "seen", declaration)
        with pytest.raises(CompileError, match=r"^'seen' is a (setting|Global) of the module, and an assignment"):
            cache.object_for((counting.request,), TARGET)
    monkeypatch.delitem(globals(), "seen")
    cache.object_for((counting.request,), TARGET)
    assert compiler.times == 3
