"""The bytecode of a start in one file: used as a .pyc would be, and written as one would be."""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import llvmlite
import pytest

import osmia
from this_kernel import needs_root

PACKAGE = Path(osmia.__file__).parent
START = "import sys; from osmia import PerCpuArray, XdpContext, u32, xdp; import osmia.loader.load\n"
KEEP = START + "from osmia.bytecode import keep; keep()\n"
PROGRAM = """
from osmia import XdpAction, XdpContext, xdp
@xdp
def pass_all(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS
"""
# Where each module says that it is, which must not differ.
PLACES = """
for name, module in sorted(sys.modules.items()):
    if name.startswith("osmia"):
        spec, code = module.__spec__, module.__loader__.get_code(name)
        print(name, module.__file__, module.__cached__, spec.origin, spec.cached, spec.has_location, spec.parent,
              getattr(module, "__path__", None), module.__package__, code.co_filename, module.__loader__.path)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with an osmia of its own."""
    ours = shutil.ignore_patterns("__pycache__", "compiler", "testing", "generated.py", "*.o")
    shutil.copytree(PACKAGE, tmp_path / "tree/osmia", ignore=ours)
    (tmp_path / "tree/osmia/compiler").mkdir()
    for name in ("__init__", "cache", "fingerprint"):
        shutil.copy(PACKAGE / f"compiler/{name}.py", tmp_path / "tree/osmia/compiler")
    return tmp_path / "tree"


