"""Spin locks in values: one at a time, given back before the program ends, and no helper is called meanwhile."""

from __future__ import annotations

from osmia.abi.generated import helper_ids as ids
from osmia.vm.faults import fault
from osmia.vm.memory import GUARDED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.errors import VmError
    from osmia.vm.execution import Execution

LOCKS = (ids.BPF_FUNC_spin_lock, ids.BPF_FUNC_spin_unlock)
"""The helpers that are called while a lock is held, if only to be refused."""
SIZE = 4
"""The bytes of struct bpf_spin_lock."""
_FIX = "unlock it first"


def lock(run: Execution, address: int) -> None:
    """Take a lock. VmError for what is none, and where one is held already."""
    if not _is_lock(run, address):
        raise run.fault("lock", f"{address:#x} is given as a spin lock, and none lies there")
    if run.lock == address:
        raise run.fault("lock", "the lock is taken that the program holds already: it would wait for ever", fix=_FIX)
    if run.lock:
        raise run.fault("lock", "a second lock is taken while one is held", fix=_FIX)
    if run.machine.memory.number(address, SIZE):
        raise run.fault("lock", "the lock is taken that a program holds which this one interrupts", fix=_FIX)
    run.machine.memory.put(address, SIZE, 1)
    run.lock, run.lock_taken_at = address, (run.code, run.slot)


def unlock(run: Execution, address: int) -> None:
    """Give a lock back. VmError for one that is not held."""
    if not address or run.lock != address:
        raise run.fault("lock", "a lock is given back that the program does not hold", fix="lock it first")
    drop_lock(run)


def drop_lock(run: Execution) -> None:
    """Give back the lock that a program holds, if it does."""
    if run.lock:
        run.machine.memory.put(run.lock, SIZE, 0)
        run.lock = 0


def locked(run: Execution, problem: str) -> VmError:
    """The error of a program that does what it may not while it holds a lock."""
    return run.fault("lock", problem, fix=_FIX)


def not_unlocked(run: Execution) -> VmError:
    """The error, at the call that took it, of a program that ends with a lock."""
    code, slot = run.lock_taken_at
    fix = "unlock it on every way out"
    return fault(run, code, slot, "lock", "the lock that is taken here is held when the program ends", fix=fix)


def _is_lock(run: Execution, address: int) -> bool:
    """Whether a spin lock lies there."""
    memory = run.machine.memory
    if memory.shadow[address : address + 1] != bytes([GUARDED]):
        return False
    block = memory.block_at(address)
    of = run.machine.value_blocks.get(block.address) if block is not None else None
    if block is None or of is None:
        return False
    start = block.describe(address - block.address)[1] if block.describe is not None else 0
    return of.fields.of.get(address - block.address - start) == "bpf_spin_lock"
