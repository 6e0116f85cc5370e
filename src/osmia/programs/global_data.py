"""Global data of what is loaded: settings, which are filled in before, and variables, which are opened after."""

from __future__ import annotations

import sys

from osmia.errors import ObjectError, OsmiaError, shown, with_article
from osmia.generic import Generic, Mapping, TypeVar
from osmia.layout import Declaration, IntegerLayout
from osmia.maps.codec import Codec
from osmia.maps.globals import Global, Variable
from osmia.maps.losses import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, NoReturn

    from osmia.btf.read import Btf
    from osmia.layout import Layout
    from osmia.maps.backend import MapBackend
    from osmia.maps.settings import Setting
    from osmia.spec import ObjectSpec
    from osmia.spec_details import VariableSpec
    from osmia.types import Integer

V = TypeVar("V")

WHEN = "settings are given when a program is loaded, load(settings=...); what changes later is a Global"
TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class SettingText(str):
    """A setting's value as a command line gives it: what it means depends on the setting's type."""

    __slots__ = ()


class Settings(Mapping[str, V], Generic[V]):
    """The settings of what is loaded, by name, as they are in force there."""

    def __init__(self, subject: str, values: dict[str, V]) -> None:
        """`subject` is what was loaded, for messages."""
        self._subject = subject
        self._values = values

    def __getitem__(self, name: str) -> V:
        if name not in self._values:
            raise _unknown(self._subject, name, self._values)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Settings({self._values})"

    if not TYPE_CHECKING:  # for type checkers it has no such thing

        def __setitem__(self, name: str, value: V) -> NoReturn:
            raise TypeError(f"{self._subject}: {name} cannot be set any more: {WHEN}")


class Foreign(Declaration):
    """The type of a variable that only an object declares."""

    __slots__ = ()

    def __init__(self, layout: Layout) -> None:
        self.layout = layout


class ForeignSetting:
    """A setting that only an object declares."""

    def __init__(self, name: str, of: Any) -> None:
        """`of` is its type."""
        self.subject = name
        self.of = of
        self._codec = Codec(of, self, "value")

    def encode(self, value: Any) -> bytes:
        """A value as it lies in memory. TypeError or OverflowError for one that is not taken."""
        return self._codec.encode(value)

    def decode(self, data: bytes) -> Any:
        """A value from how it lies in memory."""
        return self._codec.decode(data)


def fill_settings(spec: ObjectSpec, declared: Mapping[str, Setting] | None, given: Mapping[str, Any]) -> Settings[Any]:
    """Write what is given for an object's settings into it, before it is loaded; gives all that are then in force.

    `declared` are those that it was made from; None for an object from a file, which declares its own. KeyError for
    a name that is none of them, TypeError, ValueError or OverflowError for a value that one does not take.
    """
    of: Mapping[str, Setting | ForeignSetting] = _declared_by(spec) if declared is None else declared
    asked = {} if declared is None else _asked(spec, declared)
    for name in given:
        if name not in of:
            raise _refusal(spec, name, of)
    values: dict[str, Any] = {}
    for name, setting in of.items():
        variable = variable_of(spec, name)
        held = spec.maps[variable.section]
        start, end = variable.offset, variable.offset + variable.size
        contents = held.contents or bytes(held.value_size)
        if name in asked or name in given:
            packed = asked[name] if name in asked else setting.encode(_read(setting, given[name]))
            contents = held.contents = contents[:start] + packed + contents[end:]
        values[name] = setting.decode(contents[start:end])
    return Settings(spec.name, values)


def _asked(spec: ObjectSpec, declared: Mapping[str, Setting]) -> dict[str, bytes]:
    """What a command line gives to a file that loads its programs itself, as it lies in memory.

    OsmiaError for a name that no setting of the process has, and for a value that one does not take.
    """
    from osmia.programs.program import FROM_COMMAND_LINE

    if not FROM_COMMAND_LINE:
        return {}
    found = {}
    for name, text in FROM_COMMAND_LINE.items():
        if name not in declared:
            if name not in (known := _all_settings()):
                raise OsmiaError(_unknown(spec.name, name, known).args[0])
            continue  # another program's
        try:
            found[name] = declared[name].encode(_read(declared[name], SettingText(text)))
        except (TypeError, ValueError, OverflowError) as problem:
            raise OsmiaError(str(problem)) from None
    return found


def _all_settings() -> list[str]:
    """The names of all settings that modules of the process declare."""
    from osmia.maps.settings import Setting

    modules = [vars(module) for module in list(sys.modules.values()) if isinstance(module, type(sys))]
    found = [value for names in modules for value in list(names.values()) if type(value) is Setting]
    return sorted({setting.variable for setting in found})


