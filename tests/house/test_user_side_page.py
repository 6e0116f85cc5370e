"""docs/maps/user_side.md: each program on it runs, prints what stands below it, and type-checks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

import osmia

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "maps" / "user_side.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n# (\S+)\n(.*?)^```\n```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SOURCE = str(Path(osmia.__file__).resolve().parents[1])


def test_every_program_has_its_output() -> None:
    assert len(PROGRAMS) == PAGE.count("```python") == 4


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
