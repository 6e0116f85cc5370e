"""The engine that runs code as Python: its code objects have the file and the lines of the user's source.

So whatever looks at Python frames looks at programs: tracebacks, pdb, `sys.settrace`, coverage.py.
"""

from __future__ import annotations

import builtins
import sys
from types import FunctionType

from osmia.abi import instruction as isa
from osmia.vm.arithmetic import U64, alu, swapped
from osmia.vm.debugging import SHOWN
from osmia.vm.interpreter import resume
from osmia.vm.line_table import on_line, with_lines
from osmia.vm.many import one_by_one
from osmia.vm.marks import LINE
from osmia.vm.translation import Translation
from osmia.vm.views import shower

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType
    from typing import Any, Literal

    from osmia.vm.code import Code
    from osmia.vm.execution import Execution
    from osmia.vm.machine import Machine
    from osmia.vm.many import Batch, ManyRuns
    from osmia.vm.program import VmProgram

_FORMATS: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}


class PythonEngine:
    """Translated Python."""

    name = "python"

    def __init__(self) -> None:
        self._translated: dict[int, TranslatedCode] = {}

    def run(self, execution: Execution, code: Code, slot: int, arguments: tuple[int, ...]) -> int:
        """Run a function of the code, from its first slot on, with r1 and following: what it leaves in r0."""
        depth = execution.depth
        try:
            return self.call(execution, code, slot, arguments)
        except PacketEndedError:
            while execution.depth > depth:
                execution.leave()
            return 0

    def run_packets(
        self, machine: Machine, program: VmProgram, batch: Batch, keep: bool, fields: Mapping[str, object]
    ) -> ManyRuns:
        """Run a program on packets, one after the other."""
        return one_by_one(machine, program, batch, keep, fields)

    def forget(self, code: Code) -> None:
        """Code that will not run any more."""
        self._translated.pop(id(code), None)

    def call(self, execution: Execution, code: Code, slot: int, arguments: tuple[int, ...]) -> int:
        """The same, in the middle of a run."""
        found = self._translated.get(id(code))
        if found is None:
            found = self._translated[id(code)] = TranslatedCode(code, execution.machine, self)
        result: int = found.function(slot)(execution, *arguments)
        return result


class PacketEndedError(Exception):
    """A program is over, as one of the old loads went beyond the packet's end."""


