"""What a program did that it may not: as an error with the Python line, the thing it touched, and the fix."""

from __future__ import annotations

import sys

from osmia.errors import SourceLine, VmError
from osmia.vm.code import CALL, FUNCTIONS, name_of_helper
from osmia.vm.memory import (
    FIRST,
    FREED,
    GUARDED,
    MAY_READ,
    MAY_WRITE,
    OUTSIDE,
    READ_ONLY,
    REASONS,
    REDZONE,
    STALE,
    UNINITIALISED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import NoReturn

    from osmia.spec import LineInfo
    from osmia.vm.code import Code
    from osmia.vm.execution import Execution
    from osmia.vm.machine import Writer
    from osmia.vm.memory import Block, Memory
    from osmia.vm.ways import Way

_NEAR = 16
"""So far before a thing is an access that may have been meant for it."""
_KINDS = {UNINITIALISED: "uninitialised", FREED: "freed", STALE: "stale"}
_FIXES = {
    UNINITIALISED: "write all of it first, the bytes between fields too",
    STALE: "ask the context for the packet again after what changes it",
    FREED: "use it before it is submitted, discarded, deleted or given back",
    READ_ONLY: "read it only, or keep what changes in a map",
    GUARDED: "leave it to the helpers that are made for it",
    OUTSIDE: "test first that the packet is long enough",
    REDZONE: "test the offset or the index first: it has to stay inside",
}


_OF_MAPS = "keep the map open, or in a map of maps, as long as something points into it"
_OF_STACKS = "return the value itself: what a function has on its stack ends with the function"


def fault(execution: Execution, code: Code, slot: int, kind: str, problem: str, *, fix: str = "") -> VmError:
    """An error at an instruction."""
    line = code.line_of(slot)
    path = code.path(line.file) if line is not None else ""
    where = f"{path}:{line.line}: " if line is not None else ""
    shown = f"\n    {line.text.strip()}" if line is not None and line.text.strip() else ""
    name, function = execution.program.name, code.function_at(slot)
    inside = f"program {name}" if function == name else f"{function} of program {name}"
    error = VmError(f"{where}{problem}{shown}\n  in {inside}, instruction {slot}")
    error.kind, error.program, error.instruction, error.fix = kind, execution.program.name, slot, fix
    if line is not None:
        error.file, error.line, error.text = path, line.line, line.text
    if fix:
        error.add_note(f"fix: {fix}")
    return error


def access_fault(
    execution: Execution, code: Code, slot: int, address: int, size: int, *, writes: bool, what: str = ""
) -> VmError:
    """An error about memory. `what` says who accesses it, where that is no load or store of the program's."""
    memory = execution.machine.memory
    doing = f"{what or ('write' if writes else 'read')} of {_bytes(size)}"
    if address < FIRST:
        error = _null(execution, code, slot, address, doing)
    elif FUNCTIONS <= address < FUNCTIONS << 1:
        error = fault(execution, code, slot, "access", f"{doing} at the address of a function")
    elif address >= memory.size:
        error = fault(execution, code, slot, "access", f"{doing} at {address:#x}, which is no address")
    else:
        error = _in_memory(execution, code, slot, address, size, doing, MAY_WRITE if writes else MAY_READ)
    error.address, error.size = address, size
    for each in error.way:
        error.add_note(f"way: {each.file}:{each.line}: {each.text.strip()}")
    return error


def _bytes(size: int) -> str:
    return f"{size} byte{'s' * (size != 1)}"


def _null(execution: Execution, code: Code, slot: int, address: int, doing: str) -> VmError:
    way = _way(execution, code, slot, address)
    none = "a null pointer" if address == 0 else f"a null pointer and {_bytes(address)}"
    gave = f", which {name_of_helper(way.helper)} gave" if way is not None and way.helper else ""
    error = fault(execution, code, slot, "null", f"{doing} at {none}{gave}", fix="check for None before it is used")
    error.way = _lines(code, slot, way.slots) if way is not None else ()
    return error


def _in_memory(
    execution: Execution, code: Code, slot: int, address: int, size: int, doing: str, access: int
) -> VmError:
    memory = execution.machine.memory
    bad = max(memory.first_bad(address, size, access), 0)
    state = memory.shadow[address + bad] if address + bad < memory.size else REDZONE
    block = memory.block_at(address)
    if block is None:
        return fault(execution, code, slot, "access", f"{doing} at {address:#x}, where nothing lies")
    name, start, length = _thing(block, address)
    distance = address - start
    states = bytes(memory.shadow[address + bad : address + size]).ljust(size - bad, bytes([REDZONE]))
    count = len(states) - len(states.lstrip(bytes([state])))
    reason = _reason(state, bad, count, size)
    part = _part(execution, code, slot, address, bad) if state == UNINITIALISED else ""
    fix = _fix(execution, state, block, name)
    problem = f"{doing} at offset {distance} of {_with_article(name)}, which has {_bytes(length)}: {reason}{part}"
    error = fault(execution, code, slot, _KINDS.get(state, "access"), problem, fix=fix)
    error.object, error.offset, error.origin = name, distance, _origin(block, start)
    way = _way(execution, code, slot, address)
    error.way = _lines(code, slot, way.slots) if way is not None else ()
    if error.origin:
        error.add_note(f"see: {error.origin}")
    return error


def _fix(execution: Execution, state: int, block: Block, name: str) -> str:
    if state == FREED and name.startswith("the stack"):
        return _OF_STACKS
    if state == FREED and block.of_map and block.address not in execution.machine.value_blocks:
        return _OF_MAPS
    return _FIXES.get(state, "")


def _thing(block: Block, address: int) -> tuple[str, int, int]:
    """The nearest thing in a block: its name, its address and its size."""
    if block.describe is None:
        return block.name, block.address, block.size
    offset = address - block.address
    found = block.describe(offset)
    after = block.describe(min(offset + _NEAR, block.size - 1))
    behind = offset - found[1] - found[2]
    name, start, size = after if behind >= 0 and 0 < after[1] - offset <= behind else found
    return name, block.address + start, size


def named(memory: Memory, address: int) -> str:
    """What lies at an address, as an error says it."""
    block = memory.block_at(address) if FIRST <= address < memory.size else None
    if block is None:
        return f"{address:#x}"
    name, start, size = _thing(block, address)
    if not start <= address < start + size:
        return f"{address:#x}"
    freed = memory.shadow[address] == FREED
    return f"{_with_article(name)}{', which was freed,' if freed else ''}"


def _with_article(name: str) -> str:
    return f"the {name}" if name.startswith(("value of", "values of", "packet", "context", "section")) else name


def _reason(state: int, first: int, count: int, size: int) -> str:
    """What is the matter with some of the bytes of an access."""
    many = count > 1
    if state in (REDZONE, OUTSIDE):
        if count == size:
            return "it lies outside"
        which = "its first" if first == 0 else "its last"
        return f"{which} {f'{count} bytes lie' if many else 'byte lies'} outside"
    if state == UNINITIALISED and count < size:
        which = f"bytes {first} to {first + count - 1} of it were" if many else f"byte {first} of it was"
        return f"{which} never written"
    return REASONS.get(state, "it may not be touched")


def _origin(block: Block, start: int) -> str:
    """Where what lies there comes from."""
    return block.origin if block.origin_at is None else block.origin_at(start - block.address)


def _register(execution: Execution, code: Code, slot: int, address: int) -> int | None:
    from osmia.vm.ways import argument_at, base_of

    if code.slots[slot][0] == CALL:
        return argument_at(code, slot, execution.arguments, address)
    return base_of(code.slots[slot])


def _way(execution: Execution, code: Code, slot: int, address: int) -> Way | None:
    from osmia.vm.ways import way_to

    register = _register(execution, code, slot, address)
    return None if register is None else way_to(code, slot, register)


def _lines(code: Code, slot: int, slots: list[int]) -> tuple[SourceLine, ...]:
    """The lines of instructions, each once in a row, without the one that is at fault."""
    found: list[SourceLine] = []
    at = code.line_of(slot)
    for each in slots:
        line = code.line_of(each)
        # What stands in the line of a `def` is what the function was called with, made ready.
        if line is None or (at is not None and (line.file, line.line) == (at.file, at.line)) or _begins(line):
            continue
        shown = SourceLine(code.path(line.file), line.line, line.text)
        if shown not in found[-1:]:
            found.append(shown)
    return tuple(found)


def _begins(line: LineInfo) -> bool:
    return line.text.lstrip().startswith("def ")


def _part(execution: Execution, code: Code, slot: int, address: int, bad: int) -> str:
    """What a byte of a key or a value is that a helper was given and that was never written."""
    from osmia.abi.helpers import helpers
    from osmia.vm.contents import part_at

    register = _register(execution, code, slot, address)
    opcode, _, source, _, number = code.slots[slot]
    if opcode != CALL or source or register is None:
        return ""
    row = next((each for each in helpers().values() if each.number == number), None)
    if row is None or len(row.arguments) < register:
        return ""
    kinds = [each.kind for each in row.arguments]
    asked = kinds[register - 1]
    if asked not in ("map key", "map value") or "map" not in kinds:
        return ""
    of = execution.machine.map_at([*execution.arguments][kinds.index("map")])
    types = of.spec.btf_key_type_id, of.spec.btf_value_type_id
    number = types[0] if asked == "map key" else types[1]
    found = part_at(of.btf, number, bad) if of.btf is not None and number else ""
    return f"; it is {found}" if found else ""


def place_of(writer: Writer) -> str:
    """Who has written something, as errors say it."""
    if writer is None:
        return "user code"
    code, slot = writer
    line = code.line_of(slot)
    if line is None:
        return f"instruction {slot} of {code.name}"
    return f"{code.path(line.file)}:{line.line}: {line.text.strip()}"


# Tracebacks


def raise_at_line(error: VmError) -> NoReturn:
    """Raise an error so that its traceback ends in the line of the program that it is about."""
    if error.file is None or error.line is None or _is_at_line(error):
        raise error
    code = _raising(error.file, error.line, error.program)
    if not sys.flags.dev_mode:
        error = error.with_traceback(None)
    exec(code, {"error": error})  # noqa: S102 - `raise error`, at the user's line
    raise AssertionError("it has been raised")


def _is_at_line(error: VmError) -> bool:
    each = error.__traceback__
    while each is not None:
        if each.tb_frame.f_code.co_filename == error.file and each.tb_lineno == error.line:
            return True
        each = each.tb_next
    return False


def _raising(file: str, line: int, name: str) -> CodeType:
    from osmia.vm.line_table import on_line

    return on_line(compile("raise error", file, "exec"), line, name)
