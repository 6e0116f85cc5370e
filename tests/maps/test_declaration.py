"""Declarations: what they take, what they are called, and what they say before they are live and after."""

from __future__ import annotations

import copy
import pickle
import sys
from enum import Enum, IntEnum, IntFlag
from typing import Any

import pytest

from live_maps import live
from osmia import Array, ArrayOfMaps, Counter, HashMap, NotLoadedError, PerCpuArray, array, chars, i32, u8, u32, u64
from osmia.flags import BPF_F_RDONLY_PROG
from osmia.types import storage_of


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


class Signed(IntEnum):
    LESS = -1
    MORE = 1


class Wide(IntEnum):
    ALL = 1 << 40


class Empty(IntEnum):
    pass


class TooWide(IntEnum):
    LOW = -1
    HIGH = 1 << 63


class Color(Enum):
    RED = 1


class Undecorated:
    packets: u32


class Flags(IntFlag):
    ONE = 1


named_by_its_variable = HashMap(u32, u64, max_entries=10)


def refusal(make: Any) -> str:
    with pytest.raises((TypeError, ValueError)) as caught:
        make()
    return f"{caught.type.__name__}: {caught.value}"


def test_says_what_was_declared_and_where() -> None:
    line = sys._getframe().f_lineno + 1
    counts = PerCpuArray(u64, max_entries=4, name="COUNTS", flags=BPF_F_RDONLY_PROG)
    assert (counts.name, counts.key, counts.value, counts.max_entries, counts.flags) == ("COUNTS", u32, u64, 4, 128)
    assert (counts.key_size, counts.value_size, counts.live) == (4, 8, False)
    assert counts.declared_at == (__file__, line)
    assert repr(counts) == "<PerCpuArray(u64, max_entries=4) COUNTS, not live>"
    assert counts.describe() == ("PerCpuArray", "COUNTS", "I", "Q", 4, 128, 0, None)


def test_is_named_by_its_variable() -> None:
    assert named_by_its_variable.name == "named_by_its_variable"
    assert repr(named_by_its_variable) == "<HashMap(u32, u64, max_entries=10) named_by_its_variable, not live>"


def test_without_a_variable_it_is_told_by_its_place_until_the_compiler_names_it() -> None:
    local = Array(u32, max_entries=1)
    assert local.name == ""
    file, line = local.declared_at
    with pytest.raises(NotLoadedError, match=f"^the Array of {file}:{line} is not loaded"):
        local[0]
    local.take_name("inner")
    local.take_name("other")
    assert local.name == "inner"


def test_identity_is_what_equals() -> None:
    one, other = (Array(u32, max_entries=1, name="A") for _ in range(2))
    assert one == one  # noqa: PLR0124
    assert one != other
    assert len({one, other}) == 2


def test_is_neither_copied_nor_pickled() -> None:
    held = live(Array(u32, max_entries=1, name="A"))
    text = (
        "TypeError: A: an Array is neither copied nor pickled: take what it holds, "
        "or pin a map and open() it by its path"
    )
    for use in (copy.copy, copy.deepcopy, pickle.dumps):
        assert refusal(lambda use=use: use(held)) == text
    assert held[0] == 0
    held.close()
    assert refusal(lambda: copy.copy(Counter(name="C"))).startswith("TypeError: C: a Counter is neither copied")


def test_describing_a_map_of_maps_does_not_read_them() -> None:
    inner = HashMap(u32, u64, max_entries=4, name="inner")
    tables = ArrayOfMaps(inner, max_entries=2, name="tables")
    described = tables.describe()
    assert described[-1] == inner.describe()
    live(inner)
    assert tables.describe() == described
    inner[1] = 1
    assert tables.describe() == described
    inner.close()


@pytest.mark.parametrize(
    ("of", "stored"),
    [(u8, "u8"), (i32, "i32"), (bool, "u8"), (State, "u32"), (Signed, "i32"), (Wide, "u64")],
)
def test_types_and_what_they_are_stored_as(of: Any, stored: str) -> None:
    storage = storage_of(of)
    assert storage is not None
    assert storage.__name__ == stored
    assert HashMap(u32, of, max_entries=1, name="A").value is of
    assert HashMap(of, u32, max_entries=1, name="A").key is of


TAKEN = "one of u8, u16, u32, u64, i8, i16, i32, i64, be16, be32, be64, bool, an IntEnum class or a @struct class"


@pytest.mark.parametrize(
    ("of", "found"),
    [
        (int, "int: say how wide it is, as in u32 or u64"),
        (float, "float"),
        (None, "NoneType None"),
        (u32(3), "int 3"),
        ("u32", "str 'u32'"),
        (State.OPEN, "State <State.OPEN: 1>"),
        (Empty, "Empty"),
        (TooWide, "TooWide"),
        (Flags, "Flags"),
        (Color, "Color: make Color an IntEnum"),
        (Undecorated, "Undecorated: write @struct above class Undecorated"),
    ],
)
def test_refuses_other_types(of: Any, found: str) -> None:
    assert refusal(lambda: HashMap(u32, of, max_entries=1, name="FLOWS")) == (
        f"TypeError: FLOWS: the type of a value is {TAKEN}, not {found}"
    )
    assert refusal(lambda: HashMap(of, u32, max_entries=1, name="FLOWS")) == (
        f"TypeError: FLOWS: the type of a key is {TAKEN}, not {found}"
    )


