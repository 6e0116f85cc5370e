"""Settings as user code sees them: numbers that carry their declaration."""

from __future__ import annotations

import copy
import pickle
from enum import IntEnum
from typing import Any, Final

from osmia import setting, u8, u16, u64
from osmia.compiler.fingerprint import describe
from osmia.maps.globals import Global
from osmia.maps.settings import Setting
from osmia.types import be16
from refusal import refusal


class Mode(IntEnum):
    COUNT = 0
    DROP = 1


PORT: Final = setting(u16, 53)
DEBUG: Final = setting(bool, False)
MODE: Final = setting(Mode, Mode.DROP)
WIRE: Final = setting(be16, 0x1234)


def test_is_the_number() -> None:
    assert (PORT, PORT + 1, hash(PORT), f"{PORT:04x}", str(PORT), repr(PORT)) == (53, 54, hash(53), "0035", "53", "53")
    assert not DEBUG
    assert (DEBUG == False, str(DEBUG), repr(DEBUG)) == (True, "False", "False")  # noqa: E712 - what a user may write
    assert (MODE == Mode.DROP, MODE.name, MODE.value, repr(MODE)) == (True, "DROP", 1, "<Mode.DROP: 1>")
    assert {53: "dns"}[PORT] == "dns"
    assert list(range(100))[PORT] == 53


def test_carries_its_declaration() -> None:
    declared: Any = PORT
    assert isinstance(declared, Setting)
    assert (declared.of, declared.default, declared.variable, declared.declared_at[0]) == (u16, 53, "PORT", __file__)
    assert (declared.encode(443), declared.decode(b"\xbb\x01")) == (b"\xbb\x01", 443)
    wire: Any = WIRE
    assert (wire.encode(0x1234), wire.decode(b"\x12\x34")) == (b"\x12\x34", 0x1234)
    named: Any = setting(u8, 1, name="other")
    assert named.variable == "other"
    local: Any = setting(u8, 1)
    assert (local.variable, local.subject) == ("", f"the setting of {__file__}:{local.declared_at[1]}")
    local.take_name("LOCAL")
    local.take_name("LATER")
    assert local.variable == "LOCAL"


def test_a_copy_declares_nothing() -> None:
    for made in (copy.copy(PORT), copy.deepcopy(PORT), pickle.loads(pickle.dumps(PORT))):
        assert (made, type(made)) == (53, int)
    assert copy.copy(MODE) is Mode.DROP


def test_what_is_refused() -> None:
    wrong: Any = setting
    place = f"the setting of {__file__}"
    text = refusal(TypeError, lambda: wrong(int, 5, name="A"))
    kinds = "A: the type of a setting is one of u8..i64, be16..be64, bool or an IntEnum class"
    assert text == f"{kinds}, not int: say how wide it is, as in u32 or u64"
    assert refusal(TypeError, lambda: wrong(str, "a", name="A")) == f"{kinds}, not str"
    assert refusal(TypeError, lambda: wrong(5, 5, name="A")) == f"{kinds}, not int 5"
    assert refusal(OverflowError, lambda: wrong(u8, 300, name="A")) == "A: a value is a u8, 0 to 255, not 300"
    assert (
        refusal(OverflowError, lambda: wrong(be16, 1 << 16, name="A")) == "A: a value is a be16, 0 to 65535, not 65536"
    )
    assert refusal(TypeError, lambda: wrong(bool, 1, name="A")) == "A: a value is a bool, not int 1"
    assert refusal(TypeError, lambda: wrong(Mode, 1, name="A")) == "A: a value is a Mode, not int 1"
    assert refusal(TypeError, lambda: wrong(u8, "1")).startswith(place)
    assert refusal(TypeError, lambda: wrong(u8, 1, name="a b")) == (
        "setting()'s name is an ASCII identifier, not str 'a b'"
    )


def test_what_stands_for_a_number_is_that_number() -> None:
    class Port:
        def __index__(self) -> int:
            return 53

    wrong: Any = setting
    made = wrong(u16, Port(), name="PORT")
    assert (int(made), made + 1, made.default, made.subject, repr(made)) == (53, 54, 53, "PORT", "53")
    assert refusal(OverflowError, lambda: made.encode(1 << 16)) == "PORT: a value is a u16, 0 to 65535, not 65536"


def test_descriptions_tell_declarations_apart() -> None:
    """What the cache compares: another type, start, default or name makes another object."""
    settings: list[Any] = [
        setting(u16, 53, name="A"),
        setting(u16, 54, name="A"),
        setting(u8, 53, name="A"),
        setting(u16, 53, name="B"),
    ]
    variables: list[Any] = [
        Global(u64, name="A"),
        Global(u64, 1, name="A"),
        Global(u8, name="A"),
        Global(u64, name="B"),
    ]
    described = [describe(each) for each in (*settings, *variables, 53)]
    assert len(set(described)) == len(described)
    assert describe(setting(u16, 53, name="A")) == described[0]
    assert describe(Global(u64, name="A")) == described[4]
