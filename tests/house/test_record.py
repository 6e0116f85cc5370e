"""The records that stand in for dataclasses: type checkers are promised what these do."""

from __future__ import annotations

import pytest

from osmia.record import frozen_record, record


@record
class Open:
    """A record."""

    first: int
    second: str = "two"


@frozen_record
class Frozen:
    """A frozen record."""

    first: int
    second: str = "two"


@pytest.mark.parametrize("of", [Open, Frozen])
def test_fields(of: type[Open | Frozen]) -> None:
    assert of(1) == of(1, "two") == of(second="two", first=1) == of(first=1)
    assert of(1) != of(2)
    assert (of(1) == object()) is False
    assert repr(of(1)) == f"{of.__name__}(first=1, second='two')"
    match of(3, "x"):
        case Open(first, second=second) | Frozen(first, second=second):
            assert (first, second) == (3, "x")
        case _:
            pytest.fail("no pattern takes it")


@pytest.mark.parametrize("of", [Open, Frozen])
@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        ((), {}, "missing field 'first'"),
        ((1, "a", 3), {}, "takes 2 values, 3 given"),
        ((1,), {"first": 2}, "unexpected or repeated field 'first'"),
        ((1,), {"third": 2}, "unexpected or repeated field 'third'"),
    ],
)
def test_what_is_refused(of: type, arguments: tuple[object, ...], named: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        of(*arguments, **named)


def test_a_record_changes_and_has_no_hash() -> None:
    changed = Open(1)
    changed.first = 2
    assert changed == Open(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(changed)


def test_a_frozen_one_does_not_change_and_has_a_hash() -> None:
    frozen = Frozen(1)
    with pytest.raises(AttributeError, match=r"^Frozen.first is set once, when a Frozen is made$"):
        frozen.first = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"^Frozen.first cannot be deleted$"):
        del frozen.first
    assert {Frozen(1): "found"}[Frozen(second="two", first=1)] == "found"
    assert frozen == Frozen(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Frozen([]))  # type: ignore[arg-type]
