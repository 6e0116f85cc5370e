"""What a program may not do: the whole text, on every engine, and where it points to."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import fault_programs
import raw_programs as raw
from osmia import Machine, struct, u8, u16, u32
from osmia.btf.write import Writer
from osmia.errors import SourceLine, VmError
from osmia.layout import layout_of
from osmia.spec import LineInfo, MapSpec, Relocation
from osmia.vm.engine import ENGINES
from raw_programs import EXIT, insn

if TYPE_CHECKING:
    from osmia.spec import ObjectSpec

FILE = fault_programs.__file__
TEXTS = {
    "beyond_a_value": """\
FILE:31: read of 8 bytes at offset 12 of the value of 'flows', which has 16 bytes: its last 4 bytes lie outside
    return XdpAction.DROP if behind.value else XdpAction.PASS
  in program beyond_a_value, instruction 20
fix: test the offset or the index first: it has to stay inside
see: it was put there by FILE:26: flows.update(5, Flow(packets=1))
way: FILE:27: flow = flows.lookup(5)""",
    "before_a_value": """\
FILE:40: write of 4 bytes at offset -4 of value 1 of 'totals', which has 8 bytes: it lies outside
    memory_at(total, u32, -4).value = 1
  in program before_a_value, instruction 7
fix: test the offset or the index first: it has to stay inside
way: FILE:37: total = totals.lookup(1)""",
    "no_value": """\
FILE:47: read of 4 bytes at a null pointer and 8 bytes, which bpf_map_lookup_elem gave
    assume(flows.lookup(9)).size += 1
  in program no_value, instruction 6
fix: check for None before it is used""",
    "beyond_the_packet": """\
FILE:55: read of 2 bytes at offset 72 of the packet, which has 64 bytes: it lies outside
    return XdpAction.DROP if header.ether_type == 5 else XdpAction.PASS
  in program beyond_the_packet, instruction 1
fix: test first that the packet is long enough
see: the packet that the program is given""",
    "never_written": """\
FILE:63: read of 8 bytes at offset 432 of the stack of never_written, which has 512 bytes: it was never written
    return XdpAction.DROP if value.value else XdpAction.PASS
  in program never_written, instruction 7
fix: write all of it first, the bytes between fields too
way: FILE:61: flow = Flow(packets=u32(len(ctx.packet)))""",
    "beyond_in_a_function": """\
FILE:70: read of 4 bytes at offset 62 of the packet, which has 64 bytes: its last 2 bytes lie outside
    return u64(memory_at(here, u32).value)
  in beyond of program beyond_in_a_function, instruction 7
fix: test first that the packet is long enough
see: the packet that the program is given""",
    "writes_the_context": """\
FILE:82: write of 4 bytes at offset 12 of the context of writes_the_context, which has 24 bytes: it may only be read
    memory_at(ctx, u32, 12).value = 1
  in program writes_the_context, instruction 0
fix: read it only, or keep what changes in a map""",
    "no_address": """\
FILE:89: read of 1 byte at 0x10000000000, which is no address
    return XdpAction.DROP if memory_at(u64(1) << 40, u8).value else XdpAction.PASS
  in program no_address, instruction 2""",
    "a_key_that_is_none": """\
FILE:95: key of 'flows': read of 4 bytes at a null pointer and 8 bytes
    call_helper(1, flows, 8)
  in program a_key_that_is_none, instruction 3
fix: check for None before it is used""",
    "no_map": """\
FILE:103: the context of no_map is given to a helper that wants a map
    call_helper(1, ctx, key)
  in program no_map, instruction 4""",
    "for_ever": """\
FILE:112: it has run 1000 instructions and does not end
    number += 2
  in program for_ever, instruction 22
fix: bound the loop, or give it more fuel=""",
    "behind_a_record": """\
FILE:141: write of 8 bytes at offset 12 of the record of 'ring', which has 16 bytes: its last 4 bytes lie outside
    memory_at(event, u64, 12).value = 5
  in program behind_a_record, instruction 9
fix: test the offset or the index first: it has to stay inside
see: it was reserved by FILE:138: with ring.reserve() as event:
way: FILE:138: with ring.reserve() as event:""",
    "after_a_record": """\
FILE:152: write of 8 bytes at offset 0 of the record of 'ring', which has 16 bytes: it was freed
    memory_at(where, u64).value = 5
  in program after_a_record, instruction 12
fix: use it before it is submitted, discarded, deleted or given back
see: it was reserved by FILE:148: with ring.reserve() as event:
way: FILE:148: with ring.reserve() as event:
way: FILE:151: where = address(event)""",
    "after_the_packet_moved": """\
