"""osmia's own IntEnum, which start-up can afford: what it does, the standard library's does too."""

from __future__ import annotations

import copy
import enum
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from osmia import XdpAction, XdpMode
from osmia.enumeration import IntEnum, is_enumeration, is_int_enumeration

if TYPE_CHECKING:
    from collections.abc import Callable


class Standard(enum.IntEnum):
    """The same members twice."""

    LOW = -1
    """A docstring of a member."""
    HIGH = 7


class Own(IntEnum):
    """The same members twice."""

    LOW = -1
    """A docstring of a member."""
    HIGH = 7


def shown(result: object) -> str:
    return f"{type(result).__name__} {result!r}".replace("Standard", "Own")


OPERATIONS: dict[str, Callable[[Any], object]] = {
    "members": list,
    "their number": len,
    "truth of the class": bool,
    "by value": lambda of: of(7),
    "by itself": lambda of: of(of.LOW) is of.LOW,
    "by name": lambda of: of["HIGH"],
    "by names": lambda of: dict(of.__members__),
    "name and value": lambda of: (of.LOW.name, of.LOW.value),
    "repr": lambda of: repr(of.LOW),
    "class's repr": repr,
    "str": lambda of: str(of.HIGH),
    "format": lambda of: f"{of.HIGH} {of.HIGH:03d} {of.HIGH!r} {of.HIGH!s}",
    "order": lambda of: sorted(of, reverse=True),
    "equality": lambda of: (of.HIGH == 7, of.HIGH != 7, of.HIGH == "HIGH"),
    "arithmetic": lambda of: of.HIGH + 1,
    "hash": lambda of: {of.HIGH: 1}[7],
    "containment": lambda of: (of.LOW in of, 5 in list(of)),
    "is an int": lambda of: isinstance(of.LOW, int),
    "type": lambda of: type(of.LOW) is of,
    "json": lambda of: json.dumps([of.HIGH]),
    "copies": lambda of: (copy.copy(of.LOW) is of.LOW, copy.deepcopy(of.LOW) is of.LOW),
    "docstring": lambda of: of.__doc__,
    "pattern": lambda of: [matched(of, each) for each in of],
}


def matched(of: Any, value: object) -> str:
    match value:
        case of.LOW:
            return "low"
        case _:
            return "other"


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_does_what_the_standard_one_does(name: str) -> None:
    assert shown(OPERATIONS[name](Own)) == shown(OPERATIONS[name](Standard))


REFUSALS: dict[str, Callable[[Any], object]] = {
    "no such value": lambda of: of(3),
    "no value at all": lambda of: of([]),
    "no such name": lambda of: of["NONE"],
    "no such attribute": lambda of: of.NONE,
    "reassigning": lambda of: setattr(of, "LOW", 3),
    "changing a name": lambda of: setattr(of.LOW, "name", "X"),
    "changing a value": lambda of: setattr(of.LOW, "value", 3),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_it_refuses_what_the_standard_one_refuses(name: str) -> None:
    kinds = []
    for of in (Own, Standard):
        with pytest.raises(Exception) as raised:
            REFUSALS[name](of)
        kinds.append(type(raised.value))
    assert kinds[0] is kinds[1]


def test_a_value_that_there_is_not_is_said_in_the_same_words() -> None:
    for of in (XdpAction, XdpMode):
        with pytest.raises(ValueError, match=rf"^9 is not a valid {of.__name__}$"):
            of(9)


def test_members_cannot_be_deleted() -> None:
    with pytest.raises(AttributeError, match=r"^cannot delete member 'LOW'$"):
        del Own.LOW


def test_two_names_of_one_value_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^Twice: B has the value of A$"):
        exec("class Twice(IntEnum):\n    A = 1\n    B = 1")


def test_members_are_pickled_as_themselves() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(XdpAction.TX, protocol)) is XdpAction.TX


@pytest.mark.parametrize(
    ("of", "named", "integers"),
    [
        (Own, True, True),
        (Standard, True, True),
        (XdpAction, True, True),
        (enum.Enum("Colour", ["RED"]), True, False),
        (enum.IntFlag("Flag", ["ONE"]), True, False),
        (int, False, False),
        (3, False, False),
        (Own.LOW, False, False),
    ],
)
def test_enumerations_of_both_sorts_are_known(of: object, named: bool, integers: bool) -> None:
    assert (is_enumeration(of), is_int_enumeration(of)) == (named, integers)
