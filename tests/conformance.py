"""The published BPF conformance tests (github.com/Alan-Jowett/bpf_conformance): their files read and assembled."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from osmia.abi import BPF_PSEUDO_CALL
from osmia.abi import instruction as isa

if TYPE_CHECKING:
    from pathlib import Path

_BINARY = {
    "add": isa.ADD,
    "sub": isa.SUB,
    "mul": isa.MUL,
    "div": isa.DIV,
    "sdiv": isa.DIV,
    "or": isa.OR,
    "and": isa.AND,
    "lsh": isa.LSH,
    "rsh": isa.RSH,
    "mod": isa.MOD,
    "smod": isa.MOD,
    "xor": isa.XOR,
    "mov": isa.MOV,
    "arsh": isa.ARSH,
    "neg": isa.NEG,
}
_CONDITIONS = {
    "jeq": isa.JEQ,
    "jgt": isa.JGT,
    "jge": isa.JGE,
    "jset": isa.JSET,
    "jne": isa.JNE,
    "jsgt": isa.JSGT,
    "jsge": isa.JSGE,
    "jlt": isa.JLT,
    "jle": isa.JLE,
    "jslt": isa.JSLT,
    "jsle": isa.JSLE,
}
_SIZES = {"b": isa.B, "h": isa.H, "w": isa.W, "dw": isa.DW}
_ATOMIC = {"add": isa.ADD, "or": isa.OR, "and": isa.AND, "xor": isa.XOR, "xchg": isa.XCHG, "cmpxchg": isa.CMPXCHG}
_SWAPS = {"be": isa.ALU | isa.END | isa.X, "le": isa.ALU | isa.END, "swap": isa.ALU64 | isa.END}
_SWAPS["bswap"] = _SWAPS["swap"]


class Case(NamedTuple):
    """One file."""

    code: bytes
    memory: bytes
    result: int | None
    """What r0 holds at the end; None where the code must be refused."""


def read(path: Path) -> Case:
    """A test from its file."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith("-- "):
            current = sections.setdefault(line[3:].strip(), [])
        else:
            current.append(line)
    plain = {name: [each for line in lines if (each := line.split("#")[0].strip())] for name, lines in sections.items()}
    code = _raw(plain["raw"]) if "raw" in plain and "asm" not in plain else assemble(plain["asm"])
    memory = bytes.fromhex(" ".join(plain.get("mem", ())))
    return Case(code, memory, int(plain["result"][0], 0) if "result" in plain else None)


def _raw(lines: list[str]) -> bytes:
    if lines[0].startswith("0x"):
        return b"".join(int(line, 16).to_bytes(8, "little") for line in lines)
    return bytes.fromhex(" ".join(lines))


def assemble(lines: list[str]) -> bytes:
    """The bytes of code in the tests' own syntax. ValueError for what it does not have."""
    labels: dict[str, int] = {}
    words: list[tuple[int, list[str]]] = []
    place = 0
    for line in lines:
        if line.endswith(":"):
            labels[line[:-1]] = place
            continue
        operation, _, rest = line.partition(" ")
        if operation == "exit":
            labels["exit"] = place  # where a jump goes that says so
        split = re.split(r"[,\s]+(?![^\[]*\])", rest.strip()) if rest.strip() else []
        words.append((place, [operation, *split]))
        place += 2 if operation == "lddw" else 1
    return b"".join(_instruction(at, each, labels) for at, each in words)


