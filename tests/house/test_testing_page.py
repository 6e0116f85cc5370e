"""docs/testing.md is true: its files are written, its commands and its sessions run; each prints what the page says.

A block ```python begins with the file's name in a comment. A block ```console has a command behind `$`, which an
ordinary user types, or behind `#`, which root does; `...` stands for anything.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

from command_line import SOURCE
from ordinary import NO_CAPABILITY
from osmia.testing import packets
from osmia.testing.divergences import DIVERGENCES
from osmia.testing.packets.layer import KINDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "testing.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
FILES = {text.partition("\n")[0].removeprefix("# "): text for kind, text in BLOCKS if kind == "python"}
COMMANDS = [text for kind, text in BLOCKS if kind == "console"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("testing")
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.partition("\n")[0])
def test_a_command_prints_what_the_page_says(directory: Path, block: str) -> None:
    line, _, printed = block.partition("\n")
    who, _, command = line.partition(" ")
    root = os.geteuid() == 0
    if who == "#" and not root:
        pytest.skip("the page's command is root's")
    _, *words = shlex.split(command)
    own = ("-p", "osmia.testing.plugin", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    done = subprocess.run(
        [*(NO_CAPABILITY if who == "$" and root else ()), sys.executable, *words, *own],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": SOURCE, "PYTEST_ADDOPTS": "", "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    pattern = ".*?".join(map(re.escape, printed.split("...")))
    assert re.fullmatch(pattern, done.stdout, re.DOTALL), done.stdout + done.stderr


def test_mypy_accepts_every_file(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYPYPATH", os.pathsep.join((str(directory), SOURCE)))
    monkeypatch.chdir(ROOT)
    words = ["--strict", f"--config-file={ROOT / 'pyproject.toml'}", f"--cache-dir={ROOT / '.mypy_cache'}"]
    report, problems, _ = api.run([*words, *(str(directory / name) for name in FILES)])
    own = [line for line in report.splitlines() if line.startswith(str(directory))]
    assert (own, problems) == ([], "")


def test_every_link_leads_somewhere() -> None:
    titles = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    for page, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", TEXT):
        assert not page or (PAGE.parent / page).exists(), page
        assert page or anchor in headings, anchor


def test_the_sessions(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(directory)
    session = "\n".join(text for kind, text in BLOCKS if kind == "pycon")
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, str(PAGE), 0)
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    sys.modules.pop("guard", None)
    assert said == [], "".join(said)


def test_every_layer_is_in_the_table() -> None:
    table = TEXT.partition("| layer |")[2].partition("\n\n")[0]
    assert [name for name in KINDS if f"`{name}(" not in table] == []
    assert [name for name in packets.__all__ if name not in TEXT and name != "Packet"] == []


def test_every_known_divergence_is_on_the_page() -> None:
    lines = [
        f"- **{each.name}** (seen in Linux {'.'.join(map(str, each.seen_in))}): {each.what}.\n" for each in DIVERGENCES
    ]
    assert TEXT.partition("<!-- divergences -->\n")[2].partition("<!-- end -->")[0] == "".join(lines)
