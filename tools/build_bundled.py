"""Compile the tools that ship with osmia: each `src/osmia/tools/NAME.py` to the `NAME.o` beside it.

The objects are committed, so that `osmia run NAME` needs no compiler. They are for the oldest kernel that osmia knows,
and depend on nothing but the sources and the version of llvmlite, which the `test` extra names.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from osmia.compiler import PORTABLE
from osmia.compiler.build import checked_unit, generate
from osmia.programs.loaded import programs_of

DIRECTORY = Path(__file__).resolve().parents[1] / "src" / "osmia" / "tools"


def sources() -> list[Path]:
    """The source of every bundled tool."""
    return sorted(path for path in DIRECTORY.glob("*.py") if path.stem != "__init__")


def build(source: Path) -> bytes:
    """The object of a bundled tool. It is compiled, never taken from the cache."""
    programs = programs_of(importlib.import_module(f"osmia.tools.{source.stem}"))
    unit, _ = checked_unit(tuple(program.request for program in programs))
    return generate(unit, PORTABLE)


def main() -> None:
    """Write the objects that differ from what there is."""
    for source in sources():
        built, path = build(source), source.with_suffix(".o")
        if not path.exists() or path.read_bytes() != built:
            path.write_bytes(built)
            print(f"{path.name}: written, {len(built)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
