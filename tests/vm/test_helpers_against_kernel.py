"""Helpers in the kernel and in a machine: the same object, the same packets, and the same of all that is left."""

from __future__ import annotations

import os
import socket
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import osmia
from osmia import Machine
from osmia.vm.task import Task
from packets import ethernet, ipv4, ipv6, tcp, udp, vlan
from program_files import module_from
from this_kernel import needs_root
from trace_pipe import trace_pipe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FRAMES = {
    "xdp": ("xdp(on_error=XdpAction.TX)", "XdpContext", "XdpAction"),
    "tc": ('tc("ingress", on_error=TcAction.STOLEN)', "TcContext", "TcAction"),
    "cgroup_skb": ('cgroup_skb("ingress", on_error=CgroupAction.ALLOW)', "CgroupSkbContext", "CgroupAction"),
}
FRAME = """\
from osmia import *
from osmia import helpers

@struct
class Line:
    text: Chars = chars(64)

given = Array(u32, max_entries=4)
results = Array(i64, max_entries=32)
lines = Array(Line, max_entries=32)

@func
def note(index: u32, value: i64) -> None:
    place = results.lookup(index)
    if place is not None:
        place.value = value

@func
def asked(index: u32) -> u32:
    place = given.lookup(index)
    return 0 if place is None else place.value

@{decorator}
def program(ctx: {context}) -> {action}:
    x = asked(0)
    y = asked(1)
    z = asked(2)
{body}
    return {action}.{returned}
"""


MOST_SHOWN = 5
QUOTE = "'"


class Case(NamedTuple):
    """A program, and what it is given."""

    kind: str
    body: str
    given: Sequence[tuple[int, ...]] = ((0,),)
    packets: Sequence[bytes] = ()


UDP = ethernet(0x0800, ipv4(17, udp(4000, 53, bytes(range(64)))))
TCP6 = ethernet(0x86DD, ipv6(6, tcp(4000, 443, b"hello world, here is some text")))
TAGGED = ethernet(0x8100, vlan(5, 0x0800, ipv4(6, tcp(1, 2, bytes(20)))))
TWICE = ethernet(0x88A8, vlan(7, 0x8100, vlan(5, 0x0800, ipv4(6, tcp(1, 2, bytes(20))))))
ARP = ethernet(0x0806, bytes(range(46)))
FEW = (UDP, TCP6)
ALL = (UDP, TCP6, TAGGED, TWICE, ARP, bytes(14))


def signed(*numbers: int) -> tuple[tuple[int, ...], ...]:
    return tuple((each & 0xFFFF_FFFF,) for each in numbers)


def texts(*given: str) -> tuple[bytes, ...]:
    return tuple(each.encode().ljust(64, b"\0") for each in given)


def calls(*bodies: str) -> str:
    """Each call notes what it gives."""
    return "\n".join(f"note({index}, {each})" for index, each in enumerate(bodies))


def prints(*formats: tuple[str, str]) -> str:
    """Each format with its values makes a line."""
    body = ["values = array(u64, 4)", "values[0], values[1], values[2], values[3] = x, -1 & 0xFFFFFFFFFFFFFFFF, 77, y"]
    for index, (text, count) in enumerate(formats):
        body += [f"line{index} = lines.lookup({index})", f"if line{index} is not None:"]
        body += [f"    note({index}, ctx.snprintf(line{index}.text, {text!r}, {count}))"]
    return "\n".join(body)


def both_versions(segment: bytes) -> tuple[bytes, bytes]:
    return ethernet(0x0800, ipv4(6, segment)), ethernet(0x86DD, ipv6(6, segment))


