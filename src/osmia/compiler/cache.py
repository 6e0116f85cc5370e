"""Compiled objects by content: what is compiled once is loaded from a file the next time.

An entry holds every value that the compiler read and where it found it, the source it compiled, and the versions of
osmia, llvmlite and the target. It is used only where all of them are what they were, so a stale object cannot be.
Nothing here imports the compiler unless an object has to be made.
"""

from __future__ import annotations

import marshal
import os
import sys
from _imp import source_hash

from osmia.compiler.fingerprint import content, describe, describe_code, follow, source_lines
from osmia.maps.declaration import Map
from osmia.record import record
from osmia.spec import restore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler import ProgramRequest, Target
    from osmia.compiler.fingerprint import Description, Path
    from osmia.maps.globals import Variable
    from osmia.maps.settings import Setting
    from osmia.spec import ObjectSpec, Stored

MAGIC = b"osmia object 10\n"
CHECKSUM_KEY = 0
CHECKSUM_SIZE = 8
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@record
class CompiledObject:
    """An object, and what ties it to the declarations it was made from."""

    data: bytes
    """The ELF object."""
    maps: dict[str, Map[Any, Any]]
    """By symbol: the declarations."""
    globals: dict[str, Variable]
    """By symbol: the declarations of variables, each of which is alone in a section `.data.SYMBOL`."""
    settings: dict[str, Setting]
    """By symbol: the declarations of settings, which are in `.rodata`."""
    stored: Stored
    """What the object says, as the cache keeps it."""

    def spec(self, name: str) -> ObjectSpec:
        """What the object says; `name` is for messages."""
        return restore(self.stored, name)


def object_for(requests: tuple[ProgramRequest, ...], target: Target) -> CompiledObject:
    """The object of programs that are loaded together: from the cache, or compiled now and kept.

    Raises CompileError where the programs cannot be compiled.
    """
    path = _entry_path(requests, target)
    header = _header(requests, target)
    found = _read(path, header, requests) if path else None
    if found is not None:
        return found
    from osmia.compiler.cache_files import imported, keep, own_files

    files = own_files()  # as they are before they are imported
    from osmia.compiler.build import checked_unit, generate  # the compiler proper: only on a miss
    from osmia.compiler.worker import WORKER
    from osmia.errors import CompileError
    from osmia.object_file import read_object
    from osmia.spec import store

    WORKER.start()
    try:
        unit, state = checked_unit(requests, target)
        data = generate(unit, target)
    except CompileError as error:
        raise error.with_traceback(None) from None  # the program's line is what matters, not the compiler's
    stored = store(read_object(data, requests[0].name))
    if path:
        sources = [source_lines(request.function.__code__) for request in requests]
        paths = tuple(
            tuple(each.items()) for each in (state.reads, state.map_paths, state.global_paths, state.setting_paths)
        )
        keep(path, ((imported(files), llvmlite_version(), header), tuple(sources), *paths, data, stored))
    maps = {reference.symbol: reference.declaration for reference in unit.maps}
    return CompiledObject(data, maps, state.globals, state.settings, stored)


def cache_directory() -> str:
    """Where objects are kept: `$OSMIA_CACHE_DIR`, or `osmia` in the user's cache directory; empty for nowhere."""
    chosen = os.environ.get("OSMIA_CACHE_DIR")
    if chosen is not None:
        return chosen
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "osmia") if os.path.isabs(base) else ""


def _entry_path(requests: tuple[ProgramRequest, ...], target: Target) -> str:
    directory = cache_directory()
    if not directory:
        return ""
    programs = [(r.name, r.kind.name, r.hook, r.own_layout, r.function) for r in requests]
    identity = repr([(*each, of.__code__.co_filename, _depth(of), of.__qualname__) for *each, of in programs])
    number = checksum(f"{identity} {target}".encode()).hex()
    return os.path.join(directory, "objects", f"{requests[0].name}-{number}")


