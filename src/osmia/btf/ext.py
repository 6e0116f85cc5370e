""".BTF.ext: which type each function has, and which source line each instruction comes from."""

from __future__ import annotations

import struct

from osmia.btf.read import byte_order
from osmia.errors import ObjectError
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.btf.read import Btf

_HEADER = 24
_HEADER_WITH_CORE = 32


@record
class BtfExt:
    """What .BTF.ext says, by section of code. Every offset is in bytes, in that section."""

    functions: dict[str, list[tuple[int, ...]]]
    """Offset, id of the FUNC."""
    lines: dict[str, list[tuple[int, ...]]]
    """Offset, offset of the file's name, offset of the line's text (both in the BTF's strings), line << 10 | column."""
    core: dict[str, list[tuple[int, ...]]]
    """CO-RE relocations: offset, id of the type, offset of the access string, kind."""


def read_btf_ext(data: bytes, btf: Btf) -> BtfExt:
    """Read a .BTF.ext section that belongs to `btf`. ObjectError where it is damaged."""
    name = btf.name
    order = byte_order(data, name, "BTF.ext")
    if order != btf.byte_order:
        raise ObjectError(f"{name}: .BTF.ext and .BTF are in different byte orders")
    if len(data) < _HEADER:
        raise ObjectError(f"{name}: the .BTF.ext header is cut short: {len(data)} bytes, expected {_HEADER}")
    header, functions_at, functions_size, lines_at, lines_size = struct.unpack_from(order + "IIIII", data, 4)
    if not _HEADER <= header <= len(data):
        raise ObjectError(f"{name}: the .BTF.ext header has {header} bytes of {len(data)}, expected {_HEADER} or more")
    core_at, core_size = struct.unpack_from(order + "II", data, _HEADER) if header >= _HEADER_WITH_CORE else (0, 0)
    body = data[header:]
    return BtfExt(
        _sections(body, btf, "function info", (functions_at, functions_size), "II"),
        _sections(body, btf, "line info", (lines_at, lines_size), "IIII"),
        _sections(body, btf, "CO-RE relocations", (core_at, core_size), "IIII"),
    )


def _sections(
    body: bytes, btf: Btf, what: str, place: tuple[int, int], layout: str
) -> dict[str, list[tuple[int, ...]]]:
    """Read one of the tables: the records' size, then per section its name, the number of records, and those."""
    found: dict[str, list[tuple[int, ...]]] = {}
    at, size = place
    if size == 0:
        return found
    if at + size > len(body) or size < 4:
        raise ObjectError(f"{btf.name}: the {what} would lie at bytes {at} to {at + size} of {len(body)} in .BTF.ext")
    table = body[at : at + size]
    (each,) = struct.unpack_from(btf.byte_order + "I", table)
    one = struct.Struct(btf.byte_order + layout)
    if each < one.size or each % 4:
        raise ObjectError(f"{btf.name}: a record of {what} has {each} bytes, expected {one.size} or more")
    position = 4
    while position < size:
        if position + 8 > size:
            raise ObjectError(f"{btf.name}: the {what} is cut short at byte {position} of {size}")
        name_at, count = struct.unpack_from(btf.byte_order + "II", table, position)
        position += 8
        if position + count * each > size:
            raise ObjectError(
                f"{btf.name}: the {what} has {count} records of {each} bytes at byte {position} of {size}"
            )
        section = btf.string(name_at)
        records = found.setdefault(section, [])
        records.extend(one.unpack_from(table, start) for start in range(position, position + count * each, each))
        position += count * each
    return found