CASES = {
    "adjust_head": Case(
        "xdp",
        "note(0, ctx.adjust_head(i32(x)))\nnote(1, ctx.get_buff_len())\nnote(2, ctx.store_bytes(0, b'abc'))",
        signed(0, 4, -4, -216, -217, -256, 40, 92, 93, 1 << 31),
        ALL,
    ),
    "adjust_tail": Case(
        "xdp",
        "note(0, ctx.adjust_tail(i32(x)))\nnote(1, ctx.get_buff_len())",
        signed(0, 4, -4, -92, -93, 3400, 3414, 3415, 4096, 1 << 31),
        ALL,
    ),
    "adjust_meta": Case(
        "xdp",
        "note(0, ctx.adjust_meta(i32(x)))\nnote(1, ctx.adjust_head(i32(y)))\nnote(2, ctx.adjust_meta(4))",
        [(x & 0xFFFFFFFF, y & 0xFFFFFFFF) for x in (0, -4, -8, -3, -252, -256, 4, -32) for y in (0, 8, -184, -200)],
        (UDP,),
    ),
    "xdp bytes": Case(
        "xdp",
        "held = chars(6)\nnote(0, ctx.load_bytes(x, held))\nfor i in range(6):\n    note(1 + i, held[i])\n"
        "note(9, ctx.store_bytes(y, b'0123456'))",
        [(x, y) for x in (0, 1, 8, 100, 0xFFFF, 0x10000, 0xFFFFFFFF) for y in (0, 7, 8, 99, 0xFFFF, 0x10000)],
        (UDP, bytes(14)),
    ),
    "csum_diff": Case(
        "xdp",
        "a = chars(20)\nb = chars(24)\nctx.load_bytes(14, a)\nctx.load_bytes(34, b)\n"
        + calls(
            "ctx.csum_diff(a, b, x)",
            "ctx.csum_diff(None, b, x)",
            "ctx.csum_diff(a, None, x)",
            "ctx.csum_diff(a, a, x)",
            "ctx.csum_diff(None, None, x)",
        ),
        signed(0, 1, 0xFFFF, 0x10000, 0xFFFFFFFF, 0x12345678),
        (UDP, TCP6, bytes(64), b"\xff" * 64),
    ),
    "strtol": Case(
        "xdp",
        "held = chars(24)\nctx.load_bytes(0, held)\nn = array(i64, 1)\nn[0] = 99\n"
        "note(0, ctx.strtol(held, x, ref(n[0])))\nnote(1, n[0])",
        [(0,), (8,), (10,), (16,), (2,), (32,)],
        texts(
            *("12", "-12", "0x1f", "0X1fg", "077", "08", " \t 5", "-", "", "+5", "9223372036854775807", "0x", "zz"),
            *("9223372036854775808", "-9223372036854775808", "-9223372036854775809", "99999999999999999999", "1 2"),
            *("ff", "-0x10", "0", "00", "123456789012345678901234"),
        ),
    ),
    "strtoul": Case(
        "xdp",
        "held = chars(24)\nctx.load_bytes(0, held)\nn = array(u64, 1)\nn[0] = 99\n"
        "note(0, ctx.strtoul(held, x, ref(n[0])))\nnote(1, i64(n[0]))",
        [(0,), (8,), (10,), (16,), (3,)],
        texts("12", "-12", "0x1f", "18446744073709551615", "18446744073709551616", "", " 7x", "0b1", "-0", "777"),
    ),
    "strncmp": Case(
        "xdp",
        "held = chars(8)\nctx.load_bytes(0, held)\n" + calls("ctx.strncmp(held, 'hello')", "ctx.strncmp(held, '')"),
        packets=texts("hello", "hell", "hellp", "helln", "hello there", "", "\x7f"),
    ),
    "snprintf": Case(
        "xdp",
        prints(
            *(("%d", "values"), ("%5d|", "values"), ("%-5d|", "values"), ("%05d|", "values"), ("%+d % d", "values")),
            *(("%u %u", "values"), ("%x %X", "values"), ("%ld %lld", "values"), ("%lu %llx", "values")),
            *(("%i %08x", "values"), ("%% %c|", "values"), ("%3c|%-3c|", "values"), ("%d%d%d%d", "values")),
            *(("plain", "values"), ("%s|%5s", "values"), ("%pI4 %pi4 %pI6", "values"), ("%pks|%pus", "values")),
            ("a long line that does not fit into what there is: %d, and so it is cut", "values"),
        ),
        [(0,), (65, 66), (0xFFFFFFFF, 7), (1234567,)],
        (UDP,),
    ),
    "redirect": Case("xdp", "return ctx.redirect(x, y)", [(1, 0), (1, 1), (1, 8)], (UDP,)),
    "check_mtu of xdp": Case(
        "xdp",
        "n = array(u32, 1)\nn[0] = z\nnote(0, ctx.check_mtu(x, ref(n[0]), i32(y)))\nnote(1, n[0])",
        [(0, 0), (0, 70000), (1, 65536), (999, 0), (0, 0, 65536), (0, 1, 65536), (0, 0xFFFFFFFF, 65537)],
        FEW,
    ),
    "probe_read": Case(
        "xdp",
        "held = array(u64, 1)\nheld[0] = 5\nnote(0, ctx.probe_read_kernel(held, 0))\nnote(1, i64(held[0]))\n"
        "note(2, ctx.probe_read_kernel_str(chars(8), 0))",
        packets=(UDP,),
    ),
    "syncookies of what is no header": Case(
        "xdp", calls("ctx.tcp_raw_gen_syncookie_ipv4(chars(20), chars(20))"), packets=(UDP,)
    ),
    "syncookies": Case(
        "xdp",
        """
        ip4 = chars(20)
        ip6 = chars(40)
        th = chars(24)
        ctx.load_bytes(x, th)
        ack = chars(20)
        ctx.load_bytes(x, ack)
        if x == 34:
            ctx.load_bytes(14, ip4)
            made = ctx.tcp_raw_gen_syncookie_ipv4(ip4, th)
        else:
            ctx.load_bytes(14, ip6)
            made = ctx.tcp_raw_gen_syncookie_ipv6(ip6, th)
        note(0, made >> 32)
        answer = u32((made & 0xFFFFFFFF) + 1)
        ack[4], ack[5], ack[6], ack[7] = 0, 0, 0, 2
        ack[8], ack[9], ack[10], ack[11] = u8(answer >> 24), u8(answer >> 16), u8(answer >> 8), u8(answer)
        if x == 34:
            note(1, ctx.tcp_raw_check_syncookie_ipv4(ip4, ack))
        else:
            note(1, ctx.tcp_raw_check_syncookie_ipv6(ip6, ack))
        """,
        [(34,), (54,)],
        [
            frame
            for size in (0, 500, 536, 1300, 1439, 1440, 1460, 9000)
            for frame in both_versions(tcp(1, 2, flags=2, options=b"\2\4" + size.to_bytes(2, "big")))
        ],
    ),
    "the task": Case(
        "xdp",
        "name = chars(16)\nnote(0, ctx.get_current_comm(name))\nfor i in range(16):\n    note(1 + i, name[i])\n"
        "note(17, i64(ctx.get_current_pid_tgid()))\nnote(18, i64(ctx.get_current_uid_gid()))\n"
        "short = chars(3)\nnote(19, ctx.get_current_comm(short))\nnote(20, short[1])\nnote(21, short[2])",
        packets=(UDP,),
    ),
    "fields": Case(
        "tc",
        calls(
            *("len(ctx.packet)", "ctx.pkt_type", "ctx.mark", "ctx.queue_mapping", "ctx.protocol", "ctx.vlan_present"),
            *("ctx.vlan_tci", "ctx.vlan_proto", "ctx.priority", "ctx.ingress_ifindex", "ctx.ifindex", "ctx.tc_index"),
            *("ctx.hash", "ctx.tc_classid", "ctx.napi_id", "i64(ctx.tstamp)", "ctx.wire_len", "ctx.gso_segs"),
            *("ctx.gso_size", "ctx.get_socket_uid()", "ctx.get_socket_cookie() != 0", "ctx.get_route_realm()"),
            *("i64(ctx.skb_cgroup_id())", "i64(ctx.skb_ancestor_cgroup_id(0))", "i64(ctx.skb_ancestor_cgroup_id(1))"),
            *("ctx.get_cgroup_classid()", "ctx.csum_update(5)", "ctx.csum_level(0)", "ctx.csum_level(4)"),
        ),
        packets=(*ALL, bytes(60), b"\xff" * 6 + UDP[6:], b"\1" + UDP[1:]),
    ),
    "the socket of a packet": Case(
        "tc",
        """
        sk = ctx.sk
        if sk is not None:
            note(0, sk.family)
            note(1, sk.src_ip4)
            note(2, sk.dst_ip4)
            note(3, sk.state)
            note(4, sk.src_port)
            note(5, sk.dst_port)
            note(6, sk.src_ip6[3])
            note(7, sk.rx_queue_mapping)
            note(11, sk.bound_dev_if)
            full = ctx.sk_fullsock(sk)
            if full is not None:
                note(8, full.protocol)
                note(9, full.type)
                note(10, full.mark)
                note(12, full.priority)
                listener = ctx.get_listener_sock(full)
                if listener is not None:
                    note(13, 1)
                other = ctx.tcp_sock(full)
                if other is not None:
                    note(14, 1)
        """,
        packets=(UDP, ARP),
    ),
    "what is written to a context": Case(
        "tc",
        "ctx.mark = x\nctx.priority = y\nctx.tc_index = 7\nctx.cb[2] = x\nctx.tstamp = 5\n"
        + calls("ctx.mark", "ctx.priority", "ctx.tc_index", "ctx.cb[2]", "i64(ctx.tstamp)"),
        [(5, 6), (0xFFFFFFFF, 0)],
        (UDP,),
    ),
    "skb bytes": Case(
        "tc",
        "held = chars(8)\nheld[0] = 9\nnote(0, ctx.skb_load_bytes(x, held))\nnote(1, held[0])\nnote(2, held[7])\n"
        "note(3, ctx.skb_load_bytes_relative(x, held, y))\nnote(4, held[0])\nnote(5, held[7])\n"
        "note(6, ctx.skb_store_bytes(x, b'0123456789', z))",
        [(x, y, z) for x in (0, 1, 12, 98, 0x10000, 1 << 31) for y in (0, 1, 2) for z in (0, 1, 2, 4)],
        (UDP, ARP),
    ),
    "pull_data": Case("tc", "note(0, ctx.skb_pull_data(x))", signed(0, 1, 60, 106, 107, 1 << 20), ALL),
    "change_tail": Case(
        "tc",
        "note(0, ctx.skb_change_tail(x, y))\nnote(1, len(ctx.packet))",
        [(x, y) for x in (0, 13, 14, 15, 60, 200, 16065, 1 << 30) for y in (0, 1)],
        ALL,
    ),
    "change_head": Case(
        "tc",
        "note(0, ctx.skb_change_head(x, y))\nnote(1, len(ctx.packet))\nnote(2, ctx.protocol)",
        [(0, 0), (4, 0), (14, 0), (200, 0), (4, 1), (1 << 31, 0), (20000, 0)],
        FEW,
    ),
    "change_proto": Case(
        "tc",
        "note(0, ctx.skb_change_proto(be16(x), y))\nnote(1, ctx.protocol)\nnote(2, len(ctx.packet))\n"
        "note(3, ctx.skb_change_proto(be16(z), 0))\nnote(4, ctx.protocol)",
        [(0x86DD, 0, 0x800), (0x800, 0, 0x86DD), (0x86DD, 1, 0), (0x0806, 0, 0)],
        ALL,
    ),
    "change_type": Case(
        "tc", "note(0, ctx.skb_change_type(x))\nnote(1, ctx.pkt_type)", signed(0, 1, 2, 3, 4, 7, 99), ALL
    ),
    "adjust_room": Case(
        "tc",
        "note(0, ctx.skb_adjust_room(i32(x), y, z))\nnote(1, ctx.protocol)\nnote(2, len(ctx.packet))\n"
        "note(3, ctx.skb_adjust_room(8, 1, 2))\nnote(4, ctx.skb_change_tail(100, 0))",
        [
            (x & 0xFFFFFFFF, y, z)
            for x in (0, 8, -8, 20, -20, 40, 0x1000, -72, -73)
            for y in (0, 1, 2)
            for z in (0, 1, 2, 4, 6, 8, 0x12, 0x18, 0x1A, 32, 64, 0x42, 128, 256, 384, 512)
        ],
        (UDP, TCP6, ARP),
    ),
    "adjust_room of an inner header": Case(
        "tc",
        calls(
            "ctx.skb_adjust_room(14, 1, u64(x) << 56 | 2)",
            "ctx.skb_adjust_room(20, 1, u64(x) << 56 | 0x42)",
            "ctx.skb_adjust_room(50, 1, u64(y) << 56 | 0x52)",
        ),
        [(0, 14), (14, 13), (15, 14), (21, 50), (255, 51)],
        FEW,
    ),
    "vlan": Case(
        "tc",
        """
        note(0, ctx.skb_vlan_push(be16(x), u16(y)))
        note(1, ctx.vlan_present)
        note(2, ctx.vlan_tci)
        note(3, ctx.vlan_proto)
        note(4, ctx.protocol)
        if z > 1:
            note(5, ctx.skb_vlan_push(be16(0x8100), 9))
            note(6, ctx.protocol)
            note(7, len(ctx.packet))
            held = array(u32, 1)
            note(18, ctx.skb_load_bytes_relative(0, held, 1))
            note(19, held[0])
            note(20, ctx.skb_vlan_push(be16(0x8100), 9))
            note(21, ctx.skb_load_bytes_relative(0, held, 1))
            note(22, held[0])
        if z > 0:
            note(8, ctx.skb_vlan_pop())
            note(9, ctx.vlan_present)
            note(10, ctx.vlan_tci)
            note(11, ctx.protocol)
            note(12, len(ctx.packet))
            note(13, ctx.skb_vlan_pop())
            note(14, ctx.vlan_present)
            note(15, ctx.vlan_tci)
            note(16, ctx.protocol)
            note(17, ctx.skb_vlan_pop())
        """,
        [(x, y, z) for x in (0x8100, 0x88A8, 5) for y in (0, 100, 0xEFFF) for z in (0, 1, 2)],
        ALL,
    ),
    "vlan_pop": Case(
        "tc",
        calls(
            *("ctx.skb_vlan_pop()", "ctx.vlan_present", "ctx.vlan_tci", "ctx.vlan_proto", "ctx.protocol"),
            *("len(ctx.packet)", "ctx.skb_vlan_pop()", "ctx.vlan_present", "ctx.protocol", "len(ctx.packet)"),
        ),
        packets=ALL,
    ),
    "l3_csum_replace": Case(
        "tc",
        "note(0, ctx.l3_csum_replace(24, x, y, z))",
        [(x, y, z) for x in (0, 1, 0xFFFF, 0x12345678) for y in (0, 0xFFFF, 0xABCD, 0xFFFFFFFF) for z in (0, 2, 4, 3)],
        (UDP, bytes(64), b"\xff" * 64, bytes(20)),
    ),
    "l4_csum_replace": Case(
        "tc",
        "note(0, ctx.l4_csum_replace(40, x, y, z))\nnote(1, ctx.l4_csum_replace(x & 0x1FFFF, 0, 5, 0))",
        [
            (x, y, z)
            for x in (0, 1, 0xFFFF, 0x12345678)
            for y in (0, 0xABCD, 0xFFFFFFFF)
            for z in (0, 2, 4, 3, 16, 18, 20, 32, 34, 98, 128, 256)
        ],
        (UDP, bytes(64), b"\xff" * 64),
    ),
    "csum_level": Case(
        "tc",
        calls(
            *("ctx.csum_level(x)", "ctx.csum_level(0)", "ctx.csum_level(y)", "ctx.csum_level(0)"),
            *("ctx.skb_adjust_room(8, 1, z)", "ctx.csum_level(0)", "ctx.csum_level(1)", "ctx.csum_level(1)"),
            *("ctx.csum_level(1)", "ctx.csum_level(1)", "ctx.csum_level(1)", "ctx.csum_level(0)"),
            *("ctx.csum_level(2)", "ctx.csum_level(0)"),
        ),
        [(x, y, z) for x in range(5) for y in range(4) for z in (0, 32)],
        (UDP, ARP),
    ),
    "hash": Case(
        "tc",
        "ctx.set_hash(x)\nnote(0, ctx.hash)\nnote(1, ctx.get_hash_recalc())\nctx.set_hash_invalid()\n"
        "note(2, ctx.hash)\nnote(3, ctx.get_hash_recalc() != 0)\nnote(4, ctx.hash != 0)\n"
        "note(5, ctx.skb_store_bytes(0, b'x', 2))\nnote(6, ctx.hash)",
        [(5,), (0,), (0xFFFFFFFF,)],
        (UDP, TCP6),
    ),
    "redirects of tc": Case(
        "tc",
        """
        note(0, ctx.clone_redirect(999999, 0))
        note(1, ctx.clone_redirect(1, 2))
        note(2, ctx.redirect_peer(1, y))
        note(3, ctx.redirect_neigh(1, None, y))
        return ctx.redirect(1, y)
        """,
        [(0, y) for y in (0, 1, 2)],
        (UDP,),
    ),
    "ecn_set_ce": Case(
        "tc",
        "note(0, ctx.skb_ecn_set_ce())",
        packets=[
            *(UDP[:15] + bytes([tos]) + UDP[16:] for tos in (0, 1, 2, 3, 0xFD, 0xFE)),
            *(TCP6[:15] + bytes([tos << 4]) + TCP6[16:] for tos in range(4)),
            *(ARP, bytes(14), UDP[:24] + b"\xff\xff\0\1" + UDP[28:]),
        ],
    ),
    "set_tstamp": Case(
        "tc",
        "note(0, ctx.skb_set_tstamp(x, y))\nnote(1, i64(ctx.tstamp))",
        [(x, y) for x in (0, 5) for y in (0, 1, 2, 3)],
        (UDP, ARP),
    ),
    "tunnels": Case(
        "tc",
        """
        key = array(u32, 11)
        key[0], key[1], key[7] = x, 0x0A000001, 0x0A000002
        note(0, ctx.skb_get_tunnel_key(key, 0))
        note(1, key[0])
        key[0], key[1], key[7] = x, 0x0A000001, 0x0A000002
        note(2, ctx.skb_set_tunnel_opt(array(u32, 2)))
        note(3, ctx.skb_set_tunnel_key(key, y))
        back = array(u32, 11)
        note(4, ctx.skb_get_tunnel_key(back, z))
        for i in range(11):
            note(5 + i, back[i])
        note(16, ctx.skb_set_tunnel_opt(array(u32, 2)))
        note(17, ctx.skb_get_tunnel_opt(array(u32, 1)))
        note(18, ctx.skb_get_tunnel_opt(array(u32, 3)))
        note(19, ctx.skb_get_xfrm_state(0, array(u32, 7)))
        """,
        [(x, y, z) for x in (0, 77) for y in (0, 1, 2, 32) for z in (0, 1, 2, 16)],
        (UDP,),
    ),
    "check_mtu of tc": Case(
        "tc",
        "n = array(u32, 1)\nn[0] = z\nnote(0, ctx.check_mtu(x, ref(n[0]), i32(y)))\nnote(1, n[0])\n"
        "note(2, ctx.check_mtu(0, ref(n[0]), 0, 1))\nn[0] = 0\nnote(3, ctx.check_mtu(0, ref(n[0]), 0, 1))",
        [(0, 0), (0, 70000), (1, 65536), (999999, 0), (0, 0, 65536), (0, 1, 65536)],
        FEW,
    ),
    "a look-up that finds nothing": Case(
        "tc",
        """
        found = ctx.sk_lookup_tcp(array(u32, 3), -1)
        if found is not None:
            note(0, 1)
            ctx.sk_release(found)
        other = ctx.skc_lookup_tcp(array(u32, 9), -1)
        if other is not None:
            note(1, 1)
            ctx.sk_release(other)
        """,
        packets=(UDP,),
    ),
    "cgroup_skb": Case(
        "cgroup_skb",
        calls(
            *("len(ctx.packet)", "ctx.pkt_type", "ctx.protocol", "ctx.ifindex", "ctx.ingress_ifindex", "ctx.family"),
            *("ctx.remote_ip4", "ctx.local_ip4", "ctx.remote_ip6[3]", "ctx.local_ip6[3]", "ctx.remote_port"),
            *("ctx.local_port", "ctx.hash", "ctx.priority", "ctx.get_socket_uid()"),
        )
        + "\nheld = chars(4)\nnote(16, ctx.skb_load_bytes(x, held))\nnote(17, held[0])\n"
        "note(18, ctx.skb_load_bytes_relative(x, held, 0))\nnote(19, held[0])\n"
        "note(20, ctx.skb_load_bytes_relative(x, held, 1))\nnote(21, held[0])\nnote(22, ctx.skb_ecn_set_ce())",
        [(0,), (4,), (78,), (92,), (0x10000,)],
        (UDP, TCP6, ARP, UDP[:15] + b"\2" + UDP[16:]),
    ),
}


