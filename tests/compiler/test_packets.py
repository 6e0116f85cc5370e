"""Packets in kernel code: the programs of packet_programs.py, run on real packets for every instruction set."""

from __future__ import annotations

import random
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import osmia
import real_packets as packets
from compiled import c_object
from compiler import packet_programs
from osmia import XdpAction, checksum
from osmia.compiler import Target
from osmia.compiler.build import checked_unit
from osmia.headers import IPv4, IPv6
from osmia.kinds import KINDS
from osmia.object_file import read_object
from program_files import PRELUDE, body_of, module_from

if TYPE_CHECKING:
    from collections.abc import Iterator

CPUS = ("v1", "v2", "v3", "v4")
PASS, DROP, TX = XdpAction.PASS, XdpAction.DROP, XdpAction.TX

HOP = (0, bytes((0,)) + bytes(6))
ROUTING = (43, bytes((2,)) + bytes(22))
FIRST_FRAGMENT = (44, bytes((0, 0, 1)) + bytes(4))
LATER_FRAGMENT = (44, bytes((0, 5, 1)) + bytes(4))
OPTIONS = (60, bytes((1,)) + bytes(14))
UDP = packets.udp(b"data")
TCP = packets.tcp(b"")
VLAN, QINQ = (0x8100, 0x2064), (0x88A8, 7)


@pytest.fixture(scope="module", params=CPUS)
def loaded(request: pytest.FixtureRequest) -> Iterator[Any]:
    with osmia.load(packet_programs, target=Target(request.param, (5, 10))) as made:
        yield made


def run(loaded: Any, program: str, packet: bytes, *, at: int = 0) -> tuple[XdpAction, Any, bytes]:
    loaded["at"][0] = at
    loaded["seen"][0] = packet_programs.Seen()
    result = loaded[program].test_run(packet)
    return result.action, loaded["seen"][0], result.data


@pytest.mark.parametrize(
    ("packet", "action", "expected"),
    [
        (packets.ethernet(packets.ipv4(UDP, 17)), TX, (4000, 53, 17, 0, 34)),
        (packets.ethernet(packets.ipv4(TCP, 6)), TX, (4000, 80, 6, 0, 34)),
        (packets.ethernet(packets.ipv4(TCP, 6, options=b"\x94\x04\0\0")), TX, (4000, 80, 6, 0, 38)),
        (packets.ethernet(packets.ipv4(UDP, 17, options=bytes(40))), TX, (4000, 53, 17, 0, 74)),
        (packets.ethernet(packets.ipv4(UDP, 17), tags=(VLAN,)), TX, (4000, 53, 17, 1, 38)),
        (packets.ethernet(packets.ipv4(UDP, 17), tags=(QINQ, VLAN)), TX, (4000, 53, 17, 2, 42)),
        (packets.ethernet(packets.ipv4(UDP, 17), tags=(QINQ, VLAN, VLAN)), PASS, (0, 0, 0, 2, 0)),
        (packets.ethernet(packets.ipv6(UDP, 17), 0x86DD), TX, (4000, 53, 17, 0, 54)),
        (packets.ethernet(packets.ipv6(TCP, 6, extensions=(HOP,)), 0x86DD), TX, (4000, 80, 6, 0, 62)),
        (
            packets.ethernet(packets.ipv6(UDP, 17, extensions=(HOP, ROUTING, FIRST_FRAGMENT, OPTIONS)), 0x86DD),
            TX,
            (4000, 53, 17, 0, 54 + 8 + 24 + 8 + 16),
        ),
        (packets.ethernet(packets.ipv6(UDP, 17, extensions=(LATER_FRAGMENT,)), 0x86DD), PASS, (0, 0, 59, 0, 54)),
        (packets.ethernet(packets.ipv6(UDP, 17, extensions=(HOP,) * 7), 0x86DD), PASS, (0, 0, 59, 0, 54 + 48)),
        (packets.ethernet(b"\0" * 46, 0x0806), PASS, (0, 0, 0, 0, 0)),
        (packets.ethernet(packets.ipv4(b"", 1)), PASS, (0, 0, 1, 0, 34)),
        (packets.ethernet(b"\x44" + packets.ipv4(UDP, 17)[1:]), DROP, (0, 0, 0, 0, 0)),
    ],
)
def test_ports(loaded: Any, packet: bytes, action: XdpAction, expected: tuple[int, ...]) -> None:
    result, found, _ = run(loaded, "ports", packet)
    assert (result, (found.source, found.target, found.protocol, found.vlans, found.offset)) == (action, expected)


