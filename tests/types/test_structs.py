"""Structs and unions as user code has them: made, changed, compared, copied, and refused where they are wrong."""

from __future__ import annotations

import copy
import pickle
from enum import IntEnum
from typing import Any, ClassVar

import pytest

import osmia
from osmia import (
    Chars,
    FixedArray,
    SpinLock,
    array,
    be16,
    be32,
    be64,
    bits,
    chars,
    from_bytes,
    i8,
    replace,
    sizeof,
    spin_lock,
    struct,
    to_bytes,
    u8,
    u16,
    u32,
    u64,
    union,
    zeroed,
)
from osmia.layout import layout_of
from osmia.structs import describe_layout


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


@struct
class Flow:
    """Packets and bytes."""

    packets: u64 = 0
    bytes: u64 = 0

    @property
    def mean(self) -> int:
        return self.bytes // self.packets

    @mean.setter
    def mean(self, value: int) -> None:
        self.bytes = self.packets * value

    def add(self, size: int) -> None:
        self.packets += 1
        self.bytes += size


@struct(frozen=True)
class Key:
    src: be32
    port: be16
    state: State = State.CLOSED
    comm: Chars = chars(6)


@struct
class Mixed:
    flow: Flow
    mac: FixedArray[u8] = array(u8, 6)
    low: u8 = bits(4)
    high: u8 = bits(4, 4)
    signed: i8 = bits(3)
    flag: bool = bits(1)
    state: State = bits(1)
    flows: FixedArray[Flow] = array(Flow, 2)
    lock: SpinLock = spin_lock()
    ok: bool = True
    LIMIT: ClassVar[int] = 5


@union
class Word:
    whole: u32 = 0
    halves: FixedArray[u16] = array(u16, 2)
    low: u8 = bits(4)
    flow: Flow = Flow()


def as_any(value: object) -> Any:
    return value


def refusal(use: Any) -> str:
    with pytest.raises((TypeError, ValueError, OverflowError, AttributeError, IndexError)) as caught:
        use()
    return f"{caught.type.__name__}: {caught.value}"


def test_defaults_keywords_and_methods() -> None:
    flow = Flow(packets=2)
    flow.add(100)
    assert (flow.packets, flow.bytes, flow.mean) == (3, 100, 33)
    flow.mean = 7
    assert flow == Flow(packets=3, bytes=21)
    assert repr(flow) == "Flow(packets=3, bytes=21)"
    assert flow != Flow()
    assert (flow == as_any(5), flow != as_any((3, 21))) == (False, True)
    assert (Flow.__doc__, Mixed.LIMIT) == ("Packets and bytes.", 5)
    assert not hasattr(Flow, "packets")


def test_bytes_and_sizes() -> None:
    key = Key(src=0x7F000001, port=80, state=State.OPEN, comm=chars(6, "ab"))
    assert to_bytes(key) == b"\x7f\0\0\1\0\x50\0\0\1\0\0\0ab\0\0\0\0\0\0"
    assert from_bytes(Key, to_bytes(key)) == key
    assert from_bytes(Key, memoryview(to_bytes(key))) == key
    assert (sizeof(Key), sizeof(u32), sizeof(be64), sizeof(State), sizeof(array(Flow, 3)), sizeof(key.comm)) == (
        *(20, 4, 8, 4, 48, 6),
    )
    assert zeroed(Key) == Key(src=0, port=0)
    assert (zeroed(u32), from_bytes(be16, b"\1\2"), from_bytes(State, bytes(4))) == (0, 258, State.CLOSED)
    assert to_bytes(array(be16, 2, [1, 2])) == b"\0\1\0\2"
    assert to_bytes(chars(4, "a")) == b"a\0\0\0"


def test_nested_values_are_copied_where_they_are_set_and_shared_where_they_are_read() -> None:
    flow = Flow(packets=1)
    mixed = Mixed(flow=flow, mac=b"\1\2\3\4\5\6", flows=[Flow(bytes=1), flow])  # type: ignore[arg-type]
    flow.packets = 9
    assert (mixed.flow.packets, mixed.flows[1].packets) == (1, 1)
    mixed.flow.packets += 1
    mixed.flows[0].bytes += 1
    mixed.flows[1] = flow
    mixed.mac[-1] = 255
    assert (mixed.flow.packets, mixed.flows[0].bytes, mixed.flows[1].packets, mixed.mac[5]) == (2, 2, 9, 255)
    assert flow.packets == 9
    one, other = Mixed(flow=flow), Mixed(flow=flow)
    one.mac[0] = 1
    one.flows[0].packets = 1
    assert (other.mac[0], other.flows[0].packets) == (0, 0)


