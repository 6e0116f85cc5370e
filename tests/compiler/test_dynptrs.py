"""Records of a length that the program says: what user code gets of each, on every way out of a reservation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from memory_programs import CPUS, results, run, running, source
from osmia import XdpAction
from osmia.compiler import Target
from osmia.compiler.build import checked_unit, generate
from osmia.kernel.features import kernel_version
from program_files import module_from
from this_kernel import require_kernel

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

RING = """
@struct
class Head:
    kind: u16 = 3
    length: u32 = 0

@struct
class Text:
    length: u32 = 0
    data: FixedArray[u8] = array(u8, 64)
    words: FixedArray[u32] = array(u32, 4)
    name: Chars = chars(6)

ring = RingBuf(bytes, size=4096)
texts = Array(Text, max_entries=1)
"""
RESERVE = "with ring.reserve_bytes(x) as record:\n    if record is None:\n        return XdpAction.DROP\n"
HEAD = (3).to_bytes(4, "little")


@pytest.fixture(autouse=True)
def _kernel() -> None:
    require_kernel((5, 19), "dynptrs")


def records(loaded: Any) -> list[bytes]:
    """Take all records out of the ring."""
    ring, found = loaded["ring"], []
    while (record := ring.read(0)) is not None:
        found.append(record)
    return found


@pytest.mark.parametrize("cpu", CPUS)
def test_a_record_is_as_long_as_is_said_and_begins_with_zeros(tmp_path: Path, cpu: str) -> None:
    body = RESERVE + "    if x >= 8:\n        record.write(0, Head(length=x))\n"
    with running(tmp_path, RING, body, cpu) as loaded:
        for _ in range(30):  # round and round, so that there is something old in the ring
            assert results(loaded, 700, 8, 0, 1, 900) == [0] * 5
            assert records(loaded) == [
                HEAD + (700).to_bytes(4, "little") + bytes(692),
                HEAD + (8).to_bytes(4, "little"),
                b"",
                bytes(1),
                HEAD + (900).to_bytes(4, "little") + bytes(892),
            ]


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("size", [4096, 1 << 18])
def test_every_length_up_to_the_rings(tmp_path: Path, cpu: str, size: int) -> None:
    """Zeros are written in pieces, however long a record is; nothing is past its end."""
    module = RING.replace("4096", str(size))
    lengths = [0, 1, 4095, 4096, 4097, 8191, 8193, 100_000]
    lengths += [size - 16, size - 15, size - 8, size, size + 1, (1 << 32) - 1]
    with running(tmp_path, module, RESERVE, cpu) as loaded:
        for length in lengths:
            # What was there before is no zeros.
            assert loaded["ring"].pending == 0
            action = run(loaded, length)[0]
            there = length <= size - 16
            assert action == (XdpAction.PASS if there else XdpAction.DROP)
            assert records(loaded) == ([bytes(length)] if there else [])
        assert loaded["ring"].lost == sum(length > size - 16 for length in lengths)


@pytest.mark.parametrize("cpu", CPUS)
def test_every_way_out(tmp_path: Path, cpu: str) -> None:
    """A return submits, the error edge discards, and `discard` gives up the record alone."""
    body = (
        "with ring.reserve_bytes(16) as record:\n"
        "    if record is None:\n        return XdpAction.DROP\n"
        "    record.write(4, Head(length=x))\n"
        "    if x == 1:\n        return XdpAction.TX\n"
        "    if x == 2:\n        ring.discard(record)\n        return XdpAction.PASS\n"
        "    if x == 3:\n        ring.discard(record)\n"
        "    else:\n        record.write(100 // x, b'!')\n"
        "    out.value = 1\n"
        "out.value += 2"
    )
    with running(tmp_path, RING, body, cpu) as loaded:
        assert run(loaded, 1) == (XdpAction.TX, 0)
        assert run(loaded, 2) == (XdpAction.PASS, 0)
        assert run(loaded, 3) == (XdpAction.PASS, 3)
        assert run(loaded, 0) == (XdpAction.TX, 0)  # the division
        assert run(loaded, 5) == (XdpAction.TX, 0)  # byte 20 of 16
        assert run(loaded, 20) == (XdpAction.PASS, 3)
        head = bytes(4) + HEAD
        assert records(loaded) == [
            head + (1).to_bytes(4, "little") + bytes(4),
            bytes(4) + b"\3!" + bytes(2) + (20).to_bytes(4, "little") + bytes(4),
        ]
        assert {each.problem: each.count for each in loaded["program"].errors()} == {
            "integer division or modulo by zero": 1,
            "the record is too short": 1,
        }
        assert loaded["ring"].lost == 0


@pytest.mark.parametrize("cpu", CPUS)
def test_a_full_ring_gives_none_and_is_counted(tmp_path: Path, cpu: str) -> None:
    body = "with ring.reserve_bytes(24) as record:\n    if record is not None:\n        out.value = 1\n"
    with running(tmp_path, RING, body, cpu) as loaded:
        assert results(loaded, *range(200)) == [1] * 127 + [0] * 73
        assert loaded["ring"].lost == 73
        assert len(records(loaded)) == 127
        assert results(loaded, 0) == [1]


@pytest.mark.parametrize("cpu", CPUS)
def test_what_lies_in_a_record_in_place(tmp_path: Path, cpu: str) -> None:
    body = RESERVE + (
        "    head = record.at(Head, 1)\n"
        "    if head is None:\n        out.value = 1\n        return XdpAction.PASS\n"
        "    head.length = 0xAABBCCDD\n"
        "    head.kind += 2\n"
        "    port = record.at(be16, x & 15)\n"
        "    if port is not None:\n        port.value = 0x1234\n"
        "    number = record.at(u64, 0xFFFF_FFFF_FFFF)\n"
        "    if number is None:\n        out.value = 2\n"
    )
    with running(tmp_path, RING, body, cpu) as loaded:
        assert results(loaded, 8, 9, 26) == [1, 2, 2]
        assert records(loaded) == [
            bytes(8),
            b"\0\2\0\0\0\xdd\xcc\xbb\xaa",
            b"\0\2\0\0\0\xdd\xcc\xbb\xaa\0\x12\x34" + bytes(14),
        ]


@pytest.mark.parametrize("cpu", CPUS)
def test_what_is_written_into_a_record(tmp_path: Path, cpu: str) -> None:
    """Structs, arrays, chars, parts of them of any length, what a map holds, and constants."""
    body = RESERVE + (
        "    text = texts.lookup(0)\n"
        "    if text is None:\n        return XdpAction.DROP\n"
        "    record.write(0, text.data[:text.length])\n"
        "    record.write(20, text.words[:text.length])\n"
        "    record.write(36, text.name)\n"
        "    record.write(42, text.data[2:4])\n"
        "    record.write(44, b'\\x01\\x00\\x02')\n"
        "    mine = array(u16, 2)\n"
        "    mine[1] = 0x0102\n"
        "    record.write(47, mine)\n"
        "    record.write(51, ref(text.length))\n"
    )
    with running(tmp_path, RING, body, cpu) as loaded:
        text = loaded.module.Text(name="abc", length=3)
        for index in range(64):
            text.data[index] = index + 1
        for index in range(4):
            text.words[index] = index + 0x11
        for length in (0, 1, 3, 4, 64, 1000):
            text.length = length
            loaded["texts"][0] = text
            assert run(loaded, 100)[0] == XdpAction.PASS
            (record,) = records(loaded)
            expected = bytearray(100)
            data = bytes(range(1, 65))[:length]
            expected[: len(data)] = data
            words = b"".join((index + 0x11).to_bytes(4, "little") for index in range(4))[: 4 * length]
            expected[20 : 20 + len(words)] = words
            expected[36:55] = b"abc\0\0\0" + b"\3\4" + b"\1\0\2" + b"\0\0\2\1" + length.to_bytes(4, "little")
            assert record == bytes(expected)


@pytest.mark.parametrize("cpu", CPUS)
def test_output_of_any_length(tmp_path: Path, cpu: str) -> None:
    body = (
        "text = Text(length=x)\n"
        "for i in range(64):\n    text.data[i] = i\n"
        "out.value = ring.output(text.data[:x])\n"
        "out.value += ring.output(text.data[:x // 3 + 1], 1)\n"
        "out.value += ring.output(Head(length=x))\n"
        "out.value += ring.output(b'raw')\n"
        "out.value += ring.output(text.data[:7])\n"
    )
    data = bytes(range(64))
    with running(tmp_path, RING, body, cpu) as loaded:
        for x in (0, 1, 2, 63, 64, 65, 1 << 31, (1 << 32) - 1):
            assert results(loaded, x) == [0]
            head = HEAD + x.to_bytes(4, "little")
            assert records(loaded) == [data[:x], data[: x // 3 + 1], head, b"raw", data[:7]]


@pytest.mark.parametrize("cpu", CPUS)
def test_the_packet_is_copied_as_far_as_it_goes(tmp_path: Path, cpu: str) -> None:
    """Of a packet whose length is known when it comes."""
    body = (
        "size = len(ctx.packet)\n"
        "with ring.reserve_bytes(size) as record:\n"
        "    if record is None:\n        return XdpAction.DROP\n"
        "    for i in range(256):\n"
        "        byte = ctx.packet.at(u8, i)\n"
        "        if byte is None:\n            break\n"
        "        place = record.at(u8, i)\n"
        "        if place is not None:\n            place.value = byte.value\n"
    )
    with running(tmp_path, RING, body, cpu) as loaded:
        for size in (14, 60, 200):
            packet = bytes(index & 0xFF for index in range(size))
            assert run(loaded, 0, packet)[0] == XdpAction.PASS
            assert records(loaded) == [packet]


@pytest.mark.parametrize("cpu", CPUS)
def test_in_loops_and_functions(tmp_path: Path, cpu: str) -> None:
    module = RING + (
        "others = RingBuf(bytes, size=4096)\n"
        "def head(record, n: u32):\n"
        "    record.write(0, Head(length=n))\n"
        "    return n != 4\n"
        "def report(n: u32) -> u32:\n"
        "    with ring.reserve_bytes(8 + n) as record, others.reserve_bytes(n) as other:\n"
        "        if record is None or other is None:\n            return 1\n"
        "        if not head(record, n):\n            ring.discard(record)\n            return 2\n"
        "        other.write(0, b'?')\n"
        "    return 3\n"
    )
    body = "for i in range(6):\n    if i == x:\n        continue\n    out.value = out.value * 10 + report(i + 1)\n"
    with running(tmp_path, module, body, cpu) as loaded:
        assert results(loaded, 1) == [33233]
        assert [each[4:] for each in records(loaded)] == [
            n.to_bytes(4, "little") + bytes(n) for n in (1, 3, 4, 5, 6) if n != 4
        ]
        assert [loaded["others"].read(0) for _ in range(6)] == [
            *(b"?" + bytes(n - 1) if n != 4 else bytes(4) for n in (1, 3, 4, 5, 6)),
            None,
        ]


LONG = """
for i in range({rounds}):
    if (i & 1023) == 1000:
        with ring.reserve_bytes(i & 63) as record:
            if record is None:
                break
            if i > {rounds} - x:
                ring.discard(record)
                break
            if (i & 63) > 0:
                record.write(0, b"a")
    out.value += 1
