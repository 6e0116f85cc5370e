"""Many packets through a program: each engine gives for each what a run by itself gives."""

from __future__ import annotations

import mmap
import random
from array import array
from typing import TYPE_CHECKING, Any

import pytest

import osmia
import raw_programs as raw
from alarms import alarms
from compiled import c_object
from conformance import assemble
from osmia import (
    Array,
    HashMap,
    Machine,
    PerCpuArray,
    ProgramArray,
    TcAction,
    TcContext,
    XdpAction,
    XdpContext,
    tc,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.abi import instruction as isa
from osmia.errors import VmError
from osmia.pcap import NO_TIME
from osmia.spec import MapSpec, Relocation
from osmia.vm.machine import START
from osmia.vm.many import Batch
from osmia.vm.program import VmProgram
from refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.loader.load import LoadedObject
    from osmia.vm.execution import Execution

ENGINES = ("interpreter", "jit")
PROBE = 900
END = ["mov %r0, 2", "exit"]

counts = PerCpuArray(u64, max_entries=2)
sizes = HashMap(u32, u64, max_entries=40)


@xdp
def parse(ctx: XdpContext) -> XdpAction:
    """Every verdict, counters in both maps, and a packet that is changed."""
    first = ctx.packet.at(u8, 0)
    if first is None:
        return XdpAction.DROP
    found = counts.lookup(u32(first.value & 1))
    if found is None:
        return XdpAction.ABORTED
    found.value += u64(len(ctx.packet))
    if first.value < 64:
        size = sizes.lookup_or_init(u32(len(ctx.packet) & 31), 0)
        if size is None:
            return XdpAction.REDIRECT
        size.value += 1
    last = ctx.packet.at(u8, 15)
    if last is None:
        return XdpAction.TX
    last.value ^= first.value
    return XdpAction.PASS


@tc("ingress")
def above(ctx: TcContext) -> TcAction:
    """One that is given another context."""
    return TcAction.UNSPEC if len(ctx.packet) > 20 else TcAction.SHOT


def packets(count: int, longest: int = 300) -> list[bytes]:
    numbers = random.Random(6)
    return [numbers.randbytes(numbers.choice((0, 1, 14, 16, 60, numbers.randint(0, longest)))) for _ in range(count)]


def program_of(loaded: LoadedObject) -> VmProgram:
    """The program `p` of an object."""
    found = loaded.programs["p"]
    assert isinstance(found, VmProgram)
    return found


def bare(machine: Machine, lines: list[str]) -> VmProgram:
    """A program of a machine, of some lines."""
    return program_of(machine.load_object(raw.spec(raw.function("p", assemble(lines)))))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 300])
def test_each_packet_as_by_itself(engine: str, count: int) -> None:
    given = packets(count)
    with Machine(cpus=2) as machine:
        machine.cpu = 1
        runs = [machine.run(parse, each) for each in given]
        expected = ([run.return_value for run in runs], [run.data for run in runs], dict(sizes.items()), counts[1])
    with Machine(engine=engine, cpus=2) as machine:
        machine.cpu = 1
        done = machine.run_many(parse, given, keep=True)
        assert done.packets is not None
        assert ([*done.verdicts], [*done.packets], dict(sizes.items()), counts[1]) == expected
        assert done.counts == {action: expected[0].count(action) for action in XdpAction if action in expected[0]}
        assert list(done.counts.values()) == sorted(done.counts.values(), reverse=True)
        assert all(isinstance(action, XdpAction) for action in done.counts)
        assert machine.run_many(parse, given).packets is None


@pytest.mark.parametrize("engine", ENGINES)
def test_no_packets(engine: str) -> None:
    machine = Machine(engine=engine)
    done = machine.run_packets(bare(machine, END), [], keep=True)
    assert (done.counts, len(done.verdicts), done.packets) == ({}, 0, Batch.of([]))
    machine.close()


def test_packets_in_one_piece_of_memory() -> None:
    """Memory that may not be written to, packets that overlap, and arrays of other types."""
    with mmap.mmap(-1, 4096) as memory, Machine(engine="jit") as machine:
        memory[:40] = bytes(range(64, 104))
        view = memoryview(memory).toreadonly()
        batch = Batch(view, array("L", [0, 4, 8]), array("H", [14, 20, 0]))
        done = machine.run_many(parse, batch, keep=True)
        assert done.packets is not None
        assert [len(each) for each in done.packets] == [14, 20, 0]
        assert done.packets[1] == bytes([*range(68, 83), 83 ^ 68, *range(84, 88)])
        assert done.counts == {XdpAction.TX: 1, XdpAction.PASS: 1, XdpAction.DROP: 1}
        del batch, done
        view.release()