def test_bit_fields() -> None:
    mixed = Mixed(flow=Flow(), low=15, signed=-4, flag=True, state=State.OPEN)
    assert (mixed.low, mixed.high, mixed.signed, mixed.flag, mixed.state) == (15, 4, -4, True, State.OPEN)
    assert mixed.state is State.OPEN
    assert from_bytes(Mixed, to_bytes(mixed)) == mixed
    assert to_bytes(mixed)[22:24] == bytes([0x4F, 0b11100])
    assert refusal(lambda: setattr(mixed, "low", 16)) == "OverflowError: Mixed.low is a u8 of 4 bits, 0 to 15, not 16"
    assert refusal(lambda: setattr(mixed, "signed", 4)) == (
        "OverflowError: Mixed.signed is an i8 of 3 bits, -4 to 3, not 4"
    )
    assert refusal(lambda: setattr(mixed, "flag", 1)) == "TypeError: Mixed.flag is a bool, not int 1"


def test_unions() -> None:
    word = Word(whole=0x01020304)
    assert (word.whole, list(word.halves), word.low, sizeof(Word)) == (0x01020304, [0x0304, 0x0102], 4, 16)
    word.halves = [5, 6]  # type: ignore[assignment]
    word.low = 0xF
    assert word.whole == 0x0006000F
    assert word == Word(whole=0x0006000F)
    assert repr(Word()) == "Word(whole=0, halves=array(u16, 2, [0, 0]), low=0, flow=Flow(packets=0, bytes=0))"
    assert replace(word, whole=1) == Word(whole=1)
    assert copy.copy(word) == word
    assert pickle.loads(pickle.dumps(word)) == word
    assert refusal(lambda: Word(whole=1, low=1)) == (
        "TypeError: Word is a union: it takes one field, not 2, since they share their memory"
    )
    assert refusal(lambda: Word(wole=1)) == (  # type: ignore[call-arg]
        "TypeError: Word has no field 'wole': its fields are whole, halves, low, flow"
    )
    assert refusal(lambda: Word(1)) == "TypeError: Word takes a field by name, as in Word(whole=...)"  # type: ignore[call-arg]
    assert refusal(lambda: word.wole) == (  # type: ignore[attr-defined]
        "AttributeError: Word has no field 'wole': its fields are whole, halves, low, flow"
    )
    assert refusal(lambda: setattr(word.flow, "packets", 1)).startswith("AttributeError: Flow.packets cannot be set")


def test_a_union_in_a_struct_is_changed_in_place() -> None:
    @struct
    class Holder:
        word: Word
        after: u8 = 0

    holder = Holder(word=Word(whole=1), after=7)
    holder.word.whole = 2
    assert (holder.word.whole, to_bytes(holder)[:5], sizeof(Holder)) == (2, b"\2\0\0\0\0", 24)
    assert from_bytes(Holder, to_bytes(holder)) == holder


def test_frozen_classes_are_keys() -> None:
    key = Key(src=1, port=2, comm=chars(6, "a"))
    assert {key: 1}[Key(src=1, port=2, comm=b"a\0")] == 1  # type: ignore[arg-type]
    assert refusal(lambda: setattr(key, "src", 1)) == (
        "AttributeError: Key.src cannot be set, Key is frozen: osmia.replace(value, src=...)"
    )
    assert refusal(lambda: hash(Flow())) == (
        "TypeError: a Flow that can be changed has no hash: write @struct(frozen=True) above class Flow"
    )
    again = replace(key, port=3)
    assert (again.port, key.port, hash(again) == hash(Key(src=1, port=3, comm="a"))) == (3, 2, True)  # type: ignore[arg-type]
    assert refusal(lambda: setattr(again, "src", 1)).startswith("AttributeError: Key.src cannot be set")
    assert hash(copy.deepcopy(key)) == hash(pickle.loads(pickle.dumps(key))) == hash(key)


def test_what_is_inside_a_frozen_class_is_frozen_too() -> None:
    @struct(frozen=True)
    class Holder:
        flow: Flow
        slots: FixedArray[u64] = array(u64, 2)
        mac: FixedArray[u8] = array(u8, 2)

    holder = Holder(flow=Flow(packets=1))
    assert refusal(lambda: setattr(holder.flow, "packets", 2)).startswith("AttributeError: Flow.packets cannot be set")
    for held in (holder.slots, holder.mac):
        assert "cannot be changed" in refusal(lambda held=held: held.__setitem__(0, 1))
    assert hash(holder) == hash(Holder(flow=Flow(packets=1)))
    for again in (replace(holder), from_bytes(Holder, to_bytes(holder)), zeroed(Holder)):
        assert "cannot be changed" in refusal(lambda again=again: again.slots.__setitem__(0, 1))


