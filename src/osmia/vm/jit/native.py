"""Native code: what LLVM makes of a module, and which was made already."""

from __future__ import annotations

import ctypes
from _thread import allocate_lock
from weakref import finalize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    Entry = Callable[[int], int]
    """A function of native code: it is given where the state lies."""

_KEPT = 128
_WAY_IN = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)
LOOP = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
LONGEST = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)


def _dispose(engine: Any, context: Any) -> None:
    engine.close()
    context.close()


class Native:
    """A module that was compiled."""

    def __init__(self, text: str, *, thorough: bool) -> None:
        llvm = _llvm()
        machine = _target(llvm)
        context = llvm.create_context()
        module = llvm.parse_assembly(text, context)
        module.verify()
        _optimise(llvm, module, machine, thorough)
        self._engine = llvm.create_mcjit_compiler(module, machine)
        self._engine.finalize_object()
        # The garbage collector knows no order, and the code must go before what it was made in.
        finalize(self, _dispose, self._engine, context).atexit = False
        self._entries: dict[int, Entry] = {}

    def address(self, name: str) -> int:
        """Where a function of it lies."""
        found: int = self._engine.get_function_address(name)
        return found

    def entry(self, slot: int) -> Entry:
        """The function of a program that begins at a slot."""
        found = self._entries.get(slot)
        if found is None:
            found = self._entries[slot] = _WAY_IN(self.address(f"enter_{slot}"))
        return found


_LOCK = allocate_lock()
_MADE: dict[Hashable, Native] = {}


def compiled(key: Hashable, text: Callable[[], str], *, thorough: bool) -> Native:
    """Native code by what it is made of: compiled where this process has not, or not lately."""
    with _LOCK:
        found = _MADE.pop((key, thorough), None) or Native(text(), thorough=thorough)
        _MADE[key, thorough] = found
        if len(_MADE) > _KEPT:
            del _MADE[next(iter(_MADE))]
        return found


def _llvm() -> Any:
    """LLVM, ready for this machine."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


def _optimise(llvm: Any, module: Any, machine: Any, thorough: bool) -> None:
    """All that LLVM can do; or what pays where code runs a few times, which takes a tenth of the time."""
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    if thorough:
        builder.getModulePassManager().run(module, builder)
        return
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_dead_store_elimination_pass()
    passes.run(module, builder)


def _target(llvm: Any) -> Any:
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True)
