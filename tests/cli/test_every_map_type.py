"""How `osmia run` shows a map of each type that the kernel has, empty and with something in it."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import osmia
from command_line import run
from every_map_type import every_map_type, kinds
from osmia import Array, u32
from osmia.cli.maps import FORMATS, Report
from osmia.kernel.cpus import online_cpus, possible_cpus

if TYPE_CHECKING:
    from pathlib import Path

    from namespaces import Namespace

ARRAYS = {"ARRAY", "PERCPU_ARRAY"}
SETS = {"ARRAY_OF_MAPS", "DEVMAP", "SOCKMAP", "CPUMAP", "REUSEPORT_SOCKARRAY"}
WALKED = {
    *("HASH", "PERCPU_HASH", "STACK_TRACE", "LRU_HASH", "LRU_PERCPU_HASH", "LPM_TRIE", "HASH_OF_MAPS", "SOCKHASH"),
    "DEVMAP_HASH",
}
WITHOUT_LIMIT = {"CGROUP_STORAGE", "PERCPU_CGROUP_STORAGE"}
STORAGES = {"SK_STORAGE", "INODE_STORAGE", "TASK_STORAGE", "CGRP_STORAGE"}
ROOM = {
    **dict.fromkeys({*WITHOUT_LIMIT, *STORAGES}, ""),
    **dict.fromkeys(("RINGBUF", "USER_RINGBUF"), ", 4096 bytes"),
    "ARENA": ", 1 pages at most",
}


def shown_empty(name: str) -> str:
    """The line of an empty map."""
    for names, text in (
        (ARRAYS, "0 of 2 are not 0"),
        (SETS, "0 of 2 are set"),
        (WALKED, "0 of 2 at most"),
        (WITHOUT_LIMIT, "0 entries"),
        ({"RINGBUF", "PERF_EVENT_ARRAY"}, "0 events"),
    ):
        if name in names:
            return f"{name.lower()}: {text}"
    return f"{name.lower()}: {name}"


def test_empty_maps_of_every_type(netns: Namespace, tmp_path: Path) -> None:
    (tmp_path / "every.o").write_bytes(every_map_type())
    names = [kind.kernel_name for kind in kinds()]
    code, out, err = run("run", "every.o", "-i", "lo", "-v", "0.01", "1", netns=netns, cwd=tmp_path)
    assert (code, out.splitlines()) == (0, [*map(shown_empty, names), ""])
    described = [text for text in err.splitlines() if text.startswith("map ")]
    assert described == [f"map {name.lower()}: {name}{ROOM.get(name, ', 2 entries at most')}" for name in names]
    code, out, _ = run("run", "every.o", "-i", "lo", "-f", "json", "0.01", "1", netns=netns, cwd=tmp_path)
    assert code == 0
    assert set(json.loads(out)["maps"]) == {
        name.lower() for name in names if name in ARRAYS | SETS | WALKED | WITHOUT_LIMIT
    }


def test_maps_of_every_type_with_something_in_them(netns: Namespace) -> None:
    with ExitStack() as held, netns.entered(), osmia.load(every_map_type()) as loaded:
        written = _fill(loaded.maps, held)
        report = Report(0.0, "kernel", (), loaded, final=True)
        text = FORMATS["text"](timestamps=False).lines(report)
        entries = json.loads(FORMATS["json"](timestamps=False).lines(report))["maps"]
    for name, (lines, values) in written.items():
        assert f"{name}: {lines}\n" in text
        found = [entry for entry in entries[name] if entry not in ({"key": 0, "value": 0}, _per_cpu(0, 0))]
        assert found == values, name


def _per_cpu(key: int, value: int) -> dict[str, Any]:
    return {"key": key, "per_cpu": [value] * len(online_cpus()), "total": value * len(online_cpus())}


def _fill(maps: dict[str, Any], held: ExitStack) -> dict[str, tuple[str, list[object]]]:
    """Write an entry to each map that takes one; what is to be seen of it as text and as JSON."""
    number = {"key": 1, "value": 7}
    expected: dict[str, tuple[str, list[object]]] = {}
    for name in ("hash", "lru_hash"):
        maps[name][1] = 7
        expected[name] = "1 of 2 at most\n  1: 7", [number]
    maps["array"][1] = 7
    expected["array"] = "1 of 2 are not 0\n  1: 7", [number]
    each = ", ".join(f"cpu{cpu} 7" for cpu in online_cpus())
    for name, of in (("percpu_hash", "at most"), ("lru_percpu_hash", "at most"), ("percpu_array", "are not 0")):
        maps[name][1] = [7] * len(possible_cpus())
        expected[name] = f"1 of 2 {of}\n  1: {7 * len(possible_cpus())} ({each})", [_per_cpu(1, 7)]
    maps["lpm_trie"][8, b"\x0a\0\0\0"] = 7
    expected["lpm_trie"] = "1 of 2 at most\n  0a000000/8: 7", [{"key": [8, "0a000000"], "value": 7}]
    inner = Array(u32, max_entries=1, name="inner")
    inner.create()
    held.callback(inner.close)
    for name, of in (("array_of_maps", "are set"), ("hash_of_maps", "at most")):
        maps[name][1] = inner
        expected[name] = f"1 of 2 {of}\n  1: ARRAY, 1 of 1", [{"key": 1, "value": [{"key": 0, "value": 0}]}]
    for name, of in (("devmap", "are set"), ("devmap_hash", "at most")):
        maps[name][1] = "lo"
        device = {"ifindex": 1, "program_id": 0}
        expected[name] = f"1 of 2 {of}\n  1: DevMapValue(ifindex=1, program_id=0)", [{"key": 1, "value": device}]
    maps["cpumap"][0] = 192
    cpu = {"qsize": 192, "program_id": 0}
    expected["cpumap"] = "1 of 2 are set\n  0: CpuMapValue(qsize=192, program_id=0)", [{"key": 0, "value": cpu}]
    for name, of, made in (
        ("sockmap", "are set", _connected(held)),
        ("sockhash", "at most", _connected(held)),
        ("reuseport_sockarray", "are set", _shared(held)),
    ):
        maps[name][1] = made
        cookie = int.from_bytes(made.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), "little")
        expected[name] = f"1 of 2 {of}\n  1: {cookie}", [{"key": 1, "value": cookie}]
    return expected


SO_COOKIE = 57


def _connected(held: ExitStack) -> socket.socket:
    server = held.enter_context(socket.create_server(("127.0.0.1", 0)))
    return held.enter_context(socket.create_connection(server.getsockname(), 5))


def _shared(held: ExitStack) -> socket.socket:
    made = held.enter_context(socket.socket())
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def test_maps_that_user_code_may_only_write_are_named() -> None:
    from osmia.abi.generated import BPF_F_WRONLY
    from osmia.cli.maps import _map_lines

    secret = Array(u32, max_entries=2, name="secret", flags=BPF_F_WRONLY)
    secret.create()
    try:
        assert _map_lines(secret) == ["secret: ARRAY"]
    finally:
        secret.close()
