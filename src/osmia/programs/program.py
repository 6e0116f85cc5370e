"""What every program is: a declaration made by a decorator, and the handle of what is loaded."""

from __future__ import annotations

import gc
import sys
from _thread import RLock

from osmia.bytecode import keep
from osmia.errors import NotLoadedError, shown
from osmia.generic import Generic, TypeVar
from osmia.maps.declaration import check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from enum import IntEnum
    from types import FrameType, FunctionType
    from typing import Any, NoReturn, Self, SupportsBytes

    from osmia.compiler import ProgramRequest
    from osmia.kinds import Kind
    from osmia.loader.backend import ProgramBackend
    from osmia.loader.load import LoadedObject
    from osmia.maps.backend import MapBackend
    from osmia.maps.declaration import Map, Shared
    from osmia.maps.globals import Variable
    from osmia.maps.percpu_array import PerCpuArray
    from osmia.programs.error_counts import ErrorCount
    from osmia.programs.global_data import Settings
    from osmia.programs.logs import LoadingLogs
    from osmia.programs.machine import Machine
    from osmia.programs.run_result import RunResult
    from osmia.spec import ObjectSpec
    from osmia.spec_details import ErrorSite

C_contra = TypeVar("C_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

# One declaration is loaded once, whichever threads attach it; reentrant, so that a signal handler is not stuck.
LOADING = RLock()
BEING_LOADED: list[str] = []
# What a command line gives to all that the process loads from Python source: settings by name, as text.
FROM_COMMAND_LINE: dict[str, str] = {}
# The machines that declarations are loaded into in place of the kernel, the innermost last.
MACHINES: list[Machine] = []
# Where declared programs and maps are put down once they are in the kernel, the innermost last: who closes them.
KEPT: list[list[Any]] = []

GENERATOR, COROUTINE, ASYNC_GENERATOR, VARARGS, VARKEYWORDS = 0x20, 0x80, 0x200, 0x4, 0x8  # CO_* of code objects


class Program(Generic[C_contra, R_co]):
    """A program: declared by a decorator, and loaded by `attach()`, `test_run()` or `load()`.

    What `osmia.load()` gives are handles of the same classes, which are loaded already.
    """

    def __init__(
        self, kind: Kind, name: str, function: FunctionType | None, on_error: int | None, hook: str = ""
    ) -> None:
        self.kind = kind
        """Its row in the table of program kinds."""
        self.name = name
        """The kernel keeps the first 15 characters."""
        self.function = function
        """The Python function that is compiled; None for a program from an object file."""
        self.on_error = on_error
        """What it returns after an error; None for the kind's own value."""
        self.hook = hook
        """Which of its kind's hooks it is for, or what it is attached to; empty where its kind has no such."""
        self._declared = function is not None
        self._kernel: ProgramBackend | None = None
        self._shared: list[Shared] = []
        self._own: list[Any] = []
        self._errors: PerCpuArray[int] | None = None
        self._sites: list[tuple[int, ErrorSite]] = []
        self._settings: Settings[Any] | None = None
        self._logs: LoadingLogs | None = None
        self.__name__ = name
        if function is not None:
            self.__doc__, self.__module__ = function.__doc__, function.__module__
            self.__qualname__, self.__wrapped__ = function.__qualname__, function

    @property
    def loaded(self) -> bool:
        """Whether it is in the kernel, or in a machine."""
        return self._kernel is not None

    @property
    def fd(self) -> int:
        """The loaded program's file descriptor. NotLoadedError if it is not loaded."""
        return self.backend.fd

    @property
    def entry(self) -> int:
        """What stands for it in the entries of maps. NotLoadedError if it is not loaded."""
        return self.backend.entry

    @property
    def place(self) -> object:
        """Where it is loaded: the kernel, or a machine. NotLoadedError if it is not loaded."""
        return self.backend.place

    @property
    def backend(self) -> ProgramBackend:
        """The loaded program. NotLoadedError if it is not loaded."""
        if self._kernel is None:
            raise NotLoadedError(f"{self.name} {self._absent()}")
        return self._kernel

    @property
    def shared(self) -> tuple[Shared, ...]:
        """The declarations that it is loaded with: maps and globals."""
        return tuple(self._shared)

    @property
    def request(self) -> ProgramRequest:
        """What the compiler is asked to make of it. TypeError for a program that has no source."""
        return self.request_for(None)

    def request_for(self, machine: Machine | None) -> ProgramRequest:
        """The same for a machine, which is what says where the fields of a tracepoint lie."""
        from osmia.compiler import ProgramRequest

        if self.function is None:
            raise TypeError(f"{self.name} comes from an object file: there is no Python function to compile")
        on_error = None if self.on_error is None else int(self.on_error)  # no IntEnum: requests are compared by marshal
        own_layout = machine is not None and self.kind.name == "tracepoint"
        return ProgramRequest(self.name, self.kind, self.function, on_error, self.hook, own_layout)

    def load(self, *, settings: Mapping[str, object] | None = None, log_level: int | str | None = None) -> None:
        """Compile it and load it with the maps and globals that it uses, which are live then.

        `settings` gives settings that it uses, by name, other values than their defaults, and `log_level` what it logs,
        in place of `log.level`. Once: later calls do nothing, and a RuntimeError refuses what comes too late. KeyError
        for a setting that it does not use, TypeError or OverflowError for a value that a setting does not take.
        """
        self._running(settings, log_level)

    @property
    def settings(self) -> Settings[Any]:
        """The settings that it uses, by name, as it was loaded with them. NotLoadedError if it is not loaded."""
        if self._kernel is None:
            raise NotLoadedError(f"{self.name} {self._absent()}")
        if self._settings is None:
            from osmia.programs.global_data import Settings

            self._settings = Settings(self.name, {})
        return self._settings

    def close(self) -> None:
        """Let go of the loaded program. Where it is attached it runs on until the link is detached.

        Maps and globals that were declared stay live. A declared program that is attached again is loaded anew.
        """
        with LOADING:
            kernel, self._kernel = self._kernel, None
            if kernel is None:
                return
            for declaration in self._shared:
                declaration.reached_by.remove(self)
            kernel.close()
            for held in self._own:
                held.close()
            self._shared, self._own, self._errors, self._sites, self._settings = [], [], None, [], None
            logs, self._logs = self._logs, None
        if logs is not None:
            logs.release(self)

    def errors(self) -> list[ErrorCount]:
        """Where in the source the program took the error edge since it was loaded, and how often.

        Places where it never did are left out. NotLoadedError if it is not loaded.
        """
        if self._kernel is None:
            raise NotLoadedError(f"{self.name} {self._absent()}")
        if self._errors is None:
            return []
        from osmia.programs.error_counts import read

        return read(self._sites, self._errors, self.function)

    def __call__(self, ctx: C_contra, /) -> R_co:  # noqa: ARG002 - the type is what matters
        """Programs run in the kernel: a TypeError says how."""
        self._not_here()

    def handle(self, loaded: LoadedObject, spec: ObjectSpec, settings: Settings[Any] | None) -> Self:
        """An independent handle of the same program in an object that is loaded."""
        twin = type(self).__new__(type(self))
        Program.__init__(twin, self.kind, self.name, self.function, self.on_error, self.hook)
        twin._declared = False  # noqa: SLF001 - of the same class
        twin._settings = settings  # noqa: SLF001
        twin._take(loaded, spec)  # noqa: SLF001
        return twin

    if not TYPE_CHECKING:  # type checkers see that there is none

        def __getattr__(self, name):  # noqa: ANN001, ANN204
            if name == "test_run":
                raise AttributeError(
                    f"{self.name} has no test_run: the kernel runs programs of kind {self.kind.name} for tests by no "
                    f"call. In a machine of the user-space runtime they run: `with osmia.Machine() as machine: "
                    f"machine.run({self.name}, ...)`",
                    name=name,
                    obj=self,
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def _not_here(self) -> NoReturn:
        raise TypeError(f"{self.name} runs in the kernel and cannot be called: attach it")

    def _absent(self) -> str:
        return "is not loaded: attach(), test_run() or load() loads it" if self._declared else "is closed"

    def _running(
        self, settings: Mapping[str, object] | None = None, log_level: int | str | None = None
    ) -> ProgramBackend:
        """The loaded program, which a declaration becomes when it is first needed."""
        with LOADING:
            if self._kernel is not None:
                if settings or log_level is not None:
                    raise _too_late(self.name, settings)
                return self._kernel
            if not self._declared:
                raise NotLoadedError(f"{self.name} is closed")
            if BEING_LOADED:
                raise RuntimeError(
                    f"{self.name} cannot be loaded by a signal handler that interrupts the loading of "
                    f"{BEING_LOADED[0]}: load it before"
                )
            BEING_LOADED.append(self.name)
            # As for imports: what loading makes stays, and looking for garbage among it takes longer than the loading.
            collecting = gc.isenabled()
            gc.disable()
            try:
                kernel = self._load(settings, log_level)
                keep()
            finally:
                BEING_LOADED.pop()
                if collecting:
                    gc.enable()
            return kernel

    def _load(self, given: Mapping[str, object] | None, log_level: int | str | None) -> ProgramBackend:
        from osmia.compiler import DEBUG, running_kernel
        from osmia.compiler.cache import object_for

        machine = MACHINES[-1] if MACHINES else None
        target = DEBUG if machine is not None and machine.debug else running_kernel()
        compiled = object_for((self.request_for(machine),), target)
        spec = compiled.spec(self.name)
        settings = None
        shared: dict[str, Map[Any, Any] | Variable] = {**compiled.maps}
        if compiled.settings or compiled.globals or given or FROM_COMMAND_LINE:
            from osmia.programs.global_data import fill_settings, variable_of

            settings = fill_settings(spec, compiled.settings, given or {})
            shared |= {variable_of(spec, symbol).section: each for symbol, each in compiled.globals.items()}
        for declaration in shared.values():
            self._check_shared(declaration)
        reuse: Any = {name: each.backend for name, each in shared.items() if each.live}
        loaded = bring_in(spec, log_level, self._path_of, reuse, (self.name,), machine)
        if machine is not None:
            machine.hold(self)
        elif KEPT:
            KEPT[-1].append(self)
        shared = {name: each for name, each in shared.items() if name not in loaded.given}
        bound: list[Shared] = []
        try:
            for name, declaration in shared.items():
                if name in loaded.maps and not declaration.live:
                    declaration.bind(loaded.maps[name])
                    bound.append(declaration)
                    declaration.made()
        except BaseException:
            for each in bound:
                each.close()
            give_up(loaded)
            raise
        self._shared = [declaration for name, declaration in shared.items() if name in loaded.maps]
        for each in self._shared:
            each.reached_by.append(self)
        self._own = [held for name, held in loaded.maps.items() if name not in shared and name not in loaded.given]
        self._settings = settings
        return self._take(loaded, spec)

    def _path_of(self, file: str) -> str:
        from osmia.programs.paths import known_path

        return known_path(file, (self.function,))

    def _take(self, loaded: LoadedObject, spec: ObjectSpec) -> ProgramBackend:
        if spec.error_sites and self.name in spec.error_sites:
            from osmia.programs.error_counts import counters, sites

            self._sites, self._errors = sites(spec, self.name), counters(spec, loaded.maps)
        self._kernel, self._logs = loaded.programs[self.name], loaded.logs
        if self._logs is not None:
            self._logs.hold(self)
        return self._kernel

    def _check_shared(self, declaration: Shared) -> None:
        """Refuse what was closed while another program uses it: the two would not share it any more."""
        if declaration.live or not declaration.reached_by:
            return
        other: Any = declaration.reached_by[0]
        raise NotLoadedError(
            f"{declaration.subject} is closed, but {other.name} still uses it: "
            f"close {other.name} before {self.name} is loaded"
        )

    def __repr__(self) -> str:
        state = "loaded" if self.loaded else "not loaded"
        return f"<{type(self).__name__} {self.name}, {state}>"


class PacketProgram(Program[C_contra, R_co]):
    """A program that is given packets."""

    def test_run(self, packet: bytes | bytearray | memoryview | SupportsBytes, *, repeat: int = 1) -> RunResult[R_co]:
        """Run it in the kernel on `packet` (BPF_PROG_TEST_RUN), `repeat` times; no interface is involved.

        It is loaded if it is not. The kernel wants at least an Ethernet header (14 bytes). More than one repetition
        takes milliseconds. Where the result may be an error's, `repr` of it names the lines that `errors()` has.
        """
        if not isinstance(packet, (bytes, bytearray, memoryview)) and not hasattr(type(packet), "__bytes__"):
            raise TypeError(f"{self.name}: a packet is bytes, not {shown(packet)}")
        from osmia.programs.run_result import RunResult

        value, data, duration = self._running().test_run(bytes(packet), repeat)
        return RunResult(self.name, self.kind.returns, value, data, duration, errors_of(self, value))

    def _not_here(self) -> NoReturn:
        raise TypeError(
            f"{self.name} runs in the kernel and cannot be called: attach it, "
            f"or run it on a packet with {self.name}.test_run(packet)"
        )


def errors_of(program: Program[Any, Any], value: int) -> Sequence[ErrorCount]:
    """Where a program took the error edge, if what it returned (32 bits) may be the result of that."""
    error_value = program.kind.error_value if program.on_error is None else program.on_error
    return program.errors() if error_value is not None and value == error_value & 0xFFFF_FFFF else ()


def bring_in(
    spec: ObjectSpec,
    level: int | str | None,
    path_of: Callable[[str], str],
    reuse: Mapping[str, MapBackend] | None = None,
    programs: tuple[str, ...] | None = None,
    machine: Machine | None = None,
) -> LoadedObject:
    """Load programs of an object, with what its logs take; `level` is what they log where that is said.

    Into the kernel, or into a machine.
    """
    if spec.logs or level is not None:
        from osmia.programs.logs import load_what_logs

        return load_what_logs(spec, level, path_of, reuse or {}, programs, machine)
    if machine is not None:
        return machine.load_object(spec, reuse=reuse, programs=programs, path_of=path_of)
    from osmia.loader.load import load_object

    return load_object(spec, reuse=reuse, programs=programs, path_of=path_of)


def give_up(loaded: LoadedObject) -> None:
    """Let go of what was loaded for something that failed."""
    loaded.close()
    if loaded.logs is not None:
        loaded.logs.give_up()


def _too_late(name: str, settings: Mapping[str, object] | None) -> RuntimeError:
    what = [*map(str, settings or ()), *([] if settings else ["log_level"])]
    return RuntimeError(
        f"{name} is loaded already, and {', '.join(what)} cannot be set any more: close it and load it again, or take "
        f"another one with osmia.load({name}, {'settings' if settings else 'log_level'}=...)"
    )


def check_function(decorator: str, function: object, parameters: str, *, arguments: bool = False) -> FunctionType:
    """The function that a decorator is put on, refused if it cannot be a program.

    `parameters` is what its parameter list should look like: `(ctx: XdpContext)`. `arguments` says that it may take
    more than its context.
    """
    if isinstance(function, Program):
        raise TypeError(f"@{decorator}: {function.name} is a program already")
    code = getattr(function, "__code__", None)
    if code is None or type(function).__name__ != "function":
        raise TypeError(f"@{decorator} is put on a plain function, not on {shown(function)}")
    plain: FunctionType = function  # type: ignore[assignment]
    where = f"{plain.__name__} ({code.co_filename}:{code.co_firstlineno})"
    for flag, what in ((COROUTINE, "async"), (GENERATOR, "a generator"), (ASYNC_GENERATOR, "an async generator")):
        if code.co_flags & flag:
            raise TypeError(f"@{decorator}: {where} is {what}; a program is a plain function")
    _check_not_lost(decorator, plain, where)
    if plain.__name__ == "<lambda>":
        raise TypeError(f"@{decorator}: {where} has no annotations; write a def with {parameters}")
    most = code.co_argcount if arguments and code.co_argcount else 1
    if (code.co_argcount, code.co_kwonlyargcount, code.co_flags & (VARARGS | VARKEYWORDS)) != (most, 0, 0):
        expected = "" if arguments else "one is expected, "
        raise TypeError(f"@{decorator}: {where} has the wrong parameters; {expected}{parameters}")
    return plain


def _check_not_lost(decorator: str, function: FunctionType, where: str) -> None:
    """Refuse a program whose name takes the place of another one's, which would be gone without a word.

    Both are constants of the module's code that is running: a module that is run again, or a cell of a notebook,
    replaces its programs as always.
    """
    before = function.__globals__.get(function.__name__)
    if not isinstance(before, Program) or before.function is None or before.function is function:
        return
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - whoever calls the decorator
    while frame is not None and frame.f_globals is not function.__globals__:
        frame = frame.f_back
    if frame is None or frame.f_locals is not frame.f_globals:
        return
    code = before.function.__code__
    if any(constant is code for constant in frame.f_code.co_consts):
        raise TypeError(
            f"@{decorator}: {where} takes the name of the program of line {code.co_firstlineno}, which would be lost: "
            "give one of them another name"
        )


def check_target(decorator: str, hook: object, example: str) -> str:
    """What a decorator says that a program is attached to: `@tp_btf("task_newtask")`."""
    if not isinstance(hook, str):
        raise TypeError(f"@{decorator} takes what the program is attached to, as in {example}, not {shown(hook)}")
    if not hook or not hook.isascii() or not hook.replace("/", "_").replace(".", "_").isidentifier():
        raise ValueError(f"@{decorator} takes what the program is attached to, as in {example}, not {shown(hook)}")
    return hook


def check_number(decorator: str, on_error: object, results: tuple[int, int]) -> int:
    """What a program that returns an int returns after an error."""
    low, high = results
    if type(on_error) is not int:
        raise TypeError(f"@{decorator}: on_error is an int, not {shown(on_error)}")
    if not low <= on_error <= high:
        raise ValueError(f"@{decorator}: on_error is {low} to {high}, not {on_error}")
    return on_error


def check_stated(declaration: str, on_error: object, choices: str) -> None:
    """Refuse a program of a kind that has no value for errors of its own, where none is stated.

    `declaration` is how it is declared up to its options, `choices` what they mean: `0 allows it, -1 refuses it`.
    """
    if on_error is None:
        raise TypeError(
            f"{declaration}) does not say what the program returns after an error (what would raise in Python). "
            f"osmia does not choose whether one lets things happen or stops them: {choices}. "
            f"Write {declaration}, on_error=...) with one of these"
        )


def check_hook(kind: Kind, hook: object, decorator: str = "") -> None:
    """Refuse what is no hook of a kind."""
    decorator = decorator or kind.name
    known = [each for each in kind.attach_types if each not in ("", "*")]
    if hook in known:
        return
    if getattr(hook, "__code__", None) is not None:
        raise TypeError(f"@{decorator} is told its hook: `@{decorator}({known[0]!r}, ...)`")
    raise TypeError(f"@{decorator}: the hook is one of {', '.join(map(repr, known))}, not {shown(hook)}")


def check_options(
    decorator: str, function: FunctionType, name: object, on_error: object, returns: type[IntEnum]
) -> str:
    """The program's name, once the options that a decorator was given are found right."""
    if on_error is not None and not isinstance(on_error, returns):
        raise TypeError(f"@{decorator}: on_error is an {returns.__name__}, not {shown(on_error)}")
    return check_name(f"@{decorator}: a program", name or function.__name__)