@pytest.mark.parametrize(
    "whole",
    [
        packets.ethernet(packets.ipv4(packets.udp(b""), 17, options=bytes(4)), tags=(VLAN,)),
        packets.ethernet(packets.ipv6(packets.tcp(b""), 6, extensions=(HOP, OPTIONS)), 0x86DD),
    ],
)
def test_a_packet_that_ends_anywhere_is_never_read_behind_its_end(loaded: Any, whole: bytes) -> None:
    for length in range(14, len(whole)):
        action, found, _ = run(loaded, "ports", whole[:length])
        assert action in (DROP, PASS)
        assert found.source == 0
    assert run(loaded, "ports", whole)[0] is TX


@pytest.mark.parametrize(
    ("options", "action", "size"),
    [
        (b"\x02\x04\x05\xb4", TX, 1460),
        (b"\x01\x01\x08\x0a" + bytes(8) + b"\x02\x04\x23\x28", TX, 9000),
        (b"\x01" * 18, PASS, 0),
        (b"\x00\x02\x04\x05\xb4", PASS, 0),
        (b"\x08\x01\x02\x04", DROP, 0),
        (b"", PASS, 0),
    ],
)
def test_tcp_options(loaded: Any, options: bytes, action: XdpAction, size: int) -> None:
    packet = packets.ethernet(packets.ipv4(packets.tcp(b"", options=options), 6, options=bytes(8)))
    result, found, _ = run(loaded, "mss", packet)
    assert (result, found.other) == (action, size)


INNER = packets.ipv4(UDP, 17, target="203.0.113.9")


@pytest.mark.parametrize(
    ("outer", "action", "other", "target"),
    [
        (packets.ipv4(struct.pack("!HH", 0, 0x0800) + INNER, 47), TX, 0, 0xCB007109),
        (packets.ipv4(struct.pack("!HHIII", 0xB000, 0x0800, 1, 2, 3) + INNER, 47), TX, 0, 0xCB007109),
        (packets.ipv4(struct.pack("!HH", 0, 0x86DD) + INNER, 47), DROP, 0, 0),
        (
            packets.ipv4(packets.udp(struct.pack("!II", 1 << 27, 0x123456 << 8) + bytes(14) + INNER, target=4789), 17),
            TX,
            0x123456,
            0xCB007109,
        ),
        (packets.ipv4(packets.udp(struct.pack("!II", 0, 0) + bytes(14) + INNER, target=4789), 17), DROP, 0, 0),
        (packets.ipv4(struct.pack("!BBHHH", 8, 0, 0, 0xABCD, 3), 1), TX, 0xABCD0003, 0),
        (packets.ipv4(struct.pack("!BBHHH", 3, 4, 0, 0, 1400), 1), PASS, 1400, 0),
    ],
)
def test_tunnels_and_icmp(loaded: Any, outer: bytes, action: XdpAction, other: int, target: int) -> None:
    result, found, _ = run(loaded, "tunnels", packets.ethernet(outer))
    assert (result, found.other, found.target) == (action, other, target)


def test_offsets_that_may_be_anything(loaded: Any) -> None:
    packet = bytes(range(64))
    inside = {at: at << 8 | at + 1 for at in (0, 1, 13, 14, 61, 62)}
    outside = (63, 64, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 1 << 31, 1 << 32, (1 << 64) - 2, (1 << 64) - 1)
    for at, word in inside.items():
        action, found, _ = run(loaded, "reads_at", packet, at=at)
        assert (action, found.other, found.offset) == (TX, word, 64)
    for at in outside:
        action, found, _ = run(loaded, "reads_at", packet, at=at)
        assert (action, found.other, found.offset) == (PASS, 0, 64)


def test_negative_offsets(loaded: Any) -> None:
    packet = bytes(range(20))
    for back in (0, 1, 2, 20, 21, 4000, (1 << 32) - 1):
        action, found, _ = run(loaded, "reads_last", packet, at=back)
        assert (action, found.other) == ((TX, 20 - back) if 1 <= back <= 20 else (PASS, 0))