"""


@pytest.mark.parametrize("kernel", [(5, 19), (6, 18)])
def test_in_loops_that_the_kernel_goes_round(tmp_path: Path, kernel: tuple[int, int]) -> None:
    if kernel_version() < kernel:
        pytest.skip("this kernel is older")
    made = module_from(tmp_path, source(RING, LONG.format(rounds=20_000)))
    with osmia.load(made, target=Target("v3", kernel)) as loaded:
        assert results(loaded, 0) == [20_000]
        assert [len(each) for each in records(loaded)] == [40] * 19
        assert results(loaded, 3000) == [17_384]
        assert [each[:2] for each in records(loaded)] == [b"a\0"] * 16


def test_a_reservation_around_rounds_that_the_kernel_calls(tmp_path: Path) -> None:
    body = """
with ring.reserve_bytes(x) as record:
    if record is None:
        return XdpAction.DROP
    for i in range(20_000):
        if (i & 4095) == 1:
            record.write(i >> 12, b"b")
        if i == 19_000:
            return XdpAction.TX
"""
    made = module_from(tmp_path, source(RING, body))
    with osmia.load(made, target=Target("v3", min((6, 4), kernel_version()))) as loaded:
        assert run(loaded, 8) == (XdpAction.TX, 0)
        assert run(loaded, 3) == (XdpAction.TX, 0)  # the error edge, from a round
        assert records(loaded) == [b"bbbbb\0\0\0"]
        assert [each.count for each in loaded["program"].errors()] == [1]


RELAY = (
    RING
    + """
