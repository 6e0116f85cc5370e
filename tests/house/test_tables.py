"""Tables whose rows are made when they are asked for."""

from __future__ import annotations

import pytest

from osmia.generic import Table
from osmia.kinds import KINDS
from osmia.maps.table import MAP_KINDS, kind_of_type


def test_a_row_is_made_once_and_when_it_is_asked_for() -> None:
    made: list[str] = []

    def row(name: str) -> list[str]:
        made.append(name)
        return [name]

    table = Table({"first": lambda: row("first"), "second": lambda: row("second")})
    assert (list(table), len(table), made) == (["first", "second"], 2, [])
    assert table["second"] is table["second"]
    assert made == ["second"]
    assert [each[0] for each in table.values()] == ["first", "second"]
    assert made == ["second", "first"]
    with pytest.raises(KeyError, match="third"):
        table["third"]


def test_rows_go_by_their_own_names() -> None:
    assert [row.class_name for row in MAP_KINDS.values()] == list(MAP_KINDS)
    assert [row.name for row in KINDS.values()] == list(KINDS)


def test_a_row_is_found_by_its_type() -> None:
    assert [kind_of_type(row.type) for row in MAP_KINDS.values()] == list(MAP_KINDS.values())
    assert kind_of_type(1000) is None
