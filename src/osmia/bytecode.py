"""The bytecode of a start in one file: what a start from the cache imports is found and read at once.

The file lies beside the `.pyc` files that it is made of, and holds them as they are. One of them is used where it would
be used from its own file: for a source of the same time and size. All else is imported as ever.
"""

from __future__ import annotations

import posix  # `os` would be one more import for a Python without site-packages
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import (
    MAGIC_NUMBER,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from _imp import _fix_co_filename, extension_suffixes  # type: ignore[attr-defined]
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    # Whether it is a package, the time and size of its source, and where its .pyc begins and ends.
    Entry = tuple[bool, int, int, int, int]

_MAGIC = b"osmia start 1\n" + MAGIC_NUMBER
_INDEX = len(_MAGIC) + 4
_BY_TIME = MAGIC_NUMBER + bytes(4)
"""How a .pyc begins that holds its source's time and size, not a hash: 4 bytes each, and then its code."""
_CODE = 16
_LOADERS = (
    (ExtensionFileLoader, extension_suffixes()),
    (SourceFileLoader, [".py"]),
    (SourcelessFileLoader, [".pyc"]),
)

_entries: dict[str, Entry] = {}
"""What the file holds, by path of the source without its suffix."""
_held = memoryview(b"")
_missed: list[str] = []
"""Paths of sources that were imported and of which the file holds nothing, or nothing that is true."""
_path = _package = ""
_cached = ("", "", "")
"""What the path of a .pyc has before the directory of the source, behind it, and behind the name."""


class _Loader(SourceFileLoader):
    """Has its module's code at hand, once: who loads the module again is given what is there then."""

    code = memoryview(b"")

    def get_code(self, fullname: str) -> CodeType | None:
        marshalled, self.code = self.code, memoryview(b"")
        if marshalled:
            try:
                code: CodeType = loads(marshalled)  # noqa: S302 - trusted as are the .pyc files beside it
                _fix_co_filename(code, self.path)
            except (EOFError, TypeError, ValueError):
                _missed.append(self.path)
            else:
                return code
        return super().get_code(fullname)


class _Finder(FileFinder):
    """Finds the modules in one directory of osmia's."""

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = self._held_spec(fullname)
        if spec is None:
            spec = super().find_spec(fullname, target)
            if spec is None:
                return None
            if type(spec.loader) is SourceFileLoader:
                _missed.append(spec.loader.path)
        for directory in spec.submodule_search_locations or ():
            sys.path_importer_cache[directory] = _Finder(directory, *_LOADERS)
        return spec

    def _held_spec(self, fullname: str) -> ModuleSpec | None:
        stem = f"{self.path}/{fullname.rpartition('.')[2]}"
        entry = _entries.get(stem)
        if entry is None:
            return None
        is_package, time, size, start, end = entry
        path = f"{stem}/__init__.py" if is_package else f"{stem}.py"
        try:
            found = posix.stat(path)
        except OSError:
            return None
        if found.st_size != size or int(found.st_mtime) & 0xFFFFFFFF != time:
            return None
        loader = _Loader(fullname, path)
        loader.code = _held[start + _CODE : end]
        spec = ModuleSpec(fullname, loader, origin=path)
        spec.has_location, spec.cached = True, _cached_path(path)
        if is_package:
            spec.submodule_search_locations = [stem]
        return spec


def use(package: ModuleSpec) -> None:
    """From now on import what is in osmia's directories from the file, as far as it is there."""
    global _held, _path, _package, _cached  # noqa: PLW0603 - one file a process, as one cache of finders
    if type(package.loader) is not SourceFileLoader or not package.cached:
        return
    _package = package.loader.path.removesuffix("/__init__.py")
    before, _, behind = package.cached.partition(f"{_package}/")
    between, name, suffix = behind.rpartition("__init__")
    if not name:
        return
    _cached = before, between, suffix
    _path = _cached_path(f"{_package}/bytecode_file.py")
    data = _content(_path)
    end = int.from_bytes(data[len(_MAGIC) : _INDEX], "little")
    _entries.clear()
    if data.startswith(_MAGIC):
        try:
            size, entries = loads(data[_INDEX:end])  # noqa: S302 - as above
        except (EOFError, TypeError, ValueError):
            size, entries = 0, {}
        if size == len(data) - end:
            _held = memoryview(data)[end:]
            _entries.update((_package + name, entry) for name, entry in entries.items())
    sys.path_importer_cache[_package] = _Finder(_package, *_LOADERS)


def keep() -> None:
    """Write the file anew, if a start from the cache imported what it does not hold and Python would write there."""
    missed = [source for source in dict.fromkeys(_missed) if _cached_path(source) != _path]
    _missed.clear()
    if not missed or sys.dont_write_bytecode or "osmia.compiler.build" in sys.modules:
        return
    if not posix.access(_path.rpartition("/")[0], posix.W_OK):
        return
    held = {stem: (entry[0], bytes(_held[entry[3] : entry[4]])) for stem, entry in _entries.items()}
    for source in missed:
        pyc = _content(_cached_path(source))
        if not pyc.startswith(_BY_TIME):  # it could not be written, or all of them are by hash
            return
        held[source.removesuffix(".py").removesuffix("/__init__")] = (source.endswith("/__init__.py"), pyc)
    try:
        mode = posix.stat(missed[0]).st_mode | 0o200
    except OSError:  # it is being replaced
        return
    from osmia.bytecode_file import write

    write(_path, _MAGIC, {stem.removeprefix(_package): pyc for stem, pyc in held.items()}, mode)


def _cached_path(source: str) -> str:
    before, between, suffix = _cached
    directory, _, name = source.rpartition("/")
    return f"{before}{directory}/{between}{name.removesuffix('.py')}{suffix}"


def _content(path: str) -> bytes:
    """What a file holds; nothing where it cannot be read."""
    try:
        file = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return posix.read(file, posix.fstat(file).st_size)
    except OSError:  # a directory
        return b""
    finally:
        posix.close(file)
