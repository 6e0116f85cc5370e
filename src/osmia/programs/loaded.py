"""`load()`: the independent form of loading, from source, a program, an object file or bytes."""

from __future__ import annotations

import os
import sys

from osmia.bytecode import keep
from osmia.errors import ObjectError, shown, with_article
from osmia.generic import TypeVar, overload
from osmia.maps.declaration import RESERVED, Map, Shared
from osmia.programs.program import FROM_COMMAND_LINE, Program, bring_in, give_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike
    from types import ModuleType
    from typing import Any, Self

    from osmia.compiler import ProgramRequest, Target
    from osmia.loader.load import LoadedObject
    from osmia.maps.globals import Variable
    from osmia.maps.settings import Setting
    from osmia.programs.global_data import Settings
    from osmia.programs.machine import Machine
    from osmia.spec import MapSpec, ObjectSpec

    Given = Mapping[str, object] | None
    Level = int | str | None

M = TypeVar("M", bound="Map[Any, Any]")
G = TypeVar("G", bound="Variable")
P = TypeVar("P", bound="Program[Any, Any]")


class Loaded:
    """An object in the kernel, with handles of its own: declarations that it was made from are not live by it."""

    license: str
    """Its licence, as the object says."""
    maps: dict[str, Any]
    """Its maps that programs use, by name, those of its global data included."""
    programs: dict[str, Program[Any, Any]]
    """Its programs, by name."""
    globals: dict[str, Any]
    """Its global variables and counters that programs use, by name: of .data and .bss."""

    def __init__(
        self,
        spec: ObjectSpec,
        loaded: LoadedObject,
        declared: Iterable[tuple[str, object, object]],
        settings: Settings[Any] | None,
    ) -> None:
        """Take handles as the keys of subscripts: `declared` has them as (name, declaration, handle)."""
        self.license = spec.license
        self.maps = {}
        self.programs = {}
        self.globals = {}
        self._settings = settings
        self._spec = spec
        self._object = loaded
        self._handles: dict[object, Any] = {}
        for name, declaration, handle in declared:
            held: dict[str, Any] = (
                self.programs if isinstance(handle, Program) else self.maps if isinstance(handle, Map) else self.globals
            )
            held[name] = handle
            if declaration is not None:
                self._handles[declaration] = handle
        for name, each in self.maps.items():
            self._bind_beside(name, each)
            each.made()

    @overload
    def __getitem__(self, what: M) -> M: ...
    @overload
    def __getitem__(self, what: P) -> P: ...
    @overload
    def __getitem__(self, what: G) -> G: ...
    @overload
    def __getitem__(self, what: str) -> Any: ...
    def __getitem__(self, what: Any) -> Any:
        """The handle of a map, a program or a global, by its declaration (and of its type then) or by its name.

        In an object file a declaration is found by its name. KeyError if there is no such map, program or global.
        """
        if isinstance(what, str):
            return self._by_name(what)
        if isinstance(what, (Shared, Program)):
            if what not in self._handles:
                self._handles[what] = self._of_declaration(what)
            return self._handles[what]
        raise TypeError(f"{self._spec.name}: a map, a program, a global or a name is expected, not {shown(what)}")

    @property
    def settings(self) -> Settings[Any]:
        """Its settings, by name, as it was loaded with them: of an object file, what is `const volatile`."""
        if self._settings is None:
            from osmia.programs.global_data import Settings

            self._settings = Settings(self._spec.name, {})
        return self._settings

    def close(self) -> None:
        """Let go of its programs and maps. Programs run on where they are attached, until the link is detached."""
        handles = (*self.programs.values(), *self.maps.values(), *self.globals.values(), *self._handles.values())
        for held in (*handles, self._object):
            held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Loaded {self._spec.name}: programs {', '.join(self.programs)}; maps {', '.join(self.maps) or 'none'}>"

    def _by_name(self, name: str) -> Any:
        if name in self.programs:
            return self.programs[name]
        if name in self.maps:
            return self.maps[name]
        if name in self.globals:
            return self.globals[name]
        if name in self._spec.maps:
            raise KeyError(f"{self._spec.name}: no program uses the map {name}, so it is not loaded")
        variable = (self._spec.variables or {}).get(name)
        if variable is not None and self._spec.maps[variable.section].read_only:
            raise KeyError(f"{self._spec.name}: {name} is no global but a constant: its settings are in .settings")
        if variable is not None:
            raise KeyError(f"{self._spec.name}: no program uses the global {name}, so it is not loaded")
        from difflib import get_close_matches

        names = [*self.programs, *self.maps, *self.globals]
        close = get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
        raise KeyError(f"{self._spec.name}: no program, map or global {name}; {hint}")

    def _of_declaration(self, what: Shared | Program[Any, Any]) -> Any:
        """A handle typed as the declaration, which is not the one that the object was made from."""
        found = self._by_name(what.name)
        if not (isinstance(found, Map) and isinstance(what, Map)):
            # A counter of an object from elsewhere is a variable there: what counts is how it lies in memory.
            variables = not isinstance(found, (Map, Program)) and not isinstance(what, (Map, Program))
            if type(found) is not type(what) and not variables:
                raise TypeError(f"{self._spec.name}: {what.name} is {_kind(found)} there, expected {_kind(what)}")
            if isinstance(what, Program):
                return found
            from osmia.programs.global_data import declared_handle

            return declared_handle(self._spec, what, found)
        self._check_shape(what, self._spec.maps[what.name], what.name)
        handle = what.handle(found.backend)
        self._bind_beside(what.name, handle)
        handle.made()
        return handle

    def _bind_beside(self, name: str, handle: Map[Any, Any]) -> None:
        """Let a ring read what the object's programs count, and be woken by them."""
        if handle.losses is not None:
            self._bind_losses(name, handle)
        if handle.bell is not None and handle.bell.name in self._object.maps:
            handle.bell.bind(self._object.maps[handle.bell.name])

    def _bind_losses(self, name: str, handle: Map[Any, Any]) -> None:
        from osmia.maps.losses import PREFIX

        variable = (self._spec.variables or {}).get(PREFIX + name)
        backend = self._object.maps.get(variable.section) if variable is not None else None
        if variable is not None and backend is not None and handle.losses is not None:
            handle.losses.bind(backend, variable.offset)

    def _check_shape(self, what: Map[Any, Any], there: MapSpec, name: str) -> None:
        """Refuse a declaration that is not like the object's map; of a map of maps, those in it too."""
        for (label, wanted), (_, actual) in zip(_shape(what), _shape_of(there), strict=True):
            if wanted != actual:
                raise TypeError(f"{self._spec.name}: the {label} of {name} is {actual} there, expected {wanted}")
        self._check_types(what, there, name)
        if what.inner is not None and there.inner is not None:
            self._check_shape(what.inner, there.inner, f"the maps in {name}")

    def _check_types(self, what: Map[Any, Any], there: MapSpec, name: str) -> None:
        """Refuse a declaration that sees other fields or numbers than the object has, as far as its BTF says."""
        if not self._spec.btf:
            return
        from osmia.btf.read import Btf
        from osmia.layout import layout_of
        from osmia.maps.compared import difference

        btf = Btf(self._spec.btf, self._spec.name)
        if what.losses is not None:
            from osmia.maps.losses import PREFIX

            variable = (self._spec.variables or {}).get(PREFIX + name)
            number = variable.btf_type_id if variable is not None else 0
            problem = what.losses.difference(btf, number) if number else ""
            if problem:
                raise TypeError(f"{self._spec.name}: {problem}")
        for role, declared, number in (
            ("key", what.stored_key, there.btf_key_type_id),
            ("value", what.stored_value, there.btf_value_type_id),
        ):
            # What the key of a trie is called in C is everybody's own, as are the names of its fields.
            layout = None if role == "key" and what.kind.keys == "prefix" else layout_of(declared)
            problem = difference(btf, number, layout, f"the {role} of {name}") if layout and number else ""
            if problem:
                raise TypeError(f"{self._spec.name}: {problem}")


