"""What error numbers mean for calls on maps."""

from __future__ import annotations

import errno

from osmia.errors import ENOTSUPP
from osmia.kernel.errors import kernel_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.errors import KernelError

_NOT_MAPPABLE = "it was not made for that: arrays are, with the flag BPF_F_MMAPABLE"
_GUARDED = "user code would read and write it there, which its flags say may not be (EACCES)"
_NOT_ALLOWED = "the map does not let user code do that: it is frozen, or was made read-only or write-only (EPERM)"
_HINTS: dict[str, dict[int, str]] = {
    "read": {errno.EPERM: _NOT_ALLOWED, errno.EOPNOTSUPP: "maps of this type cannot be read (EOPNOTSUPP)"},
    "write": {
        errno.EPERM: _NOT_ALLOWED,
        errno.EEXIST: "the key is there already, and the flags say that it must not be (EEXIST)",
        errno.ENOENT: "the key is not there, and the flags say that it must be (ENOENT)",
        errno.ENOMEM: "the kernel has no memory for another entry (ENOMEM)",
    },
    "delete": {
        errno.EPERM: _NOT_ALLOWED,
        errno.EINVAL: "keys of maps of this type cannot be deleted: the entries of an array are always there (EINVAL)",
    },
    "walk": {
        errno.EPERM: _NOT_ALLOWED,
        errno.EOPNOTSUPP: "maps of this type have no keys to walk over (EOPNOTSUPP)",
    },
}


def map_error(number: int, name: str, max_entries: int, doing: str, key: bytes | None) -> KernelError:
    """The error of a call on a map's entries. `doing` is `read`, `write`, `delete` or `walk`."""
    what = f"{doing} key {key.hex(' ')} of map '{name}'" if key else f"{doing} map '{name}'"
    full = {errno.E2BIG: _full(max_entries, "E2BIG")}
    if doing == "write":
        full[errno.ENOSPC] = _full(max_entries, "ENOSPC")  # a trie's
    return kernel_error(number, what, hints=_HINTS[doing] | full)


def not_mapped(number: int, name: str) -> KernelError:
    """The error of taking an array into memory."""
    return kernel_error(
        number,
        f"take map '{name}' into memory",
        feature="maps in memory",
        hints={
            errno.EPERM: _NOT_ALLOWED,
            errno.EACCES: _GUARDED,
            ENOTSUPP: _NOT_MAPPABLE,
            errno.EINVAL: _NOT_MAPPABLE,
        },
    )


def not_frozen(number: int, name: str) -> KernelError:
    """The error of freezing a map."""
    return kernel_error(
        number,
        f"freeze map '{name}'",
        feature="frozen maps",
        hints={
            errno.EPERM: "it is frozen already, or was made read-only (EPERM)",
            errno.EBUSY: "its memory is mapped: let go of what memory() and to_numpy(copy=False) gave (EBUSY)",
            ENOTSUPP: "its values hold a lock or a timer (ENOTSUPP)",
        },
    )


def _full(max_entries: int, name: str) -> str:
    return f"the map holds {max_entries} entries and no more ({name})"
