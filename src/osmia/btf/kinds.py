"""The kinds of BTF types and how large each one is (enum BTF_KIND_* in linux/btf.h)."""

from __future__ import annotations

VOID = 0
INT = 1
PTR = 2
ARRAY = 3
STRUCT = 4
UNION = 5
ENUM = 6
FWD = 7
TYPEDEF = 8
VOLATILE = 9
CONST = 10
RESTRICT = 11
FUNC = 12
FUNC_PROTO = 13
VAR = 14
DATASEC = 15
FLOAT = 16
DECL_TAG = 17
TYPE_TAG = 18
ENUM64 = 19

NAMES = (
    "VOID",
    "INT",
    "PTR",
    "ARRAY",
    "STRUCT",
    "UNION",
    "ENUM",
    "FWD",
    "TYPEDEF",
    "VOLATILE",
    "CONST",
    "RESTRICT",
    "FUNC",
    "FUNC_PROTO",
    "VAR",
    "DATASEC",
    "FLOAT",
    "DECL_TAG",
    "TYPE_TAG",
    "ENUM64",
)

# By kind: the bytes after the 12 that all types share, and the bytes of each of its vlen entries.
SIZES = (
    (0, 0),
    (4, 0),
    (0, 0),
    (12, 0),
    (0, 12),
    (0, 12),
    (0, 8),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 0),
    (0, 8),
    (4, 0),
    (0, 12),
    (0, 0),
    (4, 0),
    (0, 0),
    (0, 12),
)

# The first kernel that takes a kind in a program's BTF, where that is newer than 5.2. Enumerations whose values have a
# sign (kind_flag) came together with ENUM64.
SINCE = {FLOAT: (5, 13), DECL_TAG: (5, 16), TYPE_TAG: (5, 17), ENUM64: (6, 0)}

# Kinds whose `size_or_type` is the id of another type.
REFERENCES = frozenset((PTR, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR, DECL_TAG, TYPE_TAG))
# Kinds that only qualify or rename another type.
MODIFIERS = frozenset((TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG))

# Linkage of a FUNC (in its vlen) and of a VAR.
STATIC = 0
GLOBAL = 1
EXTERN = 2

# Encodings of an INT.
SIGNED = 1
CHAR = 2
BOOL = 4