@pytest.mark.parametrize(
    ("of", "found"),
    [
        (str, "str: declare so many bytes, as a field of a {} class, `text: Chars = chars(64)`"),
        (bytes, "bytes: declare so many bytes, as a field of a {} class, `data: FixedArray[u8] = array(u8, 16)`"),
        ((u32, u8), "a tuple: name its parts in a {} class"),
    ],
)
def test_refuses_what_is_written_as_a_struct(of: Any, found: str) -> None:
    assert refusal(lambda: HashMap(of, u32, max_entries=1, name="FLOWS")) == (
        f"TypeError: FLOWS: the type of a key is {TAKEN}, not {found.format('@struct(frozen=True)')}"
    )
    assert refusal(lambda: HashMap(u32, of, max_entries=1, name="FLOWS")) == (
        f"TypeError: FLOWS: the type of a value is {TAKEN}, not {found.format('@struct')}"
    )


@pytest.mark.parametrize(
    ("of", "name"),
    [(array(u8, 16), "array(u8, 16)"), (chars(8), "chars(8)")],
    ids=["array", "chars"],
)
def test_refuses_what_only_fields_are(of: Any, name: str) -> None:
    assert refusal(lambda: HashMap(of, u32, max_entries=1, name="FLOWS")) == (
        f"TypeError: FLOWS: the type of a key is {TAKEN}, not {name}: make it a field of a @struct(frozen=True) class, "
        "and that the key"
    )
    assert refusal(lambda: HashMap(u32, of, max_entries=1, name="FLOWS")) == (
        f"TypeError: FLOWS: the type of a value is {TAKEN}, not {name}: make it a field of a @struct class, and that "
        "the value"
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_entries": 0}, "ValueError: A: max_entries is 1 to 4294967295, not 0"),
        ({"max_entries": -1}, "ValueError: A: max_entries is 1 to 4294967295, not -1"),
        ({"max_entries": 1 << 32}, "ValueError: A: max_entries is 1 to 4294967295, not 4294967296"),
        ({"max_entries": "1"}, "TypeError: A: max_entries is an int, not str '1'"),
        ({"max_entries": True}, "TypeError: A: max_entries is an int, not bool True"),
        ({"max_entries": 1.0}, "TypeError: A: max_entries is an int, not float 1.0"),
        ({"flags": -1}, "ValueError: A: flags is 0 to 4294967295, not -1"),
        ({"flags": None}, "TypeError: A: flags is an int, not NoneType None"),
        ({"name": "a b"}, "TypeError: Array: a map's name is an ASCII identifier, not str 'a b'"),
        ({"name": "größe"}, "TypeError: Array: a map's name is an ASCII identifier, not str 'größe'"),
        ({"name": None}, "TypeError: Array: a map's name is an ASCII identifier, not NoneType None"),
        ({"name": "x" * 80 + "-"}, f"TypeError: Array: a map's name is an ASCII identifier, not str '{'x' * 56}..."),
        (
            {"name": "osmia_errors"},
            "TypeError: osmia_errors: osmia counts the errors of programs in a map of this name; take another",
        ),
    ],
)
def test_refuses_wrong_options(options: dict[str, Any], text: str) -> None:
    assert refusal(lambda: Array(u32, **{"max_entries": 1, "name": "A", **options})) == text


def test_max_entries_has_to_be_said() -> None:
    with pytest.raises(TypeError, match="max_entries"):
        Array(u32)  # type: ignore[call-arg]


NOT_LOADED = (
    "FLOWS is not loaded: load() or attach() a program that uses it, take the handle that load() gives, create() it, "
    "or open() the path where it is pinned"
)


@pytest.mark.parametrize("closed", [False, True], ids=["not loaded", "closed"])
def test_a_map_that_is_not_live_says_so(closed: bool) -> None:
    flows = HashMap(u32, u64, max_entries=10, name="FLOWS")
    counts = PerCpuArray(u64, max_entries=1, name="FLOWS")
    uses: list[Any] = [
        lambda: flows[1],
        lambda: flows.__setitem__(1, 1),
        lambda: flows.__delitem__(1),
        lambda: 1 in flows,
        lambda: flows.get(1),
        lambda: list(flows),
        lambda: len(flows),
        lambda: list(flows.items()),
        lambda: list(flows.values()),
        lambda: flows.update(1, 1),
        lambda: flows.update({1: 1}),
        lambda: flows.pop(1),
        flows.clear,
        lambda: flows.fd,
        lambda: flows.backend,
        lambda: counts[0],
        lambda: counts.__setitem__(0, [0]),
        lambda: counts.get(0),
        lambda: list(counts.items()),
        lambda: counts.update(0, [0]),
    ]
    if closed:
        live(flows).close()
        live(counts).close()
    for use in uses:
        with pytest.raises(NotLoadedError) as caught:
            use()
        assert str(caught.value) == ("FLOWS is closed: load() a program that uses it" if closed else NOT_LOADED)


def test_closing_twice_or_before_it_is_live_does_nothing() -> None:
    flows = HashMap(u32, u64, max_entries=10, name="FLOWS")
    flows.close()
    with pytest.raises(NotLoadedError, match=r"^FLOWS is not loaded"):
        flows[1]
    live(flows).close()
    flows.close()
    assert not flows.live


def test_a_closed_map_can_be_live_again() -> None:
    flows = HashMap(u32, u64, max_entries=10, name="FLOWS")
    live(flows)[1] = 5
    flows.close()
    assert live(flows).get(1) is None
    flows.close()


def test_a_handle_is_independent_of_its_declaration() -> None:
    flows = live(HashMap(u32, State, max_entries=10, name="FLOWS"))
    other = live(HashMap(u32, State, max_entries=10, name="FLOWS"))
    handle = flows.handle(other.backend)
    handle[1] = State.OPEN
    assert (flows.get(1), other[1], type(handle), handle.name) == (None, State.OPEN, HashMap, "FLOWS")
    flows.close()
    assert handle[1] is State.OPEN
    other.close()


def test_generic_arguments_cost_nothing_at_run_time() -> None:
    assert HashMap[u32, u64] is HashMap
