"""What no file of the repository may hold: a path of somebody's machine, a registry's host, another language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Directories that tools make in a checkout; .gitignore lists them.
MADE = {".git", ".venv", ".osmia", "__pycache__", "dist", "build"}

# Put together from parts, so that this file passes its own test.
PATHS = ["/" + name + "/" for name in ("work", "home", "root", "tmp/v", "Users")]
HOSTS = [
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("deb", "debian", "org"), ("npmjs", "org"))
]
FOREIGN = ["nic" + "ht", "un" + "d", "ode" + "r", "kei" + "ne", "wer" + "den", "ave" + "c", "pou" + "r", "es" + "ta"]


def files() -> list[Path]:
    """Every file of the repository, as far as tools did not make it."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        made = any(part in MADE or part.endswith(("_cache", ".egg-info")) or part == ".hypothesis" for part in parts)
        if path.is_file() and not made:
            found.append(path)
    return found


def hits(pattern: re.Pattern[bytes]) -> list[str]:
    """`file:line: what` of every place where a pattern stands."""
    found = []
    for path in files():
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            match = pattern.search(line)
            if match:
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0].decode(errors='replace')}")
    return found


def any_of(words: list[str], before: str = "", after: str = "") -> re.Pattern[bytes]:
    """A pattern of any of some words between two patterns."""
    return re.compile(f"{before}(?:{'|'.join(map(re.escape, words))}){after}".encode(), re.IGNORECASE)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(any_of(PATHS, before=r"(?<![\w.~*}])"), id="paths of one machine"),
        pytest.param(any_of(HOSTS), id="hosts of package registries"),
        pytest.param(any_of(FOREIGN, before=r"(?<![\w$-])", after=r"(?![\w-])"), id="words that are not English"),
    ],
)
def test_no_file_holds(pattern: re.Pattern[bytes]) -> None:
    assert hits(pattern) == []


def test_the_files_are_read() -> None:
    names = {str(path.relative_to(ROOT)) for path in files()}
    assert {"osmia", ".ci/run", "pyproject.toml", "src/osmia/__init__.py", "tests/house/test_text.py"} <= names
    assert len(hits(re.compile(rb"^class OsmiaError"))) == 1