def test_replace_gives_what_can_be_changed() -> None:
    frozen: Any = Flow.__osmia_form__.unpack(bytes(16), "", frozen=True)  # type: ignore[attr-defined]
    assert refusal(lambda: setattr(frozen, "packets", 1)) == (
        "AttributeError: Flow.packets cannot be set, this Flow is a copy: "
        "write m[key] = osmia.replace(value, packets=...)"
    )
    changed = replace(frozen, packets=3)
    changed.bytes = 4
    assert (changed, frozen) == (Flow(packets=3, bytes=4), Flow())
    assert Flow(packets=1).__replace__(bytes=2) == Flow(packets=1, bytes=2)  # type: ignore[attr-defined]


def test_struct_patterns_match_by_field() -> None:
    match Flow(packets=3):
        case Flow(packets=1):
            pytest.fail("packets is 3")
        case Flow(packets=3, bytes=found):
            assert found == 0


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda: Flow(1), "TypeError: Flow takes its fields by name, as in Flow(packets=...)"),  # type: ignore[call-arg]
        (lambda: Flow(pakets=1), "TypeError: Flow has no field 'pakets': its fields are packets, bytes"),  # type: ignore[call-arg]
        (lambda: Key(src=1), "TypeError: Key: missing field 'port'"),  # type: ignore[call-arg]
        (lambda: Flow(packets=-1), "OverflowError: Flow.packets is a u64, 0 to 18446744073709551615, not -1"),
        (lambda: Flow(packets=1.5), "TypeError: Flow.packets is an int (u64), not float 1.5"),  # type: ignore[arg-type]
        (lambda: Key(src=1 << 32, port=1), "OverflowError: Key.src is a be32, 0 to 4294967295, not 4294967296"),
        (lambda: Key(src=1, port=1, state=1), "TypeError: Key.state is a State, not int 1"),  # type: ignore[arg-type]
        (
            lambda: Key(src=1, port=1, comm="1234567"),  # type: ignore[arg-type]
            "ValueError: Key.comm is a text of up to 6 bytes, not 7: '1234567'",
        ),
        (
            lambda: Key(src=1, port=1, comm="a\0b"),  # type: ignore[arg-type]
            "ValueError: Key.comm is a text of up to 6 bytes without NUL, not 'a\\x00b'",
        ),
        (
            lambda: Key(src=1, port=1, comm=5),  # type: ignore[arg-type]
            "TypeError: Key.comm is a text (str, bytes or Chars) of up to 6 bytes, not int 5",
        ),
        (lambda: Mixed(flow=5), "TypeError: Mixed.flow is a Flow, not int 5"),  # type: ignore[arg-type]
        (lambda: Mixed(flow=Flow(), mac=b"1"), "ValueError: Mixed.mac is 6 elements of u8, not 1"),  # type: ignore[arg-type]
        (lambda: Mixed(flow=Flow(), mac=5), "TypeError: Mixed.mac is 6 elements of u8, not int 5"),  # type: ignore[arg-type]
        (
            lambda: Mixed(flow=Flow(), mac=[0, 0, 256, 0, 0, 0]),  # type: ignore[arg-type]
            "OverflowError: Mixed.mac[2] is a u8, 0 to 255, not 256",
        ),
        (lambda: Mixed(flow=Flow(), ok=1), "TypeError: Mixed.ok is a bool, not int 1"),  # type: ignore[arg-type]
        (
            lambda: Mixed(flow=Flow(), lock=0),  # type: ignore[arg-type]
            "TypeError: Mixed.lock is a spin lock, which user code does not set: leave it out, not int 0",
        ),
        (
            lambda: setattr(Flow(), "pakets", 1),
            "AttributeError: Flow has no field 'pakets': its fields are packets, bytes",
        ),
        (lambda: Flow().pakets, "AttributeError: Flow has no field 'pakets': its fields are packets, bytes"),  # type: ignore[attr-defined]
        (lambda: delattr(Flow(), "packets"), "AttributeError: Flow.packets cannot be deleted: it is memory"),
        (
            lambda: replace(Flow(), pakets=1),
            "AttributeError: Flow has no field 'pakets': its fields are packets, bytes",
        ),
        (lambda: replace(5, x=1), "TypeError: replace() takes an instance of a struct or a union, not int 5"),
        (lambda: from_bytes(Key, bytes(19)), "ValueError: a Key is 20 bytes, not 19"),
        (lambda: from_bytes(Key, "a"), "TypeError: from_bytes() takes the bytes of a Key, not str 'a'"),  # type: ignore[arg-type]
        (
            lambda: from_bytes(Key, bytes(8) + b"\7" + bytes(11)),
            "ValueError: Key.state is 7, which is no State",
        ),
        (
            lambda: to_bytes(5),
            "TypeError: to_bytes() takes an instance of a struct or a union, an array or Chars, not int 5",
        ),
        (
            lambda: sizeof(int),
            "TypeError: sizeof() takes a type that has a place in memory (u8 to i64, be16 to be64, bool, an IntEnum "
            "class, a @struct or @union class, FixedArray[T] = array(T, n) or Chars = chars(n)), "
            "not int: say how wide it is, as in u32 or u64",
        ),
        (
            lambda: Mixed(flow=Flow()).lock.__enter__(),
            "TypeError: a spin lock is taken by kernel code: "
            "user code reads and writes a map's values under their lock",
        ),
        (lambda: osmia.ref(1), "TypeError: ref() exists in kernel code only: user code has copies, and no places"),
    ],
)
def test_wrong_uses(use: Any, text: str) -> None:
    assert refusal(use) == text