def load(
    what: ModuleType | Program[Any, Any] | str | PathLike[str] | bytes | bytearray | memoryview,
    *,
    target: Target | None = None,
    settings: Mapping[str, object] | None = None,
    log_level: int | str | None = None,
    engine: Machine | None = None,
) -> Loaded:
    """Load programs and the maps that they use, independently of anything that is loaded already.

    `what` is a module (all programs that it names), a program, the path of a `.py` file or of an object file (osmia's,
    or one of clang, Aya, bpf2go), or the bytes of an object. `target` is what to compile for, the running kernel
    unless it says, and `settings` gives its settings, by name, other values than their defaults: of an object file they
    are what is `const volatile`. `log_level` is what its programs log, in place of `log.level`. `engine` is a machine
    of the user-space runtime that they are loaded into, in place of the kernel. KeyError for a setting
    that it does not have, TypeError or OverflowError for a value that a setting does not take, ObjectError for a file
    without a program, OSError for one that cannot be read.
    """
    loaded = _load(what, target, settings, log_level, engine)
    keep()
    return loaded


def _load(what: Any, target: Target | None, settings: Given, level: Level, machine: Machine | None) -> Loaded:
    if isinstance(what, Program):
        return _load_programs(what.name, [what], target, settings, level, machine)
    if isinstance(what, type(sys)):
        return _load_module(what.__name__, what, target, settings, level, machine)
    if isinstance(what, (bytes, bytearray, memoryview)):
        return _load_object("the object", bytes(what), target, settings, level, machine)
    if not isinstance(what, str) and not hasattr(what, "__fspath__"):
        raise TypeError(f"load() takes a module, a program, a path or the bytes of an object, not {shown(what)}")
    path = os.fspath(what)
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs milliseconds
        data = file.read()
    if data.startswith(b"\x7fELF"):
        return _load_object(path, data, target, settings, level, machine)
    if path.endswith(".py"):
        return _load_module(path, run_file(path, data), target, settings, level, machine)
    raise ObjectError(f"{path}: no program: expected a .py file or an ELF object")


