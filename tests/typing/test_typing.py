"""The typed API: mypy accepts programs as users write them, and finds the mistakes that types can hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mypy import api

if TYPE_CHECKING:
    import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARK = re.compile(r" *# type: ignore\[([a-z,-]+)\]")
FOUND = re.compile(r"(.+?):(\d+): error: .*\[([a-z-]+)\]")

# What a star import brings is typed, and a text can be built letter by letter.
STARRED = """
from osmia import *

@struct(frozen=True)
class Name:
    text: Chars = chars(8)

names = HashMap(Name, u64, max_entries=4)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    text = chars(8)
    text[0] = ctx.rx_queue_index
    found = names.lookup_or_init(Name(text=text), 0)
    if found is None:
        return XdpAction.ABORTED
    found.value += 1
    return XdpAction.PASS
"""


def test_mypy_accepts_programs_and_finds_every_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # mypy's configuration names paths from there
    marked = (HERE / "mistakes.py").read_text()
    mistakes = tmp_path / "mistakes.py"
    mistakes.write_text(MARK.sub("", marked))
    planted = {
        (number, code)
        for number, line in enumerate(marked.splitlines(), start=1)
        for mark in MARK.finditer(line)
        for code in mark[1].split(",")
    }
    assert len(planted) > 30

    options = ["--strict", "--no-error-summary", "--show-error-codes", f"--config-file={ROOT / 'pyproject.toml'}"]
    options += [f"--cache-dir={ROOT / '.mypy_cache'}"]
    starred = tmp_path / "starred.py"
    starred.write_text(STARRED)
    files = [str(path) for path in (mistakes, starred, HERE / "accepted.py", *(ROOT / "examples").glob("*.py"))]
    report, problems, _ = api.run([*options, *files])

    assert problems == ""
    errors = [match for line in report.splitlines() if (match := FOUND.match(line))]
    others = [match[0] for match in errors if Path(match[1]).name != mistakes.name]
    assert others == []
    assert {(int(match[2]), match[3]) for match in errors} == planted
