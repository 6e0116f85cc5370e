"""The disassembler writes what LLVM writes."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import compiled
from osmia.abi.instruction import Instruction, decode
from osmia.cli.main import main
from osmia.disassembly import instruction_text, objdump
from osmia.errors import ObjectError

if TYPE_CHECKING:
    from pathlib import Path

# Every form of instruction up to v4, as llvm-mc and llvm-objdump of LLVM 22 have them.
TEXTS = [
    ("0f21000000000000", "r1 += r2"),
    ("0401000005000000", "w1 += 5"),
    ("1701000000000080", "r1 -= -2147483648"),
    ("3f21010000000000", "r1 s/= r2"),
    ("9401010003000000", "w1 s%= 3"),
    ("8701000000000000", "r1 = -r1"),
    ("8403000000000000", "w3 = -w3"),
    ("bf21080000000000", "r1 = (s8)r2"),
    ("bf21100000000000", "r1 = (s16)r2"),
    ("bf21200000000000", "r1 = (s32)r2"),
    ("bc21080000000000", "w1 = (s8)w2"),
    ("bc21100000000000", "w1 = (s16)w2"),
    ("dc01000010000000", "r1 = be16 r1"),
    ("dc01000020000000", "r1 = be32 r1"),
    ("dc01000040000000", "r1 = be64 r1"),
    ("d401000010000000", "r1 = le16 r1"),
    ("d401000040000000", "r1 = le64 r1"),
    ("d701000010000000", "r1 = bswap16 r1"),
    ("d701000020000000", "r1 = bswap32 r1"),
    ("d701000040000000", "r1 = bswap64 r1"),
    ("c701000003000000", "r1 s>>= 3"),
    ("7f21000000000000", "r1 >>= r2"),
    ("18010000f0debc9a0000000078563412", "r1 = 1311768467463790320 ll"),
    ("18010000ffffffff00000000ffffffff", "r1 = -1 ll"),
    ("18010000000000000000000000000000", "r1 = 0 ll"),
    ("85100000e3ffffff", "call -29"),
    ("8500000001000000", "call 1"),
    ("85000000ffffffff", "call -1"),
    ("8d03000000000000", "callx r3"),
    ("0500dfff00000000", "goto -33"),
    ("06000000deffffff", "gotol -34"),
    ("0500050000000000", "goto +5"),
    ("0600000005000000", "gotol +5"),
    ("0500ffff00000000", "goto -1"),
    ("e500030000000000", "may_goto +3"),
    ("e500d9ff00000000", "may_goto -39"),
    ("1d21030000000000", "if r1 == r2 goto +3"),
    ("7601d7fffbffffff", "if w1 s>= -5 goto -41"),
    ("4501010007000000", "if r1 & 7 goto +1"),
    ("4d21010000000000", "if r1 & r2 goto +1"),
    ("55010200ffffff7f", "if r1 != 2147483647 goto +2"),
    ("9500000000000000", "exit"),
    ("6121040000000000", "w1 = *(u32 *)(r2 + 4)"),
    ("7921fcff00000000", "r1 = *(u64 *)(r2 - 4)"),
    ("9121000000000000", "r1 = *(s8 *)(r2 + 0)"),
    ("8921000000000000", "r1 = *(s16 *)(r2 + 0)"),
    ("8121000000000000", "r1 = *(s32 *)(r2 + 0)"),
    ("7b21000000000000", "*(u64 *)(r1 + 0) = r2"),
    ("6321000000000000", "*(u32 *)(r1 + 0) = w2"),
    ("7321000000000000", "*(u8 *)(r1 + 0) = w2"),
    ("6a010000f9ffffff", "*(u16 *)(r1 + 0) = -7"),
    ("7a010000ffffffff", "*(u64 *)(r1 + 0) = -1"),
    ("db21000000000000", "lock *(u64 *)(r1 + 0) += r2"),
    ("c321000040000000", "lock *(u32 *)(r1 + 0) |= w2"),
    ("db21000050000000", "lock *(u64 *)(r1 + 0) &= r2"),
    ("db210000a0000000", "lock *(u64 *)(r1 + 0) ^= r2"),
    ("db21000001000000", "r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)"),
    ("c3210800a1000000", "w2 = atomic_fetch_xor((u32 *)(r1 + 8), w2)"),
    ("db210000e1000000", "r2 = xchg_64(r1 + 0, r2)"),
    ("c321f8ffe1000000", "w2 = xchg32_32(r1 - 8, w2)"),
    ("db210000f1000000", "r0 = cmpxchg_64(r1 + 0, r0, r2)"),
    ("c3210000f1000000", "w0 = cmpxchg32_32(r1 + 0, w0, w2)"),
    ("d321000000010000", "w1 = load_acquire((u8 *)(r2 + 0))"),
    ("c321000000010000", "w1 = load_acquire((u32 *)(r2 + 0))"),
    ("db21f0ff00010000", "r1 = load_acquire((u64 *)(r2 - 16))"),
    ("d321000010010000", "store_release((u8 *)(r1 + 0), w2)"),
    ("db21000010010000", "store_release((u64 *)(r1 + 0), r2)"),
    ("200000000a000000", "r0 = *(u32 *)skb[10]"),
    ("5030000000000000", "r0 = *(u8 *)skb[r3]"),
    ("4830000000000000", "r0 = *(u16 *)skb[r3]"),
    ("bf21010001000000", "r1 = addr_space_cast(r2, 0, 1)"),
    ("bf21010000000100", "r1 = addr_space_cast(r2, 1, 0)"),
    ("0d01000000000000", "gotox r1"),
    ("8520000005000000", "call 5"),
]

# Valid opcodes whose unused fields hold something, and opcodes that no kernel has.
UNKNOWN = [
    "0f21020000000000",
    "0f21000001000000",
    "0711000005000000",
    "bf21090000000000",
    "bc21200000000000",
    "b701080000000000",
    "8721000000000000",
    "d701000011000000",
    "dc11000010000000",
    "df01000010000000",
    "1d21030001000000",
    "1511030000000000",
    "0500030001000000",
    "0600010003000000",
    "8530000001000000",
    "9500000001000000",
    "e501030000000000",
    "f501030000000000",
    "1821010000000000" + "00" * 8,
    "3800000001000000",
    "3000010001000000",
    "7921000001000000",
    "9921000000000000",
    "7a11000001000000",
    "7b21000001000000",
    "db210000ff000000",
    "d321000001000000",
    "c721000003000000",
]


@pytest.mark.parametrize(("code", "text"), TEXTS)
def test_every_form_has_its_text(code: str, text: str) -> None:
    (instruction,) = decode(bytes.fromhex(code))
    assert instruction_text(instruction) == text


@pytest.mark.parametrize("code", UNKNOWN)
def test_what_no_kernel_has_is_unknown(code: str) -> None:
    (instruction,) = decode(bytes.fromhex(code))
    assert instruction_text(instruction) == "<unknown>"


@given(
    st.integers(0, 255), st.integers(0, 15), st.integers(0, 15), st.integers(-9, 9), st.integers(-(1 << 31), 1 << 30)
)
def test_any_bits_have_a_text(opcode: int, destination: int, source: int, offset: int, immediate: int) -> None:
    assert instruction_text(Instruction(opcode, destination, source, offset, immediate))


# Real objects beside llvm-objdump

C_PROGRAM = """
struct { __uint(type, 6); __uint(max_entries, 2); __type(key, u32); __type(value, u64); } packets SEC(".maps");
u64 seven = 7; static volatile u32 zero; const volatile u32 setting = 53; u8 small; s16 negative = -3;
static __noinline u32 in_text(u32 x) { return x * seven / (x | 1) % 11 + zero; }
static __noinline s64 shifts(s64 x, s32 y) { return x >> 3 ^ (x << y) | -x & ~(u64)y; }
static long step(u32 index, u32 *sum) { *sum += in_text(index); small -= *sum; negative = index; return 0; }
SEC("xdp") int program(struct xdp_md *ctx) {
    u32 key = 1, sum = setting; u64 *value = bpf_map_lookup_elem(&packets, &key);
    if (value) *value += 0x123456789abcdef;
    bpf_loop(10, step, &sum, 0);
    if ((s32)sum < -5 || sum > 77 && ctx->rx_queue_index != 3) sum += __builtin_bswap32(sum) + __builtin_bswap64(seven);
    __sync_fetch_and_add(&seven, sum);
    return shifts(sum, negative) <= (s64)bpf_ktime_get_ns() ? in_text(small) : 2;
}
SEC("xdp/second") int second(struct xdp_md *ctx) { return ctx->ingress_ifindex == 0xfffffff0; }
"""

# What only v4 has: signed division, sign-extending moves and loads, byte swaps, acquire and release, stores of numbers.
V4 = """
target datalayout = "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128"
target triple = "bpfel"
define i64 @program(ptr %p, i64 %a, i64 %b) section "xdp" {
  %quotient = sdiv i64 %a, %b
  %rest = srem i64 %a, 7
  %byte = trunc i64 %a to i8
  %extended = sext i8 %byte to i64
  %swapped = call i64 @llvm.bswap.i64(i64 %b)
  %acquired = load atomic i64, ptr %p acquire, align 8
  store atomic i64 %acquired, ptr %p release, align 8
  store i64 -77, ptr %p
  %half = load i16, ptr %p
  %loaded = sext i16 %half to i64
  %added = atomicrmw add ptr %p, i64 %loaded seq_cst
  %exchanged = atomicrmw xchg ptr %p, i32 5 seq_cst
  %compared = cmpxchg ptr %p, i64 %a, i64 %b seq_cst seq_cst
  %old = extractvalue {i64, i1} %compared, 0
  %wide = zext i32 %exchanged to i64
  %s1 = add i64 %quotient, %rest
  %s2 = add i64 %s1, %extended
  %s3 = add i64 %s2, %swapped
  %s4 = add i64 %s3, %added
  %s5 = add i64 %s4, %old
  %s6 = add i64 %s5, %wide
  ret i64 %s6
}
declare i64 @llvm.bswap.i64(i64)
"""

OBJECTS = {
    **{f"c-{cpu}": partial(compiled.c_object, C_PROGRAM, f"-mcpu={cpu}") for cpu in ("v1", "v2", "v3")},
    "c-big-endian": partial(compiled.c_object, C_PROGRAM, "-target", "bpfeb"),
    **{f"counter-{cpu}": partial(compiled.counter, cpu) for cpu in ("v1", "v2", "v3", "v4")},
    "ir-v4": partial(compiled.ir_object, V4, "v4"),
}

# osmia names helpers, functions, maps and variables after calls and loads; LLVM names the targets of jumps alone.
NAMED = re.compile(r"(\t(?:call -?\d+|r\d+ = -?\d+ ll)) <.*>$")


def code_lines(text: str) -> list[str]:
    """Headings and instructions, without source lines, blank lines and the names that only osmia gives."""
    return [NAMED.sub(r"\1", line) for line in text.splitlines() if line and not line.startswith(";")]


@pytest.mark.parametrize("name", OBJECTS)
def test_real_objects_are_written_as_llvm_objdump_writes_them(name: str) -> None:
    data = OBJECTS[name]()
    theirs, version = compiled.llvm_objdump(data, "-d")
    ours = code_lines(objdump(data, "program.o"))
    expected = [re.sub(r"^.*/program\.o:", "program.o:", line) for line in code_lines(theirs)]
    assert len(ours) == len(expected)
    differences = [(one, other) for one, other in zip(ours, expected, strict=True) if one != other]
    if version < 17:
        # LLVM 14 knows nothing of v4: it takes some of its instructions for older ones.
        new = re.compile(r"s/=|s%=|= \(s8\)|\(s16 \*\)|bswap|load_acquire|store_release|\) = -?\d+$")
        differences = [(one, other) for one, other in differences if not new.search(one)]
    elif version < 21:
        differences = [each for each in differences if not re.search("load_acquire|store_release", each[0])]
    assert differences == []
    assert not any("<unknown>" in line for line in ours)


COUNTER = """
counter.o:	file format elf64-bpf