@pytest.mark.parametrize("ttl", [1, 2, 64, 255])
@pytest.mark.parametrize("protocol", [6, 17])
def test_rewritten_packets_have_right_checksums(loaded: Any, protocol: int, ttl: int) -> None:
    for payload in (b"", b"x", b"\xff" * 7, bytes(40)):
        body = packets.udp(payload) if protocol == 17 else packets.tcp(payload)
        packet = packets.ethernet(packets.ipv4(body, protocol, ttl=ttl, options=bytes(4)))
        action, _, data = run(loaded, "rewrites", packet)
        new = packets.ethernet(packets.ipv4(b"", 0))
        assert action is TX
        assert data[:14] == new[6:12] + new[:6] + new[12:14]
        assert data[14 + 8] == ttl - 1
        assert packets.checksum(data[14 : 14 + 24]) == 0
        whole = packets.pseudo(packets.SOURCE, "198.51.100.8", protocol, len(body)) + data[38:]
        assert packets.checksum(whole) == 0


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, 1001, 1472])
def test_the_checksum_of_a_whole_datagram(loaded: Any, size: int) -> None:
    right = packets.ethernet(packets.ipv4(packets.udp(bytes(i * 7 % 256 for i in range(size))), 17))
    action, found, _ = run(loaded, "sums_udp", right)
    assert (action, found.other) == (TX, 0)
    broken = bytearray(right)
    broken[-1] ^= 1
    action, found, _ = run(loaded, "sums_udp", bytes(broken))
    assert (action, found.other) == (
        TX,
        packets.checksum(packets.pseudo(packets.SOURCE, packets.TARGET, 17, 8 + size) + broken[34:]),
    )
    assert run(loaded, "sums_udp", right[:-1])[0] is DROP


def test_udp_without_a_checksum_stays_without(loaded: Any) -> None:
    packet = packets.ethernet(packets.ipv4(UDP[:6] + b"\0\0" + UDP[8:], 17))
    action, _, data = run(loaded, "rewrites", packet)
    assert (action, data[40:42]) == (TX, b"\0\0")


def test_computed_checksums(loaded: Any) -> None:
    numbers = random.Random(1)
    for _ in range(20):
        source, target = (socket.inet_ntop(socket.AF_INET, numbers.randbytes(4)) for _ in range(2))
        source6, target6 = (socket.inet_ntop(socket.AF_INET6, numbers.randbytes(16)) for _ in range(2))
        ports = numbers.randrange(1 << 16), numbers.randrange(1 << 16)
        right = packets.ethernet(
            packets.ipv4(packets.udp(b"", *ports, between=(source, target)), 17, source=source, target=target)
        )
        broken = bytearray(right)
        broken[24:26] = broken[40:42] = numbers.randbytes(2)
        assert run(loaded, "checks_headers", bytes(broken))[2] == right
        six = packets.udp(b"", *ports, between=(source6, target6))
        right = packets.ethernet(packets.ipv6(six, 17, source=source6, target=target6), 0x86DD)
        broken = bytearray(right)
        broken[60:62] = numbers.randbytes(2)
        assert run(loaded, "checks_ipv6", bytes(broken))[2] == right


def test_checksum_of_options_takes_the_error_edge(loaded: Any) -> None:
    packet = packets.ethernet(packets.ipv4(UDP, 17, options=bytes(4)))
    assert run(loaded, "checks_headers", packet)[0] is XdpAction.ABORTED
    counts = [(each.problem, each.count) for each in loaded["checks_headers"].errors()]
    assert counts == [("assertion failed", 1)]


def test_a_vlan_header_goes_and_comes(loaded: Any) -> None:
    plain = packets.ethernet(packets.ipv4(UDP, 17))
    tagged = packets.ethernet(packets.ipv4(UDP, 17), tags=((0x8100, 0x2064),))
    assert run(loaded, "pops_vlan", tagged)[::2] == (TX, plain)
    assert run(loaded, "pops_vlan", plain)[::2] == (PASS, plain)
    assert run(loaded, "pushes_vlan", plain)[::2] == (TX, tagged[:-2])


def test_metadata(loaded: Any) -> None:
    packet = packets.ethernet(packets.ipv4(UDP, 17))
    action, found, data = run(loaded, "marks", packet)
    assert (action, found.other, found.offset, data[-len(packet) :]) == (TX, 7 << 8 | 1, 8, packet)


