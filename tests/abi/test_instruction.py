"""Instructions as bits: what is decoded is encoded to the same bytes, and nonsense is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import compiled
from osmia.abi.instruction import ALU64, LD_IMM64, MOV, Instruction, decode, encode
from osmia.elf import SHF_EXECINSTR, read_elf
from osmia.errors import ObjectError

INSTRUCTIONS = st.one_of(
    st.builds(
        Instruction,
        st.integers(0, 255).filter(lambda opcode: opcode != LD_IMM64),
        st.integers(0, 15),
        st.integers(0, 15),
        st.integers(-(1 << 15), (1 << 15) - 1),
        st.integers(-(1 << 31), (1 << 31) - 1),
    ),
    st.builds(
        Instruction,
        st.just(LD_IMM64),
        st.integers(0, 15),
        st.integers(0, 15),
        st.integers(-(1 << 15), (1 << 15) - 1),
        st.integers(-(1 << 63), (1 << 63) - 1),
    ),
)


@given(st.lists(INSTRUCTIONS), st.sampled_from("<>"))
def test_what_is_encoded_is_decoded(instructions: list[Instruction], byte_order: str) -> None:
    code = encode(instructions, byte_order)
    assert decode(code, byte_order) == instructions
    assert len(code) == 8 * sum(instruction.slots for instruction in instructions)


@pytest.mark.parametrize("target", ["bpfel", "bpfeb"])
def test_real_code_is_encoded_to_the_same_bytes(target: str) -> None:
    source = """
    u64 seven = 7;
    SEC("xdp") int program(struct xdp_md *ctx)
    { return ctx->data / 3 + __sync_fetch_and_add(&seven, 5) == 0x123456789; }
    """
    elf = read_elf(compiled.c_object(source, "-target", target, "-mcpu=v3"), "x.o")
    for section in elf.sections:
        if section.flags & SHF_EXECINSTR:
            assert encode(decode(section.data, elf.byte_order), elf.byte_order) == section.data


def test_fields_are_where_they_should_be() -> None:
    assert decode(bytes.fromhex("7b1af8ff00000000")) == [Instruction(0x7B, 10, 1, -8, 0)]
    assert decode(bytes.fromhex("7ba1fff800000000"), ">") == [Instruction(0x7B, 10, 1, -8, 0)]
    assert decode(bytes.fromhex("18110000ffffffff00000000feffffff")) == [Instruction(LD_IMM64, 1, 1, 0, -0x100000001)]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("b700", "code of 2 bytes, no multiple of 8"),
        ("9500000000000000 1801000000000000", "instruction 1 loads 64 bits, but the code ends after its first slot"),
        (
            "1801000000000000 9500000000000000",
            "slot after 0 should hold the upper half of a number, found (149, 0, 0, 0)",
        ),
    ],
)
def test_code_that_makes_no_sense_is_refused(code: str, message: str) -> None:
    with pytest.raises(ObjectError) as caught:
        decode(bytes.fromhex(code))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction(ALU64 | MOV, 16, 0, 0, 0),
        Instruction(ALU64 | MOV, 0, -1, 0, 0),
        Instruction(ALU64 | MOV, 0, 0, 1 << 15, 0),
        Instruction(ALU64 | MOV, 0, 0, 0, 1 << 31),
        Instruction(LD_IMM64, 0, 0, 0, 1 << 63),
        Instruction(256, 0, 0, 0, 0),
    ],
)
def test_fields_that_do_not_fit_are_refused(instruction: Instruction) -> None:
    with pytest.raises(OverflowError, match=r"does not fit: a field is out of its range$"):
        encode([instruction])