def python(
    tree: Path, program: str, *options: str, before: tuple[str, ...] = (), environment: dict[str, str] | None = None
) -> tuple[str, set[str]]:
    """What a program prints, and the .pyc files of osmia that were read for it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [*before, sys.executable, "-S", "-v", *options, "-c", program],
        env=inherited | {"PYTHONPATH": str(tree)} | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read = re.findall(r"^# code object from '.*/osmia/(.*)\.cpython-.*\.pyc'$", done.stderr, re.MULTILINE)
    return done.stdout, {each.replace("__pycache__/", "") for each in read}


def kept(tree: Path) -> list[Path]:
    """The files of whole starts."""
    files = [path for path in tree.rglob("bytecode_file.*") if path.suffix != ".py" and path.is_file()]
    return sorted(path for path in files if path.read_bytes().startswith(b"osmia start"))


def started(tree: Path) -> Path:
    """The file of one, once it is there and used."""
    python(tree, KEEP)
    assert python(tree, KEEP)[1] == {"__init__", "bytecode"}
    (file,) = kept(tree)
    return file


def test_the_second_start_reads_one_file(tree: Path) -> None:
    first = python(tree, KEEP)[1]
    assert first == set()  # there was nothing
    (file,) = kept(tree)
    assert file == tree / f"osmia/__pycache__/bytecode_file.{sys.implementation.cache_tag}.pyc"
    assert file.stat().st_mode == (tree / "osmia/errors.py").stat().st_mode
    before = file.stat().st_ino
    assert python(tree, KEEP)[1] == {"__init__", "bytecode"}
    assert file.stat().st_ino == before


def test_a_start_that_imports_more_adds_to_it(tree: Path) -> None:
    started(tree)
    more = START + "from osmia import HashMap; from osmia.bytecode import keep; keep()"
    python(tree, more)
    assert python(tree, more)[1] == python(tree, KEEP)[1] == {"__init__", "bytecode"}


def test_modules_say_the_same_of_themselves(tree: Path, tmp_path: Path) -> None:
    prefix = {"PYTHONPYCACHEPREFIX": str(tmp_path / "prefix")}
    ways: tuple[tuple[tuple[str, ...], dict[str, str]], ...] = (((), {}), (("-O",), {}), ((), prefix))
    for options, environment in ways:
        plain = python(tree, START + PLACES, *options, environment=environment)
        python(tree, KEEP, *options, environment=environment)
        said, _ = python(tree, START + PLACES, *options, environment=environment)
        assert said == plain[0]
        assert "osmia.maps.table" in said
    assert len(kept(tree)) == 2
    assert len(kept(tmp_path / "prefix")) == 1


def test_a_changed_source_is_read(tree: Path) -> None:
    file = started(tree)
    with (tree / "osmia/errors.py").open("a") as source:
        source.write("ADDED = 1\n")
    asked = KEEP + "import osmia.errors; print(osmia.errors.ADDED)"
    before = file.read_bytes()
    assert python(tree, asked) == ("1\n", {"__init__", "bytecode"})  # from its source
    assert file.read_bytes() != before
    assert python(tree, asked) == ("1\n", {"__init__", "bytecode"})  # from the file


def test_a_source_of_another_time_is_read(tree: Path) -> None:
    file = started(tree)
    os.utime(tree / "osmia/maps/table.py", (1, 1))
    python(tree, KEEP, "-B")
    before = file.read_bytes()
    python(tree, KEEP)
    assert file.read_bytes() != before
    assert python(tree, KEEP)[1] == {"__init__", "bytecode"}


def test_a_source_of_another_size_is_read(tree: Path) -> None:
    started(tree)
    source = tree / "osmia/errors.py"
    before = source.stat()
    source.write_text(source.read_text() + "ADDED = 1\n")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert python(tree, "import osmia.errors; print(osmia.errors.ADDED)")[0] == "1\n"


def test_a_source_that_is_gone_is_not_found(tree: Path) -> None:
    started(tree)
    (tree / "osmia/maps/table.py").unlink()
    asked = "try:\n import osmia.maps.table\nexcept ModuleNotFoundError as error: print(error)"
    assert python(tree, asked)[0] == "No module named 'osmia.maps.table'\n"


def test_a_module_is_reloaded_from_what_it_is_then(tree: Path) -> None:
    started(tree)
    reload = f"{START}import importlib, osmia.errors\n"
    reload += "with open(osmia.errors.__file__, 'a') as source: source.write('ADDED = 1\\n')\n"
    reload += "print('ADDED' in osmia.errors.__loader__.get_code('osmia.errors').co_names)\n"
    reload += "importlib.invalidate_caches(); importlib.reload(osmia.errors); print(osmia.errors.ADDED)\n"
    reload += "importlib.reload(osmia.maps.table); importlib.reload(osmia); print(osmia.u32)"
    assert python(tree, reload)[0] == "True\n1\n<class 'osmia.types.u32'>\n"


def test_it_is_not_written_where_no_bytecode_is(tree: Path) -> None:
    python(tree, KEEP, "-B")
    python(tree, KEEP, environment={"PYTHONDONTWRITEBYTECODE": "1"})
    assert list(tree.rglob("*.pyc")) == []
    python(tree, START)
    python(tree, KEEP, "-B")
    assert kept(tree) == []
    started(tree)
    assert python(tree, KEEP, "-B")[1] == {"__init__", "bytecode"}  # but read


@needs_root("loads programs")
@pytest.mark.parametrize("load", ["pass_all.load()", "osmia.load(pass_all)", "osmia.load(compiled)"])
def test_what_loads_from_the_cache_or_an_object_writes_it(tree: Path, tmp_path: Path, load: str) -> None:
    shutil.rmtree(tree)
    shutil.copytree(PACKAGE, tree / "osmia", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "pass_all.py").write_text(PROGRAM)
    site = str(Path(llvmlite.__file__).parents[1])
    compiled = (
        f"compiled = {str(PACKAGE / 'tools/counter.o')!r}\n"
        if "compiled" in load
        else "from pass_all import pass_all\n"
    )
    program = f"import sys; sys.path.append({site!r})\nimport osmia\n{compiled}{load}"
    environment = {"OSMIA_CACHE_DIR": str(tmp_path / "cache")}
    python(tree, program, environment=environment)
    assert len(kept(tree)) == ("compiled" in load)
    python(tree, program, environment=environment)
    assert python(tree, program, environment=environment)[1] == {"__init__", "bytecode"}


def test_a_start_that_compiles_does_not_write_it(tree: Path) -> None:
    python(tree, f"{START}sys.modules['osmia.compiler.build'] = sys\n{KEEP}")
    assert kept(tree) == []


def test_a_directory_that_cannot_be_written(tree: Path) -> None:
    python(tree, START)
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        read_only = f"mount --bind {tree} {tree} && mount -o remount,bind,ro {tree} && exec "
        before = ("unshare", "--mount", "sh", "-c", read_only + '"$@"', "sh")
    else:
        (tree / "osmia/__pycache__").chmod(0o555)
    assert len(python(tree, KEEP, before=before)[1]) > 30
    assert kept(tree) == []


def test_a_write_that_fails(tree: Path) -> None:
    python(tree, START)
    in_the_way = tree / f"osmia/__pycache__/bytecode_file.{sys.implementation.cache_tag}.pyc"
    in_the_way.mkdir()
    assert len(python(tree, KEEP)[1]) > 30
    assert kept(tree) == []
    assert list(in_the_way.parent.glob("*.pyc.*")) == []


@pytest.mark.parametrize("damage", ["empty", "short", "cut", "index", "bytecode", "other Python"])
def test_a_damaged_file_is_made_anew(tree: Path, damage: str) -> None:
    file = started(tree)
    whole = file.read_bytes()
    end = int.from_bytes(whole[18:22], "little")
    at = whole.index((tree / f"osmia/maps/__pycache__/table.{sys.implementation.cache_tag}.pyc").read_bytes()[16:])
    damaged = {
        "empty": b"",
        "short": whole[:20],
        "cut": whole[: len(whole) // 2],
        "index": whole[:22] + bytes(end - 22) + whole[end:],
        "bytecode": whole[:at] + b"?" * 1000 + whole[at + 1000 :],
        "other Python": whole[:14] + b"\0\0\r\n" + whole[18:],
    }
    assert damaged[damage] != whole
    file.write_bytes(damaged[damage])
    _, read = python(tree, KEEP)
    assert "maps/table" in read
    assert len(file.read_bytes()) == len(whole)
    assert python(tree, KEEP)[1] == {"__init__", "bytecode"}


def test_errors_show_lines_of_the_source(tree: Path) -> None:
    started(tree)
    shown = "import traceback, inspect\nfrom osmia.maps import PerCpuValues\n"
    shown += "try: PerCpuValues((1, 'a')).sum()\nexcept TypeError: print(traceback.format_exc())\n"
    shown += "print(inspect.getsource(PerCpuValues.sum))"
    said, _ = python(tree, shown)
    line = "return _of_numbers(sum, self if key is None else [*map(key, self)])"
    assert said.count(line) == 2
    assert f'File "{tree}/osmia/maps/__init__.py", line' in said


def test_a_tree_that_was_moved(tree: Path, tmp_path: Path) -> None:
    started(tree)
    moved = tree.rename(tmp_path / "moved")
    assert python(moved, START)[1] == {"__init__", "bytecode"}
    where = "from osmia.maps import PerCpuValues; print(PerCpuValues.sum.__code__.co_filename)"
    assert python(moved, where)[0] == f"{moved}/osmia/maps/__init__.py\n"


def test_bytecode_by_hash_is_left_to_python(tree: Path) -> None:
    compileall.compile_dir(tree, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    assert len(python(tree, KEEP)[1]) > 30
    assert kept(tree) == []


def test_a_package_in_an_archive(tree: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "osmia.zip", "w") as archive:
        for path in tree.rglob("*.py"):
            archive.write(path, path.relative_to(tree))
    said, _ = python(tmp_path / "osmia.zip", KEEP + "print(osmia.__file__)")
    assert said == f"{tmp_path}/osmia.zip/osmia/__init__.py\n"
    assert kept(tmp_path) == []


def test_what_takes_its_place_gives_it_back(tree: Path) -> None:
    file = started(tree)
    whole = file.read_bytes()
    python(tree, "import osmia.bytecode_file")
    assert kept(tree) == []
    python(tree, f"import osmia.bytecode_file; {KEEP}")
    assert file.read_bytes() == whole
    compileall.compile_dir(tree, quiet=1)
    assert kept(tree) == []
    assert started(tree).read_bytes() == whole


def test_packages_are_walked_as_ever(tree: Path) -> None:
    started(tree)
    walk = "import pkgutil, osmia; print(*[each.name for each in pkgutil.walk_packages(osmia.__path__, 'osmia.')])"
    names = python(tree, walk)[0].split()
    assert {"osmia.maps", "osmia.maps.table", "osmia.maps.numpy_arrays", "osmia.errors"} <= set(names)
    sources = [
        path for path in (tree / "osmia").rglob("*.py") if path.parent != tree / "osmia" or path.stem != "__init__"
    ]
    assert len(names) == len(sources)