from osmia import UserRingBuf, func

@struct
class Command:
    length: u32 = 0
    data: FixedArray[u8] = array(u8, 40)

commands = UserRingBuf(Command, size=4096)
counts = HashMap(u32, u32, max_entries=4)

@func(inline=False)
def send(n: u32) -> u32:
    with ring.reserve_bytes(n) as record:
        if record is None:
            return 1
        record.write(0, b"ab")
        if n == 7:
            ring.discard(record)
    return 0
"""
)
RELAYED = """
def relay(command: Command) -> None:
    with ring.reserve_bytes(4 + command.length) as record:
        if record is not None:
            record.write(4, command.data[:command.length])
    ring.output(command.data[:command.length])

def each(key: u32, value: u32) -> bool:
    with ring.reserve_bytes(value) as record:
        if record is None:
            return True
        if value == 9:
            ring.discard(record)
            return False
        record.write(0, b"k")
    return False

commands.drain(relay)
counts.for_each(each)
out.value = send(x)
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_in_what_helpers_call_and_in_functions_of_their_own(tmp_path: Path, cpu: str) -> None:
    require_kernel((6, 1), "user ring buffers")
    with running(tmp_path, RELAY, RELAYED, cpu) as loaded:
        command = loaded.module.Command(length=3)
        command.data[0], command.data[2] = 65, 66
        loaded["commands"].output(command)
        command.length = 39
        loaded["commands"].output(command)
        loaded["counts"].update({1: 5, 2: 9, 3: 2})
        assert results(loaded, 5) == [0]
        first, second, third, fourth, *counted, sent = records(loaded)
        assert (first, second, sent) == (bytes(4) + b"A\0B", b"A\0B", b"ab\0\0\0")
        assert (third, fourth) == (bytes(4) + b"A\0B".ljust(39, b"\0"), b"A\0B".ljust(39, b"\0"))
        assert sorted(counted) == [b"k\0", b"k\0\0\0\0"]
        assert results(loaded, 7, 5000) == [0, 1]
        assert run(loaded, 1)[0] == XdpAction.TX  # one byte is too few: the error edge, from a function
        assert sorted(records(loaded)) == sorted(counted * 3)
        assert loaded["ring"].lost == 1


