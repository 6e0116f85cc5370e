"""docs/tutorial.md: its files are written and its commands run, in their order; each prints what stands below it.

A block ```python begins with the file's name in a comment. A block ```console has commands behind `$`, and the output
below each. Where `^C` stands, Ctrl-C is pressed. The reader has two terminals: blocks are in one and the other in turn,
and one that does not begin with a command goes on with what runs in its terminal.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from mypy import api

import system_packages
from command_line import SOURCE, run
from terminal import Command
from this_kernel import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\S+\.py)\n(.*)", re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n", re.MULTILINE)
BLOCKS: list[tuple[str, str]] = BLOCK.findall(TEXT)
INTERRUPT = "^C\n"


class Step(NamedTuple):
    """A command, or "" for what a running one prints next; its output."""

    command: str
    output: str


def steps(block: str) -> Iterator[Step]:
    """The commands of a block ```console, each with its output."""
    first, *rest = COMMAND.split(block)
    if first:
        yield Step("", first)
    for command, output in zip(rest[::2], rest[1::2], strict=True):
        yield Step(command, output)


class Reader:
    """Somebody who follows the page, with two terminals."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        self.terminals: list[Command | None] = [None, None]

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.directory / name).write_text(text, encoding="utf-8")

    def follow(self, block: str, *, goes_on: bool) -> None:
        """Do what a block ```console says; with `goes_on`, its last command is left running."""
        found = list(steps(block))
        for number, step in enumerate(found, start=1):
            self._do(step, left_running=goes_on and number == len(found))
        self.terminals.reverse()

    def _do(self, step: Step, *, left_running: bool) -> None:
        if step.command.startswith("cd "):
            self.directory /= step.command.removeprefix("cd ")
            return
        if step.command:
            self.terminals[0] = Command(step.command, self.directory, self.environment)
        running = self.terminals[0]
        assert running is not None, f"nothing runs that would print {step.output}"
        before, interrupt, after = step.output.partition(INTERRUPT)
        if left_running:
            running.expect(before)
            return
        if interrupt:
            running.expect(before)
            running.interrupt()
            # It may have gone on a little before that came.
            assert running.ends(f"...\n{after}") == 0, step
        else:
            running.ends(before)
        running.close()
        self.terminals[0] = None

    def close(self) -> None:
        """End what still runs."""
        for each in self.terminals:
            if each is not None:
                each.close()


@pytest.fixture
def reader(tmp_path: Path, netns: Namespace) -> Iterator[Reader]:
    """A reader in an empty directory and a network namespace, who has osmia, and the Python of these tests."""
    tools = tmp_path / "tools"
    tools.mkdir()
    # As the installed command is made.
    (tools / "osmia").write_text(f"#!{sys.executable} -P\nfrom osmia.cli.main import entry\n\nentry()\n")
    (tools / "osmia").chmod(0o755)
    ping = system_packages.tool("ping")
    system = [str(Path(each.path).parent) for each in (ping, system_packages.tool("ip"))]
    environment = {
        **os.environ,
        **ping.environment,
        "LC_ALL": "C.UTF-8",
        "PATH": ":".join([str(tools), str(Path(sys.executable).parent), *system, os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": SOURCE,
        "PYTHONUNBUFFERED": "1",  # in a terminal what is printed is seen at the end of the line
    }
    made = tmp_path / "made"
    made.mkdir()
    follows = Reader(made, environment)
    with netns.entered():
        try:
            yield follows
        finally:
            follows.close()


def listing(block: str) -> tuple[str, str]:
    """The name of a file, and what is in it, of a block ```python."""
    found = FILE.fullmatch(block)
    assert found is not None, block
    return found[1], found[2]


def mypy(monkeypatch: pytest.MonkeyPatch, *files: Path) -> str:
    """What mypy says of files."""
    monkeypatch.chdir(ROOT)  # its configuration names paths from there
    options = ["--strict", "--no-error-summary", "--no-pretty", f"--config-file={ROOT / 'pyproject.toml'}"]
    report, problems, _ = api.run([*options, f"--cache-dir={ROOT / '.mypy_cache'}", *map(str, files)])
    assert problems == ""
    return report


def test_every_file_and_command_of_the_page(reader: Reader) -> None:
    require("fetch")
    texts = [text for language, text in BLOCKS if language == "console"]
    # A command is left running where the block after the next one goes on with it.
    goes_on = iter([not text.startswith("$ ") for text in [*texts[2:], "$ ", "$ "]])
    for language, text in BLOCKS:
        if language == "console":
            reader.follow(text, goes_on=next(goes_on))
        else:
            reader.write(*listing(text))
    assert reader.terminals == [None, None]


def test_every_block_is_written_or_run() -> None:
    assert {language for language, _ in BLOCKS} == {"console", "python"}
    assert TEXT.count("```") == 2 * len(BLOCKS)


def test_the_first_program_is_what_osmia_new_makes(tmp_path: Path) -> None:
    assert run("new", "-q", str(tmp_path / "my-counter"), "--type", "xdp") == (0, "", "")
    name, program = listing(next(text for language, text in BLOCKS if language == "python"))
    assert (tmp_path / "my-counter" / name).read_text(encoding="utf-8") == program


def test_a_type_checker_tells_of_the_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, program = listing(next(text for language, text in BLOCKS if language == "python"))
    forgotten = tmp_path / "forgotten.py"
    forgotten.write_text(re.sub(r".*counter is None.*\n.*\n", "", program), encoding="utf-8")
    error = 'error: Item "None" of "Ref[int] | None" has no attribute "value"  [union-attr]'
    # The cache of mypy may remember the file by the path of an earlier run.
    assert mypy(monkeypatch, forgotten).rpartition("/")[2] == f"forgotten.py:16: {error}\n"


def test_mypy_accepts_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as it was when it was written, beside the newest my_counter.py of then."""
    monkeypatch.setenv("MYPYPATH", str(tmp_path))
    newest, files = "", []
    for number, (name, program) in enumerate(listing(text) for language, text in BLOCKS if language == "python"):
        module = f"{name.removesuffix('.py')}_{number}"
        path = tmp_path / f"{module}.py"
        path.write_text(program.replace("from my_counter import", f"from {newest} import"), encoding="utf-8")
        files.append(path)
        if name == "my_counter.py":
            newest = module
    assert mypy(monkeypatch, *files) == ""


def test_every_instruction_is_explained() -> None:
    shown = re.findall(r"^ +(\d+):\t(?:[\da-f]{2} )+?[\da-f]{2}\t(.+)$", TEXT, re.MULTILINE)
    assert shown
    assert re.findall(r"^\| (\d+) \| `(.+?)` \|", TEXT, re.MULTILINE) == shown


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", TEXT)
    assert links
    for name, anchor in links:
        page = PAGE.parent / name if name else PAGE
        assert page.exists(), name
        if anchor:
            assert anchor in anchors(page.read_text(encoding="utf-8")), (name, anchor)


def anchors(text: str) -> list[str]:
    """What the headings of a page are called in links."""
    heads = re.findall(r"^#+ (.*)$", BLOCK.sub("", text), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads]
