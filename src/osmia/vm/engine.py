"""What runs code: the reference interpreter, translated Python, or native code, all by the same rules."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from osmia.vm.code import Code
    from osmia.vm.execution import Execution

    class Engine(Protocol):
        """One of them."""

        name: str

        def run(self, execution: Execution, code: Code, slot: int, arguments: tuple[int, ...]) -> int:
            """Run a function of the code, from its first slot on, with r1 and following: what it leaves in r0."""


ENGINES = ("interpreter", "python", "jit")


def engine_of(name: str) -> Engine:
    """An engine by its name. ValueError for one that does not exist."""
    if name == "interpreter":
        from osmia.vm.interpreter import Interpreter

        return Interpreter()
    raise ValueError(f"there is no engine {name!r}: they are {', '.join(ENGINES)}")
