"""The cache never gives a stale object: whatever the compiler read, once it changes, the program is compiled anew."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import osmia
from osmia.compiler import Target, cache, cache_files
from program_files import PRELUDE

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = Target("v3", (5, 10))

SOURCE = (
    PRELUDE
    + """
from enum import IntEnum
import other

class Level(IntEnum):
    LOW = 3

LIMIT = 7
counts = PerCpuArray(u64, max_entries=1)

def make(inner):
    @xdp(on_error=XdpAction.DROP)
    def program(ctx: XdpContext) -> XdpAction:
        count = counts.lookup(0)
        if count is None:
            return XdpAction.ABORTED
        count.value += LIMIT + Level.LOW + other.STEP + inner  # sum
        return XdpAction.PASS

    return program

program = make(5)
"""
)
OTHER = "STEP = 1000\n"

# Loads the module in a process of its own, says whether the compiler was imported, and what one run adds.
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import module
module.program.test_run(bytes(14))
compiled = "osmia.compiler.build" in sys.modules
heavy = sorted({"llvmlite", "numpy", "ast", "dataclasses", "typing", "inspect", "re"} & set(sys.modules))
print(module.counts[0].sum(), compiled, ",".join(heavy))
"""


class Project:
    """A module and one that it imports."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.write("module.py", SOURCE)
        self.write("other.py", OTHER)

    def write(self, name: str, text: str) -> None:
        (self.directory / name).write_text(text, encoding="utf-8")

    def run(self, **environment: str) -> tuple[int, bool, str]:
        """What a run counts, whether it compiled, and which heavy modules it imported."""
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(self.directory)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.stderr, done.stderr
        total, compiled, heavy = done.stdout.rstrip("\n").split(" ")
        return int(total), compiled == "True", heavy


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(tmp_path / "cache"))
    return Project(tmp_path)


def test_the_second_run_compiles_nothing_and_imports_nothing_heavy(project: Project) -> None:
    assert project.run()[:2] == (1015, True)
    assert project.run() == (1015, False, "")


def replaced(old: str, new: str) -> Callable[[Project], None]:
    assert old in SOURCE
    return lambda project: project.write("module.py", SOURCE.replace(old, new))


CHANGES: dict[str, tuple[Callable[[Project], None], int]] = {
    "global": (replaced("LIMIT = 7", "LIMIT = 8"), 1016),
    "enum member": (replaced("LOW = 3", "LOW = 4"), 1016),
    "closure cell": (replaced("make(5)", "make(6)"), 1016),
    "imported name": (lambda project: project.write("other.py", "STEP = 1001\n"), 1016),
    "code": (replaced("count.value += LIMIT", "count.value += 1 + LIMIT"), 1016),
    "map's value type": (replaced("PerCpuArray(u64", "PerCpuArray(u16"), 1015),
    "map's size": (replaced("max_entries=1)", "max_entries=2)"), 1015),
    "error value": (replaced("on_error=XdpAction.DROP", "on_error=XdpAction.TX"), 1015),
    "comment that the object shows": (replaced("# sum", "# total"), 1015),
    "line": (replaced("LIMIT = 7", "LIMIT = 7\n"), 1015),
    "licence": (replaced("LIMIT = 7", "LIMIT = 7\nLICENSE = 'Dual MIT/GPL'"), 1015),
    "name that hides another": (replaced("LIMIT = 7", "LIMIT = 7\nclass Level(IntEnum):\n    LOW = 4"), 1016),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_was_read_compiles_anew(project: Project, name: str) -> None:
    change, total = CHANGES[name]
    project.run()
    change(project)
    assert project.run()[:2] == (total, True)
    assert project.run() == (total, False, "")


def test_an_object_names_its_file_as_its_module_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file, as a module and as one of a package."""
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "package").mkdir()
    source = tmp_path / "package" / "counting.py"
    source.write_text(f"{PRELUDE}\n\n@xdp\ndef counting(ctx: XdpContext) -> XdpAction:\n    return XdpAction.PASS\n")
    for name, shown in (("package.counting", b"package/counting.py"), ("counting", b"counting.py")):
        found = spec_from_file_location(name, source)
        assert found is not None
        assert found.loader is not None
        module = module_from_spec(found)
        found.loader.exec_module(module)
        for _ in range(2):
            data = cache.object_for((module.counting.request,), TARGET).data
            assert b"\0./" + shown + b"\0" in data


def test_a_change_of_what_was_not_read_does_not(project: Project) -> None:
    project.run()
    project.write("module.py", SOURCE + "\nprint_every = 5\n")
    assert project.run() == (1015, False, "")


def entry(project: Project) -> Path:
    (found,) = (project.directory / "cache" / "objects").iterdir()
    return found


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "other magic", "foreign"])
def test_a_damaged_entry_is_not_used(project: Project, damage: str) -> None:
    project.run()
    path = entry(project)
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "other magic":
        content[0] ^= 1
    elif damage == "foreign":
        os.chown(path, 12345, 12345)
    path.write_bytes({"empty": b"", "short": bytes(content[:100])}.get(damage, bytes(content)))
    assert project.run()[:2] == (1015, True)


def test_another_llvmlite_compiles_anew(project: Project, tmp_path: Path) -> None:
    """Its version is read from its files: importing it would cost more than all the rest."""
    project.run()
    package = tmp_path / "newer" / "llvmlite"
    package.mkdir(parents=True)
    (package / "_version.py").write_text("version_version = '99'\n")
    path = f"{tmp_path / 'newer'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    assert project.run(PYTHONPATH=path)[:2] == (1015, True)
    assert project.run(PYTHONPATH=path) == (1015, False, "")


def test_without_a_place_for_it_everything_works_and_compiles(project: Project) -> None:
    for _ in range(2):
        assert project.run(OSMIA_CACHE_DIR="")[:2] == (1015, True)
    assert project.run(OSMIA_CACHE_DIR="/proc/nowhere")[:2] == (1015, True)


def test_what_root_keeps_for_a_user_belongs_to_the_user(project: Project, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 12345, 54321)
    project.run(OSMIA_CACHE_DIR=str(home / "a" / "b"))
    made = [home / "a", home / "a" / "b", home / "a" / "b" / "objects", *(home / "a" / "b" / "objects").iterdir()]
    assert [(path.stat().st_uid, path.stat().st_gid) for path in made] == [(12345, 54321)] * 4


def test_the_oldest_entries_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_files, "MOST_ENTRIES", 3)
    for number in range(5):
        path = tmp_path / f"entry{number}"
        path.write_bytes(b"")
        os.utime(path, ns=(number, number))
    cache_files._remove_oldest(str(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["entry2", "entry3", "entry4"]


@pytest.mark.parametrize("name", ["compiler/frontend/loops.py", "maps/declaration.py", "abi/generated/__init__.py"])
def test_a_change_of_osmia_itself_compiles_anew(project: Project, tmp_path: Path, name: str) -> None:
    package = tmp_path / "copy" / "osmia"
    shutil.copytree(Path(osmia.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    path = f"{package.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    assert project.run(PYTHONPATH=path)[:2] == (1015, True)
    assert project.run(PYTHONPATH=path) == (1015, False, "")
    changed = package / name
    changed.write_text(changed.read_text() + "\n")
    assert project.run(PYTHONPATH=path)[:2] == (1015, True)
    assert project.run(PYTHONPATH=path) == (1015, False, "")
    os.utime(changed, ns=(0, 0))
    assert project.run(PYTHONPATH=path)[:2] == (1015, True)
