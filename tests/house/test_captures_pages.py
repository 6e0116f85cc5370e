"""docs/captures.md and docs/without_root.md are true: their code runs, and what it prints is what they show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import children
from command_line import called, run

if TYPE_CHECKING:
    from namespaces import Namespace

ROOT = Path(__file__).parents[2]
CAPTURES = (ROOT / "docs/captures.md").read_text(encoding="utf-8")
WITHOUT_ROOT = (ROOT / "docs/without_root.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|sh|text)\n(.*?)^```$", CAPTURES, re.DOTALL | re.MULTILINE)


def test_the_programs_print_what_the_page_shows(tmp_path: Path) -> None:
    """They follow each other in one directory, as a reader would run them."""
    kinds = [kind for kind, _ in BLOCKS]
    assert kinds == ["python", "text"] * (len(kinds) // 2)
    for (_, program), (_, shown) in zip(BLOCKS[::2], BLOCKS[1::2], strict=True):
        done = subprocess.run(
            [sys.executable, "-P", "-c", program],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        assert (done.stdout, done.stderr) == (shown, "")


def test_the_demo_is_as_shown() -> None:
    (command, shown) = re.findall(
        r"^```sh\n\./(osmia run counter --demo 2)\n```\n```text\n(.*?)^```$", WITHOUT_ROOT, re.DOTALL | re.MULTILINE
    )[0]
    code, out, _ = run(*command.split()[1:])
    assert (code, out) == (0, shown)


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up a capability, which takes one")
def test_the_lines_that_it_quotes(netns: Namespace) -> None:
    code, _, err = called("run", "counter", "-i", "lo", "0.01", "1", before=children.drop("CAP_BPF"), netns=netns)
    assert code == 0
    assert err in WITHOUT_ROOT
    code, _, err = called("run", "counter", "-i", "lo", "0.01", "1", before=children.keep_only(), netns=netns)
    assert code == 3
    assert err.splitlines()[-1] in WITHOUT_ROOT
