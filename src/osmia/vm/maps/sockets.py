"""Maps of sockets: user code puts real ones in and reads their cookies, programs see objects that stand in for them."""

from __future__ import annotations

import errno

from osmia.vm.maps import VmMap
from osmia.vm.naming import socket_cookie
from osmia.vm.objects import standing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec
    from osmia.vm.machine import Machine
    from osmia.vm.maps.fields import Fields
    from osmia.vm.objects import KernelObject

COOKIE_SIZE = 8


class SocketHash(VmMap):
    """BPF_MAP_TYPE_SOCKHASH, and what the others have in common."""

    takes_objects = True

    def __init__(self, machine: Machine, number: int, spec: MapSpec, kind: MapKind, fields: Fields) -> None:
        super().__init__(machine, number, spec, kind, fields)
        self.held: dict[bytes, KernelObject] = {}

    def address_of(self, key: bytes, cpu: int) -> int:  # noqa: ARG002 - one for all
        """The socket at a key; 0 where there is none."""
        found = self.held.get(key)
        return 0 if found is None else found.address

    def has_key(self, key: bytes, /) -> bool:
        """Whether there is a socket at a key, as a redirect asks."""
        return key in self.held

    def lookup(self, key: bytes, flags: int = 0, /) -> bytes | None:
        """The cookie of the socket at a key."""
        self.check_readable("read", key)
        self.check_key(key)
        if self.value_size != COOKIE_SIZE:
            raise self.error(errno.ENOSPC, "read", key)
        if flags:
            raise self.error(errno.EINVAL, "read", key)
        found = self.held.get(key)
        return None if found is None else found.number("cookie").to_bytes(COOKIE_SIZE, "little")

    def write_value(self, key: bytes, value: bytes, flags: int) -> int:
        """Put the socket of a file descriptor there."""
        number = self.refused(key, flags)
        if number:
            return number
        try:
            cookie = socket_cookie(int.from_bytes(value, "little"))
        except OSError as error:
            return -(error.errno or errno.EBADF)
        self.held[key] = standing(self.machine, f"socket {cookie}", "bpf_sock", cookie=cookie)
        return 0

    def put_object(self, key: bytes, address: int, flags: int) -> int:
        """Put a socket of a program's there: 0, or a negative error number."""
        found = self.machine.objects.get(address)
        if found is None or not found.is_socket:
            return -errno.EINVAL
        number = self.refused(key, flags)
        if number == 0:
            self.held[key] = found
        return number

    def refused(self, key: bytes, flags: int) -> int:
        """Why a key may not be written with these flags: a negative error number, or 0."""
        return self.entry_refused(self.held, key, flags)

    def delete_element(self, key: bytes) -> int:
        """Take a socket out."""
        return 0 if self.held.pop(key, None) is not None else -errno.ENOENT

    def all_keys(self) -> Iterable[bytes]:
        """The keys that have a socket."""
        return self.held


class IndexedSockets(SocketHash):
    """BPF_MAP_TYPE_SOCKMAP and _REUSEPORT_SOCKARRAY."""

    def refused(self, key: bytes, flags: int) -> int:
        """Why an index may not be written with these flags: a negative error number, or 0."""
        outside = int.from_bytes(key, "little") >= self.max_entries
        return -errno.E2BIG if outside else super().refused(key, flags)

    def delete_element(self, key: bytes) -> int:
        """Take a socket out; the kernel has an error of each type's own where there is none."""
        if super().delete_element(key) == 0:
            return 0
        return -errno.EINVAL if self.kind.kernel_name == "SOCKMAP" else -errno.ENOENT

    def all_keys(self) -> Iterable[bytes]:
        """All indices."""
        return self.all_indices()
