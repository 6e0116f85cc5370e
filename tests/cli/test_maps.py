"""How the command shows what maps hold, where that is more than numbers."""

from __future__ import annotations

import json
from enum import IntEnum
from ipaddress import IPv4Address

from live_maps import kernel_map, live
from osmia import (
    Array,
    ArrayOfMaps,
    Chars,
    FixedArray,
    HashMap,
    LpmTrie,
    Queue,
    SpinLock,
    array,
    be16,
    be32,
    chars,
    spin_lock,
    struct,
    u8,
    u32,
)
from osmia.cli.maps import _json_entries, _map_lines


@struct(frozen=True)
class Key:
    port: be16
    comm: Chars = chars(4)


@struct
class Value:
    count: u32 = 0
    mac: FixedArray[u8] = array(u8, 2)
    keys: FixedArray[Key] = array(Key, 1)


@struct
class Locked:
    lock: SpinLock = spin_lock()
    count: u32 = 0


def test_structs_are_objects_in_json_and_their_text_elsewhere() -> None:
    held = live(HashMap(Key, Value, max_entries=4, name="FLOWS"))
    held[Key(port=80, comm=chars(4, "ab"))] = Value(count=1, mac=array(u8, 2, [1, 2]))
    entries = json.loads(json.dumps(_json_entries(held, (0,))))
    value = {"count": 1, "mac": [1, 2], "keys": [{"port": 0, "comm": ""}]}
    assert entries == [{"key": {"port": 80, "comm": "ab"}, "value": value}]
    assert _map_lines(held) == [
        "FLOWS: 1 of 4 at most",
        "  Key(port=80, comm='ab'): Value(count=1, mac=[1, 2], keys=[Key(port=0, comm='')])",
    ]
    held.close()


class State(IntEnum):
    OPEN = 1


@struct
class Door:
    state: State = State.OPEN
    open: bool = True


def test_parts_of_a_struct_are_shown_as_python_does() -> None:
    held = live(HashMap(u32, Door, max_entries=4, name="DOORS"))
    held[3] = Door()
    assert _map_lines(held) == ["DOORS: 1 of 4 at most", "  3: Door(state=<State.OPEN: 1>, open=True)"]
    held.close()


@struct(frozen=True)
class Sender:
    address: be32

    def __str__(self) -> str:
        return str(IPv4Address(self.address))


def test_a_struct_is_shown_as_its_class_says() -> None:
    held = live(HashMap(Sender, Sender, max_entries=4, name="NAT"))
    held[Sender(address=0x0A000001)] = Sender(address=0xC0000207)
    assert _map_lines(held) == ["NAT: 1 of 4 at most", "  10.0.0.1: 192.0.2.7"]
    assert _json_entries(held, (0,)) == [{"key": {"address": 0x0A000001}, "value": {"address": 0xC0000207}}]
    held.close()


def test_of_arrays_of_structs_those_that_are_not_zero_are_shown() -> None:
    held = live(Array(Value, max_entries=3, name="VALUES"))
    held[1] = Value(count=5)
    assert _map_lines(held)[0] == "VALUES: 1 of 3 are not 0"
    assert len(_json_entries(held, (0,))) == 3
    held.close()


def test_locks_are_not_shown() -> None:
    from osmia.cli.maps import _plain

    assert _plain(Locked(count=3)) == {"count": 3}


def test_prefixes_and_maps_in_maps_are_shown_as_what_they_are() -> None:
    blocked = live(LpmTrie(be32, u32, max_entries=4, name="blocked"))
    blocked["10.0.0.0/8"] = 3
    assert _map_lines(blocked) == ["blocked: 1 of 4 at most", "  10.0.0.0/8: 3"]
    assert _json_entries(blocked, (0,)) == [{"key": "10.0.0.0/8", "value": 3}]
    inner = live(HashMap(u32, u32, max_entries=4, name="inner"))
    inner[1] = 2
    tables = ArrayOfMaps(inner, max_entries=2, name="tables")
    tables.bind(kernel_map(tables, inner.fd))
    tables[1] = inner
    assert _map_lines(tables) == ["tables: 1 of 2 are set", "  1: HASH, 1 of 4"]
    assert _json_entries(tables, (0,)) == [{"key": 1, "value": [{"key": 1, "value": 2}]}]
    jobs = live(Queue(u32, max_entries=4, name="jobs"))
    assert _map_lines(jobs) == ["jobs: QUEUE"]
    for held in (blocked, inner, tables, jobs):
        held.close()
