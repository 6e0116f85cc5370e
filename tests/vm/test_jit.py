"""The native engine does what the reference engine does: results, faults and their places, memory, fuel."""

from __future__ import annotations

import gc
import random
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import raw_programs as raw
from alarms import alarms, ring_in
from bare_code import Bare
from conformance import assemble
from osmia.abi import instruction as isa
from osmia.errors import CompilerMissingError, VmError
from osmia.kinds import KINDS
from osmia.spec import MapSpec, Relocation
from osmia.vm import engine
from osmia.vm.code import FUNCTIONS, decode
from osmia.vm.jit import native
from osmia.vm.machine import Machine
from osmia.vm.maps.hashes import HashMap, PerCpuHashMap
from osmia.vm.memory import FREED
from osmia.vm.program import VmProgram
from refusal import refusal
from wild_bytecode import wild_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.loader.load import LoadedObject
    from osmia.spec import ObjectSpec
    from osmia.vm.execution import Execution

MEMORY = bytes(range(1, 33))
WILD = 200
PROBE = 900
FAR = ["stdw [%r1-400], 5", "mov %r0, 0"]
FIVE = ["mov %r0, 5"]
"""The number of a helper that tests put into a machine."""

Outcome = tuple[Any, bytes]


def outcome(bare: Bare, code: bytes) -> Outcome:
    """What code gives, or all that its fault says; and the memory that it was given, after it."""
    result: Any
    try:
        result = bare.run(code, MEMORY)
    except VmError as error:
        notes = tuple(getattr(error, "__notes__", ()))
        result = (
            str(error),
            error.kind,
            error.instruction,
            error.address,
            error.size,
            error.object,
            error.offset,
            notes,
        )
    return result, bare.memory_after


def both(code: bytes, **options: Any) -> Outcome:
    """What the reference engine gives, which is what the native one gives."""
    with Bare("interpreter", **options) as reference, Bare("jit", **options) as jit:
        expected = outcome(reference, code)
        assert outcome(jit, code) == expected
    return expected


def program(machine: Machine, code: bytes, kind: str = "xdp", name: str = "bare") -> VmProgram:
    """Code as a program of a machine."""
    return VmProgram(machine, 0, name, KINDS[kind], kind, decode(name, code, [], int, int))


def program_of(loaded: LoadedObject) -> VmProgram:
    """The program `p` of an object."""
    found = loaded.programs["p"]
    assert isinstance(found, VmProgram)
    return found


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(engine="jit") as made:
        yield made


# Faults