def programs_of(module: ModuleType) -> list[Program[Any, Any]]:
    """The programs that a module names, each once; those that it imports by name are among them."""
    found = (value for value in vars(module).values() if isinstance(value, Program))
    return list(dict.fromkeys(found))


def run_file(path: str, source: bytes) -> ModuleType:
    """Run a `.py` file as a module, not as `__main__`. It is compiled anew each time: caches know files by the second.

    It imports what lies beside it, as if it were run by `python`.
    """
    module = type(sys)(path)
    module.__file__ = path
    beside = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120 - pathlib costs milliseconds
    sys.modules[path] = module  # dataclasses and pickle look a class's module up
    sys.path.insert(0, beside)
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(module))  # noqa: S102 - it is the user's program
    except BaseException:
        del sys.modules[path]
        raise
    finally:
        sys.path.remove(beside)
    return module


def requests_of(
    name: str, programs: list[Program[Any, Any]], machine: Machine | None = None
) -> tuple[ProgramRequest, ...]:
    """What the compiler is asked for to make one object of programs; `name` is where they are from, for messages.

    ObjectError where there is none, or where two have one name.
    """
    if not programs:
        raise ObjectError(f"{name}: no program: expected a function with a decorator such as @xdp")
    by_name = {program.name: program for program in programs}
    twice = [program.name for program in programs if by_name[program.name] is not program]
    if twice:
        raise ObjectError(f"{name}: two programs are called {twice[0]}: give one of them another name=")
    return tuple(program.request_for(machine) for program in programs)


def _load_module(
    name: str, module: ModuleType, target: Target | None, given: Given, level: Level, machine: Machine | None
) -> Loaded:
    return _load_programs(name, programs_of(module), target, given, level, machine)


def _load_programs(
    name: str,
    programs: list[Program[Any, Any]],
    target: Target | None,
    given: Given,
    level: Level,
    machine: Machine | None,
) -> Loaded:
    from osmia.compiler import DEBUG, running_kernel
    from osmia.compiler.cache import object_for

    if target is None:
        target = DEBUG if machine is not None and machine.debug else running_kernel()
    compiled = object_for(requests_of(name, programs, machine), target)
    spec = compiled.spec(name)
    settings = _filled(spec, compiled.settings, given)

    def path_of(file: str) -> str:
        from osmia.programs.paths import known_path

        return known_path(file, [each.function for each in programs])

    loaded = bring_in(spec, level, path_of, machine=machine)
    try:
        handles = [(each.name, each, each.handle(loaded, spec, settings)) for each in programs]
        data = _global_handles(spec, loaded, compiled.globals)
        return Loaded(spec, loaded, [*handles, *_map_handles(spec, loaded, compiled.maps), *data], settings)
    except BaseException:
        give_up(loaded)
        raise


