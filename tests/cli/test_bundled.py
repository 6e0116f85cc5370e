"""The objects that ship with osmia are what their sources compile to, byte for byte."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import build_bundled
from osmia.cli.run import BUNDLED
from osmia.object_file import read_object

ROOT = Path(__file__).parents[2]


def test_every_tool_is_offered() -> None:
    assert {path.stem for path in build_bundled.sources()} == set(BUNDLED)


@pytest.mark.parametrize("source", build_bundled.sources(), ids=lambda path: path.stem)
def test_objects_are_up_to_date(source: Path) -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    version = importlib.metadata.version("llvmlite")
    if f"llvmlite=={version}" not in wanted:
        pytest.skip(
            f"llvmlite is {version}, and the objects are made with the one of the test extra: ./osmia setup test"
        )
    assert build_bundled.build(source) == source.with_suffix(".o").read_bytes(), (
        f"{source.with_suffix('.o').name} is not what {source.name} compiles to: run tools/build_bundled.py"
    )


def test_objects_do_not_depend_on_where_or_how_they_are_made(tmp_path: Path) -> None:
    program = (
        "import build_bundled, sys; [sys.stdout.buffer.write(build_bundled.build(s)) for s in build_bundled.sources()]"
    )
    made = [
        subprocess.run(
            [sys.executable, "-P", "-c", program],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tools'}"},
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1] == b"".join(path.with_suffix(".o").read_bytes() for path in build_bundled.sources())


@pytest.mark.parametrize("source", build_bundled.sources(), ids=lambda path: path.stem)
def test_tools_are_written_with_the_public_names_alone(source: Path) -> None:
    tree = ast.parse(source.read_bytes())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [getattr(node, "module", None) or node.names[0].name for node in imported]
    assert [name for name in modules if name.startswith("osmia")] == ["osmia"]


@pytest.mark.parametrize("source", build_bundled.sources(), ids=lambda path: path.stem)
def test_objects_run_on_the_oldest_kernel(source: Path) -> None:
    spec = read_object(source.with_suffix(".o").read_bytes(), source.stem)
    assert spec.target == "v3 5.10"
    files = {line.file for program in spec.programs.values() for line in program.lines}
    assert {file.removeprefix("./") for file in files} == {f"osmia/tools/{source.name}"}
