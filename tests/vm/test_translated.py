"""Translated Python does what the reference engine does, where random bytecode of the kernel's does not come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import raw_programs as raw
from osmia.abi import instruction as isa
from osmia.errors import VmError
from osmia.spec import MapSpec, Relocation
from osmia.vm.machine import Machine
from osmia.vm.memory import Memory
from osmia.vm.translation import Translation
from random_bytecode import random_packet, random_program
from raw_programs import EXIT, insn

if TYPE_CHECKING:
    from osmia.spec import ObjectSpec

Outcome = tuple[object, ...]


def outcome(engine: str, spec: ObjectSpec, packet: bytes, name: str, **options: Any) -> Outcome:
    """What a run gives: result and packet, or the whole error."""
    machine = Machine(engine=engine, **options)
    machine.helpers[12] = lambda _run, *_arguments: -2
    program = machine.load_object(spec).programs[name]
    try:
        return program.test_run(packet)
    except VmError as error:
        return str(error), error.kind, error.instruction, error.address
    finally:
        machine.close()


def check(spec: ObjectSpec, packet: bytes = bytes(64), name: str = "program", **options: int) -> Outcome:
    """Compare the two engines; what both give."""
    expected = outcome("interpreter", spec, packet, name, **options)
    assert outcome("python", spec, packet, name, **options) == expected
    return expected


def test_fuel_ends_at_the_same_instruction() -> None:
    ends = {check(random_program(3), random_packet(3), "random", fuel=fuel)[:3] for fuel in range(1, 260, 3)}
    assert len({end[2] for end in ends}) > 20


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int) -> None:
    check(random_program(seed), random_packet(seed), "random")


@pytest.mark.parametrize("seed", range(40))
def test_programs_that_go_wrong(seed: int) -> None:
    """Code with instructions left out: registers without values, addresses that are none."""
    spec = random_program(seed)
    (function,) = spec.programs.values()
    code = function.instructions
    used = {relocation.offset + skip for relocation in function.relocations for skip in (0, 1)}
    for at in range(seed % 7, len(code) // 8, 7):
        opcode = code[at * 8]
        wide = opcode == 0x18 or (at and code[at * 8 - 8] == 0x18)
        if at not in used and not wide and opcode & 7 not in (isa.JMP, isa.JMP32):
            code = code[: at * 8] + insn(0x05) + code[at * 8 + 8 :]
    function.instructions = code
    check(spec, random_packet(seed), "random", fuel=5000)


PROGRAMS = MapSpec("programs", 3, 4, 4, 2, initial={1: "other"})
TAIL_CALL = insn(0xB7, 3, imm=1) + insn(0x18, 2) + insn(0) + insn(0x85, imm=12)


def two(first: bytes, other: bytes, at: int = 1) -> ObjectSpec:
    """A program that goes to another one, by the map that the instruction at a slot loads."""
    return raw.spec(
        raw.function("program", first, [Relocation(at, "map", "programs")]),
        raw.function("other", other),
        maps=[PROGRAMS],
    )


def test_a_tail_call() -> None:
    assert check(two(TAIL_CALL + raw.returns(1), raw.returns(2)))[0] == 2


def test_a_tail_call_from_a_function_comes_back_to_its_caller() -> None:
    first = insn(0x85, src=1, imm=2) + insn(0x07, 0, imm=5) + EXIT + TAIL_CALL + raw.returns(1)
    spec = two(first, raw.returns(2), at=4)
    assert check(spec)[0] == 7


def test_tail_calls_without_end() -> None:
    """After 33 of them there is no further one."""
    other = TAIL_CALL + raw.returns(9)
    spec = two(TAIL_CALL + raw.returns(1), other)
    spec.programs["other"].relocations = [Relocation(1, "map", "programs")]
    assert check(spec)[0] == 9


def test_a_load_beyond_the_packet_ends_all_of_the_program() -> None:
    inner = insn(0xBF, 6, 1) + insn(0x20, imm=100) + raw.returns(3)
    first = insn(0x85, src=1, imm=1) + EXIT + inner
    spec = raw.spec(raw.function("program", insn(0xBF, 6, 1) + first))
    assert check(spec)[0] == 0
    assert check(spec, bytes(200))[0] == 3


@pytest.mark.parametrize("given", [0, 1, 5])
def test_a_may_goto(given: int) -> None:
    """It goes on until it has come by so often; here the loop ends by itself."""
    loop = insn(0xB7, 0, imm=0) + insn(0xB7, 1, imm=given) + insn(0x55, 1, off=1) + EXIT
    loop += insn(0xE5, off=3) + insn(0x07, 0, imm=2) + insn(0x17, 1, imm=1) + insn(0x05, off=-6) + EXIT
    assert check(raw.spec(raw.function("program", loop)))[0] == 2 * given


UNWRITTEN = {
    "arithmetic": insn(0x0F, 0, 7) + EXIT,
    "a move": insn(0xBF, 0, 7) + EXIT,
    "a load": insn(0x79, 0, 7) + EXIT,
    "a store": insn(0x7B, 10, 7, -8) + raw.returns(0),
    "a jump": insn(0x1D, 7, 1) + raw.returns(0),
    "the result": EXIT,
    "an argument behind a call": insn(0xB7, 2, imm=1) + insn(0x85, imm=5) + insn(0xBF, 0, 2) + EXIT,
    "on one way": insn(0x15, 1, off=1) + insn(0xB7, 7, imm=1) + insn(0xBF, 0, 7) + EXIT,
    "on the other way": insn(0x55, 1, off=1) + insn(0xB7, 7, imm=1) + insn(0xBF, 0, 7) + EXIT,
    "of a function": insn(0x85, src=1, imm=1) + EXIT + insn(0xBF, 0, 6) + EXIT,
    "an atomic operation": insn(0x7A, 10, off=-8) + insn(0xDB, 10, 7, -8, 0) + raw.returns(0),
    "a call by a register": insn(0x8D, 7) + EXIT,
}


@pytest.mark.parametrize("name", UNWRITTEN)
def test_a_register_without_a_value(name: str) -> None:
    said = check(raw.spec(raw.function("program", UNWRITTEN[name])))
    assert said[1:2] == ("uninitialised",) or name == "on one way"


def test_a_small_memory() -> None:
    """What lies beyond it is no address, whether or not its size is a power of two."""
    machine = Machine(engine="python")
    machine.memory = Memory((1 << 20) + 4096)
    loaded: Any = machine.load_object(raw.spec(raw.function("program", raw.returns(2))))
    code = loaded.programs["program"].code
    assert Translation(code, 0, 0).lines
    machine.close()