def _pack(opcode: int, destination: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("<BBhI", opcode, destination | source << 4, offset, immediate & 0xFFFF_FFFF)


def _register(text: str) -> int:
    return int(text.removeprefix("%r"))


def _number(text: str) -> int:
    return int(text, 0)


def _memory(text: str) -> tuple[int, int]:
    """`[%r10-8]` as register and offset."""
    found = re.fullmatch(r"\[%r(\d+)\s*([+-].+)?\]", text)
    if found is None:
        raise ValueError(f"no place in memory: {text}")
    return int(found[1]), int((found[2] or "0").replace(" ", ""), 0)


def _target(text: str, place: int, labels: dict[str, int]) -> int:
    return labels[text] - place - 1 if text in labels else int(text, 0)


def _instruction(place: int, words: list[str], labels: dict[str, int]) -> bytes:
    operation, *operands = words
    if operation == "exit":
        return _pack(isa.JMP | isa.EXIT)
    if operation == "lddw":
        value = _number(operands[1]) & 0xFFFF_FFFF_FFFF_FFFF
        return _pack(isa.LD_IMM64, _register(operands[0]), immediate=value) + _pack(0, immediate=value >> 32)
    if operation == "lock":
        return _atomic(operands)
    if operation == "call":
        return _call(place, operands, labels)
    if operation.startswith("j"):
        return _jump(place, operation, operands, labels)
    if found := re.fullmatch(r"ldx(s?)(dw|b|h|w)", operation):
        source, offset = _memory(operands[1])
        mode = isa.MEMSX if found[1] else isa.MEM
        return _pack(isa.LDX | mode | _SIZES[found[2]], _register(operands[0]), source, offset)
    if found := re.fullmatch(r"st(x?)(dw|b|h|w)", operation):
        destination, offset = _memory(operands[0])
        if found[1]:
            return _pack(isa.STX | isa.MEM | _SIZES[found[2]], destination, _register(operands[1]), offset)
        return _pack(isa.ST | isa.MEM | _SIZES[found[2]], destination, 0, offset, _number(operands[1]))
    if found := re.fullmatch(r"(be|le|bswap|swap)(16|32|64)", operation):
        return _pack(_SWAPS[found[1]], _register(operands[0]), immediate=int(found[2]))
    return _arithmetic(operation, operands)


def _arithmetic(operation: str, operands: list[str]) -> bytes:
    of, offset = isa.ALU64, 1 if operation[:4] in ("sdiv", "smod") else 0
    if found := re.fullmatch(r"movsx(8|16|32)(32|64)", operation):
        operation, offset = f"mov{found[2]}", int(found[1])
    if operation.endswith("32"):
        of = isa.ALU
    name = operation.removesuffix("32").removesuffix("64")
    opcode = of | _BINARY[name]
    if len(operands) == 2 and operands[1].startswith("%"):
        return _pack(opcode | isa.X, _register(operands[0]), _register(operands[1]), offset)
    return _pack(opcode, _register(operands[0]), 0, offset, _number(operands[1]) if len(operands) == 2 else 0)


def _jump(place: int, operation: str, operands: list[str], labels: dict[str, int]) -> bytes:
    to = _target(operands[-1], place, labels)
    if operation == "ja":
        return _pack(isa.JMP | isa.JA, offset=to)
    if operation == "ja32":
        return _pack(isa.JMP32 | isa.JA, immediate=to)
    of = isa.JMP32 if operation.endswith("32") else isa.JMP
    opcode = of | _CONDITIONS[operation.removesuffix("32")]
    if operands[1].startswith("%"):
        return _pack(opcode | isa.X, _register(operands[0]), _register(operands[1]), to)
    return _pack(opcode, _register(operands[0]), 0, to, _number(operands[1]))


def _call(place: int, operands: list[str], labels: dict[str, int]) -> bytes:
    if operands[0] == "local":
        return _pack(isa.JMP | isa.CALL, 0, BPF_PSEUDO_CALL, 0, _target(operands[1], place, labels))
    if operands[0].startswith("%"):
        return _pack(isa.JMP | isa.CALL | isa.X, _register(operands[0]))
    return _pack(isa.JMP | isa.CALL, immediate=_number(operands[0]))


def _atomic(operands: list[str]) -> bytes:
    fetch = isa.FETCH if operands[0] == "fetch" else 0
    name, place, source = operands[1 if fetch else 0 :]
    size = isa.W if name.endswith("32") else isa.DW
    destination, offset = _memory(place)
    operation = _ATOMIC[name.removesuffix("32")]
    return _pack(isa.STX | isa.ATOMIC | size, destination, _register(source), offset, operation | fetch)