FILE:164: read of 4 bytes at offset -4 of the packet, which has 60 bytes: the packet was moved or resized since
    return XdpAction.DROP if memory_at(where, u32).value else XdpAction.PASS
  in program after_the_packet_moved, instruction 8
fix: ask the context for the packet again after what changes it
see: the packet that the program is given""",
}


def whole(error: BaseException) -> str:
    """All that an error says."""
    return "\n".join([str(error), *getattr(error, "__notes__", ())]).replace(FILE, "FILE")


def fault(name: str, **options: Any) -> VmError:
    with Machine(fuel=1000, **options) as machine, pytest.raises(VmError) as caught:
        machine.run(getattr(fault_programs, name), bytes(64))
    return caught.value


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str, engine: str) -> None:
    assert whole(fault(name, engine=engine)) == TEXTS[name]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TEXTS)
def test_the_traceback_ends_in_the_programs_line(name: str, engine: str) -> None:
    error = fault(name, engine=engine)
    last = traceback.extract_tb(error.__traceback__)
    assert (FILE, error.line) in [(each.filename, each.lineno) for each in last]
    assert error.text.strip() in [each.line for each in last]


@pytest.mark.parametrize("name", TEXTS)
def test_a_debug_build_says_the_same(name: str) -> None:
    """But for instructions' numbers, places on the stack, which of a loop's lines it is in, and more of the way."""
    said, expected = (text.splitlines() for text in (whole(fault(name, debug=True)), TEXTS[name]))
    differs = 0 if name in ("never_written", "for_ever") else 1
    assert said[:differs] == expected[:differs]
    notes = [line for line in said if line.startswith(("fix", "see", "way"))]
    assert notes[: len(expected) - 3] == expected[3:]


def test_fields() -> None:
    error = fault("beyond_a_value")
    assert (error.kind, error.program, error.file, error.line) == ("access", "beyond_a_value", FILE, 31)
    assert (error.object, error.offset, error.size) == ("value of 'flows'", 12, 8)
    assert error.way == (SourceLine(FILE, 27, "    flow = flows.lookup(5)"),)
    assert error.origin == f"it was put there by {FILE}:26: flows.update(5, Flow(packets=1))"
    assert error.fix == "test the offset or the index first: it has to stay inside"


def test_a_value_of_user_code() -> None:
    with Machine(fuel=1000) as machine:
        fault_programs.reads_behind.load()
        fault_programs.flows[6] = fault_programs.Flow()
        with pytest.raises(VmError) as caught:
            machine.run(fault_programs.reads_behind, bytes(64))
    assert caught.value.origin == "it was put there by user code"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_way_of_two_lines(engine: str) -> None:
    program = fault_programs.by_two_lines
    with Machine(engine=engine) as machine:
        program.load()
        fault_programs.flows[6] = fault_programs.Flow()
        with pytest.raises(VmError) as caught:
            machine.run(program, bytes(20))
    assert [line.text.strip() for line in caught.value.way] == [
        "flow = flows.lookup(6)",
        "place = address(flow) + len(ctx.packet)",
    ]


UNCAUGHT = """\
import fault_programs
from osmia import Machine

def check():
    with Machine(engine={engine!r}) as machine:
        machine.run(fault_programs.no_value, bytes(64))

check()
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_uncaught(tmp_path: Path, engine: str) -> None:
    """What Python shows: the user's lines and the program's, and none of osmia's own."""
    path = tmp_path / "use.py"
    path.write_text(UNCAUGHT.format(engine=engine))
    ran = [sys.executable, "-X", "no_debug_ranges", str(path)]
    search = {"PYTHONPATH": f"{Path(FILE).parent}:{Path(sys.modules['osmia'].__file__ or '').parents[1]}"}
    done = subprocess.run(ran, capture_output=True, text=True, env=search, check=False)
    assert done.stderr.replace(FILE, "FILE").replace(str(path), "use.py").splitlines() == [
        "Traceback (most recent call last):",
        '  File "use.py", line 8, in <module>',
        "    check()",
        '  File "use.py", line 6, in check',
        "    machine.run(fault_programs.no_value, bytes(64))",
        '  File "FILE", line 47, in no_value',
        "    assume(flows.lookup(9)).size += 1",
        *f"osmia.errors.VmError: {TEXTS['no_value']}".splitlines(),
    ]


# What Python source cannot do


@struct
class Key:
    """A key with three bytes of padding, and two behind its last field."""

    kind: u8
    port: u32
    slot: u16