def test_a_discard_in_a_round_that_the_kernel_calls(tmp_path: Path) -> None:
    body = """
with ring.reserve_bytes(20) as record:
    if record is None:
        return XdpAction.DROP
    for i in range(2_000_000):
        if i == x:
            ring.discard(record)
            break
"""
    module = module_from(tmp_path, source(RING, body))
    target = Target("v3", (5, 19))
    unit, _ = checked_unit((module.program.request,), target)
    with pytest.raises(osmia.CompileError) as caught:
        generate(unit, target)
    assert caught.value.msg == "a record is given up by the function that reserved it"
    assert caught.value.__notes__ == [
        "found: a discard in a loop that is too long to stand as it is, whose rounds the kernel calls",
        "expected: a discard behind the loop",
        "fix: leave the loop with `break`, and discard the record there",
    ]


def test_older_kernels(tmp_path: Path) -> None:
    module = module_from(tmp_path, source(RING, RESERVE))
    unit, _ = checked_unit((module.program.request,))
    with pytest.raises(osmia.CompileError) as caught:
        generate(unit, Target("v3", (5, 10)))
    assert caught.value.msg == "ringbuf_reserve_dynptr needs a newer kernel than this is compiled for"


def test_flags_of_the_end(tmp_path: Path) -> None:
    """BPF_RB_NO_WAKEUP (1) leaves a reader asleep, and BPF_RB_FORCE_WAKEUP (2) does not."""
    import select

    body = "with ring.reserve_bytes(8, x) as record:\n    pass\n"
    with running(tmp_path, RING, body) as loaded:
        ring = loaded["ring"]
        for flags, woken in ((1, False), (2, True), (0, True)):
            with select.epoll() as poller:
                poller.register(ring.fileno(), select.EPOLLIN | select.EPOLLET)
                assert poller.poll(0) == []
                assert run(loaded, flags)[0] == XdpAction.PASS
                assert bool(poller.poll(0.2)) is woken
            assert records(loaded) == [bytes(8)]
