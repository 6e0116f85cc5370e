"""Writing the cache's files, and removing the oldest."""

from __future__ import annotations

import marshal
import os
import sys

from osmia.compiler.cache import MAGIC, PACKAGE, checksum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Entries beyond this many are removed, the ones unused for longest first.
MOST_ENTRIES = 500
# The folders of the package whose files an object depends on.
FOLDERS = (
    *("", "compiler/", "compiler/frontend/", "compiler/ir/", "compiler/checks/", "compiler/llvm/"),
    *("abi/", "abi/generated/", "btf/", "contexts/", "contexts/generated/", "maps/"),
)
# What runs in the worker's process; everything else that an object depends on is imported in this one.
WORKER = "compiler/worker_main.py"


def keep(path: str, entry: tuple[Any, ...]) -> None:
    """Keep an entry. A directory that cannot be written means that the next run compiles again, no more."""
    body = marshal.dumps(entry)
    directory = os.path.dirname(path)
    temporary = f"{path}.{os.getpid()}"
    try:
        _make_directory(directory)
        with open(temporary, "wb") as file:
            file.write(MAGIC + checksum(body) + body)
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


def imported(files: tuple[tuple[str, int, int], ...]) -> tuple[tuple[str, int, int], ...]:
    """Those of osmia's files that made the object, once it is made: they have been imported by then."""
    return tuple(file for file in files if file[0] == WORKER or _module(file[0]) in sys.modules)


def _module(name: str) -> str:
    return f"osmia/{name}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def own_files() -> tuple[tuple[str, int, int], ...]:
    """Osmia's own files that an object depends on: name, size, and time of the last change in ns."""
    found = []
    for folder in FOLDERS:
        with os.scandir(os.path.join(PACKAGE, folder)) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    found.append((folder + entry.name, status.st_size, status.st_mtime_ns))
    return tuple(found)