def _load_object(
    name: str, data: bytes, target: Target | None, given: Given, level: Level, machine: Machine | None
) -> Loaded:
    from osmia.object_file import read_object

    if target is not None:
        raise TypeError(f"{name}: target= is for source; an object is compiled already")
    spec = read_object(data, name)
    if not spec.programs:
        raise ObjectError(f"{name}: no program in this object")
    settings = _filled(spec, None, given)
    loaded = bring_in(spec, level, str, machine=machine)
    try:
        handles = [
            (program, None, _program_of(spec, program).handle(loaded, spec, settings)) for program in spec.programs
        ]
        others = (*_map_handles(spec, loaded, {}), *_global_handles(spec, loaded, {}))
        return Loaded(spec, loaded, [*handles, *others], settings)
    except BaseException:
        give_up(loaded)
        raise


def _filled(spec: ObjectSpec, declared: dict[str, Setting] | None, given: Given) -> Settings[Any] | None:
    """The settings of an object, once what is given is written into it; None where it has no global data at all."""
    if not (spec.variables or given or (FROM_COMMAND_LINE and declared is not None)):
        return None
    from osmia.programs.global_data import fill_settings

    return fill_settings(spec, declared, given or {})


def _global_handles(
    spec: ObjectSpec, loaded: LoadedObject, declared: dict[str, Variable]
) -> Iterable[tuple[str, object, object]]:
    """Handles of an object's global variables, with the declarations where there are any."""
    if not spec.variables:
        return ()
    from osmia.programs.global_data import open_globals

    return open_globals(spec, loaded.maps, declared)


def _program_of(spec: ObjectSpec, name: str) -> Program[Any, Any]:
    """A program that only an object declares."""
    function = spec.programs[name]
    kind = function.kind
    assert kind is not None, "every program of an object has a kind"
    of: Any = getattr(__import__(f"osmia.programs.{kind.module}", fromlist=[kind.program_class]), kind.program_class)
    program: Program[Any, Any] = of(
        kind, name, None, (spec.on_error or {}).get(name), kind.hook(function.section) or ""
    )
    return program


def _map_handles(
    spec: ObjectSpec, loaded: LoadedObject, declared: dict[str, Map[Any, Any]]
) -> list[tuple[str, object, object]]:
    """Handles of an object's maps, with the declarations where there are any."""
    handles: list[tuple[str, object, object]] = []
    for name, backend in loaded.maps.items():
        if name in declared and name not in loaded.given:
            handles.append((name, declared[name], declared[name].handle(backend)))
    left_out = {*declared, *loaded.given, RESERVED}
    others = [name for name in loaded.maps if name not in left_out]
    if others:
        from osmia.btf.read import Btf
        from osmia.maps.foreign import open_map

        btf = Btf(spec.btf, spec.name) if spec.btf else None
        handles += [(name, None, open_map(spec.maps[name], btf, loaded.maps[name])) for name in others]
    return handles


def _shape(declaration: Map[Any, Any]) -> tuple[tuple[str, object], ...]:
    return (
        ("type", declaration.kind.kernel_name),
        ("key size", declaration.key_size),
        ("value size", declaration.value_size),
        ("max_entries", declaration.max_entries),
    )


def _shape_of(spec: MapSpec) -> tuple[tuple[str, object], ...]:
    from osmia.maps.table import kind_of_type

    kind = kind_of_type(spec.type)
    return (
        ("type", kind.kernel_name if kind else spec.type),
        ("key size", spec.key_size),
        ("value size", spec.value_size),
        ("max_entries", spec.max_entries),
    )


def _kind(what: object) -> str:
    return with_article(type(what).__name__)