def test_views_from_functions_and_conditionals(loaded: Any) -> None:
    packet = packets.ethernet(packets.ipv4(UDP, 17))
    action, found, data = run(loaded, "passes_views_on", packet)
    assert (action, found.other) == (TX, 4000 + 2)
    assert data == packet[:36] + struct.pack("!H", 5353) + packet[38:]
    packet = packets.ethernet(packets.ipv4(packets.tcp(b""), 6))
    action, found, data = run(loaded, "passes_views_on", packet)
    assert (action, found.other, data) == (PASS, 80 + 2, packet)


def test_knocking(loaded: Any) -> None:
    def knock(port: int) -> XdpAction:
        packet = packets.ethernet(packets.ipv4(packets.tcp(b"", target=port), 6))
        return XdpAction(loaded["knock"].test_run(packet).action)

    loaded["states"].clear()
    assert [knock(port) for port in (22, 7000, 9000, 22, 8000, 22)] == [DROP] * 6
    assert [knock(port) for port in (7000, 8000, 9000, 22, 80, 22)] == [DROP, DROP, DROP, PASS, DROP, PASS]
    assert loaded["states"][0xC0000201] is packet_programs.State.OPEN


def test_balancing(loaded: Any) -> None:
    packet = packets.ethernet(packets.ipv4(UDP, 17, ttl=9))
    mac = bytes(range(0x20, 0x26))
    key = (int.from_bytes(packet[26:30], "big") ^ int.from_bytes(packet[30:34], "big")) % 16
    loaded["backends"][key] = osmia.from_bytes(packet_programs.Backend, mac + struct.pack("=xxI", 1))
    result = loaded["balance"].test_run(packet)
    assert result.action is XdpAction.REDIRECT
    assert result.data == mac + mac + packet[12:22] + b"\x08" + packet[23:]


def test_blocking(loaded: Any) -> None:
    loaded["blocked"][0xC0000201] = 4
    blocked = packets.ethernet(packets.ipv4(UDP, 17))
    assert loaded["firewall"].test_run(blocked).action is DROP
    assert loaded["firewall"].test_run(packets.ethernet(packets.ipv4(UDP, 17, source="192.0.2.2"))).action is PASS
    assert loaded["firewall"].test_run(packets.ethernet(bytes(46), 0x0806)).action is PASS
    assert loaded["firewall"].test_run(blocked[:33]).action is DROP
    assert loaded["blocked"][0xC0000201] == 5


def test_functions_of_the_packet(loaded: Any) -> None:
    dns = packets.ipv4(UDP, 17, options=bytes(8))
    assert loaded["drop_dns"].test_run(packets.ethernet(dns)).action is DROP
    assert loaded["drop_dns"].test_run(packets.ethernet(packets.ipv4(packets.udp(b"", 53, 9), 17))).action is DROP
    assert loaded["drop_dns"].test_run(packets.ethernet(packets.ipv4(packets.udp(b"", 9, 9), 17))).action is PASS
    assert loaded["drop_dns"].test_run(packets.ethernet(dns)[:45]).action is PASS


@pytest.mark.parametrize("cpu", CPUS)
def test_offsets_that_unrolling_makes_constant(tmp_path: Path, cpu: str) -> None:
    """The largest offset of a u32 is 65531: what lies beyond is None in whatever way the compiler comes to know it."""
    body = """
    found = 0
    for i in range(4):
        near, far = ctx.packet.at(u32, 8 * i), ctx.packet.at(u32, 65525 + 4 * i)
        below = ctx.packet.at(u32, 4 * i - 12)
        if near is not None:
            found += 1
        if far is not None:
            found += 100
        if below is not None:
            found += 10
    return XdpAction.TX if found == 14 else XdpAction.DROP
    """
    with osmia.load(module_from(tmp_path, body_of(body)), target=Target(cpu, (5, 10))) as loaded:
        assert loaded["program"].test_run(bytes(28)).action is TX
        assert loaded["program"].test_run(bytes(27)).action is DROP


def test_lines_of_what_is_written_out_are_those_of_its_own_file(tmp_path: Path) -> None:
    text = "from osmia.headers import Ethernet, IPv4, Tcp\n" + body_of(PARSER)
    with osmia.load(module_from(tmp_path, text)) as loaded:
        lines = {(Path(each.file).name, each.text.strip()) for each in loaded._spec.programs["program"].lines}
    assert ("headers.py", "return (self.version_ihl & 0x0F) * 4") in lines
    assert ("program.py", "tcp = ctx.packet.at(Tcp, 14 + ip.header_length)") in lines
    assert {file for file, _ in lines} == {"headers.py", "program.py"}