@pytest.mark.parametrize("engine", ENGINES)
def test_long_packets(engine: str) -> None:
    given = [bytes([64]) * length for length in (65536, 0, 65535, 14)]
    with Machine(engine=engine) as machine:
        done = machine.run_many(parse, given, keep=True)
        assert done.packets is not None
        assert [len(each) for each in done.packets] == [65536, 0, 65535, 14]
        assert counts[0].sum() == 65536 + 65535 + 14


@pytest.mark.parametrize("engine", ENGINES)
def test_another_kind(engine: str) -> None:
    with Machine(engine=engine) as machine:
        done = machine.run_many(above, [bytes(20), bytes(21), bytes(22)])
        assert done.counts == {TcAction.UNSPEC: 2, TcAction.SHOT: 1}
        assert done.verdicts[1] == 0xFFFF_FFFF


@pytest.mark.parametrize("engine", ENGINES)
def test_verdicts_that_mean_nothing(engine: str) -> None:
    with Machine(engine=engine) as machine:
        lines = ["ldxw %r2, [%r1+0]", "ldxb %r0, [%r2+0]", "exit"]
        done = machine.run_packets(bare(machine, lines), [bytes([each]) for each in (200, 2, 200, 17)])
        assert done.counts == {200: 2, 2: 1, 17: 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fault_says_at_which_packet(engine: str) -> None:
    """Also where the packet before was longer, and what lies behind the packet is what is left of it."""
    with Machine(engine=engine) as machine:
        of = bare(machine, ["ldxw %r2, [%r1+0]", "ldxw %r0, [%r2+12]", "exit"])
        with pytest.raises(VmError) as caught:
            machine.run_packets(of, [bytes(64), bytes(16), bytes(70), bytes(14), bytes(64)])
        error = caught.value
        assert str(error).startswith(
            "read of 4 bytes at offset 12 of the packet, which has 14 bytes: its last 2 bytes lie outside"
        )
        assert (error.packet, error.instruction, error.size) == (3, 1, 4)
        assert error.__notes__[-1] == "see: packet 3 of those given to run_many(), counted from 0"
        assert machine.running == []
        assert machine.run_packets(of, [bytes(16)]).counts == {0: 1}


def test_what_lies_behind_a_packet_is_zero_again() -> None:
    """A helper makes the packet longer: what was there before it was given is none of the packet before."""
    seen = []

    def grow(run: Execution, *_: int) -> int:
        packet = run.context.packet
        assert packet is not None
        seen.append((packet.data, packet.hard_end - packet.end))
        packet.resize(packet.start, packet.end + 8)
        run.context.packet_moved()
        return 2

    given = [b"a" * 64, b"b" * 20, b"c" * 64, b"d" * 30]
    results = []
    for engine in ENGINES:
        with Machine(engine=engine) as machine:
            machine.helpers[PROBE] = grow
            of = bare(machine, ["ldxw %r2, [%r1+0]", "ldxb %r2, [%r2+0]", "jeq %r2, 97, +1", f"call {PROBE}", *END])
            done = machine.run_packets(of, given, keep=True)
            assert done.packets is not None
            results.append(([*done.packets], [*seen]))
            seen.clear()
    assert results[0] == results[1]
    assert results[0][0][1] == b"b" * 20 + bytes(8)


def test_each_packet_has_fuel_of_its_own() -> None:
    lines = ["ldxw %r2, [%r1+0]", "ldxb %r2, [%r2+0]", "sub %r2, 1", "jsge %r2, 0, -2", *END]
    for engine in ENGINES:
        with Machine(engine=engine, fuel=100) as machine:
            of = bare(machine, lines)
            assert machine.run_packets(of, [bytes([40])] * 20).counts == {2: 20}
            with pytest.raises(VmError, match="it has run 100 instructions and does not end") as caught:
                machine.run_packets(of, [bytes([40]), bytes([60])])
            assert caught.value.packet == 1


def test_places_of_values_are_used_again() -> None:
    """What one packet takes out of a map is free when the next one comes."""
    table = MapSpec("table", 1, 4, 8, 16)
    code = raw.insn(isa.ST | isa.MEM | isa.W, 10, off=-4, imm=1) + raw.insn(
        isa.ST | isa.MEM | isa.DW, 10, off=-16, imm=5
    )
    code += raw.insn(isa.ALU64 | isa.MOV | isa.X, 2, 10) + raw.insn(isa.ALU64 | isa.ADD, 2, imm=-4)
    code += raw.insn(isa.ALU64 | isa.MOV | isa.X, 3, 10) + raw.insn(isa.ALU64 | isa.ADD, 3, imm=-16)
    code += raw.insn(isa.ALU64 | isa.MOV, 4, imm=0) + raw.LD_IMM64_R1 + assemble(["call 2", "mov %r0, 2", "exit"])
    with Machine(engine="jit") as machine:
        loaded = machine.load_object(raw.spec(raw.function("p", code, [Relocation(7, "map", "table")]), maps=[table]))
        before = len(machine.memory.blocks)
        assert machine.run_packets(program_of(loaded), [bytes(14)] * 1000).counts == {2: 1000}
        assert len(machine.memory.blocks) <= before + 8
        assert loaded.maps["table"].lookup(b"\1\0\0\0") == (5).to_bytes(8, "little")


def test_ctrl_c_ends_a_long_run() -> None:
    def ring(*_: object) -> None:
        raise KeyboardInterrupt

    with Machine(engine="jit") as machine:
        of = bare(machine, ["mov %r1, 20000", "sub %r1, 1", "jne %r1, 0, -2", *END])
        given = Batch(memoryview(bytes(14)), array("Q", [0]) * 2_000_000, array("I", [14]) * 2_000_000)
        with pytest.raises(KeyboardInterrupt), alarms(ring, 0.3):
            machine.run_packets(of, given)
        assert machine.running == []
        assert machine.run_packets(of, [bytes(14)] * 3).counts == {2: 3}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_are_no_packets(engine: str) -> None:
    memory = memoryview(bytes(20))
    with Machine(engine=engine) as machine:
        of = bare(machine, END)
        for offsets, lengths, text in (
            ([0, 8], [4, 13], "packet 1 is to lie at 8 with 13 bytes: the memory has 20"),
            ([21], [0], "packet 0 is to lie at 21 with 0 bytes: the memory has 20"),
            ([(1 << 64) - 1], [4], "packet 0 is to lie at 18446744073709551615 with 4 bytes: the memory has 20"),
            ([0, 0], [1], "2 packets begin somewhere, and 1 have a length"),
        ):
            batch = Batch(memory, array("Q", offsets), array("I", lengths))
            assert refusal(ValueError, lambda batch=batch: machine.run_packets(of, batch)) == text
        no_program: Any = 3
        assert refusal(TypeError, lambda: machine.run_packets(of, [b"a", no_program])) == (
            "run_many() takes packets, each of them bytes, not int 3"
        )
        no_packets: Any = b"abc"
        assert refusal(TypeError, lambda: machine.run_packets(of, no_packets)) == (
            "run_many() takes packets, each of them bytes, not bytes b'abc'"
        )
        assert refusal(TypeError, lambda: machine.run_many(no_program, [])) == "run_many() takes a program, not int 3"


def test_code_is_made_fast_for_many_packets() -> None:
    """It is compiled again then, and does the same."""
    with Machine(engine="jit") as machine:
        given = packets(200) * 60
        few = machine.run_many(parse, given[:200])
        many = machine.run_many(parse, given)
        assert [*many.verdicts] == [*few.verdicts] * 60


def test_a_batch_is_a_sequence() -> None:
    batch = Batch.of([b"ab", b"", b"c"])
    assert ([*batch], len(batch), batch[2]) == ([b"ab", b"", b"c"], 3, b"c")


# The clock

stamps = Array(u64, max_entries=64)
ticks = HashMap(u32, u64, max_entries=64)
others = ProgramArray(XdpContext, max_entries=1)
SECOND = 1_000_000_000
CAPTURED = [7 * SECOND, 7 * SECOND, 8 * SECOND + 1, NO_TIME, 6 * SECOND, 9 * SECOND, 9 * SECOND + 5, 600 * SECOND]


@xdp
def tells_time(ctx: XdpContext) -> XdpAction:
    """What the clock shows, told by native code, by Python, and by the program that a tail call goes to."""
    first = ctx.packet.at(u8, 0)
    if first is None:
        return XdpAction.DROP
    number = u32(first.value)
    stamp = stamps.lookup(number)
    if stamp is None:
        return XdpAction.ABORTED
    stamp.value = ctx.ktime_get_ns()
    ticks.update(number, ctx.jiffies64())
    others.tail_call(ctx, 0)
    return XdpAction.DROP


@xdp
def tells_more(ctx: XdpContext) -> XdpAction:
    first = ctx.packet.at(u8, 0)
    if first is None:
        return XdpAction.DROP
    stamp = stamps.lookup(u32(first.value) + 32)
    if stamp is None:
        return XdpAction.ABORTED
    stamp.value = ctx.ktime_get_ns()
    return XdpAction.TX if stamp.value % 2 else XdpAction.PASS


def captured(times: list[int] | None) -> Batch:
    made = Batch.of([bytes([number]) * 20 for number in range(len(CAPTURED))])
    made.times = None if times is None else array("q", times)
    return made


def one_after_the_other(machine: Machine, program: Any, given: Batch, *, keep: bool = False) -> array[int]:
    """What `run_many` does, by single runs."""
    del keep
    times = given.times or [NO_TIME] * len(given)
    began = machine.clock - next((each for each in times if each != NO_TIME), 0)
    verdicts = array("I")
    for packet, time in zip(given, times, strict=True):
        if time != NO_TIME:
            machine.advance_to(max(machine.clock, began + time))
        verdicts.append(machine.run(program, packet).return_value)
    return verdicts


@pytest.mark.parametrize("times", [None, CAPTURED, [NO_TIME] * len(CAPTURED)], ids=["none", "a capture's", "unknown"])
@pytest.mark.parametrize("engine", ["interpreter", "python", "jit"])
def test_the_clock_goes_as_it_does_packet_by_packet(engine: str, times: list[int] | None) -> None:
    def told(machine: Machine, run: Callable[..., Any]) -> tuple[list[int], list[int], dict[int, int], int]:
        with machine:
            tells_more.load()
            tells_time.load()
            others[0] = tells_more
            machine.advance(3)
            verdicts = run(machine, tells_time, captured(times))
            return [*verdicts], [*stamps.values()], dict(ticks.items()), machine.clock

    expected = told(Machine(), one_after_the_other)
    assert told(Machine(engine=engine), lambda machine, *given: machine.run_many(*given).verdicts) == expected
    assert (
        told(Machine(engine=engine), lambda machine, *given: machine.run_many(*given, keep=True).verdicts) == expected
    )
    assert (len(set(expected[1])) > 5) == (times is CAPTURED)


TIMER = """
static long (*timer_init)(void *timer, void *map, u64 flags) = (void *)169;
static long (*timer_set_callback)(void *timer, void *callback) = (void *)170;
static long (*timer_start)(void *timer, u64 nsecs, u64 flags) = (void *)171;
struct bpf_timer { u64 a, b; } __attribute__((aligned(8)));
struct value { struct bpf_timer timer; u64 fired, last, seen[8]; };
struct { __uint(type, 2); __uint(max_entries, 1); __type(key, u32); __type(value, struct value); } timers SEC(".maps");
static int fire(void *map, u32 *key, struct value *value)
{
    value->fired++;
    value->last = bpf_ktime_get_ns();
    if (value->fired < 4) timer_start(&value->timer, 400000000, 0);
    return 0;
}
SEC("xdp") int program(struct xdp_md *ctx)
{
    u32 key = 0;
    u8 *data = (u8 *)(long)ctx->data;
    struct value *value = bpf_map_lookup_elem(&timers, &key);
    if (!value || data + 1 > (u8 *)(long)ctx->data_end) return 0;
    if (*data == 1) {
        if (timer_init(&value->timer, &timers, 1) || timer_set_callback(&value->timer, fire)) return 0;
        timer_start(&value->timer, 400000000, 0);
    }
    value->seen[*data & 7] = value->fired << 32 | (u32)value->last;
    return 2;
}
"""


@pytest.mark.parametrize("engine", ["interpreter", "python", "jit"])
def test_timers_fire_between_packets_as_they_come_due(engine: str) -> None:
    def told(machine: Machine, run: Callable[..., Any]) -> tuple[object, ...]:
        with machine, osmia.load(c_object(TIMER), engine=machine) as loaded:
            verdicts = run(machine, loaded["program"], captured(CAPTURED))
            return [*verdicts], loaded["timers"].backend.lookup(bytes(4)), machine.clock

    expected = told(Machine(), one_after_the_other)
    assert told(Machine(engine=engine), lambda machine, *given: machine.run_many(*given).verdicts) == expected


def test_times_that_are_not_of_the_packets() -> None:
    given = captured([1, 2])
    with Machine() as machine:
        assert refusal(ValueError, lambda: machine.run_many(parse, given)) == (
            "8 packets begin somewhere, and 2 have a time"
        )


@pytest.mark.parametrize("engine", ["interpreter", "jit"])
def test_times_beyond_64_bits(engine: str) -> None:
    """Of a damaged capture: Python's numbers count on."""
    with Machine(engine=engine) as machine:
        tells_time.load()
        assert [*machine.run_many(tells_time, captured([-(1 << 62), (1 << 63) - 1, *CAPTURED[2:]])).verdicts] == [1] * 8
        assert machine.clock == START + (1 << 63) - 1 + (1 << 62)