def checksum(data: bytes) -> bytes:
    """Tells damaged files and different programs apart: the hash by which Python knows a source again (SipHash).

    It is part of the interpreter, where everything in the standard library that is meant for it takes an import.
    """
    return source_hash(CHECKSUM_KEY, data)


def _header(requests: tuple[ProgramRequest, ...], target: Target) -> Description:
    from osmia import __version__

    return (
        __version__,
        sys.version,
        str(target),
        tuple((r.name, r.kind.name, r.hook, r.error_value, r.own_layout, _depth(r.function)) for r in requests),
        tuple(describe_code(request.function.__code__) for request in requests),
    )


def _depth(function: Any) -> int:
    """How far below its top-level package a function's module is: an object names its file from there."""
    return int(function.__module__.count("."))


def llvmlite_version() -> bytes | None:
    """The version of the llvmlite that would be imported, as its files have it; None where there is none."""
    for directory in sys.path:
        found = content(f"{directory or '.'}/llvmlite/_version.py")
        if found is not None:
            return found
    return None


def _read(path: str, header: Description, requests: tuple[ProgramRequest, ...]) -> CompiledObject | None:
    entry = _entry(path)
    if entry is None:
        return None
    (files, version, kept_header), sources, reads, map_paths, global_paths, setting_paths, data, stored = entry
    llvmlite = llvmlite_version()
    if kept_header != header or (llvmlite is not None and llvmlite != version) or not _unchanged(files):
        return None
    functions = [request.function for request in requests]
    if any(source_lines(function.__code__) != kept for function, kept in zip(functions, sources, strict=True)):
        return None
    if any(_description(path_, functions) != kept for path_, kept in reads):
        return None
    maps = _declared(map_paths, functions, Map)
    variables: dict[str, Any] | None = {}
    settings: dict[str, Any] | None = {}
    if global_paths:
        from osmia.maps.globals import Variable

        variables = _declared(global_paths, functions, Variable)
    if setting_paths:
        from osmia.maps.settings import Setting

        settings = _declared(setting_paths, functions, Setting)
    if maps is None or variables is None or settings is None:
        return None
    return CompiledObject(data, maps, variables, settings, stored)


def _declared(paths: tuple[Any, ...], functions: list[Any], of: type[Any]) -> dict[str, Any] | None:
    """The declarations at the ends of paths, by symbol; None where they are not what they were."""
    found: dict[str, Any] = {}
    for symbol, path in paths:
        declaration = follow(path, functions)
        if not isinstance(declaration, of):
            return None
        declaration.take_name(symbol)
        found[symbol] = declaration
    # Two names for one map when it was compiled are two maps now, or the reverse: another program.
    return found if len({id(declaration) for declaration in found.values()}) == len(found) else None


def _unchanged(files: tuple[tuple[str, int, int], ...]) -> bool:
    """Whether osmia's own files, which a checkout changes without a new version, are those that compiled the entry.

    One that was not there then matters only if one that was there is changed to import it.
    """
    stat = os.stat
    try:
        for name, size, time in files:
            found = stat(f"{PACKAGE}/{name}")
            if found.st_size != size or found.st_mtime_ns != time:
                return False
    except OSError:
        return False  # it is gone
    return True


def _description(path: Path, functions: list[Any]) -> Description:
    return describe(follow(path, functions))


def _entry(path: str) -> Any:
    """What a file of the cache holds; None where it is absent, damaged, or somebody else's."""
    found = content(path, _trusted_owners())
    if found is None:
        return None  # no such entry
    kept = found[len(MAGIC) : len(MAGIC) + CHECKSUM_SIZE]
    body = found[len(MAGIC) + CHECKSUM_SIZE :]
    if not found.startswith(MAGIC) or checksum(body) != kept:
        return None
    return marshal.loads(body)  # noqa: S302 - our own file, checked above


def _trusted_owners() -> tuple[int, ...]:
    user = os.geteuid()
    invoking = os.environ.get("SUDO_UID", "")
    return (user, 0, int(invoking)) if user == 0 and invoking.isdigit() else (user, 0)
