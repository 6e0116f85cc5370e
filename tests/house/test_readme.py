"""What README.md shows is what there is: its program, its commands, its links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from this_kernel import needs_root

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """The command lines shown, without their comments."""
    return [line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]


def test_the_program_is_the_example() -> None:
    assert blocks("python")[0] == (ROOT / "examples/xdp_map_counter.py").read_text()


@needs_root("loads programs")
def test_the_program_without_an_interface_prints_what_it_should(tmp_path: Path) -> None:
    (_, program, _) = blocks("python")
    (tmp_path / "every_third.py").write_text(program)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "every_third.py")], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("PASS 1\nPASS 2\nDROP 3\n", "")


def test_the_test_passes_in_both(tmp_path: Path) -> None:
    """In the kernel where this process may: else that half is skipped."""
    (_, program, test) = blocks("python")
    (tmp_path / "every_third.py").write_text(program)
    (tmp_path / "test_every_third.py").write_text(test)
    words = ("-p", "osmia.testing.plugin", "-p", "no:cacheprovider", "-q", "--osmia=both")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(".. " if os.geteuid() == 0 else ".s "), done.stdout + done.stderr


def test_the_two_commands_stand_first() -> None:
    assert commands()[:2] == ["./osmia run counter -i lo", "./osmia test"]


@pytest.mark.parametrize("command", sorted({line.split()[1] for line in commands()} - {"test"}))
def test_every_command_exists(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "osmia", command, "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_file_it_names_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    files = [word for line in commands() for word in line.split() if word.startswith("examples/")]
    assert links
    assert files
    assert [name for name in links + files if not (ROOT / name).exists()] == []
