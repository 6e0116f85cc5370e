"""docs/check.md: its program is written, its command is run and prints what stands there, and the names are there."""

from __future__ import annotations

import re
from pathlib import Path

from command_line import run
from osmia.checking.explore import MOST_STATES
from osmia.kernel.verifier_catalogue import CATALOGUE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "check.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_command_prints_what_stands_there(tmp_path: Path) -> None:
    name = re.match(r"# (\S+\.py)\n", block("python"))
    assert name is not None
    (tmp_path / name[1]).write_text(block("python"), encoding="utf-8")
    command, _, output = block("console").partition("\n")
    code, out, err = run(*command.split()[2:], cwd=tmp_path)
    assert (code, out + err) == (1, output)


def test_the_names_of_faults_are_those_of_the_catalogue() -> None:
    table = PAGE[PAGE.index("| found |") :]
    names = set(re.findall(r"`([a-z0-9-]+)`", table[: table.index("\n\n")]))
    assert names - {"compile"} <= {entry.name for entry in CATALOGUE}


def test_as_many_rounds_are_followed_as_it_says() -> None:
    assert MOST_STATES == 16
    assert "for sixteen rounds" in PAGE
