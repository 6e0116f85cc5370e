"""What a table of functions is in this kernel: the type of its value, by the kernel's own BTF."""

from __future__ import annotations

import errno

from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.errors import KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.btf.read import BtfType

VMLINUX = "/sys/kernel/btf/vmlinux"
PREFIX = "bpf_struct_ops_"


def struct_ops_value(of: str, asked: str) -> tuple[int, int]:
    """The type's number in the kernel's BTF and its size in bytes. KernelError where the kernel has no such tables."""
    try:
        with open(VMLINUX, "rb") as file:
            btf = Btf(file.read(), "this kernel's type information")
    except OSError as error:
        number = error.errno or errno.ENOENT
        raise KernelError(number, f"{asked}: {VMLINUX} cannot be read: {error.strerror}") from None
    found = btf.find(PREFIX + of, kinds.STRUCT)
    if found is not None:
        return found.id, found.size_or_type
    named = [each for each in btf.of_kind(kinds.STRUCT) if each.name.startswith(PREFIX)]
    names = sorted(each.name.removeprefix(PREFIX) for each in named if _holds_table(btf, each))
    there = f"it has those of {', '.join(names)}" if names else "it has none"
    raise KernelError(errno.ENOENT, f"{asked}: this kernel has no tables of functions of struct {of}; {there}")


def _holds_table(btf: Btf, of: BtfType) -> bool:
    """Whether a struct is what all tables have in common, and a table: other structs have such names too."""
    last = btf.members(of)[-1]
    return last.name == "data" and btf.resolve(last.type).kind == kinds.STRUCT