class TranslatedCode:
    """The functions of code for one machine, made when they are first called."""

    def __init__(self, code: Code, machine: Machine, engine: PythonEngine) -> None:
        self.code = code
        memory = machine.memory
        room = 1 << memory.size.bit_length() - 1
        # Numbers are read as the machine has them: where its order is not BPF's, no access is a fast one.
        self._limit = U64 ^ (room - 1) if sys.byteorder == "little" else U64
        self._functions: dict[int, Callable[..., Any]] = {}
        # breakpoint() imports pdb with the globals of the frame that it stands in, which are to say what is built in.
        built_in = {"__name__": code.name, "__builtins__": builtins}
        self._names: dict[str, object] = {
            **built_in,
            "_code": code,
            "_call": engine.call,
            "_alu": alu,
            "_swapped": swapped,
            "_finish": self._finish,
            "_load": self._load,
            "_store": self._store,
            "_atomic": self._atomic,
            "_load_packet": _load_packet,
            "_exec": exec,
            "_from": int.from_bytes,
            "_object": object.__new__,
            "_gettrace": sys.gettrace,
            "_settrace": sys.settrace,
            "_unset": object(),
        }
        self._built_in = {**built_in, "_code": code}
        self._globals: dict[str, dict[str, object]] = {}
        """The namespaces that functions run in, by their files."""
        self._outside: dict[str, dict[str, object]] = {}
        """Those of lines that are written out in functions of other files."""
        self._memory = memory
        if code.marks:
            from bdb import Bdb

            self._names["_Bdb"] = Bdb
        for size, form in _FORMATS.items():
            self._names[f"_data{size}"] = memory.data.cast("B").cast(form)
            self._names[f"_shadow{size}"] = memory.shadow.cast("B").cast(form)

    def function(self, slot: int) -> Callable[..., Any]:
        """The function that begins at a slot."""
        found = self._functions.get(slot)
        if found is None:
            ahead = [slot]
            while ahead:
                entry = ahead.pop()
                if entry not in self._functions:
                    made = Translation(self.code, entry, self._limit)
                    self._functions[entry] = self._compiled(made)
                    ahead += made.calls
            found = self._functions[slot]
        return found

    def _compiled(self, made: Translation) -> Callable[..., Any]:
        text = "\n".join("    " * each.depth + each.text for each in made.lines)
        path = self.code.path(made.file) if made.file else f"<bytecode of {self.code.name}>"
        module = compile(text, path, "exec", dont_inherit=True)
        code: CodeType = next(each for each in module.co_consts if hasattr(each, "co_code"))
        code = with_lines(code, [each.line for each in made.lines], made.first, made.name)
        code = code.replace(co_varnames=tuple(_shown(name, debug=bool(self.code.marks)) for name in code.co_varnames))
        function = FunctionType(code, self._globals_at(path, code), made.name, (None,) * 5)
        self._bind(f"function_{made.entry}", function)
        for name, mark in made.marked.items():
            if mark.kind == LINE:
                path = self.code.path(mark.file)
                if path not in self._outside:
                    self._outside[path] = {**globals_of(path), **self._built_in}
                self._bind(name, on_line(compile("pass", path, "exec"), mark.line, mark.function))
                self._bind(f"{name}_globals", self._outside[path])
            else:
                self._bind(name, shower(self._memory, mark.shown))
        return function

    def _bind(self, name: str, value: object) -> None:
        """Give functions a name to call."""
        for each in (self._names, *self._globals.values()):
            each[name] = value

    def _globals_at(self, path: str, code: CodeType) -> dict[str, object]:
        """What functions of a file run in; in a debugger they see there what their module has."""
        if not self.code.marks:
            return self._names
        if path not in self._globals:
            self._globals[path] = {**globals_of(path), **self._names}
        found = self._globals[path]
        found.update({name: getattr(builtins, name) for name in code.co_names if hasattr(builtins, name)})
        return found

    # What the source calls

    def _finish(self, run: Execution, fuel: int, slot: int, registers: list[int | None]) -> None:
        """Run what fuel there is still for: the reference engine does, and finds where it ends."""
        run.fuel = fuel
        resume(run, self.code, slot, registers)

    def _load(self, run: Execution, slot: int, address: int, size: int) -> int:
        value = run.machine.memory.load(address, size)
        if value is None:
            raise run.bad_access(self.code, slot, address, size, writes=False)
        return value

    def _store(self, run: Execution, slot: int, address: int, size: int, value: int) -> None:
        if not run.machine.memory.store(address, size, value):
            raise run.bad_access(self.code, slot, address, size, writes=True)

    def _atomic(
        self, run: Execution, slot: int, operation: int, address: int, size: int, value: int, expected: int
    ) -> int:
        """What lay there before."""
        mask = (1 << size * 8) - 1
        value &= mask
        before = self._load(run, slot, address, size)
        if operation == isa.CMPXCHG:
            after = value if before == expected & mask else before
        elif operation == isa.XCHG:
            after = value
        else:
            after = alu(operation & ~isa.FETCH, size * 8, before, value)
        self._store(run, slot, address, size, after)
        return before


def globals_of(path: str) -> dict[str, object]:
    """What the module has that was imported from a file; nothing where none was."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {})
        if names.get("__file__") == path:
            return dict(names)
    return {}


def _shown(name: str, *, debug: bool) -> str:
    """A name of the source that is made, as debuggers show it: the user's are as they are, the engine's with a dot."""
    if debug and name.startswith(SHOWN):
        return name.removeprefix(SHOWN)
    return f".{name.lstrip('_')}" if debug or name.startswith("_") else name


def _load_packet(run: Execution, offset: int, size: int) -> int:
    data = run.context.packet_bytes(offset, size)
    if data is None:
        raise PacketEndedError
    return int.from_bytes(data, "big")
