"""The public names: what type checkers see, where each lives and what `__all__` lists are one and the same."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import osmia

TREE = ast.parse(Path(osmia.__file__).read_bytes())


def checked_names() -> dict[str, str]:
    """The names imported under `if TYPE_CHECKING:`, and from where."""
    blocks = [node for node in TREE.body if isinstance(node, ast.If)]
    assert [ast.unparse(block.test) for block in blocks] == ["TYPE_CHECKING", "not TYPE_CHECKING"]
    found = {}
    for node in blocks[0].body:
        assert isinstance(node, ast.ImportFrom)
        assert node.module is not None
        for alias in node.names:
            assert alias.asname == alias.name, f"line {node.lineno}: write `{alias.name} as {alias.name}`"
            found[alias.name] = node.module
    return found


def test_checkers_and_python_see_the_same_names() -> None:
    assert checked_names() == osmia._HOME
    assert vars(osmia)["__all__"] == ["__version__", *osmia._HOME]


def test_the_table_is_sorted_and_has_no_name_twice() -> None:
    tables = [
        node.value
        for node in TREE.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOME" and isinstance(node.value, ast.Dict)
    ]
    names = [key.value for key in tables[0].keys if isinstance(key, ast.Constant)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(osmia._HOME))
def test_every_name_is_what_its_home_defines(name: str) -> None:
    assert getattr(osmia, name) is getattr(importlib.import_module(osmia._HOME[name]), name)
    assert name in dir(osmia)


def test_star_import_gives_exactly_the_public_names() -> None:
    program = "from osmia import *; print(*sorted(n for n in globals() if n == '__version__' or n[:2] != '__'))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted(vars(osmia)["__all__"])


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError) as raised:
        osmia.kprobe_of_nothing  # noqa: B018
    assert str(raised.value) == "module 'osmia' has no attribute 'kprobe_of_nothing'"