def outcomes(loaded: Any, module: Any, case: Case) -> list[Any]:
    """What each run leaves."""
    clear = {"results": -99, "lines": module.Line()}
    names = [name for name in clear if {"results": "note(", "lines": "lines."}[name] in case.body]
    found = []
    for packet in case.packets:
        for given in case.given:
            for index in range(4):
                loaded["given"][index] = given[index] if index < len(given) else 0
            for index in range(32):
                for name in names:
                    loaded[name][index] = clear[name]
            done = loaded["program"].test_run(packet)
            notes = [loaded["results"][index] for index in range(32)] if "results" in names else []
            lines = [bytes(loaded["lines"][index].text) for index in range(32)] if "lines" in names else []
            found.append((done.return_value, done.data, notes, lines))
    return found


def differences(case: Case, kernel: Sequence[Any], machine: Sequence[Any]) -> Iterable[str]:
    inputs = [(packet, given) for packet in case.packets for given in case.given]
    for (packet, given), there, here in zip(inputs, kernel, machine, strict=True):
        if there != here:
            names = ("returns", "leaves the packet", "notes", "lines")
            for name, one, other in zip(names, there, here, strict=True):
                if one != other:
                    yield f"given {given} and {packet.hex()}, the kernel {name} {one}, the machine {other}"