def keyed(stores: bytes) -> ObjectSpec:
    """A program that looks up the key at r10 - 12, which it writes so."""
    writer = Writer()
    layout = layout_of(Key)
    assert layout is not None
    number = writer.add(layout)
    table = MapSpec("table", 1, 12, 8, 4, btf_key_type_id=number)
    look_up = insn(0xBF, 2, 10) + insn(0x07, 2, imm=-12) + raw.LD_IMM64_R1 + raw.LOOKUP + raw.returns(2)
    made = raw.function("keyed", stores + look_up, [Relocation(len(stores) // 8 + 2, "map", "table")])
    return raw.spec(made, maps=[table], btf=writer.data())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("stores", "said"),
    [
        (insn(0x62, 10, off=-8) + insn(0x62, 10, off=-4), "bytes 0 to 3 of it were never written; it is Key.kind"),
        (
            insn(0x72, 10, off=-12) + insn(0x62, 10, off=-8) + insn(0x62, 10, off=-4),
            "bytes 1 to 3 of it were never written; it is padding of Key, behind 'kind'",
        ),
        (
            insn(0x62, 10, off=-12) + insn(0x6A, 10, off=-8) + insn(0x62, 10, off=-4),
            "bytes 6 to 7 of it were never written; it is byte 2 of Key.port",
        ),
        (
            insn(0x62, 10, off=-12) + insn(0x62, 10, off=-8) + insn(0x6A, 10, off=-4),
            "bytes 10 to 11 of it were never written; it is padding of Key, behind 'slot'",
        ),
        (
            insn(0x62, 10, off=-12) + insn(0x62, 10, off=-8) + insn(0x72, 10, off=-4) + insn(0x72, 10, off=-2),
            "byte 9 of it was never written; it is byte 1 of Key.slot",
        ),
    ],
)
def test_a_key_that_is_not_whole(engine: str, stores: bytes, said: str) -> None:
    machine = Machine(engine=engine)
    program = machine.load_object(keyed(stores)).programs["keyed"]
    with pytest.raises(VmError) as caught:
        program.test_run(bytes(14))
    slot = len(stores) // 8 + 4
    assert whole(caught.value) == (
        f"key of 'table': read of 12 bytes at offset 500 of the stack of keyed, which has 512 bytes: {said}\n"
        f"  in program keyed, instruction {slot}\n"
        "fix: write all of it first, the bytes between fields too"
    )
    machine.close()


def test_a_key_that_need_not_be_whole() -> None:
    machine = Machine(allow_uninitialised=True)
    assert machine.load_object(keyed(b"")).programs["keyed"].test_run(bytes(14))[0] == 2
    machine.close()


RAW = {
    "a register that was never written": (
        insn(0xBF, 0, 6) + EXIT,
        "p.c:1: register r6 is read before anything was written to it\n    int p(void)\n  in program p, instruction 0",
    ),
    "a stack that is gone": (
        insn(0x85, src=1, imm=2) + insn(0x79, 0, 0) + EXIT + insn(0x7A, 10, off=-8, imm=5) + insn(0xBF, 0, 10)
        + insn(0x07, 0, imm=-8) + EXIT,
        "p.c:1: read of 8 bytes at offset 504 of the stack of inner, which has 512 bytes: it was freed\n"
        "    int p(void)\n  in program p, instruction 1\n"
        "fix: return the value itself: what a function has on its stack ends with the function",
    ),
    "too many calls": (
        insn(0x85, src=1, imm=1) + EXIT + insn(0xB7, 1) + insn(0x85, src=1, imm=-2) + EXIT,
        "p.c:1: more than 8 functions are in the middle of a call\n    int p(void)\n"
        "  in inner of program p, instruction 3\nfix: call fewer",
    ),
    "a function's address": (
        insn(0x18, 1, 4, imm=3) + insn(0) + insn(0x71, 0, 1) + EXIT + raw.returns(0),
        "p.c:1: read of 1 byte at the address of a function\n    int p(void)\n  in program p, instruction 2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", RAW)
def test_what_only_bytecode_does(name: str, engine: str) -> None:
    from bare_code import Bare
    from osmia.vm.code import decode

    instructions, said = RAW[name]
    first = next(at for at in range(0, len(instructions), 8) if instructions[at] == EXIT[0]) // 8 + 1
    lines = [LineInfo(0, "p.c", 1, 1, "int p(void)")]
    with Bare(engine) as bare, pytest.raises(VmError) as caught:
        bare.run_code(decode("p", instructions, lines, int, int, functions=((0, "p"), (first, "inner"))))
    assert whole(caught.value) == said
