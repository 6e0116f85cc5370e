"""What libbpf makes of an object, asked through its shared library: the oracle of our own reader."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from ctypes import CFUNCTYPE, byref, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from system_packages import give_up

if TYPE_CHECKING:
    from collections.abc import Iterator


class LibbpfMap(NamedTuple):
    """A map as libbpf would create it."""

    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    map_extra: int
    btf_key_type_id: int
    btf_value_type_id: int
    contents: bytes | None


# The field -> libbpf's function that gives it.
_NUMBERS = {
    "type": "type",
    "key_size": "key_size",
    "value_size": "value_size",
    "max_entries": "max_entries",
    "flags": "map_flags",
    "map_extra": "map_extra",
    "btf_key_type_id": "btf_key_type_id",
    "btf_value_type_id": "btf_value_type_id",
}


class LibbpfObject(NamedTuple):
    """An opened object: nothing of it has been loaded into a kernel."""

    maps: dict[str, LibbpfMap]
    programs: dict[str, tuple[str, int]]
    """By name: section and number of instructions."""
    btf: bytes


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libbpf.so.1")
    except OSError as error:
        give_up(f"libbpf is not installed (apt install libbpf1), so objects cannot be compared with it: {error}")
    pointers = (
        "bpf_object__open_mem bpf_object__next_map bpf_object__next_program bpf_object__btf btf__raw_data "
        "bpf_map__initial_value"
    )
    for name in pointers.split():
        getattr(library, name).restype = c_void_p
    for name in ("bpf_map__name", "bpf_program__name", "bpf_program__section_name"):
        getattr(library, name).restype = c_char_p
    library.bpf_map__map_extra.restype = c_uint64
    library.bpf_program__insn_cnt.restype = c_size_t
    return library


def _quiet(_level: int, _format: bytes, _arguments: int) -> int:
    return 0


_QUIET = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)(_quiet)


@contextmanager
def _opened(data: bytes) -> Iterator[int]:
    library = _library()
    library.libbpf_set_print(_QUIET)
    buffer = ctypes.create_string_buffer(data, len(data))
    handle = library.bpf_object__open_mem(buffer, c_size_t(len(data)), None)
    if not handle:
        raise OSError(ctypes.get_errno(), "libbpf does not open the object")
    try:
        yield handle
    finally:
        library.bpf_object__close(c_void_p(handle))


def opens(data: bytes) -> bool:
    """Whether libbpf opens an object."""
    try:
        with _opened(data):
            return True
    except OSError:
        return False


def read(data: bytes) -> LibbpfObject:
    """Open an object and give what libbpf says of it."""
    library = _library()
    with _opened(data) as handle:
        btf = b""
        if found := library.bpf_object__btf(c_void_p(handle)):
            size = c_uint32()
            btf = ctypes.string_at(library.btf__raw_data(c_void_p(found), byref(size)), size.value)
        return LibbpfObject(dict(_maps(library, handle)), dict(_programs(library, handle)), btf)


def _maps(library: ctypes.CDLL, handle: int) -> Iterator[tuple[str, LibbpfMap]]:
    place = library.bpf_object__next_map(c_void_p(handle), None)
    while place:
        pointer = c_void_p(place)
        size = c_size_t()
        value = library.bpf_map__initial_value(pointer, byref(size))
        contents = ctypes.string_at(value, size.value) if value else None
        name = library.bpf_map__name(pointer).decode()
        # libbpf puts the object's name before .data, .rodata and .bss.
        name = "." + name.split(".", 1)[1] if "." in name else name
        numbers = {field: getattr(library, f"bpf_map__{function}")(pointer) for field, function in _NUMBERS.items()}
        yield name, LibbpfMap(**numbers, contents=contents)
        place = library.bpf_object__next_map(c_void_p(handle), pointer)


def _programs(library: ctypes.CDLL, handle: int) -> Iterator[tuple[str, tuple[str, int]]]:
    place = library.bpf_object__next_program(c_void_p(handle), None)
    while place:
        pointer = c_void_p(place)
        name = library.bpf_program__name(pointer).decode()
        yield name, (library.bpf_program__section_name(pointer).decode(), library.bpf_program__insn_cnt(pointer))
        place = library.bpf_object__next_program(c_void_p(handle), pointer)
