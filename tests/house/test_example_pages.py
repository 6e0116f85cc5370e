"""docs/maps.md and docs/programs.md are true: a section and an example for each type of maps and each kind of programs.

The code and the output of the examples are what the pages show.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import example_pages
from example_pages import MAPS, PAGES, PROGRAMS, Page
from osmia.kinds import KINDS
from osmia.maps.table import MAP_KINDS
from this_kernel import why_no_lsm

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = {found[1]: (found[2], found[3]) for page in PAGES for found in example_pages.EXAMPLE.finditer(page.read())}

# By page: the heading of each section that it must have, and the name of its example.
SECTIONS = {
    MAPS: {name: re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in MAP_KINDS},
    PROGRAMS: {f"@{kind.module}": kind.module for kind in KINDS.values()},
}
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)


@each_page
def test_the_table_is_that_of_the_rows(page: Page) -> None:
    found = example_pages.ROWS.search(page.read())
    assert found is not None
    assert found[0] == page.rows()


@each_page
def test_every_one_has_a_section_with_an_example(page: Page) -> None:
    sections = re.split(r"^## ", page.read(), flags=re.MULTILINE)[1:]
    by_name = {section.partition("\n")[0]: section for section in sections}
    assert set(SECTIONS[page]) <= set(by_name)
    for name, file in SECTIONS[page].items():
        assert f"# examples/{page.examples.name}/{file}.py\n" in by_name[name], name


@each_page
def test_every_example_is_on_the_page(page: Page) -> None:
    files = {f"examples/{page.examples.name}/{path.name}" for path in page.examples.glob("*.py")}
    shown = {file for file in SHOWN if file.startswith(f"examples/{page.examples.name}/")}
    # That page has a test of its own.
    user_side = (MAPS.path.parent / "maps" / "user_side.md").read_text(encoding="utf-8")
    assert files == shown | {file for file in files if f"# {file}\n" in user_side}


def test_the_sections_of_kinds_name_their_hooks_and_fields() -> None:
    """A hook that is added to a kind, or a field of its context, has to be in its section."""
    sections = {part.partition("\n")[0]: part for part in re.split(r"^## ", PROGRAMS.read(), flags=re.MULTILINE)[1:]}
    for kind in KINDS.values():
        section = sections[f"@{kind.module}"]
        wanted = (*(hook for hook in kind.attach_types if hook not in ("", "*")), "on_error", kind.program_class)
        assert [name for name in wanted if name not in section] == [], kind.name
        found = example_pages.FIELDS.search(section)
        assert (found and found[2]) == (example_pages.fields_of(kind) if kind.fields else None), kind.name


@pytest.mark.parametrize("file", SHOWN)
def test_an_example_prints_what_the_page_says(file: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("loading programs needs root")
    code, printed = SHOWN[file]
    path = example_pages.ROOT / file
    assert path.read_text(encoding="utf-8") == code
    if file in example_pages.ELSEWHERE and (why := why_no_lsm()):
        build = (sys.executable, "-P", "-m", "osmia", "build", path, "-o", tmp_path / "example.o")
        subprocess.run(build, check=True, capture_output=True)
        pytest.skip(f"it compiles, but: {why}")
    assert example_pages.output_of(path) == printed