def this_thread() -> Task:
    comm = Path("/proc/thread-self/comm").read_text().rstrip("\n")
    return Task(os.getpid(), threading.get_native_id(), os.getuid(), os.getgid(), comm)


@needs_root("loads programs")
@pytest.mark.parametrize("name", CASES)
def test_helpers(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    decorator, context, action = FRAMES[case.kind]
    body = textwrap.indent(textwrap.dedent(case.body).strip("\n"), "    ")
    returned = {"xdp": "PASS", "tc": "OK", "cgroup_skb": "ALLOW"}[case.kind]
    text = FRAME.format(decorator=decorator, context=context, action=action, body=body, returned=returned)
    module = module_from(tmp_path, text)
    with osmia.load(module) as loaded:
        kernel = outcomes(loaded, module, case)
    with Machine() as machine, osmia.load(module, engine=machine) as loaded:
        machine.task = this_thread()
        here = outcomes(loaded, module, case)
    found = [*differences(case, kernel, here)]
    if found:
        pytest.fail("\n".join([f"{len(found)} differences", *found[:MOST_SHOWN]]))


TRACES = (
    "'%d %u %X', i32(x), -1 & 0xFFFFFFFF, x",
    "'%5d|%-5u|%05x', i32(x), x, x",
    "'%+d|% d|%i', i32(x), i32(x), i32(x)",
    "'%lld %llx %lu', i64(x) - 100, -2 & 0xFFFFFFFFFFFFFFFF, u64(x)",
    "'%08x|%-8x|%8x', x, x, x",
    "'100%% of %d', i32(x)",
    "'plain'",
    "'%s|%pks', u64(0), u64(0)",
)


@needs_root("loads programs")
def test_what_the_trace_pipe_shows(tmp_path: Path) -> None:
    mark = f"osmia-{os.getpid()}-{time.monotonic_ns()}:"
    calls_of = [
        f"note({index}, ctx.trace_printk({each.replace(QUOTE, QUOTE + mark, 1)}))" for index, each in enumerate(TRACES)
    ]
    body = textwrap.indent("\n".join(calls_of), "    ")
    decorator, context, action = FRAMES["xdp"]
    text = FRAME.format(decorator=decorator, context=context, action=action, body=body, returned="PASS")
    module = module_from(tmp_path, text)
    with trace_pipe() as pipe, osmia.load(module) as loaded:
        loaded["given"][0] = 65
        loaded["program"].test_run(UDP)
        shown = pipe.lines_with(mark, len(TRACES))
        counts = [loaded["results"][index] for index in range(len(TRACES))]
    with Machine() as machine, osmia.load(module, engine=machine) as loaded:
        loaded["given"][0] = 65
        loaded["program"].test_run(UDP)
        assert [line.removeprefix(mark) for line in machine.trace] == shown
        assert [loaded["results"][index] for index in range(len(TRACES))] == counts


LOOK = """
ends = array(u32, 3)
ends[0], ends[1], ends[2] = x, y, z
found = ctx.{helper}(ends, -1)
if found is None:
    note(0, 0)
else:
    note(0, 1)
    note(1, found.src_port)
    note(2, found.dst_port)
    note(3, found.src_ip4)
    note(4, found.dst_ip4)
    note(5, found.state)
    note(6, found.family)
    ctx.sk_release(found)
"""
LOOPBACK = 0x0100007F


def _ends(local: tuple[str, int], remote: tuple[str, int]) -> tuple[int, int, int]:
    """A tuple of addresses and ports, as it lies in memory."""
    ports = remote[1].to_bytes(2, "big") + local[1].to_bytes(2, "big")
    addresses = [int.from_bytes(socket.inet_aton(address), "little") for address in (remote[0], local[0])]
    return addresses[0], addresses[1], int.from_bytes(ports, "little")


@needs_root("loads programs")
@pytest.mark.parametrize("helper", ["sk_lookup_tcp", "sk_lookup_udp", "skc_lookup_tcp"])
@pytest.mark.parametrize("kind", ["xdp", "tc"])
def test_sockets_that_are_looked_up(tmp_path: Path, helper: str, kind: str) -> None:
    decorator, context, action = FRAMES[kind]
    body = textwrap.indent(LOOK.format(helper=helper).strip("\n"), "    ")
    text = FRAME.format(
        decorator=decorator, context=context, action=action, body=body, returned="PASS" if kind == "xdp" else "OK"
    )
    module = module_from(tmp_path, text)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound,
        Machine() as machine,
    ):
        bound.bind(("127.0.0.1", 0))
        at = server.getsockname(), client.getsockname(), bound.getsockname()
        made = machine.object
        machine.sockets += [
            made("bpf_sock", state=10, src_ip4="127.0.0.1", src_port=at[0][1]),
            made("bpf_sock", src_ip4="127.0.0.1", src_port=at[1][1], dst_ip4="127.0.0.1", dst_port=at[0][1]),
            made("bpf_sock", src_ip4="127.0.0.1", src_port=at[0][1], dst_ip4="127.0.0.1", dst_port=at[1][1]),
            made("bpf_sock", protocol=17, type=2, state=7, src_ip4="127.0.0.1", src_port=at[2][1]),
        ]
        given = [_ends(local, remote) for local in at for remote in (*at, ("127.0.0.1", 9))]
        case = Case(kind, body, [*given, (0, 0, 0)], (UDP,))
        with osmia.load(module) as loaded:
            kernel = outcomes(loaded, module, case)
        with osmia.load(module, engine=machine) as loaded:
            here = outcomes(loaded, module, case)
    assert [*differences(case, kernel, here)] == []
    assert sum(notes[0] == 1 for _, _, notes, _ in here) >= 3
