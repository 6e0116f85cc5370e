"""Pages of docs whose programs each run, print what stands below it, and type-check."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

import osmia
from this_kernel import needs_root

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("docs/maps/user_side.md", "docs/events.md", "docs/aggregations.md", "docs/logs.md")
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in NAMES}
PROGRAM = re.compile(r"^```python\n# (\S+)\n(.*?)^```\n```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAMS = [found for page in PAGES.values() for found in PROGRAM.findall(page)]
SOURCE = str(Path(osmia.__file__).resolve().parents[1])


def test_every_program_has_its_output() -> None:
    assert [len(PROGRAM.findall(page)) for page in PAGES.values()] == [4, 3, 3, 3]
    assert [page.count("```python") for page in PAGES.values()] == [4, 3, 3, 3]


def test_every_example_of_aggregations_is_on_the_page() -> None:
    files = {f"examples/aggregations/{path.name}" for path in (ROOT / "examples" / "aggregations").glob("*.py")}
    assert files == {name for name, *_ in PROGRAM.findall(PAGES["docs/aggregations.md"])}


@needs_root("loads programs")
@pytest.mark.parametrize("index", range(len(PROGRAMS)))
def test_it_prints_what_stands_below(tmp_path: Path, index: int) -> None:
    _, program, expected = PROGRAMS[index]
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    # In a mount namespace with a BPF file system of its own: what it pins is nowhere else.
    run = f'mount -t bpf bpf /sys/fs/bpf && exec "{sys.executable}" "{path}"'
    command = ["unshare", "--mount", "sh", "-c", run]
    environment = os.environ | {"PYTHONPATH": SOURCE}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (expected, "")


@pytest.mark.parametrize("index", [n for n, (name, *_) in enumerate(PROGRAMS) if name.startswith("examples/")])
def test_an_example_is_its_file(index: int) -> None:
    name, program, _ = PROGRAMS[index]
    assert (ROOT / name).read_text(encoding="utf-8") == program


def test_mypy_accepts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # mypy's configuration names paths from there
    files = []
    for number, (_, program, _) in enumerate(PROGRAMS):
        path = tmp_path / f"program{number}.py"
        path.write_text(program, encoding="utf-8")
        files.append(str(path))
    options = ["--strict", "--no-error-summary", f"--config-file={ROOT / 'pyproject.toml'}"]
    report, problems, _ = api.run([*options, f"--cache-dir={ROOT / '.mypy_cache'}", *files])
    assert (report, problems) == ("", "")
