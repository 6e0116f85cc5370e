"""Writing the file of bytecode that starts read.

That file lies where this module's own `.pyc` would: who removes what an installation left behind knows that place.
Python takes a file there that is no `.pyc` for none, and this module is imported only to write the file again.
"""

from __future__ import annotations

from _frozen_importlib_external import SourceFileLoader
from marshal import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def write(path: str, head: bytes, pycs: Mapping[str, tuple[bool, bytes]], mode: int) -> None:
    """Write it as a `.pyc` is written: all of it or nothing, and no word where that fails.

    `pycs` says by path of the source, without osmia's directory and a suffix, whether it is a package, and its `.pyc`.
    """
    entries, at = {}, 0
    for stem, (is_package, pyc) in pycs.items():
        time, size = int.from_bytes(pyc[8:12], "little"), int.from_bytes(pyc[12:16], "little")
        entries[stem] = (is_package, time, size, at, at + len(pyc))
        at += len(pyc)
    index = dumps((at, entries))
    end = (len(head) + 4 + len(index)).to_bytes(4, "little")
    data = head + end + index + b"".join([pyc for _, pyc in pycs.values()])
    SourceFileLoader("osmia", path).set_data(path, data, _mode=mode)
