"""Compiled objects by content: what is compiled once is loaded from a file the next time.

An entry holds every value that the compiler read and where it found it, the source it compiled, and the versions of
osmia, llvmlite and the target. It is used only where all of them are what they were, so a stale object cannot be.
Nothing here imports the compiler unless an object has to be made.
"""

from __future__ import annotations

import marshal
import os
import sys

from osmia.compiler.fingerprint import describe, describe_code, follow, source_lines
from osmia.compiler.request import CompiledObject
from osmia.errors import CompileError
from osmia.maps.declaration import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler.fingerprint import Description, Path
    from osmia.compiler.request import ProgramRequest
    from osmia.compiler.target import Target

MAGIC = b"osmia object 6\n"
PRIME = (1 << 61) - 1
CHECKSUM_SIZE = 8
# Entries beyond this many are removed, the ones unused for longest first.
MOST_ENTRIES = 500


def object_for(requests: tuple[ProgramRequest, ...], target: Target) -> CompiledObject:
    """The object of programs that are loaded together: from the cache, or compiled now and kept.

    Raises CompileError where the programs cannot be compiled.
    """
    path = _entry_path(requests, target)
    header = _header(requests, target)
    found = _read(path, header, requests) if path else None
    if found is not None:
        return found
    from osmia.compiler.build import checked_unit, generate  # the compiler proper: only on a miss
    from osmia.compiler.stored_spec import store
    from osmia.compiler.worker import WORKER
    from osmia.object_file import read_object

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
        _write(path, (header, tuple(sources), *paths, data, stored))
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
    identity = repr([(r.name, r.kind.name, r.function.__code__.co_filename, r.function.__qualname__) for r in requests])
    number = _checksum(f"{identity} {target}".encode()).hex()
    return os.path.join(directory, "objects", f"{requests[0].name}-{number}")


def _checksum(data: bytes) -> bytes:
    """Tells damaged files and different programs apart: the bytes as one number, modulo a prime.

    Any change of a few bytes shows. Everything in the standard library that does it better takes an import.
    """
    return (int.from_bytes(data, "little") % PRIME).to_bytes(CHECKSUM_SIZE, "little")


def _header(requests: tuple[ProgramRequest, ...], target: Target) -> Description:
    from osmia import __version__

    return (
        __version__,
        _compiler_state(),
        sys.version,
        str(target),
        tuple((request.name, request.kind.name, request.error_value) for request in requests),
        tuple(describe_code(request.function.__code__) for request in requests),
    )


def _compiler_state() -> tuple[object, ...]:
    """Osmia's own files, which a checkout changes without a new version."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = []
    for folder in (
        "",
        "compiler",
        *(f"compiler/{part}" for part in ("frontend", "ir", "checks", "llvm")),
        "abi",
        "abi/generated",
        "btf",
        "contexts",
        "maps",
    ):
        with os.scandir(os.path.join(package, folder)) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    found.append((folder, entry.name, status.st_size, status.st_mtime_ns))
    return tuple(sorted(found))


def _llvmlite_version() -> str | None:
    """The version of the llvmlite that would be imported, read from its files; None where there is none."""
    for directory in sys.path:
        try:
            with open(os.path.join(directory, "llvmlite", "_version.py"), encoding="utf-8") as file:
                return file.read()
        except OSError:
            continue  # not in this directory of the path
    return None


def _read(path: str, header: Description, requests: tuple[ProgramRequest, ...]) -> CompiledObject | None:
    entry = _entry(path)
    if entry is None:
        return None
    (version, kept_header), sources, reads, map_paths, global_paths, setting_paths, data, stored = entry
    llvmlite = _llvmlite_version()
    if kept_header != header or (llvmlite is not None and llvmlite != version):
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
        from osmia.maps.globals import Global

        variables = _declared(global_paths, functions, Global)
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


def _description(path: Path, functions: list[Any]) -> Description:
    return describe(follow(path, functions))


def _entry(path: str) -> Any:
    """What a file of the cache holds; None where it is absent, damaged, or somebody else's."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_uid not in _trusted_owners():
                return None
            content = file.read()
    except OSError:
        return None  # no such entry
    checksum = content[len(MAGIC) : len(MAGIC) + CHECKSUM_SIZE]
    body = content[len(MAGIC) + CHECKSUM_SIZE :]
    if not content.startswith(MAGIC) or _checksum(body) != checksum:
        return None
    return marshal.loads(body)  # noqa: S302 - our own file, checked above


def _trusted_owners() -> tuple[int, ...]:
    user = os.geteuid()
    invoking = os.environ.get("SUDO_UID", "")
    return (user, 0, int(invoking)) if user == 0 and invoking.isdigit() else (user, 0)


def _write(path: str, entry: tuple[Any, ...]) -> None:
    """Keep an entry. A directory that cannot be written means that the next run compiles again, no more."""
    header, *rest = entry
    body = marshal.dumps(((_llvmlite_version(), header), *rest))
    directory = os.path.dirname(path)
    temporary = f"{path}.{os.getpid()}"
    try:
        _make_directory(directory)
        with open(temporary, "wb") as file:
            file.write(MAGIC + _checksum(body) + body)
            _give_to_owner_of(directory, file.fileno())
        os.replace(temporary, path)
        _remove_oldest(directory)
    except OSError:
        return


def _make_directory(directory: str) -> None:
    """Make a directory and those above it. One that root makes in a user's home belongs to that user."""
    if os.path.isdir(directory):
        return
    above = os.path.dirname(directory)
    _make_directory(above)
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        return  # another process made it meanwhile
    _give_to_owner_of(above, directory)


def _give_to_owner_of(directory: str, what: str | int) -> None:
    owner = os.stat(directory)
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(what, owner.st_uid, owner.st_gid)


def _remove_oldest(directory: str) -> None:
    with os.scandir(directory) as found:
        entries = sorted(found, key=lambda entry: entry.stat().st_mtime_ns, reverse=True)
    for entry in entries[MOST_ENTRIES:]:
        os.unlink(entry.path)
