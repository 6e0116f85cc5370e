"""Start-up time is a contract: what a process that only loads and attaches must not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import osmia

FORBIDDEN = {
    *("ast", "dataclasses", "inspect", "json", "llvmlite", "logging", "numpy", "pathlib", "re", "signal", "socket"),
    *("subprocess", "tempfile", "typing"),
}
SOURCE = str(Path(osmia.__file__).resolve().parents[1])


def imported_by(program: str) -> set[str]:
    """What a program imports in a Python without site-packages, beyond what Python had imported itself."""
    whole = f"import sys; before = set(sys.modules); sys.path.insert(0, {SOURCE!r})\n{program}\n"
    whole += "print('\\n'.join(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", whole], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_osmia_imports_nothing_else() -> None:
    assert imported_by("import osmia") == {"osmia", "__future__"}


@pytest.mark.parametrize("name", sorted(osmia._HOME))
def test_a_public_name_imports_nothing_heavy(name: str) -> None:
    assert imported_by(f"import osmia; osmia.{name}") & FORBIDDEN == set()


def test_all_public_names_import_nothing_heavy() -> None:
    assert imported_by("from osmia import *") & FORBIDDEN == set()


def test_the_check_sees_what_is_imported() -> None:
    assert "typing" in imported_by("import typing")
