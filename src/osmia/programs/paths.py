"""Where the source files lie that an object names as `package/module.py`."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FunctionType


def known_path(file: str, functions: Iterable[FunctionType | None]) -> str:
    """The path of a file that an object names, as Python knows it: of one of the functions, or of a module.

    As the object has it where neither is it.
    """
    module = sys.modules.get(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    paths = [each.__code__.co_filename for each in functions if each is not None]
    if not paths:
        return file
    for path in (*paths, getattr(module, "__file__", None) or ""):
        if f"/{path}".replace("\\", "/").endswith(f"/{file}"):
            return path
    return file
