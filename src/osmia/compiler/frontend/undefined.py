"""What to do about a name that the module does not have: most often an import is missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import osmia
import osmia.headers
from osmia.compiler.diagnostics import did_you_mean
from osmia.enumeration import is_int_enumeration

if TYPE_CHECKING:
    from collections.abc import Iterable

# How C begins the names of what programs return.
_ACTIONS = {"XDP_": "XdpAction", "TC_ACT_": "TcAction", "SK_": "SkAction"}


def instead_of_undefined(name: str, known: Iterable[str]) -> str:
    """The fix: an import, the Python of a name of C's, a name that is much the same, or to define it."""
    for module in (osmia, osmia.headers):
        if name in _public(module.__name__):
            return f"write `from {module.__name__} import {name}` at the top of the module"
    for prefix, of in _ACTIONS.items():
        member = name.removeprefix(prefix)
        if name.startswith(prefix) and member in _members(of):
            return f"write `{of}.{member}`"
    close = did_you_mean(name, known)
    if name in sys.stdlib_module_names:
        return f"write `import {name}` at the top of the module" + (f", or {close}" if close else "")
    return close or f"define or import {name!r}"


def _public(module: str) -> set[str]:
    """The names that are a module's own: of osmia all that it hands on, of another what it defines."""
    names = vars(sys.modules[module])
    if "__all__" in names:
        return {name for name in names["__all__"] if not name.startswith("_")}
    return {name for name, value in names.items() if getattr(value, "__module__", "") == module}


def _members(of: str) -> set[str]:
    enumeration = getattr(osmia, of)
    assert is_int_enumeration(enumeration)
    return set(enumeration.__members__)
