"""The pairs of programs do the same: same verdicts, same packets, same maps, same events, for each version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import real_packets as packets
import system_packages
from bench import packets as timed
from bench import programs, tools
from osmia import PerCpuArray, ProgramArray, RingBuf

if TYPE_CHECKING:
    from pathlib import Path

    from bench.programs import Pair

DROP, PASS, TX = 1, 2, 3
SYN, ACK = 0x02, 0x10
MSS = bytes.fromhex("020405b4")

BY_NAME = {pair.name: pair for pair in programs.ALL}

tcp_segment = packets.tcp(b"hello", target=443)
udp_datagram = packets.udp(b"hello", target=4789)
tcp_packet = packets.ethernet(packets.ipv4(tcp_segment, 6))
udp_packet = packets.ethernet(packets.ipv4(udp_datagram, 17))
arp = packets.ethernet(bytes(46), 0x0806)
short_ip = packets.ethernet(packets.ipv4(b"", 6))[:30]
short_tcp = packets.ethernet(packets.ipv4(tcp_segment, 6))[:50]
long_ip = packets.ethernet(packets.ipv4(tcp_segment, 6, options=b"\x94\x04\0\0"))


def query(name: bytes, *, target: int = 53) -> bytes:
    message = bytes.fromhex("1234 0100 0001 0000 0000 0000") + name + bytes.fromhex("0001 0001")
    return packets.ethernet(packets.ipv4(packets.udp(message, target=target), 17))


def fnv(name: bytes) -> int:
    value = 0x811C9DC5
    for byte in name:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def syn(options: bytes, flags: int = SYN) -> bytes:
    return packets.ethernet(packets.ipv4(packets.tcp(b"", options=options, flags=flags), 6))


def tagged(*tags: int) -> bytes:
    ether_types = tuple((each, 5) for each in tags)
    return packets.ethernet(packets.ipv4(tcp_segment, 6), tags=ether_types)


# What is sent, and the verdict.
SENT: dict[str, list[tuple[bytes, int]]] = {
    "counter": [(tcp_packet, PASS), (arp, PASS)],
    "ports": [
        *((each, PASS) for each in (tcp_packet, udp_packet, arp, short_ip, short_tcp, long_ip, bytes(14))),
        *((tagged(*each), PASS) for each in ((0x8100,), (0x88A8, 0x8100), (0x8100, 0x8100, 0x8100), (0x9100,))),
        (tagged(0x8100)[:17], PASS),
    ],
    "sources": [(each, PASS) for each in (tcp_packet, udp_packet, tcp_packet, arp, short_ip)],
    "limiter": [
        (arp, PASS),
        *[(packets.ethernet(packets.ipv4(bytes(2900), 17)), PASS)] * 3,
        *[(packets.ethernet(packets.ipv4(bytes(2900), 17)), DROP)] * 2,
        (packets.ethernet(packets.ipv4(bytes(2900), 17, source="192.0.2.9")), PASS),
        (udp_packet, PASS),
    ],
    "rewrite": [
        *((each, PASS) for each in (tcp_packet, udp_packet, arp, short_ip, query(b"\1a\0", target=54))),
        (query(b"\7example\0"), TX),
        (query(b"\7example\0")[:40] + b"\0\0" + query(b"\7example\0")[42:], TX),
        (packets.ethernet(packets.ipv4(packets.udp(b"", target=53), 17, ttl=1)), DROP),
        (packets.ethernet(packets.ipv4(packets.udp(b"", target=53), 17, target="192.0.2.50")), PASS),
        (packets.ethernet(packets.ipv4(packets.udp(b"", target=53), 17, options=bytes(4))), PASS),
    ],
    "histogram": [(bytes(size), PASS) for size in (14, 15, 16, 17, 63, 64, 127, 128, 1500, 2047, 2048, 3400)],
    "names": [
        *((each, PASS) for each in (tcp_packet, arp, short_ip, query(b"\7allowed\0"), query(b"\7blocked\0", target=5))),
        (query(b"\7blocked\0"), DROP),
        (query(b"\7BLOCKed\0"), DROP),
        (query(b"\7blocked\0")[:-6], PASS),
        (query(b"\x3f" + b"x" * 63 + b"\x01y\0"), PASS),
    ],
    "events": [
        (tcp_packet, PASS),
        (syn(b"", SYN | ACK), PASS),
        (syn(b""), PASS),
        *((each, PASS) for each in (arp, udp_packet, short_ip, short_tcp)),
    ],
    "dispatch": [
        (tcp_packet, PASS),
        (udp_packet, PASS),
        (packets.ethernet(packets.ipv4(packets.udp(b"", target=0), 17)), DROP),
        (packets.ethernet(packets.ipv4(b"", 17)), DROP),
        (packets.ethernet(packets.ipv4(bytes(20), 1)), PASS),
        (arp, PASS),
    ],
    "options": [
        (tcp_packet, PASS),
        (syn(MSS), PASS),
        (syn(MSS, ACK), PASS),
        (syn(b"\1\1" + MSS), PASS),
        (syn(b"\1" + MSS), PASS),
        (syn(bytes.fromhex("02040100")), PASS),
        (syn(bytes.fromhex("0402080a0000000100000000") + MSS), PASS),
        (syn(b"\x05\x00\0\0"), DROP),
        (syn(b"\0" + MSS), PASS),
        (syn(b"\1" * 40), PASS),
        (syn(MSS)[:56], PASS),
        (syn(MSS)[:55], DROP),
        (arp, PASS),
        (timed.SYN, PASS),
    ],
}


# What the maps hold then, where that is few numbers, and how many events there are.
COUNTED: dict[str, object] = {
    "counter": {"PKT_CNT_ARRAY": {0: 2}},
    "ports": {"ports": {443: 4}},
    "histogram": {"sizes": {3: 2, 4: 2, 5: 1, 6: 2, 7: 1, 10: 2, 11: 2}},
    "names": {"blocked": {fnv(b"\7blocked"): 2}},
    "dispatch": {"counts": {6: 1, 17: 3}},
}
EVENTS = {"events": 2}


def prepared(running: Any, name: str) -> None:
    if name == "names":
        running.loaded["blocked"][fnv(b"\7blocked")] = 0


# How many bytes of a map's values do not depend on when the programs ran.
TIMELESS = {"sources": 16, "buckets": 0}


def contents(running: Any) -> dict[str, dict[int, Any]]:
    """What its maps hold: numbers, or the bytes of structs. Each CPU's numbers are added up."""
    found: dict[str, dict[int, Any]] = {}
    for name, each in running.loaded.maps.items():
        if isinstance(each, PerCpuArray):
            found[name] = {key: values.sum() for key, values in each.items() if values.sum()}
        elif name in TIMELESS:
            found[name] = {key: list(value)[: TIMELESS[name]] for key, value in each.items()}
        elif not isinstance(each, ProgramArray | RingBuf):
            found[name] = dict(each.items())
    return found


