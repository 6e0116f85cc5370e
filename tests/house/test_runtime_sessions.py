"""docs/runtime.md is true where it shows what a terminal shows: faults, pdb and traces."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import osmia

PAGE = Path(__file__).parents[2] / "docs" / "runtime.md"
BLOCKS = re.findall(r"^```(python|text)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
FILES = {
    found[1]: text.partition("\n")[2]
    for language, text in BLOCKS
    if language == "python" and (found := re.match(r"# (\w+\.py)\n", text))
}
SESSIONS = {
    command: said
    for language, text in BLOCKS
    if language == "text"
    for command, said in re.findall(r"^\$ ([^\n]*)\n(.*?)(?=^\$ |\Z)", text, flags=re.MULTILINE | re.DOTALL)
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with the page's programs, each with its first line, by which the page names it."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(f"# {name}\n{text}")
    return tmp_path


def ran(words: list[str], here: Path, typed: str = "") -> str:
    search = str(Path(osmia.__file__).resolve().parents[1])
    environment = os.environ | {"PYTHONPATH": search}
    ran = [sys.executable, "-X", "no_debug_ranges", *words]
    done = subprocess.run(ran, cwd=here, env=environment, input=typed, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).replace(f"{here}/", "")


def test_the_page_has_them() -> None:
    assert set(FILES) == {"fault.py", "stop.py"}
    assert len(SESSIONS) == 4


def test_a_fault(here: Path) -> None:
    assert ran(["fault.py"], here) == SESSIONS["python fault.py"]


def test_pdb(here: Path) -> None:
    """In a process of its own: breakpoint() is Python's."""
    shown = SESSIONS["python stop.py"]
    commands = re.findall(r"^\(Pdb\) (.*)$", shown, flags=re.MULTILINE)
    typed = iter(commands)
    said = re.sub(r"\(Pdb\) ", lambda _: f"(Pdb) {next(typed)}\n", ran(["stop.py"], here, "\n".join(commands) + "\n"))
    assert said == shown


@pytest.mark.parametrize("command", [each for each in SESSIONS if each.startswith("osmia trace")])
def test_a_trace(here: Path, command: str) -> None:
    text = (here / "stop.py").read_text()
    (here / "stop.py").write_text(text.replace("    breakpoint()\n", ""))
    assert ran(["-P", "-m", *command.split()], here).rstrip() == SESSIONS[command].rstrip()
