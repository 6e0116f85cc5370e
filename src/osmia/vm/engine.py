"""What runs code: the reference interpreter, translated Python, or native code, all by the same rules."""

from __future__ import annotations

import sys

from osmia.errors import CompilerMissingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from osmia.vm.code import Code
    from osmia.vm.execution import Execution
    from osmia.vm.machine import Machine
    from osmia.vm.many import Batch, ManyRuns
    from osmia.vm.program import VmProgram

    class Engine(Protocol):
        """One of them."""

        name: str

        def run(self, execution: Execution, code: Code, slot: int, arguments: tuple[int, ...]) -> int:
            """Run a function of the code, from its first slot on, with r1 and following: what it leaves in r0."""

        def run_packets(
            self, machine: Machine, program: VmProgram, batch: Batch, keep: bool, fields: Mapping[str, object]
        ) -> ManyRuns:
            """Run a program on packets, one after the other. Most engines take `many.one_by_one` for it."""

        def forget(self, code: Code) -> None:
            """Code that will not run any more."""


ENGINES = ("interpreter", "python", "jit")


def engine_of(name: str, machine: Machine) -> Engine:
    """An engine by its name. ValueError for one that does not exist, CompilerMissingError for what takes llvmlite."""
    if name == "auto":
        name = "jit" if _has_llvmlite() else "python"
    if name == "interpreter":
        from osmia.vm.interpreter import Interpreter

        return Interpreter()
    if name == "python":
        from osmia.vm.translated import PythonEngine

        return PythonEngine()
    if name == "jit":
        if not _has_llvmlite():
            raise CompilerMissingError(
                'engine="jit" needs llvmlite, which this Python does not have.\n'
                f"found: no module llvmlite for {sys.executable}\n"
                'fix: pip install \'osmia[compile]\'; engine="interpreter" and engine="python" need no llvmlite'
            )
        from osmia.vm.jit.engine import Jit

        return Jit(machine)
    raise ValueError(f"there is no engine {name!r}: they are {', '.join(ENGINES)} and auto")


def _has_llvmlite() -> bool:
    from importlib.util import find_spec

    return find_spec("llvmlite") is not None