TAKEN = (
    "the type of a field is u8 to i64, be16 to be64, bool, an IntEnum class, a @struct or @union class, "
    "FixedArray[T] = array(T, n) or Chars = chars(n), not"
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("x: int", f"Bad.x: {TAKEN} int: say how wide it is, as in u32 or u64"),
        ("x: float", f"Bad.x: {TAKEN} float"),
        ("x: 'list[u8]'", f"Bad.x: {TAKEN} GenericAlias list[osmia.types.u8]"),
        ("x: Plain", f"Bad.x: {TAKEN} class Plain, which has no @struct above it"),
        ("x: Bad", "Bad.x: its type `Bad` cannot be found (NameError: name 'Bad' is not defined): import it where the "
         "class is, and not for type checkers alone"),
        ("x = 5", "Bad.x has no type: a field is written `x: u64 = ...`, and a constant `x: ClassVar[int] = ...`"),
        ("x = bits(4)",
         "Bad.x has no type: a field is written `x: u64 = ...`, and a constant `x: ClassVar[int] = ...`"),
        ("pass", "Bad has no fields: write them as in `packets: u64 = 0`"),
        ("x: u8 = 300", "Bad.x is a u8, 0 to 255, not 300"),
        ("x: u8 = 'a'", "Bad.x is an int (u8), not str 'a'"),
        ("x: FixedArray[u8]", "Bad.x: say what the FixedArray is, as in `= array(u8, 6)`"),
        ("x: Chars = 'abc'", "Bad.x: say what the Chars is, as in `= chars(16)`, not str 'abc'"),
        ("x: SpinLock", "Bad.x: say what the SpinLock is, as in `= spin_lock()`"),
        ("x: FixedArray[u16] = array(u8, 2)",
         "Bad.x: array(u8, 2) is a FixedArray[u8], and the annotation says FixedArray[u16]"),
        ("x: FixedArray = array(u8, 2)", "Bad.x: array(u8, 2) is a FixedArray[u8], and the annotation says FixedArray"),
        ("x: Chars = array(array(u8, 1), 2)",
         "Bad.x: array(array(u8, 1), 2) is a FixedArray[FixedArray[u8]], and the annotation says Chars"),
        ("x: SpinLock = chars(2)", "Bad.x: chars(2) is a Chars, and the annotation says SpinLock"),
        ("x: bool = bits(2)", "Bad.x: a bit field of bool has 1 to 1 bits, not int 2"),
        ("x: u8 = bits(9)", "Bad.x: a bit field of u8 has 1 to 8 bits, not int 9"),
        ("x: be16 = bits(9)", "Bad.x: a bit field is one of u8 to i64, bool or an IntEnum class, not be16"),
        ("x: u8 = bits(2, 4)", "Bad.x is a u8 of 2 bits, 0 to 3, not 4"),
        ("x: Three = bits(1, Three.LAST)", "Bad.x: Three.LAST is 2, too large for 1 bits"),
        ("__x: u8", "Bad._Bad__x is no name for a field: use ASCII letters, and no __ before them"),
        ("größe: u8", "Bad.größe is no name for a field: use ASCII letters, and no __ before them"),
        ("x: u8\n    def __init__(self): pass", "Bad.__init__ is made by @struct: give yours another name"),
        ("x: u8\n    def __eq__(self, o): pass", "Bad.__eq__ is made by @struct: give yours another name"),
        ("x: FixedArray[u8] = array(u8, 1 << 24)\n    y: u8",
         "Bad has 16777217 bytes, and the largest type has 16777216"),
    ],
)  # fmt: skip
def test_wrong_declarations(body: str, text: str) -> None:
    source = "from __future__ import annotations\n\n@struct\nclass Bad:\n    " + body
    assert declared(source) == f"TypeError: bad.py:3: {text}"


