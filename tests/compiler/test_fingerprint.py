"""Descriptions of structs: whatever of a layout or a default changes, the description changes."""

from __future__ import annotations

import marshal
from typing import Any

import pytest

import osmia
from osmia import HashMap, array, chars, spin_lock, u8, u16, u32, zeroed
from osmia.compiler.fingerprint import describe


def made(source: str) -> Any:
    names = {name: getattr(osmia, name) for name in vars(osmia)["__all__"]}
    exec(compile(source, "s.py", "exec", dont_inherit=True), names)
    return names["S"]


BASE = "@struct\nclass S:\n    x: u8 = 0\n    y: u32 = 0"


def marshalled(description: Any) -> Any:
    return marshal.loads(marshal.dumps(description))


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("y: u32", "y: u16"),
        BASE.replace("y: u32", "z: u32"),
        BASE.replace("y: u32 = 0", "y: u32 = 1"),
        BASE.replace("y: u32 = 0", "y: u32"),
        BASE.replace("x: u8 = 0", "x: u8 = bits(4)"),
        BASE.replace("@struct", "@struct(packed=True)"),
        BASE + "\n    z: FixedArray[u8] = array(u8, 2)",
        BASE + "\n    z: SpinLock = spin_lock()",
        "@struct\nclass S:\n    y: u32 = 0\n    x: u8 = 0",
    ],
)
def test_another_struct_is_described_differently(other: str) -> None:
    first, again, second = made(BASE), made(BASE), made(other)
    assert describe(first) == describe(again) == marshalled(describe(first))
    assert describe(first) != describe(second)
    maps = [HashMap(u32, of, max_entries=1, name="M") for of in (first, again, second)]
    assert describe(maps[0]) == describe(maps[1]) != describe(maps[2])
    assert describe(zeroed(first)) != describe(zeroed(second))


def test_constants_are_described_by_what_they_hold() -> None:
    cls = made(BASE)
    assert describe(cls(x=1)) == describe(cls(x=1)) != describe(cls(x=2))
    assert describe(array(u8, 2, b"ab")) == describe(array(u8, 2, b"ab")) != describe(array(u8, 2, b"ac"))
    assert describe(array(u16, 1)) != describe(array(u8, 2))
    assert describe(chars(4, "a")) != describe(chars(4, "b"))
    for value in (cls(), array(u8, 2), chars(4), spin_lock()):
        assert marshalled(describe(value)) == describe(value)