def variable_of(spec: ObjectSpec, name: str) -> VariableSpec:
    """Where a declared variable or setting lies in the object that was made of it."""
    found = (spec.variables or {}).get(name)
    if found is None:
        raise ObjectError(f"{spec.name}: the object has no variable '{name}', which it was made from")
    return found


def open_globals(
    spec: ObjectSpec, maps: Mapping[str, MapBackend], declared: Mapping[str, Variable]
) -> Iterable[tuple[str, Variable | None, Variable]]:
    """The live variables of an object that is loaded: name, declaration if there is one, and handle."""
    btf: Btf | None = None
    for name, variable in (spec.variables or {}).items():
        backend = maps.get(variable.section)
        if backend is None or spec.maps[variable.section].read_only or name.startswith(PREFIX):
            continue
        if name in declared:
            yield name, declared[name], declared[name].handle(backend, variable.offset)
        else:
            from osmia.maps.foreign_globals import layout_from

            btf = btf or _btf(spec)
            of = Foreign(layout_from(btf, variable.btf_type_id, variable.size))
            yield name, None, Global.opened(of, name=name, backend=backend, offset=variable.offset)


def declared_handle(spec: ObjectSpec, declared: object, found: Any) -> Variable:
    """A handle typed as a declaration, of a variable that an object declares."""
    assert isinstance(declared, Variable)
    wanted, there = declared.layout, found.layout
    if wanted.size != there.size or (isinstance(there, IntegerLayout) and _storage(wanted) not in {None, there.of}):
        raise TypeError(
            f"{spec.name}: {found.name} is {with_article(there.name)} ({there.size} bytes) there, "
            f"expected {with_article(wanted.name)} ({wanted.size} bytes)"
        )
    variable = (spec.variables or {}).get(found.name)
    btf = _btf(spec)
    if btf is not None and variable is not None and variable.btf_type_id:
        from osmia.maps.compared import difference

        problem = difference(btf, variable.btf_type_id, wanted, found.name)
        if problem:
            raise TypeError(f"{spec.name}: {problem}")
    return declared.handle(found.backend, found.offset)


def _storage(layout: Layout) -> type[Integer] | None:
    """The integer that a layout is stored as; None where it is none."""
    return layout.of if isinstance(layout, IntegerLayout) else getattr(layout, "storage", None)


def _declared_by(spec: ObjectSpec) -> dict[str, ForeignSetting]:
    """The settings that an object declares: what is const and volatile, but for the switches of its logs."""
    from osmia.logs import RING
    from osmia.maps.foreign import type_of
    from osmia.maps.foreign_globals import is_volatile

    btf = _btf(spec)
    return {
        name: ForeignSetting(name, type_of(btf, variable.btf_type_id, variable.size))
        for name, variable in (spec.variables or {}).items()
        if spec.maps[variable.section].read_only
        and not (spec.logs and name.startswith(RING))
        and btf
        and is_volatile(btf, variable.btf_type_id)
    }


def _btf(spec: ObjectSpec) -> Btf | None:
    """The object's BTF, which variables that are declared do not need."""
    from osmia.btf.read import Btf

    return Btf(spec.btf, spec.name) if spec.btf else None


def _read(setting: Setting | ForeignSetting, value: Any) -> Any:
    """The value, which a command line gives as text."""
    if not isinstance(value, SettingText):
        return value
    of: Any = setting.of
    members = getattr(of, "__members__", None)
    if members is not None:
        if value not in members:
            raise ValueError(
                f"{setting.subject}: {str(value)!r} is no {of.__name__}, which is one of {', '.join(members)}"
            )
        return members[value]
    if of is bool:
        if value.lower() not in TRUTHS:
            raise ValueError(f"{setting.subject}: {str(value)!r} is no truth value: write true or false")
        return TRUTHS[value.lower()]
    try:
        return int(value, 0)
    except ValueError:
        raise ValueError(f"{setting.subject}: {str(value)!r} is no number, such as 443 or 0x1bb") from None


def _refusal(spec: ObjectSpec, name: object, of: Mapping[str, object]) -> Exception:
    """Why a name is none of the settings."""
    if not isinstance(name, str):
        return TypeError(f"{spec.name}: the name of a setting is a str, not {shown(name)}")
    variable = (spec.variables or {}).get(name)
    if variable is None:
        return _unknown(spec.name, name, of)
    if not spec.maps[variable.section].read_only:
        return KeyError(f"{spec.name}: {name} is a global, not a setting: write its .value once the program is loaded")
    return KeyError(
        f"{spec.name}: {name} is a constant that the compiler may have used already: "
        "declare it `const volatile`, and compile with -g"
    )


def _unknown(subject: str, name: str, known: Iterable[str]) -> KeyError:
    from difflib import get_close_matches

    names = list(known)
    close = get_close_matches(name, names, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}" if names else "it has none"
    return KeyError(f"{subject}: no setting {name}; {hint}")