FAULTS = {
    "a null pointer": ["mov %r1, 0", "ldxw %r0, [%r1+4]", "exit"],
    "behind all memory": ["lddw %r1, 0xffffffff", "ldxdw %r0, [%r1-1]", "exit"],
    "above 32 bits": ["lddw %r1, 0x100010000", "stb [%r1+0], 1", "exit"],
    "behind a block": ["ldxdw %r0, [%r1+25]", "exit"],
    "before a block": ["stxh [%r1-1], %r1", "exit"],
    "a stack that was not written": ["stw [%r10-8], 1", "ldxdw %r0, [%r10-8]", "exit"],
    "above the stack": ["ldxb %r0, [%r10+0]", "exit"],
    "below the stack": ["stdw [%r10-520], 0", "exit"],
    "over the end of the stack": ["stdw [%r10-4], 0", "exit"],
    "a register": ["mov %r0, %r3", "exit"],
    "a result": ["exit"],
    "a register on one way": ["jne %r2, 0, +1", "mov %r6, 1", "mov %r0, %r6", "exit"],
    "the source of a store first": ["stxb [%r7+0], %r8", "exit"],
    "the destination of arithmetic first": ["add %r7, %r8", "exit"],
    "the source of a comparison first": ["jgt %r7, %r8, +0", "mov %r0, 0", "exit"],
    "what a call forgets on one way": ["jeq %r2, 0, +1", "call 5", "mov %r0, %r1", "exit"],
    "what a call forgets": ["call 5", "mov %r0, %r1", "exit"],
    "an argument of a helper": ["mov %r1, 5", "call 1", "exit"],
    "an argument of a helper on one way": ["mov %r1, 5", "jne %r3, 0, +1", "mov %r2, %r10", "call 1", "exit"],
    "an argument of a helper by register": ["mov %r6, 1", "mov %r1, 5", "call %r6", "exit"],
    "a register that is no helper by far": ["lddw %r6, 0x100000001", "call %r6", "exit"],
    "an argument that is not given": ["mov %r2, 1", "call local f", "exit", "f:", "mov %r0, %r3", "exit"],
    "a result of a function": ["call local f", "exit", "f:", "exit"],
    "registers of the caller": ["mov %r6, 1", "call local f", "exit", "f:", "mov %r0, %r6", "exit"],
    "a frame that is gone": ["call local f", "ldxb %r0, [%r0-8]", "exit", "f:", "mov %r0, %r10", "exit"],
    "a helper that is not there": ["call 4000", "exit"],
    "a register as a helper": ["mov %r3, 4001", "call %r3", "exit"],
    "a function as memory": ["lddw %r1, 0x1000000000003", "ldxb %r0, [%r1+0]", "exit"],
    "too many functions": ["f:", "call local f", "exit"],
    "no map": ["mov %r1, 5", "mov %r2, %r10", "call 1", "exit"],
    "no array of programs": ["mov %r2, 5", "mov %r3, 0", "call 12", "exit"],
    "no index of a program": ["mov %r2, 5", "call 12", "exit"],
    "a tail call by register": ["mov %r6, 12", "mov %r2, 5", "call %r6", "exit"],
    "an atomic operation on null": ["mov %r1, 0", "lock add [%r1+8], %r2", "exit"],
    "an exchange without r0": ["lock cmpxchg [%r1+0], %r2", "exit"],
    "no end": ["mov %r0, 0", "add %r0, 1", "ja -2", "exit"],
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_the_same(name: str) -> None:
    result, _ = both(assemble(FAULTS[name]), fuel=1000)
    assert isinstance(result, tuple)


STACKS = {
    "by an address that is subtracted from": ["mov %r6, %r10", "sub %r6, 40", "stdw [%r6+0], 5", "ldxdw %r0, [%r6+0]"],
    "by an address that was stored": ["stxdw [%r10-8], %r10", "ldxdw %r6, [%r10-8]", "stdw [%r6-99], 5", "mov %r0, 5"],
    "by an address of another function": ["mov %r1, %r10", "call local f", "mov %r0, 5", "exit", "f:", *FAR],
    "by an address that two ways have": ["mov %r6, %r10", "jeq %r2, 0, +1", "add %r6, -80", "stdw [%r6-8], 5", *FIVE],
}


@pytest.mark.parametrize("name", STACKS)
def test_the_whole_stack_is_there(name: str) -> None:
    """However far down its address is followed."""
    assert both(assemble([*STACKS[name], "exit"]))[0] == 5


@pytest.mark.parametrize("jump", ["jne", "jeq"])
@pytest.mark.parametrize("first", [True, False], ids=["written first", "written last"])
def test_a_register_that_is_written_on_one_of_two_ways(jump: str, first: bool) -> None:
    """Which of the ways is taken, and which of them the code has first, makes no difference."""
    ways = ["mov %r6, 5", "ja +1", "mov %r7, 5"] if first else ["mov %r7, 5", "ja +1", "mov %r6, 5"]
    result, _ = both(assemble([f"{jump} %r2, 0, +2", *ways, "mov %r0, %r6", "exit"]))
    assert result == 5 or result[0].startswith("register r6 is read before")


def test_what_a_fault_says() -> None:
    (text, kind, slot, *_, notes), _ = both(assemble(FAULTS["a stack that was not written"]))
    assert text == (
        "read of 8 bytes at offset 504 of the stack of bare, which has 512 bytes: bytes 4 to 7 of it were never "
        "written\n  in program bare, instruction 1"
    )
    assert (kind, slot, notes) == ("uninitialised", 1, ("fix: write all of it first, the bytes between fields too",))


def test_memory_that_may_only_be_read() -> None:
    """A packet above the driver, whose programs may not write into it."""
    texts = []
    for name in ("interpreter", "jit"):
        with Machine(engine=name) as machine:
            of = program(
                machine, assemble(["ldxw %r2, [%r1+76]", "stb [%r2+1], 7", "mov %r0, 0", "exit"]), "cgroup_skb"
            )
            texts.append(refusal(VmError, lambda of=of, machine=machine: machine.run_packet(of, bytes(64))))
    assert texts[0] == texts[1]
    assert "it may only be read" in texts[0]


@pytest.mark.parametrize("seeds", [range(first, first + 100) for first in range(0, WILD, 100)], ids=str)
def test_code_that_goes_astray(seeds: range) -> None:
    """Code that no verifier has seen: all that it does wrong is found at the same place."""
    with Bare("interpreter", fuel=300) as reference, Bare("jit", fuel=300) as jit:
        kinds = set()
        for seed in seeds:
            code = wild_program(seed)
            expected = outcome(reference, code)
            assert outcome(jit, code) == expected, f"seed {seed}"
            kinds.add(expected[0][1] if isinstance(expected[0], tuple) else "a result")
    assert len(kinds) >= 5


def test_uninitialised_memory_may_be_allowed() -> None:
    code = assemble(["ldxdw %r0, [%r10-8]", "exit"])
    with Bare("jit", allow_uninitialised=True) as bare:
        assert bare.run(code) == 0


# Operations

LAST = (1 << 64) - 1
OPERANDS = (0, 1, 2, 7, 31, 32, 63, 64, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 63, (1 << 63) - 1, LAST, LAST - 6)
BINARY = [isa.ADD, isa.SUB, isa.MUL, isa.OR, isa.AND, isa.LSH, isa.RSH, isa.XOR, isa.MOV, isa.ARSH, isa.DIV, isa.MOD]


def loaded(register: int, value: int) -> bytes:
    """The load of 64 bits."""
    return raw.insn(isa.LD_IMM64, register, imm=_signed(value)) + raw.insn(0, imm=_signed(value >> 32))


def _signed(value: int) -> int:
    return ((value & 0xFFFF_FFFF) ^ 1 << 31) - (1 << 31)


@pytest.mark.parametrize("of", [isa.ALU, isa.ALU64], ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("operation", BINARY, ids=hex)
def test_arithmetic_at_the_edges(of: int, operation: int) -> None:
    """All pairs in one piece of code, which sums the results up; a bit is rotated so that none hides another."""
    offsets = {isa.DIV: (0, 1), isa.MOD: (0, 1), isa.MOV: (0, 8, 16, 32)}.get(operation, (0,))
    code = raw.insn(isa.ALU64 | isa.MOV, 0, imm=0)
    for offset in offsets:
        for left in OPERANDS:
            for right in OPERANDS:
                code += loaded(6, left) + loaded(7, right) + raw.insn(of | operation | isa.X, 6, 7, offset)
                code += raw.insn(isa.ALU64 | isa.MUL, 0, imm=31) + raw.insn(isa.ALU64 | isa.ADD | isa.X, 0, 6)
            code += loaded(6, left) + raw.insn(of | operation, 6, 0, offset if operation != isa.MOV else 0, -7)
            code += raw.insn(isa.ALU64 | isa.MUL, 0, imm=31) + raw.insn(isa.ALU64 | isa.ADD | isa.X, 0, 6)
    result, _ = both(code + raw.insn(isa.JMP | isa.EXIT))
    assert result > 0


@pytest.mark.parametrize("size", [isa.B, isa.H, isa.W, isa.DW], ids=["8", "16", "32", "64"])
@pytest.mark.parametrize(
    "operation",
    [
        *(isa.ADD, isa.OR, isa.AND, isa.XOR, isa.XCHG, isa.CMPXCHG, isa.LOAD_ACQUIRE, isa.STORE_RELEASE),
        *(isa.ADD | isa.FETCH, isa.OR | isa.FETCH, isa.AND | isa.FETCH, isa.XOR | isa.FETCH),
    ],
    ids=hex,
)
def test_atomic_operations(size: int, operation: int) -> None:
    ordered = operation in (isa.LOAD_ACQUIRE, isa.STORE_RELEASE)
    if size in (isa.B, isa.H) and not ordered:
        pytest.skip("there is none of that size")
    for expected in (0x0807_0605_0403_0201, 0xFFFF_FFFF_0403_0201, 7):
        registers = (2, 1) if operation == isa.LOAD_ACQUIRE else (1, 2)
        code = loaded(0, expected) + loaded(2, 0x1122_3344_5566_7788)
        code += raw.insn(isa.STX | isa.ATOMIC | size, *registers, 0, operation)
        code += raw.insn(isa.ALU64 | isa.XOR | isa.X, 0, 2) + raw.insn(isa.JMP | isa.EXIT)
        both(code)


def test_a_may_goto_comes_to_an_end() -> None:
    code = [
        *assemble(["mov %r0, 0"]),
        *raw.insn(isa.JMP | isa.JCOND, off=2),
        *assemble(["add %r0, 1", "ja -3", "exit"]),
    ]
    with Bare("jit") as bare:
        assert bare.run(bytes(code)) == 1 << 23


@pytest.mark.parametrize("fuel", range(1, 24))
def test_fuel_ends_at_the_same_instruction(fuel: int) -> None:
    """At each place of a loop that calls a function, and a helper."""
    lines = ["mov %r6, 0", "lddw %r7, 1", "call local f", "call 5", "add %r6, 1", "ja -6", "exit"]
    result, _ = both(assemble([*lines, "f:", "mov %r0, 1", "mov %r1, 2", "exit"]), fuel=fuel)
    assert result[1] == "fuel"


def test_what_is_left_of_the_fuel() -> None:
    left = []
    for name in ("interpreter", "jit"):
        with Bare(name, fuel=100) as bare:
            bare.machine.helpers[PROBE] = lambda run, *_: run.fuel
            left.append(bare.run(assemble(["mov %r6, 3", f"call {PROBE}", "exit"])))
    assert left == [98, 98]


# Calls of Python, and from it


def test_arguments_and_results_of_helpers(machine: Machine) -> None:
    given: list[tuple[int, ...]] = []

    def probe(_run: Execution, *arguments: int) -> int:
        given.append(arguments)
        return -22

    machine.helpers[PROBE] = probe
    of = program(machine, assemble(["mov %r1, -1", "mov %r2, 2", "mov %r4, 4", f"call {PROBE}", "exit"]))
    assert machine.run_packet(of, bytes(14))[0] == 0xFFFF_FFEA
    assert given == [(LAST, 2, 0, 4, 0)]


def test_an_exception_of_a_helper_comes_out_as_it_is(machine: Machine) -> None:
    for raised in (ValueError("one"), KeyboardInterrupt(), SystemExit(3), VmError("two")):

        def probe(*_: object, raised: BaseException = raised) -> int:
            raise raised

        machine.helpers[PROBE] = probe
        of = program(machine, assemble(["call local f", "exit", "f:", "stdw [%r10-8], 1", f"call {PROBE}", "exit"]))
        with pytest.raises(type(raised)) as caught:
            machine.run_packet(of, bytes(14))
        assert caught.value is raised
        machine.helpers[PROBE] = lambda *_: 7
        assert machine.run_packet(of, bytes(14))[0] == 7
    assert machine.running == []


def test_an_exception_of_a_signal_is_not_lost(machine: Machine) -> None:
    """It can come before the first instruction of what native code calls, where nothing in it can catch it."""
    rung, caught, ran = 0, 0, 0

    def ring(*_: object) -> None:
        nonlocal rung
        rung += 1
        raise TimeoutError

    machine.helpers[PROBE] = lambda *_: 0
    lines = [*["mov %r6, 0"], f"call {PROBE}", "add %r6, 1", "jlt %r6, 2000, -3", "mov %r0, 2", "exit"]
    of = program(machine, assemble(lines))
    machine.run_packet(of, bytes(14))
    with alarms(ring):
        for number in range(200):
            try:
                ring_in(0.0005 + number * 1e-6)
                assert machine.run_packet(of, bytes(14))[0] == 2
                ran += 1
                ring_in(0)
            except TimeoutError:
                caught += 1
    assert (rung, caught + ran) == (caught, 200)
    assert caught >= 150
    assert machine.run_packet(of, bytes(14))[0] == 2


def test_functions_that_helpers_call() -> None:
    """Three of them: one that the code has the address of, one that it only names by a number, one that goes wrong."""
    lines = [
        *("mov %r6, %r1", "mov %r1, %r10", "stdw [%r10-8], 5", f"call {PROBE}", "mov %r6, %r0", "mov %r0, %r6", "exit"),
        *("f:", "mov %r0, %r1", "add %r0, %r2", "stxdw [%r10-8], %r0", "exit"),
        *("g:", "mov %r0, %r5", "exit"),
    ]
    texts = []
    for name in ("interpreter", "jit"):
        with Bare(name) as bare:
            at = 7

            def probe(run: Execution, *_: int) -> int:
                return run.call_function(FUNCTIONS + at, 30, 4)  # noqa: B023 - it is used in this round

            bare.machine.helpers[PROBE] = probe
            assert bare.run(assemble(lines), MEMORY) == 34
            at = 8
            assert "register r0 is read" in refusal(VmError, lambda bare=bare: bare.run(assemble(lines), MEMORY))
            at = 11
            texts.append(refusal(VmError, lambda bare=bare: bare.run(assemble(lines), MEMORY)))
            at = 99
            texts.append(refusal(VmError, lambda bare=bare: bare.run(assemble(lines), MEMORY)))
    assert texts[:2] == texts[2:]
    assert texts[0] == "register r5 is read before anything was written to it\n  in program bare, instruction 11"


def test_a_helper_runs_another_program(machine: Machine) -> None:
    inner = program(machine, assemble(["mov %r0, 3", "stxdw [%r10-8], %r0", "exit"]))
    machine.helpers[PROBE] = lambda *_: machine.run_packet(inner, bytes(20))[0]
    lines = ["stdw [%r10-8], 4", f"call {PROBE}", "ldxdw %r1, [%r10-8]", "add %r0, %r1", "exit"]
    assert machine.run_packet(program(machine, assemble(lines)), bytes(14))[0] == 7


def test_what_a_helper_raises_behind_a_run_of_its_own(machine: Machine) -> None:
    """That run has ended well or wrongly: what comes out is what was raised, and says which program did it."""
    outer = program(machine, assemble([f"call {PROBE}", "exit"]))
    inner = program(machine, assemble(["mov %r0, 3", "exit"]))
    wrong = program(machine, assemble(["mov %r0, 3", "mov %r0, %r6", "exit"]), name="inner")

    def probe(*_: int) -> int:
        assert machine.run_packet(inner, bytes(20))[0] == 3
        raise ValueError("by the helper")

    machine.helpers[PROBE] = probe
    with pytest.raises(ValueError, match="by the helper"):
        machine.run_packet(outer, bytes(14))
    machine.helpers[PROBE] = lambda *_: machine.run_packet(wrong, bytes(20))[0]
    assert refusal(VmError, lambda: machine.run_packet(outer, bytes(14))) == (
        "register r6 is read before anything was written to it\n  in program inner, instruction 1"
    )


def test_the_clock_and_the_cpu() -> None:
    with Machine(engine="jit", cpus=3) as machine:
        of = program(machine, assemble(["call 5", "mov %r6, %r0", "call 8", "add %r0, %r6", "exit"]))
        machine.clock, machine.cpu = 40, 2
        assert machine.run_packet(of, bytes(14))[0] == 42
        machine.helpers[5] = lambda *_: 1000
        assert machine.run_packet(of, bytes(14))[0] == 1002


# Maps


LOOKUPS = {
    "an array": MapSpec("counter", 2, 4, 8, 3),
    "a per-CPU array": MapSpec("counter", 6, 4, 8, 3),
    "a hash map": MapSpec("counter", 1, 4, 8, 3),
}
ODD = MapSpec("odd", 2, 4, 13, 5)


def looks_up(of: MapSpec, key: int, *after: str) -> ObjectSpec:
    """A program that looks a key up, and goes on where it is there."""
    code = [
        *(raw.insn(isa.ST | isa.MEM | isa.W, 10, off=-4, imm=key), raw.insn(isa.ALU64 | isa.MOV | isa.X, 2, 10)),
        *(raw.insn(isa.ALU64 | isa.ADD, 2, imm=-4), raw.LD_IMM64_R1, raw.LOOKUP),
        *(raw.insn(isa.JMP | isa.JNE, 0, off=2), raw.returns(7), assemble([*after, "exit"])),
    ]
    return raw.spec(raw.function("p", b"".join(code), [Relocation(3, "map", of.name)]), maps=[of])


@pytest.mark.parametrize("name", LOOKUPS)
@pytest.mark.parametrize("key", [0, 2, 3, -1])
def test_look_ups(name: str, key: int) -> None:
    of = LOOKUPS[name]
    results = []
    for each in ("interpreter", "jit"):
        with Machine(engine=each, cpus=3) as machine:
            loaded = machine.load_object(looks_up(of, key, "stxdw [%r0+0], %r0", "mov %r0, 3"))
            if of.type == 1:
                loaded.maps["counter"].update(bytes(4), bytes(8), 0)
            machine.cpu = 2
            result = machine.run_packet(program_of(loaded), bytes(14))
            values = [loaded.maps["counter"].lookup(number.to_bytes(4, "little")) for number in range(3)]
            results.append((result, values))
    assert results[0] == results[1]
    assert results[0][0][0] == (3 if key == 0 or (key == 2 and of.type != 1) else 7)


def test_a_value_has_an_end() -> None:
    texts = []
    for each in ("interpreter", "jit"):
        with Machine(engine=each) as machine:
            of = program_of(machine.load_object(looks_up(ODD, 1, "ldxdw %r0, [%r0+8]")))
            texts.append(refusal(VmError, lambda of=of, machine=machine: machine.run_packet(of, bytes(14))))
    assert texts[0] == texts[1]
    assert texts[0].startswith(
        "read of 8 bytes at offset 8 of value 1 of 'odd', which has 13 bytes: its last 3 bytes lie outside"
    )


def test_a_key_that_was_not_written_is_found() -> None:
    texts = []
    code = b"".join((raw.insn(isa.ALU64 | isa.MOV | isa.X, 2, 10), raw.insn(isa.ALU64 | isa.ADD, 2, imm=-4)))
    code += raw.LD_IMM64_R1 + raw.LOOKUP + raw.returns(2)
    spec = raw.spec(raw.function("p", code, [Relocation(2, "map", "counter")]), maps=[LOOKUPS["an array"]])
    for each in ("interpreter", "jit"):
        with Machine(engine=each) as machine:
            of = program_of(machine.load_object(spec))
            texts.append(refusal(VmError, lambda of=of, machine=machine: machine.run_packet(of, bytes(14))))
    assert texts[0] == texts[1]
    assert texts[0].startswith("key of 'counter': read of 4 bytes at offset 508 of the stack of p, which has 512")


def test_one_place_looks_up_in_two_maps() -> None:
    """Which map it is says a register that was kept over a jump."""
    other = MapSpec("other", 2, 4, 8, 3)
    code = b"".join(
        (
            raw.insn(isa.LDX | isa.MEM | isa.W, 2, 1, 0),
            raw.insn(isa.LDX | isa.MEM | isa.B, 2, 2, 0),
            raw.LD_IMM64_R1,
            raw.insn(isa.JMP | isa.JEQ, 2, off=2, imm=0),
            raw.LD_IMM64_R1,
            raw.insn(isa.ST | isa.MEM | isa.W, 10, off=-4, imm=1),
            raw.insn(isa.ALU64 | isa.MOV | isa.X, 2, 10),
            raw.insn(isa.ALU64 | isa.ADD, 2, imm=-4),
            raw.LOOKUP,
            assemble(["ldxdw %r0, [%r0+0]", "exit"]),
        )
    )
    relocations = [Relocation(2, "map", "counter"), Relocation(5, "map", "other")]
    spec = raw.spec(raw.function("p", code, relocations), maps=[LOOKUPS["an array"], other])
    for each in ("interpreter", "jit"):
        with Machine(engine=each) as machine:
            loaded = machine.load_object(spec)
            for number, name in enumerate(("counter", "other"), start=5):
                loaded.maps[name].update(b"\1\0\0\0", number.to_bytes(8, "little"), 0)
            found = [machine.run_packet(program_of(loaded), bytes([first] * 14))[0] for first in (0, 1)]
            assert found == [5, 6]


# Tail calls


def dispatching(*lines: str) -> ObjectSpec:
    """A program that goes to entry 0 of an array, and what stands there."""
    programs = MapSpec("programs", 3, 4, 4, 2)
    code = raw.insn(isa.LD_IMM64, 2) + raw.insn(0)
    first = assemble(["mov %r6, %r1", "call local f", "add %r0, 100", "exit", "f:"])
    first += code + assemble(["mov %r3, 0", "stdw [%r10-8], 1", "call 12", "mov %r0, 9", "exit"])
    return raw.spec(
        raw.function("p", first, [Relocation(4, "map", "programs")]),
        raw.function("q", assemble([*lines])),
        maps=[programs],
    )


TARGETS = {
    "one that returns": ["mov %r0, 5", "exit"],
    "one that reads what the other has written": ["ldxdw %r0, [%r10-8]", "exit"],
    "one that reads its context": ["ldxw %r2, [%r1+0]", "ldxb %r0, [%r2+1]", "exit"],
    "one that reads another register": ["mov %r0, %r2", "exit"],
    "one that calls a function": ["call local f", "exit", "f:", "stdw [%r10-8], 6", "ldxdw %r0, [%r10-8]", "exit"],
}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
def test_tail_calls(name: str, there: bool) -> None:
    found: list[object] = []
    for each in ("interpreter", "jit"):
        with Machine(engine=each) as machine:
            machine.helpers[12] = lambda *_: -2
            loaded = machine.load_object(dispatching(*TARGETS[name]))
            if there:
                loaded.maps["programs"].update(bytes(4), loaded.programs["q"].entry.to_bytes(4, "little"), 0)
            try:
                found.append(machine.run_packet(program_of(loaded), bytes(range(14)))[0])
            except VmError as error:
                found.append((str(error), error.instruction))
            assert machine.frame(0).size == machine.frame(1).size == 512
            assert {*machine.memory.shadow[machine.frame(1).address :][:512]} == {FREED}
    assert found[0] == found[1]
    assert there or found[0] == 109


def test_tail_calls_are_counted() -> None:
    """A program that goes to itself does so 33 times."""
    programs = MapSpec("programs", 3, 4, 4, 2)
    code = assemble([f"call {PROBE}", "mov %r1, %r6"]) + raw.insn(isa.LD_IMM64, 2) + raw.insn(0)
    code = assemble(["mov %r6, %r1"]) + code + assemble(["mov %r3, 0", "call 12", "mov %r0, 2", "exit"])
    spec = raw.spec(raw.function("p", code, [Relocation(3, "map", "programs")]), maps=[programs])
    for each in ("interpreter", "jit"):
        with Machine(engine=each) as machine:
            runs = 0

            def probe(*_: object) -> int:
                nonlocal runs
                runs += 1
                return 0

            machine.helpers |= {12: lambda *_: -2, PROBE: probe}
            loaded = machine.load_object(spec)
            loaded.maps["programs"].update(bytes(4), loaded.programs["p"].entry.to_bytes(4, "little"), 0)
            assert machine.run_packet(program_of(loaded), bytes(14))[0] == 2
            assert runs == 34


# The old loads from the packet


@pytest.mark.parametrize("length", [14, 18, 64])
def test_loads_from_the_packet(length: int) -> None:
    """One that goes past its end ends the program, whatever has called what."""
    code = assemble(["mov %r6, %r1", "call local f", "add %r0, 1", "exit", "f:", "mov %r6, %r1", "mov %r7, 8"])
    code += raw.insn(isa.LD | isa.ABS | isa.H, imm=12) + assemble(["mov %r8, %r0"])
    code += raw.insn(isa.LD | isa.IND | isa.W, 0, 7, imm=6) + assemble(["add %r0, %r8", "exit"])
    found = []
    for each in ("interpreter", "jit"):
        with Machine(engine=each) as machine:
            found.append(machine.run_packet(program(machine, code, "sched_cls"), bytes(range(length)))[0])
    assert found == [0 if length < 18 else 0x0C0D + 0x0E0F_1011 + 1] * 2


# The engine itself


def test_native_code_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    before = native.Native.__init__

    def count(self: native.Native, text: str, *, thorough: bool) -> None:
        made.append(text)
        before(self, text, thorough=thorough)

    monkeypatch.setattr(native.Native, "__init__", count)
    kept: dict[tuple[int, bool], native.Native] = {}
    monkeypatch.setattr(native, "_MADE", kept)
    for _ in range(3):
        with Machine(engine="jit") as machine:
            of = program(machine, assemble(["mov %r0, 6", "exit"]))
            for _ in range(3):
                assert machine.run_packet(of, bytes(14))[0] == 6
    assert len(made) == 1
    monkeypatch.setattr(native, "_KEPT", 3)
    for number in range(5):
        native.compiled(number, lambda: made[0], thorough=False)
    assert [number for number, _ in kept] == [2, 3, 4]


def test_native_code_goes_with_its_machine() -> None:
    """In a process of its own: what goes in the wrong order ends it."""
    code = assemble(["mov %r0, 6", "exit"])
    text = f"""
import gc
from osmia.kinds import KINDS
from osmia.vm.code import decode
from osmia.vm.jit import native
from osmia.vm.machine import Machine
from osmia.vm.program import VmProgram
native._KEPT = 0
for number in range(40):
    with Machine(engine="jit") as machine:
        of = VmProgram(machine, 0, "bare", KINDS["xdp"], "xdp", decode("bare", {code!r}, [], int, int))
        assert machine.run_packet(of, bytes(14))[0] == 6
    del machine, of
    gc.collect()
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_runs_take_no_more_and_more_memory(machine: Machine) -> None:
    machine.helpers[PROBE] = lambda *_: 1
    of = program(machine, assemble(["stdw [%r10-8], 1", f"call {PROBE}", "mov %r0, 2", "exit"]))
    wrong = program(machine, assemble(["ldxdw %r0, [%r10-8]", "exit"]))

    def run(times: int) -> None:
        for number in range(times):
            machine.run_packet(of, bytes(14))
            if number % 10 == 0:
                refusal(VmError, lambda: machine.run_packet(wrong, bytes(14)))

    run(2000)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run(10_000)
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024


def test_without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_has_llvmlite", lambda: False)
    assert refusal(CompilerMissingError, lambda: Machine(engine="jit")) == (
        'engine="jit" needs llvmlite, which this Python does not have.\n'
        f"found: no module llvmlite for {sys.executable}\n"
        'fix: pip install \'osmia[compile]\'; engine="interpreter" and engine="python" need no llvmlite'
    )
    assert Machine(engine="auto").engine.name == "python"


def test_the_engine_that_is_there() -> None:
    assert Machine(engine="auto").engine.name == "jit"
    text = refusal(ValueError, lambda: Machine(engine="quick"))
    assert text == "there is no engine 'quick': they are interpreter, python, jit and auto"


# Look-ups in hash maps, which native code remembers


def keyed(of: MapSpec, *after: str) -> ObjectSpec:
    """A program that looks up what its packet begins with: what the value begins with, or 7."""
    code = raw.insn(isa.LDX | isa.MEM | isa.W, 2, 1) + raw.LD_IMM64_R1 + assemble(["mov %r7, %r1", "mov %r6, %r2"])
    code += raw.LOOKUP + raw.insn(isa.JMP | isa.JNE, 0, off=2) + raw.returns(7) + assemble(["ldxw %r0, [%r0+0]"])
    code += assemble([*after, "exit"])
    return raw.spec(raw.function("p", code, [Relocation(1, "map", of.name)]), maps=[of])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The keys that Python looks up."""
    keys: list[bytes] = []
    for each in (HashMap, PerCpuHashMap):

        def look_up(self: HashMap, key: bytes, cpu: int, before: Any = each.address_of) -> int:
            keys.append(key)
            found: int = before(self, key, cpu)
            return found

        monkeypatch.setattr(each, "address_of", look_up)
    return keys


@pytest.mark.parametrize("kind", [1, 5], ids=["hash", "per-CPU hash"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 13, 16, 40, 64, 65])
def test_look_ups_that_are_remembered(kind: int, size: int) -> None:
    """Keys that share places, and values that change and go between the packets: as the reference engine has it."""
    numbers = random.Random(size)
    keys = [numbers.randbytes(size) for _ in range(4 if size == 1 else 40)]
    given = [numbers.choice(keys) + bytes(20) for _ in range(300)]
    changes = [(numbers.choice(keys), numbers.randrange(3), numbers.randbytes(8)) for _ in range(15)]
    found = []
    for each in ("interpreter", "jit"):
        with Machine(engine=each, cpus=2) as machine:
            loaded = machine.load_object(keyed(MapSpec("table", kind, size, 8, 64)))
            table, of = loaded.maps["table"], program_of(loaded)
            verdicts: list[int] = []
            for index, (key, change, value) in enumerate(changes):
                machine.cpu = index % 2
                if change == 0:
                    table.delete(key)
                else:
                    table.update(key, value * (2 if kind == 5 else 1), 0)
                verdicts += machine.run_packets(of, given[index * 20 : index * 20 + 20]).verdicts
            found.append(verdicts)
    assert found[0] == found[1]
    assert len(set(found[0])) > 3


def test_python_is_asked_once_for_a_key(machine: Machine, asked: list[bytes]) -> None:
    loaded = machine.load_object(keyed(MapSpec("table", 1, 4, 8, 64)))
    table, of = loaded.maps["table"], program_of(loaded)
    first, second = (number.to_bytes(4, "little") for number in (1, 2))
    table.update(first, (5).to_bytes(8, "little"), 0)
    asked.clear()
    packets = [each + bytes(10) for each in (first, first, second, first, second)]
    assert [*machine.run_packets(of, packets).verdicts] == [5, 5, 7, 5, 7]
    assert asked == [first, second]
    asked.clear()
    table.update(first, (6).to_bytes(8, "little"), 0)
    table.update(second, (8).to_bytes(8, "little"), 0)
    assert [*machine.run_packets(of, packets).verdicts] == [6, 6, 8, 6, 8]
    assert sorted(asked) == [first, second]
    table.delete(first)
    assert [*machine.run_packets(of, packets).verdicts] == [7, 7, 8, 7, 8]


def test_a_value_that_goes_while_the_program_runs(machine: Machine) -> None:
    """It is found, deleted, and not found: then r0 is 0."""
    again = ["mov %r1, %r7", "mov %r2, %r6", "call 3", "mov %r1, %r7", "mov %r2, %r6", "call 1"]
    loaded = machine.load_object(keyed(MapSpec("table", 1, 4, 8, 64), *again))
    table, of = loaded.maps["table"], program_of(loaded)
    key = b"\1\0\0\0"
    for number in (5, 6):
        table.update(key, number.to_bytes(8, "little"), 0)
        assert [*machine.run_packets(of, [key + bytes(10)] * 3).verdicts] == [0, 7, 7]


def test_a_key_behind_the_packet_is_found(machine: Machine) -> None:
    """Also where the same bytes were looked up before."""
    loaded = machine.load_object(keyed(MapSpec("table", 1, 16, 8, 64)))
    loaded.maps["table"].update(bytes(16), bytes(8), 0)
    with pytest.raises(VmError) as caught:
        machine.run_packets(program_of(loaded), [bytes(16), bytes(16), bytes(15)])
    assert caught.value.packet == 2
    assert str(caught.value).startswith(
        "key of 'table': read of 16 bytes at offset 0 of the packet, which has 15 bytes"
    )
