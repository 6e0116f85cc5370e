"""Start-up time is a contract: what a process that only loads and attaches must not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import llvmlite
import pytest

import osmia
from this_kernel import needs_root

FORBIDDEN = {
    *("ast", "dataclasses", "inspect", "json", "llvmlite", "logging", "numpy", "pathlib", "re", "signal", "socket"),
    *("subprocess", "tempfile", "typing"),
}
PROGRAM = """
from osmia import XdpAction, XdpContext, xdp
@xdp
def pass_all(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS
"""
MOST_MODULES = 34
SOURCE = str(Path(osmia.__file__).resolve().parents[1])


def imported_by(program: str) -> set[str]:
    """What a program imports in a Python without site-packages, beyond what Python had imported itself."""
    whole = f"import sys; before = set(sys.modules); sys.path.insert(0, {SOURCE!r})\n{program}\n"
    whole += "print('\\n'.join(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", whole], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_osmia_imports_nothing_else() -> None:
    # gc is a part of the interpreter: importing it reads no file.
    assert imported_by("import osmia") == {"osmia", "osmia.bytecode", "__future__", "gc"}


@pytest.mark.parametrize("name", sorted(osmia._HOME))
def test_a_public_name_imports_nothing_heavy(name: str) -> None:
    assert imported_by(f"import osmia; osmia.{name}") & FORBIDDEN == set()


def test_all_public_names_import_nothing_heavy() -> None:
    assert imported_by("from osmia import *") & FORBIDDEN == set()


def test_maps_of_numbers_import_nothing_of_structs() -> None:
    program = "from osmia import HashMap, PerCpuArray, XdpAction, u32, u64\n"
    program += "HashMap(u32, XdpAction, max_entries=1); PerCpuArray(bool, max_entries=1)"
    assert imported_by(program) & {f"osmia.{name}" for name in ("layout", "arrays", "forms", "structs")} == set()
    assert "osmia.forms" in imported_by("from osmia import Array, be32; Array(be32, max_entries=1)")


def test_the_headers_of_packets_import_nothing_heavy() -> None:
    assert imported_by("import osmia.headers") & FORBIDDEN == set()


def test_the_check_sees_what_is_imported() -> None:
    assert "typing" in imported_by("import typing")


@needs_root("loads programs")
def test_loading_from_the_cache_imports_neither_the_compiler_nor_a_reader_of_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "pass_all.py").write_text(PROGRAM)
    site = str(Path(llvmlite.__file__).parents[1])
    load = f"sys.path += [{str(tmp_path)!r}, {site!r}]; from pass_all import pass_all; pass_all.load()"
    assert {"osmia.compiler.build", "osmia.object_file"} <= imported_by(load)
    imported_by(load)  # the first one from the cache may have its bytecode to write
    later = imported_by(load)
    assert later & FORBIDDEN == set()
    compiler = {"__init__", "cache", "fingerprint"}
    assert {name for name in later if name.startswith("osmia.compiler.")} <= {f"osmia.compiler.{n}" for n in compiler}
    assert not {name for name in later if name.startswith("osmia.kernel.verifier")}
    # Each module costs a start about 0.1 ms, so one more is a decision.
    assert len([name for name in later if name.startswith("osmia")]) <= MOST_MODULES
    readers = {"osmia.object_file", "osmia.elf", "osmia.btf", "osmia.kernel.verifier", "osmia.kernel.errors"}
    assert later & {*readers, "ctypes", "enum", "functools", "operator", "struct"} == set()


AGGREGATING = """
from osmia import HistogramMap, StatsMap, XdpAction, XdpContext, u32, xdp
sizes = HistogramMap(u32, max_entries=8)
spread = StatsMap(u32, max_entries=8)
@xdp
def measure(ctx: XdpContext) -> XdpAction:
    sizes.add(1, len(ctx.packet))
    spread.add(1, len(ctx.packet))
    return XdpAction.PASS
"""


@needs_root("loads programs")
def test_aggregations_from_the_cache_import_nothing_heavy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OSMIA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "measure.py").write_text(AGGREGATING)
    site = str(Path(llvmlite.__file__).parents[1])
    load = f"sys.path += [{str(tmp_path)!r}, {site!r}]; from measure import *; measure.test_run(bytes(64))"
    load += "; assert sizes[1].sum == sizes.top(1)[0][1].sum == spread[1].max == 64, sizes.dropped"
    assert "osmia.compiler.build" in imported_by(load)
    imported_by(load)  # it may have its bytecode to write
    second = imported_by(load)
    assert second & FORBIDDEN == set()
    compiler = {"__init__", "cache", "fingerprint"}
    assert {name for name in second if name.startswith("osmia.compiler.")} <= {f"osmia.compiler.{n}" for n in compiler}
    later = ("arrays", "forms", "structs", "maps.histogram_text", "maps.aggregated_arrays", "maps.foreign_aggregations")
    assert second & {f"osmia.{name}" for name in later} == set()


def test_programs_without_aggregations_import_nothing_of_them() -> None:
    own = {f"osmia.maps.{name}" for name in ("aggregations", "histograms", "stats", "counts", "measures", "snapshots")}
    program = "from osmia import HashMap, PerCpuArray, PerCpuCounter, u32, u64\n"
    program += "HashMap(u32, u64, max_entries=1); PerCpuArray(u64, max_entries=1); PerCpuCounter()"
    assert imported_by(program) & own == set()