def test_functions_of_their_own(loaded: Any) -> None:
    packet = packets.ethernet(packets.ipv4(UDP, 17, options=bytes(4)))
    action, found, data = run(loaded, "calls_functions", packet)
    assert (action, found.other, found.offset) == (TX, 53, len(packet) - 2)
    assert data == packet[:38] + b"\0\7" + packet[40:-2]


def test_a_packet_that_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No kind of program is so yet: the table says it."""
    monkeypatch.setattr(KINDS["xdp"].packet, "writable", False)
    head = "from osmia.headers import IPv4\n" + PRELUDE
    start = "ip = ctx.packet.at(IPv4, 14)\nif ip is None:\n    return XdpAction.PASS\n"
    for change in ("ip.ttl = 1", "ip.src += 1", "other = ip\nother.id = 7"):
        module = module_from(tmp_path, head + body_of(start + change + "\nreturn XdpAction.PASS")[len(PRELUDE) :])
        with pytest.raises(osmia.CompileError) as refusal:
            checked_unit((module.program.request,))
        assert refusal.value.problem == "programs of kind xdp cannot change the packet"
        assert refusal.value.__notes__ == [
            "found: a store into a view of the packet",
            "expected: packets that are read",
            "fix: keep the value in a local, or a copy of the struct",
        ]
    reads = module_from(tmp_path, head + body_of(start + "x = ip.ttl\nreturn XdpAction.PASS")[len(PRELUDE) :])
    checked_unit((reads.program.request,))


PARSER = """
    eth = ctx.packet.at(Ethernet, 0)
    if eth is None or eth.ether_type != 0x0800:
        return XdpAction.PASS
    ip = ctx.packet.at(IPv4, 14)
    if ip is None or ip.protocol != 6:
        return XdpAction.PASS
    tcp = ctx.packet.at(Tcp, 14 + ip.header_length)
    if tcp is None:
        return XdpAction.PASS
    return XdpAction.DROP if tcp.dst == 22 else XdpAction.PASS
"""
PARSER_IN_C = """
struct eth { u8 dst[6], src[6]; u16 type; };
struct ip { u8 ihl, tos; u16 length, id, fragment; u8 ttl, protocol; u16 sum; u32 src, dst; };
struct tcp { u16 src, dst; u32 seq, ack; u16 flags, window, sum, urgent; };
SEC("xdp") int program(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    struct eth *eth = data;
    if ((void *)(eth + 1) > end || eth->type != __builtin_bswap16(0x0800))
        return 2;
    struct ip *ip = data + 14;
    if ((void *)(ip + 1) > end || ip->protocol != 6)
        return 2;
    struct tcp *tcp = data + 14 + (ip->ihl & 15) * 4;
    if ((void *)(tcp + 1) > end)
        return 2;
    return tcp->dst == __builtin_bswap16(22) ? 1 : 2;
}
"""


@pytest.mark.parametrize("cpu", ["v1", "v3"])
def test_a_parser_is_as_short_as_the_same_in_c(tmp_path: Path, cpu: str) -> None:
    """Nothing tests for null, and the packet's bounds are read once."""
    text = "from osmia.headers import Ethernet, IPv4, Tcp\n" + body_of(PARSER)
    with osmia.load(module_from(tmp_path, text), target=Target(cpu, (5, 10))) as loaded:
        assert loaded["program"].test_run(packets.ethernet(packets.ipv4(packets.tcp(b"", target=22), 6))).action is DROP
        assert loaded["program"].test_run(packets.ethernet(packets.ipv4(packets.tcp(b""), 6))).action is PASS
        ours = len(loaded._spec.programs["program"].instructions) // 8
    theirs = len(read_object(c_object(PARSER_IN_C, f"-mcpu={cpu}"), "program.o").programs["program"].instructions) // 8
    assert ours <= theirs


