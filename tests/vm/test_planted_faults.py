"""Faults that are planted in the runtime, one at a time: its tests have to fail with each of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
VM = ROOT / "src/osmia/vm"
HERE = Path(__file__).resolve().parent
NOT_THESE = (Path(__file__).name, "test_conformance.py")


class Fault(NamedTuple):
    """A change of a file of the runtime."""

    file: str
    old: str
    new: str


FAULTS = {
    "the sign is not extended": Fault("arithmetic.py", "return (value & (sign * 2 - 1) ^ sign) - sign", "return value"),
    "a division by zero gives the dividend": Fault(
        "arithmetic.py", "return 0 if operation == isa.DIV else left", "return left"
    ),
    "signed division rounds down": Fault("arithmetic.py", "abs(dividend) // abs(divisor)", "dividend // divisor"),
    "shifts are not masked": Fault("arithmetic.py", "left >> (right & bits - 1)", "left >> right"),
    "32 bits are not cut": Fault("arithmetic.py", "return left + right & mask", "return left + right"),
    "signed comparison is unsigned": Fault(
        "arithmetic.py", "left, right = signed(left, bits), signed(right, bits)\n    match", "match"
    ),
    "a test of bits compares": Fault("arithmetic.py", "return left & right != 0", "return left == right"),
    "bytes are never swapped": Fault(
        "interpreter.py", "return swapped(value, bits)", "return value & (1 << bits) - 1"
    ),
    "a sign-extending load does not": Fault("interpreter.py", "if opcode & 0xE0 == isa.MEMSX else", "if 0 else"),
    "a compare-and-exchange always exchanges": Fault(
        "interpreter.py", "value if before == expected else before", "value"
    ),
    "an atomic operation does not give what was there": Fault(
        "interpreter.py", "self.registers[source] = before", "self.registers[source] = value"
    ),
    "a jump goes one too far": Fault("code.py", "return slot + 1 + (immediate", "return slot + 2 + (immediate"),
    "a function shares its caller's registers": Fault(
        "interpreter.py", "self.registers[6:FRAME] = [None] * 4", "self.registers[6] = None"
    ),
    "calls leave their arguments": Fault(
        "interpreter.py", "            self.registers[register] = None\n", "            continue\n"
    ),
    "a new frame is readable": Fault(
        "execution.py", "READY if self.machine.allow_uninitialised else UNINITIALISED", "READY"
    ),
    "an old frame stays": Fault(
        "execution.py",
        "self.machine.memory.paint(self.machine.frame(self.depth).address, STACK, FREED)",
        "self.machine.frame(self.depth)",
    ),
    "fuel is not burnt": Fault("interpreter.py", "execution.fuel -= 1", "execution.fuel -= 0"),
    "read-only memory is writable": Fault("memory.py", "ones = ONES[size] << 1", "ones = ONES[size]"),
    "no redzone behind a block": Fault(
        "memory.py", "self.paint(address + size, room - size + _REDZONE, REDZONE)", "self.paint(address, 0, REDZONE)"
    ),
    "freed memory stays readable": Fault(
        "memory.py", "self.paint(block.address, block.size, FREED)", "self.paint(block.address, 0, FREED)"
    ),
    "an index outside of an array is one inside": Fault(
        "maps/arrays.py",
        "return self.block.address + index * self.stride if index < self.max_entries else 0",
        "return self.block.address + index % self.max_entries * self.stride",
    ),
    "all CPUs write to one value": Fault(
        "maps/arrays.py", "self.blocks[cpu].address + index", "self.blocks[0].address + index"
    ),
    "a hash map takes one too many": Fault("maps/hashes.py", ">= self.max_entries else 0", "> self.max_entries else 0"),
    "a value that was looked up goes at once": Fault(
        "maps/hashes.py", "self.machine.when_idle(free)", "free()"
    ),
    "a deleted key stays": Fault("maps/hashes.py", "self.places.pop(key, 0)", "self.places.get(key, 0)"),
    "the packet's end is not told": Fault(
        "contexts/__init__.py", "self.write_at(access.data_end, size, packet.end)", "pass"
    ),
    "a packet that moved is not stale": Fault("packet.py", "old.size, STALE)", "old.size, READY)"),
    "what changes a packet leaves it where it is": Fault("helpers/arguments.py", "packet.move()", "pass"),
    "sizes of memory are not looked at": Fault(
        "helpers/arguments.py", "size = fixed if sized is None else arguments[index + 1]", "size = fixed"
    ),
    "objects are not told apart": Fault(
        "helpers/arguments.py", "found.struct != struct and not", "False and not"
    ),
    "a socket is not missed": Fault("machine.py", "check_all_given_back(execution)", "pass"),
    "a socket that was given back stays": Fault(
        "helpers/sockets.py", "memory.free(block)", "pass"
    ),
    "a carry is lost": Fault("helpers/checksums.py", "(total - 1) % most + 1 if total else 0", "total & most"),
    "a network number is not swapped": Fault(
        "fields.py", "swapped_bytes(each, network_bits) if network_bits else", "each if network_bits else"
    ),
    "bytes behind a packet's end are loaded": Fault(
        "helpers/packet_bytes.py", "offset <= INT_MAX and offset + size <= packet.size", "True"
    ),
    "timers fire in any order": Fault("timers.py", "min(due, default", "max(due, default"),
    "a loop goes on": Fault("helpers/control.py", "if run.call_function(callback, index, context):", "if False:"),
    "what a kind may write is read-only": Fault("contexts/structs.py", "field.length, 1), READY)", "1), READ_ONLY)"),
    "native code does not look at the shadow": Fault(
        "jit/function.py",
        'f"icmp ne i{size * 8} {may}, {ones}"), status',
        'f"icmp ne i{size * 8} {ones}, {ones}"), status'
    ),
    "native code does not say that it has written": Fault(
        "jit/function.py",
        'self.line(f"store i{size * 8} {ready}, ptr {place}, align 1, {SHADOW}")\n            return',
        "return",
    ),
    "native code burns too much fuel": Fault("jit/function.py", "len(block.slots)}", "len(block.slots) + 1}"),
    "native code divides as if -1 were nothing special": Fault(
        "jit/values.py", 'f"select i1 {by_minus_one}, {of} {negated}, {of} {result}"', 'f"add {of} {result}, 0"'
    ),
    "native shifts are not masked": Fault("jit/values.py", "and {of} {right}, {bits - 1}", "and {of} {right}, -1"),
    "native code forgets that a register was written on one way": Fault(
        "jit/flow.py", "one if one == other else MAYBE", "one"
    ),
    "native code leaves the arguments of a call": Fault(
        "jit/function.py", "            self.mark(register, written=False)\n", "            continue\n"
    ),
    "native code does not paint frames that are left": Fault("jit/function.py", "self.paint(FREED)", "self.paint(3)"),
    "native code follows no address of the stack": Fault(
        "jit/stack.py",
        "return STACK if points",
        "return 0 if points",
    ),
    "native look-ups go beyond the array": Fault(
        "jit/inlined.py",
        "icmp ult i64 {index}, {each.entries}",
        "icmp uge i64 {index}, 0",
    ),
    "native look-ups see another CPU's values": Fault("jit/inlined.py", "i64 0, i64 {cpu}", "i64 0, i64 0"),
    "native look-ups take any key": Fault(
        "jit/inlined.py",
        "and i32 {state}, {ONES[KEY]}",
        "or i32 0, {ONES[KEY]}",
    ),
    "native code remembers values that have gone": Fault("maps/hashes.py", "self.changes[1] += 1", "self.changes[1] += 0"),
    "native code remembers keys that have come": Fault(
        "maps/hashes.py", "        else:\n            self.changes[0] += 1", "        else:\n            self.changes[0] += 0"
    ),
    "native code takes any key for one that it remembers": Fault(
        "jit/caches.py", "or i64 {wrong}, {other}", "or i64 {wrong}, 0"
    ),
    "what is raised in a run within a run is another's": Fault(
        "jit/engine.py", "self.state.signed[_STATUS] = Status.RAISED", "pass"
    ),
    "an exception of a helper is dropped": Fault("jit/engine.py", "        raise self._error", "        self._error"),
    "an exception before a helper is dropped": Fault(
        "jit/engine.py", "self._keep(unraisable.exc_value)", "self._keep(SystemError())"
    ),
    "a packet shows what is left of the one before": Fault(
        "jit/loop.py",
        "i8 {OUTSIDE}, i64 %shrunk",
        "i8 3, i64 %shrunk",
    ),
    "packets share their fuel": Fault("jit/loop.py", '{_store("s", Word.FUEL, "%fuel")}\n', "\n"),
    "the loop does not look where packets lie": Fault("jit/loop.py", "br i1 %bad, label", "br i1 false, label"),
    "the loop counts wrongly": Fault("jit/loop.py", "%counted = add i64 %count, 1", "%counted = add i64 %count, 2"),
    "a changed packet is used again": Fault("jit/replay.py", "        if self._shown:\n            self._close()", "        if 0:\n            self._close()"),
    "in Python, signed comparison is half unsigned": Fault(
        "expressions.py", 'right = f"({right} ^ {SIGN[bits]:#x})" if signed else right', "right = right"
    ),
    "in Python, products are not cut": Fault(
        "expressions.py", 'f"({both}) & {mask:#x}"', "both"
    ),
    "in Python, fuel is not burnt": Fault("translation.py", 'f"_fuel -= {fuel}"', '"_fuel -= 0"'),
    "in Python, what was stored is not initialised": Fault(
        "translation.py", "= {ONES[size] * READY:#x}", "= {ONES[size] * MAY_WRITE:#x}"
    ),
    "in Python, calls leave their arguments": Fault("flow.py", "written.difference(ARGUMENTS)", "written"),
    "in Python, a load does not ask whether it may": Fault(
        "translation.py", "& {ones:#x} != {ones:#x}", "& {ones:#x} == 1"
    ),
    "in Python, lines are one too late": Fault("line_table.py", "lines[start - 1] if start", "lines[start - 2] if start"),
    "the way of an address forgets where it began": Fault("ways.py", "passed.append(at)", "passed[:] = [at]"),
}  # fmt: skip


def first_failure(source: Path) -> str:
    """The first test that fails with another source of osmia; empty where none does."""
    names = [each.name for each in sorted(HERE.glob("test_*.py")) if each.name not in NOT_THESE]
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", "-rfE"),
            *(str(HERE / name) for name in names),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert done.returncode in (0, 1, 2), done.stdout + done.stderr
    return failed[0] if failed else ""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources."""
    copy = tmp_path_factory.mktemp("planted") / "src"
    shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.full
def test_nothing_planted(source: Path) -> None:
    assert first_failure(source) == ""


@pytest.mark.full
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(source: Path, name: str) -> None:
    fault = FAULTS[name]
    file = source / "osmia/vm" / fault.file
    before = file.read_text()
    file.write_text(before.replace(fault.old, fault.new))
    try:
        assert first_failure(source), f"no test finds that {name}"
    finally:
        file.write_text(before)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_a_change(name: str) -> None:
    fault = FAULTS[name]
    text = (VM / fault.file).read_text()
    assert text.count(fault.old) == 1, f"{fault.file} has {text.count(fault.old)} times what is changed"
    compile(text.replace(fault.old, fault.new), fault.file, "exec")
