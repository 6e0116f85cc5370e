"""Logs of objects: what they note, who else loads them, and what is damaged."""

from __future__ import annotations

import gc
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

import osmia
import system_packages
from logs.reading import messages
from logs.test_delivery import PACKET, PROGRAM, TEXT, threads
from osmia import ObjectError, log
from osmia.compiler import Target, cache
from osmia.logs.note import format_of
from osmia.object_file import read_object
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

NEVER = '    log.debug("never")\n    return XdpAction.PASS'


def object_of(directory: Path, text: str = PROGRAM, target: Target | None = None) -> bytes:
    """The object of a module's one program."""
    module = module_from(directory, text)
    program = next(each for each in vars(module).values() if isinstance(each, osmia.Program))
    return cache.object_for((program.request,), target or Target("v3", (5, 10))).data


@pytest.mark.parametrize("kernel", [(5, 10), (6, 1), (6, 12)])
def test_objects_for_older_kernels_log(tmp_path: Path, kernel: tuple[int, int]) -> None:
    """Before 6.12 the test whether there was room is another one."""
    data = object_of(tmp_path, target=Target("v3", kernel))
    with log.records() as reader, osmia.load(data) as loaded:
        loaded["watch"].test_run(PACKET)
        loaded["watch"].test_run(bytes(64))
        assert messages(reader) == [TEXT, "from 00:00:00:00:00:00, 64 bytes"]


def test_bpftool_loads_it_with_what_is_on_by_default(tmp_path: Path, pins: Path) -> None:
    bpftool = system_packages.tool("bpftool")
    path = tmp_path / "watch.o"
    path.write_bytes(object_of(tmp_path, PROGRAM.replace("    return XdpAction.PASS", NEVER)))
    bpftool.run("prog", "load", str(path), str(pins / "watch"))
    listing = bpftool.run("prog", "dump", "xlated", "pinned", str(pins / "watch")).stdout
    # The verifier leaves out what its switch turns off: one log is written, and one submitted.
    assert listing.count("bpf_ringbuf_submit") == 1
    shown = json.loads(bpftool.run("--json", "prog", "show", "pinned", str(pins / "watch")).stdout)
    names = [
        json.loads(bpftool.run("--json", "map", "show", "id", str(each)).stdout)["name"] for each in shown["map_ids"]
    ]
    assert "osmia_log" in names


def test_what_is_dropped_is_not_kept(tmp_path: Path) -> None:
    """Who drops what load() gave, without closing it, leaves nothing behind: no thread, and no ring that is open."""
    loaded = osmia.load(object_of(tmp_path))
    assert threads() != []
    del loaded
    gc.collect()
    assert threads() == []


def test_records_of_no_log_are_counted_as_lost(tmp_path: Path) -> None:
    from osmia.logs import delivery

    before = log.lost
    with log.records() as reader, osmia.load(object_of(tmp_path)) as loaded:
        sources = delivery.DELIVERY.sources.all
        (number,) = sources
        held = sources.pop(number)
        loaded["watch"].test_run(PACKET)
        assert messages(reader) == []
        sources[number] = held
        loaded["watch"].test_run(PACKET)
        assert messages(reader) == [TEXT]
    assert log.lost - before == 1


def notes_of(data: bytes) -> str:
    notes = read_object(data, "x.o").logs
    assert notes is not None
    return notes[0]


def test_a_note_says_all_of_a_log(tmp_path: Path) -> None:
    note = notes_of(object_of(tmp_path))
    parts = ["from ", [18, ["array", "u8", 6], "", "mac"], ", ", [16, "u32", "", ""], " bytes"]
    expected: list[Any] = ["watch", "watch", "program.py", 10, 30, 24, 0]
    fields = json.loads(note.partition(" ")[2])
    # Where each value lies is the compiler's choice: the widest first.
    assert note.partition(" ")[0] == "30"
    assert [*fields[:4]] == expected[:4]
    of = format_of(note, "x.o")
    assert (of.level, of.program, of.line, of.process) == (30, "watch", 10, 0)
    assert [part if isinstance(part, str) else part.spec for part in of.parts] == [
        part if isinstance(part, str) else part[3] for part in parts
    ]


def test_damaged_notes_are_refused(tmp_path: Path) -> None:
    data = object_of(tmp_path)
    note = notes_of(data)
    damaged = data.replace(b'"mac"', b'"mac}')
    expected = "x.o: section '.osmia': a log is noted as "
    with pytest.raises(ObjectError) as caught:
        read_object(damaged, "x.o")
    assert str(caught.value) == expected + repr(note.replace('"mac"', '"mac}')) + ", which osmia did not write"
    for change in ('["array","u8",0]', '["array","u9",6]', '["chars",-1]', '["struct","S",1,[["a","u64",0,null]]]'):
        with pytest.raises(ObjectError, match="which osmia did not write"):
            format_of(note.replace('["array","u8",6]', change), "x.o")


def test_no_damage_brings_down_the_reader(tmp_path: Path) -> None:
    note, chosen = notes_of(object_of(tmp_path)), random.Random(5)
    for _ in range(3000):
        text = list(note)
        for _ in range(chosen.randrange(1, 4)):
            at = chosen.randrange(len(text))
            text[at : at + chosen.randrange(3)] = chosen.choice('[]",{}0129-.xu8:n ')
        try:
            of = format_of("".join(text), "x.o")
        except ObjectError:
            continue
        assert of.size >= of.cpu + 2


def test_an_object_that_lacks_what_its_logs_take(tmp_path: Path) -> None:
    data = object_of(tmp_path)
    with pytest.raises(ObjectError) as caught:
        osmia.load(data.replace(b"osmia_log0", b"osmia_lag0"))
    assert str(caught.value) == "the object: it notes logs, but has no osmia_log0"
    assert threads() == []
