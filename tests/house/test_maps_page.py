"""docs/maps.md is true: a section and an example for each type, whose code and output are what the page shows."""

from __future__ import annotations

import os
import re

import pytest

import maps_page
from osmia.maps.table import MAP_KINDS
from this_kernel import why_no_lsm

PAGE = maps_page.PAGE.read_text(encoding="utf-8")
SHOWN = {found[1]: (found[2], found[3]) for found in maps_page.EXAMPLE.finditer(PAGE)}


def test_the_table_is_that_of_the_rows() -> None:
    found = maps_page.ROWS.search(PAGE)
    assert found is not None
    assert found[0] == maps_page.rows()


def test_every_type_has_a_section_with_an_example() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    by_name = {section.partition("\n")[0]: section for section in sections}
    assert set(MAP_KINDS) <= set(by_name)
    for name in MAP_KINDS:
        file = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        assert f"# examples/maps/{file}.py\n" in by_name[name], name


def test_every_example_is_on_the_page() -> None:
    files = {f"examples/maps/{path.name}" for path in maps_page.EXAMPLES.glob("*.py")}
    # That page has a test of its own.
    user_side = (maps_page.PAGE.parent / "maps" / "user_side.md").read_text(encoding="utf-8")
    assert files == {*SHOWN} | {file for file in files if f"# {file}\n" in user_side}


@pytest.mark.parametrize("file", SHOWN)
def test_an_example_prints_what_the_page_says(file: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("loading programs needs root")
    code, printed = SHOWN[file]
    path = maps_page.ROOT / file
    assert path.read_text(encoding="utf-8") == code
    if file in maps_page.ELSEWHERE and (why := why_no_lsm()):
        pytest.skip(why)
    assert maps_page.output_of(path) == printed