def test_the_kernel_accepts_rewritten_packets(netns: Any, tmp_path: Path) -> None:
    """A UDP socket gets a datagram whose address and TTL a program has changed: the checksums are right."""
    text = (
        PRELUDE
        + """
from osmia.checksum import checksum_replace, checksum_replace32
from osmia.headers import IPv4, IpProto, Udp

@xdp
def program(ctx: XdpContext) -> XdpAction:
    ip = ctx.packet.at(IPv4, 14)
    udp = ctx.packet.at(Udp, 34)
    if ip is None or udp is None or ip.protocol != IpProto.UDP or ip.dst != 0x0A000063:
        return XdpAction.PASS
    before = ip.dst
    ip.dst = 0x0A000002
    ip.checksum = checksum_replace32(ip.checksum, before, ip.dst)
    udp.checksum = checksum_replace32(udp.checksum, before, ip.dst)
    port = udp.dst
    udp.dst = 5005
    udp.checksum = checksum_replace(udp.checksum, port, udp.dst)
    return XdpAction.PASS
"""
    )
    module = module_from(tmp_path, text)
    netns.ip("addr", "add", "10.0.0.2/24", "dev", netns.far)
    mac = netns.ip("-oneline", "link", "show", "dev", netns.far).partition("link/ether ")[2].split()[0]
    frame = bytearray(
        packets.ethernet(
            packets.ipv4(
                packets.udp(b"hello", target=4004, between=("10.0.0.1", "10.0.0.99")),
                17,
                source="10.0.0.1",
                target="10.0.0.99",
            )
        )
    )
    frame[:6] = bytes.fromhex(mac.replace(":", ""))
    with netns.entered(), module.program.attach(netns.far):
        Path(f"/proc/sys/net/ipv4/conf/{netns.far}/rp_filter").write_text("0")
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener,
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw,
        ):
            listener.bind(("10.0.0.2", 5005))
            listener.settimeout(10)
            raw.bind((netns.near, 0))
            broken = frame.copy()
            broken[40] ^= 0xFF  # what a wrong checksum does: this one never arrives
            raw.send(bytes(broken[:-5]) + b"wrong")
            raw.send(bytes(frame))
            assert listener.recvfrom(100) == (b"hello", ("10.0.0.1", 4000))


def test_checksums_in_user_code() -> None:
    numbers = random.Random(2)
    for _ in range(500):
        data = numbers.randbytes(2 * numbers.randrange(1, 40))
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        assert checksum.checksum(total) == packets.checksum(data)
        at = 2 * numbers.randrange(len(data) // 2)
        new = numbers.choice((numbers.randbytes(2), b"\0\0", b"\xff\xff"))
        changed = data[:at] + new + data[at + 2 :]
        before = packets.checksum(data)
        if any(data) and any(changed):
            old_word, new_word = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(new, "big")
            assert checksum.checksum_replace(before, old_word, new_word) == packets.checksum(changed)
            assert checksum.checksum_replace32(before, old_word << 16, new_word << 16) == packets.checksum(changed)
    for total in (0, 1, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x1FFFFFFFE, (1 << 64) - 1, (1 << 64) - 0x10000):
        folded = checksum.checksum_fold(total)
        assert folded % 0xFFFF == total % 0xFFFF
        assert 0 <= folded <= 0xFFFF
        assert (folded == 0) is (total == 0)


def test_checksums_of_headers_in_user_code() -> None:
    packet = packets.ipv4(UDP[:8], 17)
    header = osmia.from_bytes(IPv4, packet[:20])
    assert checksum.ipv4_checksum(header) == header.checksum
    pseudo = packets.pseudo(packets.SOURCE, packets.TARGET, 17, 8)
    assert checksum.checksum(checksum.ipv4_pseudo_sum(header, 8)) == packets.checksum(pseudo)
    six = osmia.from_bytes(IPv6, packets.ipv6(b"", 17)[:40])
    pseudo = packets.pseudo(packets.SOURCE6, packets.TARGET6, 17, 70000)
    assert checksum.checksum(checksum.ipv6_pseudo_sum(six, 17, 70000)) == packets.checksum(pseudo)
    with pytest.raises(AssertionError, match="the header has options, which this does not count"):
        checksum.ipv4_checksum(osmia.from_bytes(IPv4, packets.ipv4(b"", 17, options=bytes(4))[:20]))


def test_packets_exist_in_kernel_code_only() -> None:
    context = osmia.XdpContext()
    for use, name in (
        (lambda: context.packet, "XdpContext.packet"),
        (lambda: context.meta, "XdpContext.meta"),
        (lambda: osmia.Packet().at(IPv4, 0), "Packet.at"),
        (lambda: len(osmia.Packet()), "Packet.__len__"),
    ):
        with pytest.raises(TypeError) as refusal:
            use()
        assert str(refusal.value).startswith(f"{name} exists in kernel code only: a program that runs in the kernel ")
