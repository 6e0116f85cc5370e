"""docs/runtime.md is true: its examples run, and its tables have every kind and every helper that a kind may call."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osmia.abi.generated.helpers import HELPERS
from osmia.kinds import KINDS
from osmia.vm.helpers import all_helpers
from osmia.vm.maps.accuracy import ACCURACY
from program_files import module_from

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[2] / "docs/runtime.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def rows(heading: str) -> Iterator[list[str]]:
    """The cells of a section's table, the head left out."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("def ")[1].partition("(")[0])
def test_an_example(tmp_path: Path, example: str) -> None:
    module_from(tmp_path, example)


def test_every_kind_has_a_row() -> None:
    assert {row[0].strip("`") for row in rows("Programs of every kind")} == set(KINDS)


def test_every_helper_has_a_row() -> None:
    named = {row[0]: re.findall(r"`(\w+)`", row[1]) for row in rows("Helpers")}
    listed = [name for names in named.values() for name in names]
    assert len(set(listed)) == len(listed)
    assert all(names == sorted(names) for names in named.values())
    there = {name for name, row in HELPERS.items() if row.number in all_helpers()}
    absent = set(named.pop("absent"))
    assert {name for names in named.values() for name in names} - OF_MAPS == there - OF_MAPS
    of_kinds = {name for name, row in HELPERS.items() if set(row.kinds) & set(KINDS)}
    assert of_kinds - there - {"tail_call"} - OF_MAPS == absent


def test_every_map_has_the_row_that_the_runtime_has() -> None:
    of_runtime = [[f"`{name}`", row.level, row.text] for name, row in ACCURACY.items()]
    assert list(rows("Maps")) == of_runtime


# Those of maps are said where maps are.
OF_MAPS = {
    name
    for name, row in HELPERS.items()
    if any(each.kind in ("map", "reservation", "spin lock") for each in row.arguments) or "ringbuf" in name
}
