"""What an object says in the form that the cache keeps: reading it takes no reader of ELF and BTF."""

from __future__ import annotations

from osmia.kinds import KINDS
from osmia.spec import (
    ContextFieldSpec,
    ErrorSite,
    FunctionSpec,
    LineInfo,
    MapSpec,
    ObjectSpec,
    Relocation,
    VariableSpec,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Stored = tuple[Any, ...]


def store(spec: ObjectSpec) -> Stored:
    """A spec as tuples of what `marshal` can write; without its name, which whoever restores it gives."""
    return (
        spec.license,
        _functions(spec.programs),
        _functions(spec.functions),
        tuple(_fields(of) for of in spec.maps.values()),
        spec.btf,
        spec.target,
        spec.on_error,
        None if spec.error_sites is None else {name: _each(sites) for name, sites in spec.error_sites.items()},
        None if spec.variables is None else _each(spec.variables.values()),
        spec.arguments,
        None if spec.context_fields is None else {name: _each(held) for name, held in spec.context_fields.items()},
    )


def restore(stored: Stored, name: str) -> ObjectSpec:
    """The spec again, of new records each time. `name` is for messages."""
    license_text, programs, functions, maps, btf, target, on_error, sites, variables, arguments, fields = stored
    return ObjectSpec(
        name,
        license_text,
        {function[0]: _function(function) for function in programs},
        {function[0]: _function(function) for function in functions},
        {of[0]: MapSpec(*of) for of in maps},
        btf,
        target,
        None if on_error is None else dict(on_error),
        None if sites is None else {program: _records(ErrorSite, each) for program, each in sites.items()},
        None if variables is None else {each[0]: VariableSpec(*each) for each in variables},
        None if arguments is None else {program: list(each) for program, each in arguments.items()},
        None if fields is None else {program: _records(ContextFieldSpec, each) for program, each in fields.items()},
    )


def _functions(functions: dict[str, FunctionSpec]) -> Stored:
    return tuple(
        (
            function.name,
            function.section,
            function.instructions,
            _each(function.relocations),
            _each(function.lines),
            function.btf_type_id,
            function.line_records,
            function.kind and function.kind.name,
        )
        for function in functions.values()
    )


def _function(stored: Stored) -> FunctionSpec:
    name, section, instructions, relocations, lines, btf_type_id, line_records, kind = stored
    return FunctionSpec(
        name,
        section,
        instructions,
        _records(Relocation, relocations),
        _records(LineInfo, lines),
        btf_type_id,
        None if line_records is None else list(line_records),
        None if kind is None else KINDS[kind],
    )


def _each(records: Iterable[Any]) -> Stored:
    return tuple(_fields(of) for of in records)


def _fields(of: Any) -> Stored:
    return tuple(getattr(of, field) for field in of.__match_args__)


def _records(of: Callable[..., Any], stored: Stored) -> list[Any]:
    return [of(*fields) for fields in stored]
