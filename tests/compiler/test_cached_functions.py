"""The cache follows what a program reads through functions, methods, defaults, structs and constants of modules."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia.compiler import Target, build

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import shapes
from osmia import Array, XdpAction, XdpContext, u32, u64, xdp
from shapes import Shape, scaled

result = Array(u64, max_entries=1)

def local(n, *, more=shapes.MORE):
    return n + more

@xdp
def program(ctx: XdpContext) -> XdpAction:
    out = result.lookup(0)
    if out is None:
        return XdpAction.ABORTED
    shape = Shape(width=3, name="ab")
    shape.mac = shapes.MAC
    low, high = shapes.BOUNDS
    out.value = local(scaled(shape.area())) + shape.twice + Shape.fixed(1) + low + high + shape.mac[1]
    out.value += 5 if high in shapes.ALLOWED else 0
    out.value += shapes.adder(1) + shapes.CONFIG.limit + shapes.NESTED[1][0] + (shape.name == shapes.NAME)
    return XdpAction.PASS
"""
SHAPES = """
from osmia import Chars, FixedArray, array, chars, struct, u8, u32
import limits

BOUNDS = (1, 2)
ALLOWED = {2, 3}
MAC = [1, 2, 3, 4]
MORE = 4
NAME = "ab"
NESTED = ((1,), [2])

@struct
class Config:
    limit: u32 = 9

CONFIG = Config(limit=8)

@struct
class Shape:
    width: u32 = 0
    height: u32 = 5
    mac: FixedArray[u8] = array(u8, 4)
    name: Chars = chars(4)

    def area(self):
        return self.width * self.height

    @property
    def twice(self):
        return self.width * 2

    @staticmethod
    def fixed(n):
        return n + 10

def scaled(n, factor=limits.FACTOR):
    return limits.smaller(n * factor, 1000)

def made(step):
    def add(n):
        return n + step
    return add

adder = made(6)
"""
LIMITS = """
FACTOR = 3

def smaller(a, b):
    return a if a < b else b
"""
RESULT = 4 + 45 + 6 + 11 + 3 + 2 + 5 + 7 + 8 + 2 + 1
TARGET = Target("v3", (5, 10))


class Project:
    """Three modules, and how often the program was compiled."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.monkeypatch = monkeypatch
        self.compiled = 0
        compile_ = build.checked_unit

        def counted(*requests_and_target: Any) -> Any:
            self.compiled += 1
            return compile_(*requests_and_target)

        monkeypatch.setattr(build, "checked_unit", counted)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.syspath_prepend(str(directory))
        for name, text in (("program", PROGRAM), ("shapes", SHAPES), ("limits", LIMITS)):
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        (self.directory / f"{name}.py").write_text(text, encoding="utf-8")

    def run(self) -> tuple[int, int]:
        """What the program computes, and how often it has been compiled."""
        for name in ("program", "shapes", "limits"):
            self.monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        module: Any = importlib.import_module("program")
        with osmia.load(module.program, target=TARGET) as loaded:
            loaded[module.program].test_run(bytes(14))
            return loaded["result"][0], self.compiled


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(tmp_path / "cache"))
    return Project(tmp_path, monkeypatch)


def test_an_unchanged_program_is_compiled_once(project: Project) -> None:
    assert project.run() == (RESULT, 1)
    assert project.run() == (RESULT, 1)


# What changes: the module, the old text, the new one, and the result.
CHANGES = {
    "function of another module": ("limits", "a if a < b", "a + 1 if a < b", RESULT + 1),
    "default from another module": ("limits", "FACTOR = 3", "FACTOR = 2", RESULT - 15),
    "default in the signature": ("shapes", "factor=limits.FACTOR", "factor=1", RESULT - 30),
    "keyword default": ("shapes", "MORE = 4", "MORE = 5", RESULT + 1),
    "method": ("shapes", "self.width * self.height", "self.width + self.height", RESULT - 45 + 24),
    "property": ("shapes", "self.width * 2", "self.width * 3", RESULT + 3),
    "static method": ("shapes", "n + 10", "n + 11", RESULT + 1),
    "default of a field": ("shapes", "height: u32 = 5", "height: u32 = 6", RESULT + 9),
    "type of a field": ("shapes", "width: u32 = 0", "width: u8 = 0", RESULT),
    "order of the fields": (
        "shapes",
        "    width: u32 = 0\n    height: u32 = 5\n",
        "    height: u32 = 5\n    width: u32 = 0\n",
        RESULT,
    ),
    "tuple": ("shapes", "BOUNDS = (1, 2)", "BOUNDS = (3, 2)", RESULT + 2),
    "set": ("shapes", "ALLOWED = {2, 3}", "ALLOWED = {4, 3}", RESULT - 5),
    "list": ("shapes", "MAC = [1, 2, 3, 4]", "MAC = [1, 7, 3, 4]", RESULT + 5),
    "element of an element": ("shapes", "NESTED = ((1,), [2])", "NESTED = ((1,), [3])", RESULT + 1),
    "text": ("shapes", 'NAME = "ab"', 'NAME = "abc"', RESULT - 1),
    "struct that is a constant": ("shapes", "CONFIG = Config(limit=8)", "CONFIG = Config(limit=9)", RESULT + 1),
    "closure of a called function": ("shapes", "adder = made(6)", "adder = made(7)", RESULT + 1),
    "another function of that name": ("shapes", "adder = made(6)", "def adder(n):\n    return 20", RESULT + 13),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_was_read_compiles_anew(project: Project, name: str) -> None:
    module, old, new, result = CHANGES[name]
    text = {"shapes": SHAPES, "limits": LIMITS}[module]
    assert text.count(old) == 1
    assert project.run() == (RESULT, 1)
    project.write(module, text.replace(old, new))
    assert project.run() == (result, 2)
    assert project.run() == (result, 2)


def test_a_change_of_what_was_not_read_does_not(project: Project) -> None:
    project.run()
    project.write("shapes", SHAPES + "\nUNUSED = 5\n\ndef unused():\n    return 4\n")
    project.write("limits", LIMITS + "\nUNUSED = 5\n")
    assert project.run() == (RESULT, 1)
