"""What a program did that it may not: as an error with the Python line, the thing it touched, and the fix."""

from __future__ import annotations

from osmia.errors import VmError
from osmia.vm.code import FUNCTIONS
from osmia.vm.memory import FIRST, FREED, MAY_READ, MAY_WRITE, REASONS, REDZONE, STALE, UNINITIALISED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code
    from osmia.vm.execution import Execution


def fault(execution: Execution, code: Code, slot: int, kind: str, problem: str, *, fix: str = "") -> VmError:
    """An error at an instruction."""
    line = code.line_of(slot)
    path = code.path(line.file) if line is not None else ""
    where = f"{path}:{line.line}: " if line is not None else ""
    shown = f"\n    {line.text.strip()}" if line is not None and line.text.strip() else ""
    error = VmError(f"{where}{problem}{shown}\n  in program {execution.program.name}, instruction {slot}")
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
    doing = f"{what or ('write' if writes else 'read')} of {size} byte{'s' * (size != 1)}"
    if address < FIRST:
        none = "a null pointer" if address == 0 else f"a null pointer and {address} bytes"
        error = fault(execution, code, slot, "null", f"{doing} at {none}", fix="check for None before it is used")
    elif FUNCTIONS <= address < FUNCTIONS << 1:
        error = fault(execution, code, slot, "access", f"{doing} at the address of a function")
    elif address >= memory.size:
        error = fault(execution, code, slot, "access", f"{doing} at {address:#x}, which is no address")
    else:
        error = _in_memory(execution, code, slot, address, size, doing, MAY_WRITE if writes else MAY_READ)
    error.address, error.size = address, size
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
    name, start, length = block.name, block.address, block.size
    if block.describe is not None:
        name, offset, length = block.describe(address - block.address)
        start = block.address + offset
    distance = address - start
    reason = REASONS.get(state, "it may not be touched")
    which = f": byte {bad} of them" if size > 1 else ": there"
    problem = f"{doing} at {name}{distance:+d} ({length} bytes long){which} {reason}".replace(" of them it", ": it")
    kind = {UNINITIALISED: "uninitialised", FREED: "freed", STALE: "stale"}.get(state, "access")
    error = fault(execution, code, slot, kind, problem, fix=_FIXES.get(state, ""))
    error.object, error.offset, error.origin = name, distance, block.origin
    if block.origin:
        error.add_note(f"see: {block.origin}")
    return error


_FIXES = {
    UNINITIALISED: "write all of it first, the bytes between fields too",
    STALE: "ask the context for the packet again after what changes it",
}
