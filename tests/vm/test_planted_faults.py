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
ALL = tuple(each.name for each in sorted(HERE.glob("test_*.py")) if each.name not in NOT_THESE)
MOST_SECONDS = 1800
"""A run of tests that does not end finds nothing."""


class Fault(NamedTuple):
    """A change of a file of the runtime, and the test that is the quickest to fail with it."""

    file: str
    old: str
    new: str
    found_by: str


FAULTS = {
    "the sign is not extended": Fault(
        "arithmetic.py", "return (value & (sign * 2 - 1) ^ sign) - sign", "return value",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "a division by zero gives the dividend": Fault(
        "arithmetic.py", "return 0 if operation == isa.DIV else left", "return left",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "signed division rounds down": Fault(
        "arithmetic.py", "abs(dividend) // abs(divisor)", "dividend // divisor",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "shifts are not masked": Fault(
        "arithmetic.py", "left >> (right & bits - 1)", "left >> right",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "32 bits are not cut": Fault(
        "arithmetic.py", "return left + right & mask", "return left + right",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "signed comparison is unsigned": Fault(
        "arithmetic.py", "left, right = signed(left, bits), signed(right, bits)\n    match", "match",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "a test of bits compares": Fault(
        "arithmetic.py", "return left & right != 0", "return left == right",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "bytes are never swapped": Fault(
        "interpreter.py", "return swapped(value, bits)", "return value & (1 << bits) - 1",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "a sign-extending load does not": Fault(
        "interpreter.py", "if opcode & 0xE0 == isa.MEMSX else", "if 0 else",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "a compare-and-exchange always exchanges": Fault(
        "interpreter.py", "value if before == expected else before", "value",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "an atomic operation does not give what was there": Fault(
        "interpreter.py", "self.registers[source] = before", "self.registers[source] = value",
        "test_random_bytecode.py::test_a_few_hundred[interpreter]",
    ),
    "a jump goes one too far": Fault(
        "code.py", "return slot + 1 + (immediate", "return slot + 2 + (immediate",
        "test_translated.py::test_a_may_goto",
    ),
    "a function shares its caller's registers": Fault(
        "interpreter.py", "self.registers[6:FRAME] = [None] * 4", "self.registers[6] = None",
        "test_machine.py::test_a_function_does_not_see_its_callers_registers",
    ),
    "calls leave their arguments": Fault(
        "interpreter.py", "            self.registers[register] = None\n", "            continue\n",
        "test_jit.py::test_a_fault_is_the_same",
    ),
    "a new frame is readable": Fault(
        "execution.py", "READY if self.machine.allow_uninitialised else UNINITIALISED", "READY",
        "test_jit.py::test_what_a_fault_says",
    ),
    "an old frame stays": Fault(
        "execution.py",
        "self.machine.memory.paint(self.machine.frame(self.depth).address, STACK, FREED)",
        "self.machine.frame(self.depth)",
        "test_jit.py::test_a_fault_is_the_same",
    ),
    "fuel is not burnt": Fault(
        "interpreter.py", "execution.fuel -= 1", "execution.fuel -= 0",
        "test_translated.py::test_fuel_ends_at_the_same_instruction",
    ),
    "read-only memory is writable": Fault(
        "memory.py", "ones = ONES[size] << 1", "ones = ONES[size]",
        "test_jit.py::test_memory_that_may_only_be_read",
    ),
    "no redzone behind a block": Fault(
        "memory.py", "self.paint(address + size, room - size + _REDZONE, REDZONE)", "self.paint(address, 0, REDZONE)",
        "test_faults.py::test_text",
    ),
    "freed memory stays readable": Fault(
        "memory.py", "self.paint(block.address, block.size, FREED)", "self.paint(block.address, 0, FREED)",
        "test_faults.py::test_text",
    ),
    "an index outside of an array is one inside": Fault(
        "maps/arrays.py",
        "return self.block.address + index * self.stride if index < self.max_entries else 0",
        "return self.block.address + index % self.max_entries * self.stride",
        "test_jit.py::test_look_ups",
    ),
    "all CPUs write to one value": Fault(
        "maps/arrays.py", "self.blocks[cpu].address + index", "self.blocks[0].address + index",
        "test_jit.py::test_look_ups",
    ),
    "a hash map takes one too many": Fault(
        "maps/hashes.py", ">= self.max_entries else 0", "> self.max_entries else 0",
        "test_machine.py::test_a_declared_program_and_its_maps",
    ),
    "a value that was looked up goes at once": Fault(
        "maps/hashes.py", "self.machine.when_idle(free)", "free()",
        "test_machine_maps.py::test_a_value_stays_until_the_run_ends",
    ),
    "a deleted key stays": Fault(
        "maps/hashes.py", "self.places.pop(key, 0)", "self.places.get(key, 0)",
        "test_machine.py::test_a_declared_program_and_its_maps",
    ),
    "the packet's end is not told": Fault(
        "contexts/__init__.py", "self.write_at(access.data_end, size, packet.end)", "pass",
        "test_machine.py::test_a_declared_program_and_its_maps",
    ),
    "a packet that moved is not stale": Fault(
        "packet.py", "old.size, STALE)", "old.size, READY)",
        "test_arguments.py::test_a_packet_that_was_changed",
    ),
    "what changes a packet leaves it where it is": Fault(
        "helpers/arguments.py", "packet.move()", "pass",
        "test_arguments.py::test_a_packet_that_was_changed",
    ),
    "sizes of memory are not looked at": Fault(
        "helpers/arguments.py", "size = fixed if sized is None else arguments[index + 1]", "size = fixed",
        "test_arguments.py::test_what_is_wrong",
    ),
    "objects are not told apart": Fault(
        "helpers/arguments.py", "found.struct != struct and not", "False and not",
        "test_arguments.py::test_an_object_of_another_struct",
    ),
    "a socket is not missed": Fault(
        "machine.py", "check_all_given_back(execution)", "pass",
        "test_helpers.py::test_a_socket_that_is_not_given_back",
    ),
    "a socket that was given back stays": Fault(
        "helpers/sockets.py", "memory.free(block)", "pass",
        "test_helpers.py::test_a_socket_that_was_given_back",
    ),
    "a carry is lost": Fault(
        "helpers/checksums.py", "(total - 1) % most + 1 if total else 0", "total & most",
        "test_helpers_against_kernel.py::test_helpers[csum_diff]",
    ),
    "a network number is not swapped": Fault(
        "fields.py", "swapped_bytes(each, network_bits) if network_bits else", "each if network_bits else",
        "test_contexts.py::test_sched_cls",
    ),
    "bytes behind a packet's end are loaded": Fault(
        "helpers/packet_bytes.py", "offset <= INT_MAX and offset + size <= packet.size", "True",
        "test_helpers_against_kernel.py::test_helpers[skb bytes]",
    ),
    "timers fire in any order": Fault(
        "timers.py", "min(due, default", "max(due, default",
        "test_helpers.py::test_timers",
    ),
    "a loop goes on": Fault(
        "helpers/control.py", "if run.call_function(callback, index, context):", "if False:",
        "test_helpers.py::test_loops_in_both",
    ),
    "what a kind may write is read-only": Fault(
        "contexts/structs.py", "field.bits // 8 * max(field.length, 1), READY)", "0, READY)",
        "test_contexts.py::test_sched_cls",
    ),
    "native code does not look at the shadow": Fault(
        "jit/function.py",
        'f"icmp ne i{size * 8} {may}, {ones}"), status',
        'f"icmp ne i{size * 8} {ones}, {ones}"), status',
        "test_jit.py::test_a_fault_is_the_same",
    ),
    "native code does not say that it has written": Fault(
        "jit/function.py",
        'self.line(f"store i{size * 8} {ready}, ptr {place}, align 1, {SHADOW}")\n            return',
        "return",
        "test_jit.py::test_the_whole_stack_is_there",
    ),
    "native code burns too much fuel": Fault(
        "jit/function.py", "len(block.slots)}", "len(block.slots) + 1}",
        "test_jit.py::test_what_is_left_of_the_fuel",
    ),
    "native code divides as if -1 were nothing special": Fault(
        "jit/values.py", 'f"select i1 {by_minus_one}, {of} {negated}, {of} {result}"', 'f"add {of} {result}, 0"',
        "test_jit.py::test_arithmetic_at_the_edges",
    ),
    "native shifts are not masked": Fault(
        "jit/values.py", "and {of} {right}, {bits - 1}", "and {of} {right}, -1",
        "test_jit.py::test_arithmetic_at_the_edges",
    ),
    "native code forgets that a register was written on one way": Fault(
        "jit/flow.py", "one if one == other else MAYBE", "one",
        "test_jit.py::test_a_register_that_is_written_on_one_of_two_ways",
    ),
    "native code leaves the arguments of a call": Fault(
        "jit/function.py", "            self.mark(register, written=False)\n", "            continue\n",
        "test_jit.py::test_a_fault_is_the_same",
    ),
    "native code does not paint frames that are left": Fault(
        "jit/function.py", "self.paint(FREED)", "self.paint(3)",
        "test_jit.py::test_a_fault_is_the_same",
    ),
    "native code follows no address of the stack": Fault(
        "jit/stack.py",
        "return STACK if points",
        "return 0 if points",
        "test_jit.py::test_the_whole_stack_is_there",
    ),
    "native look-ups go beyond the array": Fault(
        "jit/inlined.py",
        "icmp ult i64 {index}, {each.entries}",
        "icmp uge i64 {index}, 0",
        "test_jit.py::test_look_ups",
    ),
    "native look-ups see another CPU's values": Fault(
        "jit/inlined.py", "i64 0, i64 {cpu}", "i64 0, i64 0",
        "test_jit.py::test_look_ups",
    ),
    "native look-ups take any key": Fault(
        "jit/inlined.py",
        "and i32 {state}, {ONES[KEY]}",
        "or i32 0, {ONES[KEY]}",
        "test_jit.py::test_a_key_that_was_not_written_is_found",
    ),
    "native code remembers values that have gone": Fault(
        "maps/hashes.py", "self.changes[1] += 1", "self.changes[1] += 0",
        "test_jit.py::test_look_ups_that_are_remembered",
    ),
    "native code remembers keys that have come": Fault(
        "maps/hashes.py", "        else:\n            self.changes[0] += 1", "        else:\n            self.changes[0] += 0",
        "test_jit.py::test_look_ups_that_are_remembered",
    ),
    "native code takes any key for one that it remembers": Fault(
        "jit/caches.py", "or i64 {wrong}, {other}", "or i64 {wrong}, 0",
        "test_jit.py::test_look_ups_that_are_remembered",
    ),
    "what is raised in a run within a run is another's": Fault(
        "jit/engine.py", "self.state.signed[_STATUS] = Status.RAISED", "pass",
        "test_jit.py::test_what_a_helper_raises_behind_a_run_of_its_own",
    ),
    "an exception of a helper is dropped": Fault(
        "jit/engine.py", "        raise self._error", "        self._error",
        "test_jit.py::test_an_exception_of_a_helper_comes_out_as_it_is",
    ),
    "an exception before a helper is dropped": Fault(
        "jit/engine.py", "self._keep(unraisable.exc_value)", "self._keep(SystemError())",
        "test_jit.py::test_an_exception_of_a_signal_is_not_lost",
    ),
    "a packet shows what is left of the one before": Fault(
        "jit/loop.py",
        "i8 {OUTSIDE}, i64 %shrunk",
        "i8 3, i64 %shrunk",
        "test_many.py::test_a_fault_says_at_which_packet",
    ),
    "packets share their fuel": Fault(
        "jit/loop.py", '{_store("s", Word.FUEL, "%fuel")}\n', "\n",
        "test_many.py::test_each_packet_has_fuel_of_its_own",
    ),
    "the loop does not look where packets lie": Fault(
        "jit/loop.py", "br i1 %bad, label", "br i1 false, label",
        "test_many.py::test_what_are_no_packets",
    ),
    "the loop counts wrongly": Fault(
        "jit/loop.py", "%counted = add i64 %count, 1", "%counted = add i64 %count, 2",
        "test_many.py::test_each_packet_as_by_itself",
    ),
    "a changed packet is used again": Fault(
        "jit/replay.py", "        if self._shown:\n            self._close()", "        if 0:\n            self._close()",
        "test_frames.py::test_a_program_that_does_more_finds_each_packet_as_it_came",
    ),
    "in Python, signed comparison is half unsigned": Fault(
        "expressions.py", 'right = f"({right} ^ {SIGN[bits]:#x})" if signed else right', "right = right",
        "test_translated.py::test_random_programs",
    ),
    "in Python, products are not cut": Fault(
        "expressions.py", 'f"({both}) & {mask:#x}"', "both",
        "test_translated.py::test_random_programs",
    ),
    "in Python, fuel is not burnt": Fault(
        "translation.py", 'f"_fuel -= {fuel}"', '"_fuel -= 0"',
        "test_translated.py::test_fuel_ends_at_the_same_instruction",
    ),
    "in Python, what was stored is not initialised": Fault(
        "translation.py", "= {ONES[size] * READY:#x}", "= {ONES[size] * MAY_WRITE:#x}",
        "test_translated.py::test_random_programs",
    ),
    "in Python, calls leave their arguments": Fault(
        "flow.py", "written.difference(ARGUMENTS)", "written",
        "test_translated.py::test_a_register_without_a_value",
    ),
    "in Python, a load does not ask whether it may": Fault(
        "translation.py", "& {ones:#x} != {ones:#x}", "& {ones:#x} == 1",
        "test_translated.py::test_programs_that_go_wrong",
    ),
    "in Python, lines are one too late": Fault(
        "line_table.py", "lines[start - 1] if start", "lines[start - 2] if start",
        "test_debugging.py::test_lines_run_one_after_the_other",
    ),
    "the way of an address forgets where it began": Fault(
        "ways.py", "passed.append(at)", "passed[:] = [at]",
        "test_faults.py::test_a_way_of_two_lines",
    ),
}  # fmt: skip
NAMED = sorted({fault.found_by for fault in FAULTS.values()})


def first_failure(source: Path, *tests: str) -> str:
    """The first of some tests that fails with another source of osmia; empty where none does."""
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", "-rfE"),
            *(str(HERE / test) for test in tests),
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=MOST_SECONDS,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert done.returncode in (0, 1, 2), done.stdout + done.stderr
    assert bool(failed) == bool(done.returncode), done.stdout + done.stderr
    return failed[0] if failed else ""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources."""
    copy = tmp_path_factory.mktemp("planted") / "src"
    shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.full
@pytest.mark.parametrize("tests", [ALL, *((test,) for test in NAMED)], ids=["all", *NAMED])
def test_nothing_planted(source: Path, tests: tuple[str, ...]) -> None:
    """What the table names passes by itself too, so that only the fault can make it fail."""
    assert first_failure(source, *tests) == ""


@pytest.mark.full
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(source: Path, name: str) -> None:
    fault = FAULTS[name]
    file = source / "osmia/vm" / fault.file
    before = file.read_text()
    file.write_text(before.replace(fault.old, fault.new))
    try:
        assert first_failure(source, fault.found_by), (
            f"{fault.found_by} does not find that {name}; of all tests: {first_failure(source, *ALL) or 'none does'}"
        )
    finally:
        file.write_text(before)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_a_change(name: str) -> None:
    fault = FAULTS[name]
    text = (VM / fault.file).read_text()
    assert text.count(fault.old) == 1, f"{fault.file} has {text.count(fault.old)} times what is changed"
    compile(text.replace(fault.old, fault.new), fault.file, "exec")


@pytest.mark.parametrize("test", NAMED)
def test_each_test_that_is_named_is_there(test: str) -> None:
    file, _, function = test.partition("::")
    assert f"\ndef {function.partition('[')[0]}(" in (HERE / file).read_text()
