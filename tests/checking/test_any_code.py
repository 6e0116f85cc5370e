"""Whatever the code is, a check comes to an end soon, and says what it finds without an exception of its own."""

from __future__ import annotations

import random
import struct
import time
from contextlib import suppress

import pytest

from checked_objects import spec_of
from osmia.checking import check
from osmia.errors import ObjectError
from osmia.kinds import KINDS
from osmia.object_file import read_object
from osmia.spec import FunctionSpec, ObjectSpec
from refused_programs import PROGRAMS

LONGEST = 3.0
"""Of the processor, in seconds: on a quiet machine nothing here takes a third of it."""
EXIT = b"\x95" + bytes(7)
OPCODES = bytes.fromhex(
    "07 0f 17 1f 27 2f 37 3f 47 4f 57 5f 67 6f 77 7f 87 97 9f a7 af b7 bf c7 cf 04 0c 14 1c b4 bc 61 69 71 79 62 6a 72"
    "7a 63 6b 73 7b db c3 05 15 1d 25 2d 35 3d 45 4d 55 5d 65 6d 75 7d a5 ad b5 bd c5 cd d5 dd 16 1e 26 2e 56 85 95 d4"
    "dc d7 06 e5 81 91"
)


def some_instruction(source: random.Random, reach: int) -> bytes:
    """One that may well be valid."""
    registers = source.randrange(11) | source.choice((0, 0, 1, 2, 6, 10)) << 4
    offset = source.choice((0, 0, 1, -1, -4, -8, -16, 4, 8, source.randrange(-reach, reach)))
    immediate = source.choice(
        (0, 1, -1, 2, 4, 8, 16, 1 << 30, source.randrange(200), source.randrange(-(1 << 31), 1 << 31))
    )
    return struct.pack("<BBhi", source.choice(OPCODES), registers, offset, immediate)


def checked(spec: ObjectSpec) -> None:
    """Check it, and hold the time."""
    started = time.process_time()
    with suppress(ObjectError):  # code that is cut short
        for each in check(spec, (6, 18)).findings:
            assert each.what
            assert each.program in spec.programs
    assert time.process_time() - started < LONGEST


def made(code: bytes, kind: str = "xdp") -> ObjectSpec:
    """An object with one program."""
    of = KINDS[kind]
    function = FunctionSpec("program", f"{of.sections[0]}/x", code, [], [], kind=of)
    return ObjectSpec("x.o", "GPL", {"program": function}, {}, {}, b"")


@pytest.mark.parametrize("seed", range(5))
def test_random_bytes(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(60):
        checked(made(source.randbytes(8 * source.randrange(1, 60))))
    checked(made(source.randbytes(13)))


@pytest.mark.parametrize("seed", range(5))
def test_random_instructions(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(60):
        count = source.randrange(2, 200)
        code = b"".join(some_instruction(source, min(count, 20)) for _ in range(count))
        checked(made(code + EXIT, source.choice([*KINDS])))


@pytest.mark.parametrize("seed", range(5))
def test_programs_with_some_instructions_changed(seed: int) -> None:
    source = random.Random(seed)
    names = sorted(set(PROGRAMS) - {"too-complex"})
    for _ in range(60):
        spec = spec_of(PROGRAMS[source.choice(names)])
        for function in (*spec.programs.values(), *spec.functions.values()):
            code = bytearray(function.instructions)
            for _ in range(source.choice((1, 2, 5))):
                at = source.randrange(len(code) // 8) * 8
                code[at : at + 8] = some_instruction(source, 8)
            function.instructions = bytes(code)
        checked(spec)


@pytest.mark.parametrize(
    "code",
    [
        b"",
        EXIT,
        b"\x18" + bytes(7),
        b"\x05\x00\xff\xff" + bytes(4),
        b"\x06\x00\x00\x00\xff\xff\xff\x7f" + EXIT,
        b"\x85\x10\x00\x00\xff\xff\xff\xff" + EXIT,
        b"\x85\x20\x00\x00\x01\x00\x00\x00" + EXIT,
        b"\x0d\x01" + bytes(6) + EXIT,
    ],
    ids=["nothing", "an exit", "half a number", "a jump to itself", "a jump far away", "a call of nothing", "a kfunc",
         "an indirect jump"],
)  # fmt: skip
def test_the_smallest_programs(code: bytes) -> None:
    checked(made(code))


def insn(opcode: int, registers: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("<BBhi", opcode, registers, offset, immediate)


def test_many_loops_inside_of_each_other() -> None:
    code = insn(0xB7, 6) * 20
    code += b"".join(insn(0x07, 6, 0, 1) + insn(0x55, 6, -3 - number, 77) for number in range(20))
    checked(made(code + insn(0xB7) + EXIT))


def test_a_thousand_branches_that_all_go_on() -> None:
    code = insn(0xBF, 0x16) + insn(0xB7, 7)
    code += b"".join(
        insn(0x61, 0x62, 16) + insn(0x25, 2, 1, number) + insn(0x07, 7, 0, 1 << number % 30) for number in range(1000)
    )
    spec = made(code + insn(0xB7) + EXIT)
    checked(spec)
    assert check(spec).unfinished == ["program"]


def test_code_that_is_cut_short_is_refused_in_words() -> None:
    with pytest.raises(ObjectError) as caught:
        check(made(bytes(13)))
    assert str(caught.value) == "x.o: 'program' (section 'xdp/x'): code of 13 bytes, no multiple of 8"


def test_a_damaged_file_is_refused_in_words() -> None:
    with pytest.raises(ObjectError):
        read_object(b"\x7fELF" + bytes(100), "x.o")
