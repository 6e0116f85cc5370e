"""Type information for kernels that do not know all kinds of it yet."""

from __future__ import annotations

import struct

from osmia.btf import kinds
from osmia.btf.read import MAGIC, Btf

_HEADER = 24


def downgrade(btf: Btf, kernel: tuple[int, int]) -> bytes | None:
    """The same types, each as close as `kernel` knows it; None where it knows them all.

    Ids, sizes and the layout of structs stay, so that what refers to them is right: a floating-point number becomes an
    empty struct, a 64-bit enumeration an integer, a tag of a type a `const`, and a tag of a declaration an integer that
    nothing refers to.
    """
    original = [_bytes(btf, number) for number in range(1, len(btf))]
    known = [_as_known(btf, number, each, kernel) for number, each in enumerate(original, start=1)]
    if known == original:
        return None
    types = b"".join(known)
    header = struct.pack(btf.byte_order + "HBBIIIII", MAGIC, 1, 0, _HEADER, 0, len(types), len(types), len(btf.strings))
    return header + types + btf.strings


def _bytes(btf: Btf, number: int) -> bytes:
    of = btf.type(number)
    before, each = kinds.SIZES[of.kind]
    at = btf.types_at + btf.offset(number)
    return btf.data[at : at + 12 + before + each * of.vlen]


def _as_known(btf: Btf, number: int, original: bytes, kernel: tuple[int, int]) -> bytes:
    of = btf.type(number)
    if kernel >= kinds.SINCE.get(of.kind, (0, 0)) and not (
        of.kind == kinds.ENUM and of.kind_flag and kernel < kinds.SINCE[kinds.ENUM64]
    ):
        return original
    name_at, info = struct.unpack_from(btf.byte_order + "II", original)
    if of.kind == kinds.FLOAT:
        # Without its name, which may hold a space: `long double`.
        return struct.pack(btf.byte_order + "III", 0, kinds.STRUCT << 24, of.size_or_type)
    if of.kind == kinds.TYPE_TAG:
        return struct.pack(btf.byte_order + "III", 0, kinds.CONST << 24, of.size_or_type)
    if of.kind == kinds.ENUM:
        return struct.pack(btf.byte_order + "II", name_at, info & 0x7FFFFFFF) + original[8:]
    size = of.size_or_type if of.kind == kinds.ENUM64 else 1
    encoding = kinds.SIGNED if of.kind == kinds.ENUM64 and of.kind_flag else 0
    return struct.pack(btf.byte_order + "IIII", name_at, kinds.INT << 24, size, encoding << 24 | size * 8)