Disassembly of section xdp:

0000000000000000 <count>:
; def count(ctx: xdp_md) -> i32:
       0:	b4 01 00 00 00 00 00 00	w1 = 0
;     v = counter.lookup(0)
       1:	63 1a fc ff 00 00 00 00	*(u32 *)(r10 - 4) = w1
       2:	bf a2 00 00 00 00 00 00	r2 = r10
       3:	07 02 00 00 fc ff ff ff	r2 += -4
       4:	18 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00	r1 = 0 ll <counter>
       6:	85 00 00 00 01 00 00 00	call 1 <bpf_map_lookup_elem>
;     if v is not None:
       7:	15 00 03 00 00 00 00 00	if r0 == 0 goto +3 <count+0x58>
;         v[0] += 1
       8:	79 01 00 00 00 00 00 00	r1 = *(u64 *)(r0 + 0)
       9:	07 01 00 00 01 00 00 00	r1 += 1
      10:	7b 10 00 00 00 00 00 00	*(u64 *)(r0 + 0) = r1
;     return XDP_PASS
      11:	b4 00 00 00 02 00 00 00	w0 = 2
      12:	95 00 00 00 00 00 00 00	exit
"""


def test_source_lines_and_names_are_interleaved() -> None:
    assert objdump(compiled.counter(), "counter.o") == COUNTER


def test_calls_and_data_are_named() -> None:
    text = objdump(compiled.c_object(C_PROGRAM), "program.o", "xdp")
    assert "Disassembly of section xdp:" in text
    assert "Disassembly of section .text:" not in text
    for name in ("packets", "setting", "step", "bpf_loop", "bpf_ktime_get_ns", "seven", "in_text", "shifts"):
        assert re.search(rf"\t(call -?\d+|r\d+ = \d+ ll) <{name}>$", text, re.MULTILINE), name
    inside = compiled.c_object(C_PROGRAM.replace("static __noinline u32", 'static __noinline SEC("xdp") u32'))
    assert re.search(r"\tcall -\d+ <in_text>$", objdump(inside, "program.o", "xdp"), re.MULTILINE)


def test_a_section_that_is_not_there_is_refused() -> None:
    with pytest.raises(ObjectError) as caught:
        objdump(compiled.c_object(C_PROGRAM), "program.o", "tc")
    assert str(caught.value) == (
        "program.o: no section 'tc' with code in it; the sections with code are: '.text', 'xdp', 'xdp/second'"
    )


def test_an_object_without_debug_information_has_no_source_lines() -> None:
    text = objdump(compiled.c_object(C_PROGRAM, "-g0"), "program.o")
    assert ";" not in text
    assert text.count("\texit\n") >= 5


def test_a_source_line_is_written_once_where_it_goes_on() -> None:
    lines = [line for line in objdump(compiled.c_object(C_PROGRAM), "program.o").splitlines() if line.startswith(";")]
    assert len(lines) > 10
    assert all(one != other for one, other in pairwise(lines))
    # What the compiler adds by itself is of line 0, which is no line.
    assert not any(line.endswith(":0") for line in lines)


@pytest.mark.parametrize("distance", [300, -300])
def test_a_jump_out_of_the_code_has_no_name(distance: int) -> None:
    data = compiled.patched(compiled.counter(), "xdp", 7 * 8 + 2, "<h", distance)
    assert f"\tif r0 == 0 goto {distance:+}\n" in objdump(data, "counter.o")


# The command


def test_the_command_prints_the_code(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "counter.o"
    path.write_bytes(compiled.counter())
    assert main(["objdump", str(path), "--section", "xdp"]) == 0
    assert capfd.readouterr() == (COUNTER, "")


@pytest.mark.parametrize(
    ("name", "contents", "message"),
    [
        ("gone.o", None, "{path}: No such file or directory"),
        ("text.o", b"hello", "text.o: not an ELF file: it starts with b'hell', expected b'\\x7fELF'"),
        ("a.py", b"import osmia", "{path}: no program: expected a function with a decorator such as @xdp"),
    ],
)
def test_the_command_says_what_it_cannot_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, contents: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if contents is not None:
        path.write_bytes(contents)
    assert main(["objdump", str(path)]) == 1
    expected = message.format(path=path)
    assert capfd.readouterr() == ("", f"osmia objdump: {expected}\n")
