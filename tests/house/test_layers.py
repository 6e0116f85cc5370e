"""Imports go down only: every module of osmia is read, and each of its imports looked up in the table of layers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"

# Layers from the bottom up. A module belongs to the first entry that names it or a package above it; it may import
# from layers below its own, and within its own entry. Entries of one layer never import each other, except where
# OPEN says that the layer is one whole.
LAYERS = (
    ("osmia",),  # __init__ alone: names and where they live, no import that runs
    ("osmia.bytecode_file",),
    ("osmia.bytecode", "osmia.uncaught"),
    ("osmia.record", "osmia.generic", "osmia.enumeration", "osmia.errors", "osmia.refusals"),
    (
        *("osmia.types", "osmia.big_endian", "osmia.byte_order", "osmia.layout", "osmia.arrays"),
        *("osmia.forms", "osmia.structs", "osmia.functions", "osmia.headers", "osmia.checksum", "osmia.rounds"),
        *("osmia.unchecked", "osmia.dtypes", "osmia.addresses"),
    ),
    ("osmia.abi", "osmia.elf", "osmia.btf", "osmia.pcap"),
    (
        *("osmia.spec", "osmia.spec_details", "osmia.kinds", "osmia.contexts", "osmia.helpers", "osmia.flags"),
        *("osmia.maps", "osmia.logs", "osmia.object_file", "osmia.object_maps", "osmia.disassembly"),
    ),
    ("osmia.kernel",),
    ("osmia.compiler", "osmia.loader", "osmia.links", "osmia.checking"),
    ("osmia.vm",),
    ("osmia.programs",),
    ("osmia.cli", "osmia.tools", "osmia.testing", "osmia.__main__"),
)
OPEN = (3, 4, 5, 6, 11)


def place(module: str) -> tuple[int, str]:
    """The layer of a module and its entry there."""
    if module == "osmia":
        return 0, module
    for height, layer in enumerate(LAYERS[1:], start=1):
        for entry in layer:
            if module == entry or module.startswith(entry + "."):
                return height, entry
    pytest.fail(f"{module} is in no layer: add it to LAYERS, and to the table in CONTRIBUTING.md")


def modules() -> dict[str, Path]:
    """Every module of osmia by its name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(tree: ast.AST, module: str, is_package: bool, known: set[str]) -> list[tuple[str, int]]:
    """The modules of osmia that a module imports anywhere in it, with the line; `__import__("...")` counts too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*above, *filter(None, [base])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                found.append((name if name in known else base, node.lineno))
        elif isinstance(node, ast.Call) and node.args:
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            target = node.args[0]
            if name in {"__import__", "import_module"} and isinstance(target, ast.Constant):
                found.append((str(target.value), node.lineno))
    return [(name, line) for name, line in found if name.partition(".")[0] == "osmia"]


def breaks(importer: str, imported: str) -> str:
    """Why an import is against the rule; empty where it is not."""
    own, own_entry = place(importer)
    other, other_entry = place(imported)
    if imported == "osmia":
        return ""  # the version and the public names; what they lead to is loaded when asked for
    if other > own:
        return f"{other_entry} is above {own_entry}"
    if other == own and other_entry != own_entry and own not in OPEN:
        return f"{other_entry} and {own_entry} stand side by side"
    return ""


MODULES = modules()


@pytest.mark.parametrize("module", [name for name in MODULES if name != "osmia"])
def test_imports_go_down(module: str) -> None:
    path = MODULES[module]
    found = imports(ast.parse(path.read_bytes()), module, path.stem == "__init__", set(MODULES))
    wrong = [f"{path}:{line}: {why}" for name, line in found if (why := breaks(module, name))]
    assert not wrong, "\n".join(wrong)


def test_the_package_itself_imports_nothing_that_runs() -> None:
    tree = ast.parse(MODULES["osmia"].read_bytes())
    outside = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    # gc is built into the interpreter, and the other one finds what comes after it.
    expected = ["from __future__ import annotations", "import gc", "from osmia.bytecode import use"]
    assert [ast.unparse(node) for node in outside] == expected


@pytest.mark.parametrize(
    ("importer", "imported", "why"),
    [
        ("osmia.errors", "osmia.types", "osmia.types is above osmia.errors"),
        ("osmia.elf", "osmia.kernel.bpf", "osmia.kernel is above osmia.elf"),
        ("osmia.loader.load", "osmia.links", "osmia.links and osmia.loader stand side by side"),
        ("osmia.compiler.build", "osmia.loader.load", "osmia.loader and osmia.compiler stand side by side"),
        ("osmia.loader.load", "osmia.programs.program", "osmia.programs is above osmia.loader"),
        ("osmia.kernel.map", "osmia.maps.backend", ""),
        ("osmia.loader.load", "osmia.loader.maps", ""),
        ("osmia.object_file", "osmia.spec", ""),
        ("osmia.cli.main", "osmia", ""),
    ],
)
def test_the_rule(importer: str, imported: str, why: str) -> None:
    assert breaks(importer, imported) == why


def test_every_spelling_of_an_import_is_seen() -> None:
    source = """
import osmia.elf as elf
def f():
    from osmia import kernel, load
    from . import maps
    from ..links.xdp import XdpLink
    __import__("osmia.vm")
"""
    known = {"osmia.kernel", "osmia.loader.maps", "osmia.links.xdp"}
    found = imports(ast.parse(source), "osmia.loader.load", is_package=False, known=known)
    assert sorted(name for name, _ in found) == [
        "osmia",
        "osmia.elf",
        "osmia.kernel",
        "osmia.links.xdp",
        "osmia.loader.maps",
        "osmia.vm",
    ]
