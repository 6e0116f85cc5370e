"""What bytes of a map's key or value are, as the object's type information says: a field, an element, or padding."""

from __future__ import annotations

from osmia.btf import kinds
from osmia.errors import ObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.btf.read import Btf, BtfType


def part_at(btf: Btf, number: int, offset: int) -> str:
    """What the byte at an offset of a type is: `padding of Key, behind 'port'`, `byte 1 of Key.port`; or nothing."""
    try:
        return _part(btf, btf.resolve(number), offset, "")
    except ObjectError:
        return ""


def _part(btf: Btf, of: BtfType, offset: int, path: str) -> str:
    if of.kind == kinds.ARRAY:
        element, _, _ = btf.array(of)
        size = btf.size(element)
        return _part(btf, btf.resolve(element), offset % size, f"{path}[{offset // size}]") if size else ""
    if of.kind not in (kinds.STRUCT, kinds.UNION):
        size = btf.size(of.id)
        return path if size == 1 else f"byte {offset} of {path}" if path else ""
    name = path or of.name
    before = ""
    for member in sorted(btf.members(of), key=lambda each: each.offset):
        size = btf.size(member.type) if not member.bits else (member.offset % 8 + member.bits + 7) // 8
        start = member.offset // 8
        if start <= offset < start + size:
            inner = f"{name}.{member.name}" if member.name else name
            return inner if member.bits else _part(btf, btf.resolve(member.type), offset - start, inner)
        if start + size <= offset:
            before = member.name
    return f"padding of {name}" + (f", behind {before!r}" if before else "")
