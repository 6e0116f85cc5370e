"""A LICENSE that no object can hold is refused at its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from osmia.cli.errors import diagnostic
from program_files import body_of, module_from

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = body_of("return XdpAction.PASS")


@pytest.mark.parametrize(
    ("line", "found", "underlined"),
    [
        ("LICENSE = 5", "int 5", "LICENSE = 5"),
        ("LICENSE: object = None", "NoneType None", "LICENSE: object = None"),
        ("LICENSE = ''", "str ''", "LICENSE = ''"),
        ("LICENSE = 'a\\0b'", "str 'a\\x00b'", "LICENSE = 'a\\0b'"),
        ("LICENSE = 1; LICENSE = b'GPL'", "bytes b'GPL'", "             LICENSE = b'GPL'"),
    ],
)
def test_no_licence(tmp_path: Path, line: str, found: str, underlined: str) -> None:
    module = module_from(tmp_path, f"{line}\n{PROGRAM}")
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(module)
    start = len(underlined) - len(underlined.lstrip())
    assert diagnostic(caught.value) == (
        f"{module.__file__}:1:{start + 1}: error: a LICENSE is a string\n"
        f"    {line}\n"
        f"    {' ' * start}^{'~' * (len(underlined.strip()) - 1)}\n"
        f"  found: {found}\n"
        "  expected: the name of a licence, such as 'GPL' or 'Dual MIT/GPL'\n"
        '  fix: write `LICENSE = "GPL"`, or leave it out: programs are GPL unless they say'
    )


def test_one_that_is_not_to_be_found_in_the_file(tmp_path: Path) -> None:
    module = module_from(tmp_path, PROGRAM)
    vars(module)["LICENSE"] = 7
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(module)
    assert (caught.value.problem, caught.value.found) == ("a LICENSE is a string", "int 7")
    assert caught.value.lineno == module.program.function.__code__.co_firstlineno