@pytest.mark.parametrize("cpu", programs.VERSIONS)
@pytest.mark.parametrize("pair", programs.ALL, ids=lambda pair: pair.name)
def test_both_do_the_same(pair: Pair, cpu: str, tmp_path: Path) -> None:
    if not programs.runs_here(cpu):
        pytest.skip(f"this kernel does not run {cpu}")
    system_packages.tool("clang")
    clang = tools.find_clang()
    try:
        theirs = tools.clang_object(clang, cpu, pair.c, tmp_path).read_bytes()
    except tools.MissingError as problem:
        if cpu != "v4":
            raise
        pytest.skip(f"this clang has no {cpu}: {problem}")
    outcomes = []
    for data in (programs.compiled(pair, cpu), theirs):
        with programs.Running(pair, data) as running:
            prepared(running, pair.name)
            results = [running.entry.test_run(packet) for packet, _ in SENT[pair.name]]
            verdicts = [result.return_value for result in results]
            assert verdicts == [verdict for _, verdict in SENT[pair.name]]
            events = [event[8:] for event in running.events()]
            outcomes.append(([result.data for result in results], contents(running), events))
    assert outcomes[0] == outcomes[1]
    _, held, events = outcomes[0]
    assert held == COUNTED.get(pair.name, held)
    assert len(events) == EVENTS.get(pair.name, 0)