@pytest.mark.parametrize(
    ("head", "body", "text"),
    [
        ("@union", "x: u32 = 1", "bad.py:1: Bad.x: the default of a union's field is 0"),
        ("@union", "x: u8 = bits(4, 1)", "bad.py:1: Bad.x: the default of a union's field is 0"),
        ("@union", "x: FixedArray[u8] = array(u8, 1, b'a')", "bad.py:1: Bad.x: the default of a union's field is 0"),
        ("@union", "x: SpinLock = spin_lock()", "bad.py:1: Bad.x: a spin lock cannot be in a union"),
        ("@struct(packed=True)", "x: Mixed", "bad.py:1: Bad.x: a spin lock cannot be in a packed struct"),
        ("@struct(packed=1)", "x: u8", "@struct: packed is True or False, not int 1"),
        ("@struct", "x: u8", ""),
    ],
)
def test_wrong_options(head: str, body: str, text: str) -> None:
    assert declared(f"{head}\nclass Bad:\n    {body}") == (text and f"TypeError: {text}")


def test_what_is_no_class_or_has_a_base() -> None:
    assert declared("@struct\ndef bad(): pass").startswith(
        "TypeError: bad.py:1: @struct stands above a class, not above"
    )
    assert declared("@struct\nclass Bad(Flow):\n    x: u8") == (
        "TypeError: bad.py:1: Bad derives from Flow, and a struct has no base: make it a field"
    )


def declared(source: str) -> str:
    class Three(IntEnum):
        FIRST = 0
        LAST = 2

    class Plain:
        pass

    names = {**globals(), "Three": Three, "Plain": Plain}
    try:
        exec(compile(source, "bad.py", "exec", dont_inherit=True), names)
    except TypeError as error:
        return f"TypeError: {error}"
    return ""


def test_annotations_are_found_in_the_function_and_the_class_body() -> None:
    Local = u16  # noqa: N806

    @struct
    class Outer:
        @struct
        class Inner:
            x: Local  # type: ignore[valid-type]

        inner: Inner
        y: "Local"  # type: ignore[valid-type] # noqa: UP037

    assert sizeof(Outer) == 4
    assert Outer(inner=Outer.Inner(x=1), y=2).inner.x == 1


def test_layouts_of_types_and_declarations() -> None:
    for of, name in (
        (u8, "u8"),
        (be16, "be16"),
        (bool, "bool"),
        (State, "State"),
        (Flow, "Flow"),
        (chars(3), "chars(3)"),
    ):
        layout = layout_of(of)
        assert layout is not None
        assert layout.name == name
    for other in (int, str, None, 5, Flow(), State.OPEN, FixedArray, Chars, list[int]):
        assert layout_of(other) is None
    assert (be16(0x12345), be32(-1), be64(5)) == (0x2345, 0xFFFFFFFF, 5)


def test_descriptions_differ_wherever_layouts_do() -> None:
    heads = ["@struct", "@struct(packed=True)", "@struct(frozen=True)", "@union"]
    bodies = ["x: u8 = 0", "x: u8", "y: u8 = 0", "x: i8 = 0", "x: bool = False", "x: be16 = 0", "x: u8 = bits(4)"]
    bodies += ["x: u8 = bits(5)", "x: Chars = chars(4)", "x: Chars = chars(5)", "x: State = State.CLOSED"]
    bodies += ["x: FixedArray[u8] = array(u8, 4)", "x: FixedArray[u8] = array(u8, 5)", "x: u8 = 0\n    y: u8 = 0"]
    found = set()
    for head in heads:
        for body in bodies:
            names = dict(globals())
            exec(compile(f"{head}\nclass S:\n    {body}", "s.py", "exec", dont_inherit=True), names)
            found.add(repr(describe_layout(names["S"].__osmia_layout__)))
    for default in ("x: u8 = 1", "x: u8 = 2", "x: State = State.OPEN", "x: Chars = chars(4, 'a')"):
        names = dict(globals())
        exec(compile(f"@struct\nclass S:\n    {default}", "s.py", "exec", dont_inherit=True), names)
        found.add(repr(describe_layout(names["S"].__osmia_layout__)))
    assert len(found) == len(heads) * len(bodies) + 4
